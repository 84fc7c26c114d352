/**
 * decoders - what is fuzzed: each decoder with messages to begin from, and what must hold whatever it is given
 *
 * Held by all: nothing but Malformed is thrown (and by those that promise it nothing at all), the message is not
 * changed, and what was accepted comes back the same through its encoder. The code under test is handed in, so that
 * the fuzzer runs it compiled and jest runs it from source.
 */
import { isIP } from 'node:net';
import {
  additions,
  addresses,
  allowFiles,
  calls,
  largest,
  replies,
  rpcbind,
  universal,
  words,
} from './corpus.mjs';
import { databaseReaders } from './databases.mjs';
import { accepts, cuts, must } from './holds.mjs';
import { messageReaders } from './messages.mjs';
import { questionReaders } from './questions.mjs';

/** Limits that wire/portmap promises. */
const MAX_TEXT = 255;
const MAX_FORWARDED = 2048;

/** @param {Uint8Array} one @param {Uint8Array} other */
const equal = (one, other) => Buffer.compare(one, other) === 0;

/** The largest answer that a server of ours can give to this call. @param {any} code @param {any} call */
function largestAnswer(code, call) {
  const { drac: codec, rpc } = code;
  let answer = rpc.progMismatch(call.xid, codec.VERSION_1, codec.VERSION_2);
  const decode = call.version === codec.VERSION_1 ? codec.decodeAdd1 : codec.decodeAdd2;
  if (accepts(code, () => decode(call.argument)) !== undefined) {
    const added = codec.addReply(call.xid, codec.AddStat.SUCCESS);
    if (added.length > answer.length) answer = added;
  }
  return answer.length;
}

/** Where the opaque_auth at `start` and its padding end; undefined when it is cut short or over its limit. @param {Buffer} view @param {number} start */
function authByTheLetter(view, start) {
  if (start + 8 > view.length) return undefined;
  const length = view.readUInt32BE(start + 4);
  const end = start + 8 + 4 * Math.ceil(length / 4);
  return length > 400 || end > view.length ? undefined : end;
}

/** What RFC 5531 and our limits make of a call. @param {Uint8Array} bytes @returns {'call' | 'reply' | 'drop'} */
function callByTheLetter(bytes) {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < 24 || view.readUInt32BE(4) !== 0) return 'drop';
  if (view.readUInt32BE(8) !== 2) return 'reply';
  const verifier = authByTheLetter(view, 24);
  if (verifier === undefined || authByTheLetter(view, verifier) === undefined) return 'drop';
  const flavor = view.readUInt32BE(24);
  if (flavor !== 1) return flavor === 0 ? 'call' : 'reply';
  // authsys_parms: stamp, name, uid, gid, groups, and nothing after them.
  const body = view.subarray(32, 32 + view.readUInt32BE(28));
  if (body.length < 20 || body.readUInt32BE(4) > 255) return 'reply';
  const groups = 16 + 4 * Math.ceil(body.readUInt32BE(4) / 4);
  if (groups + 4 > body.length || body.readUInt32BE(groups) > 16) return 'reply';
  return groups + 4 + 4 * body.readUInt32BE(groups) === body.length ? 'call' : 'reply';
}

/** @param {any} code */
function decodeCall(code) {
  const { rpc } = code;
  return {
    name: 'decodeCall',
    corpus: calls,
    run: (/** @type {Uint8Array} */ bytes) => {
      const decoded = rpc.decodeCall(bytes);
      const letter = callByTheLetter(bytes);
      must(decoded.kind === letter, `${decoded.kind} instead of ${letter}`);
      if (decoded.kind === 'drop') return false;
      if (decoded.kind === 'reply') {
        must(decoded.bytes.length <= bytes.length, 'a refusal larger than its message');
        must(rpc.decodeReply(decoded.bytes).kind === 'denied', 'a refusal that does not deny');
        return false;
      }
      const { call } = decoded;
      const { argument } = call;
      must(argument.buffer === bytes.buffer, 'an argument that is no view');
      must(
        argument.byteOffset + argument.length === bytes.byteOffset + bytes.length,
        'an argument that ends elsewhere',
      );
      must(largestAnswer(code, call) <= bytes.length, 'an answer larger than its call');
      const again = rpc.encodeCall(call);
      if (again.length === bytes.length) {
        // As long as ours, so it has no credential and no verifier; their flavors are all that may differ.
        must(equal(again.subarray(0, 24), bytes.subarray(0, 24)), 'another call when written again');
      }
      const twice = rpc.decodeCall(again).call;
      must(equal(rpc.encodeCall(twice), again), 'another call when read again');
      return true;
    },
  };
}

/** The bytes of a reply again; undefined where no encoder of ours writes this one. @param {any} rpc @param {any} reply */
function replyAgain(rpc, reply) {
  const { xid, kind, stat } = reply;
  if (kind === 'success') return rpc.success(xid, reply.result);
  if (kind === 'denied') {
    if (stat === rpc.RejectStat.AUTH_ERROR) return rpc.authError(xid, reply.authStat);
    return reply.low === 2 && reply.high === 2 ? rpc.rpcMismatch(xid) : undefined;
  }
  if (stat === rpc.AcceptStat.PROG_MISMATCH) return rpc.progMismatch(xid, reply.low, reply.high);
  const writers = [undefined, rpc.progUnavail, undefined, rpc.procUnavail, rpc.garbageArgs, rpc.systemErr];
  return writers[stat](xid);
}

/** @param {any} code */
function decodeReply(code) {
  const { rpc } = code;
  return {
    name: 'decodeReply',
    corpus: replies,
    run: (/** @type {Uint8Array} */ bytes) => {
      const reply = accepts(code, () => rpc.decodeReply(bytes));
      if (reply === undefined) return false;
      const again = replyAgain(rpc, reply);
      if (again === undefined) return true;
      // With a verifier the message was longer; whatever follows it must be the same.
      if (reply.kind === 'denied') must(equal(again, bytes), 'another denial when written again');
      else must(equal(again.subarray(20), bytes.subarray(bytes.length - again.length + 20)), 'another reply');
      return true;
    },
  };
}

/** The records of a stream by the letter of RFC 5531, and whether it ends in a violation. @param {any} record @param {Uint8Array} stream */
function byTheLetter(record, stream) {
  const view = Buffer.from(stream.buffer, stream.byteOffset, stream.length);
  const records = [];
  let body = [];
  let held = 0;
  for (let at = 0; at + 4 <= stream.length;) {
    const mark = view.readUInt32BE(at);
    const last = mark >= 0x8000_0000;
    const length = mark & 0x7fff_ffff;
    held += length;
    if (held > record.MAX_RECORD_BYTES || (length === 0 && !last) || body.length === record.MAX_FRAGMENTS) {
      return { records, broken: true };
    }
    if (at + 4 + length > stream.length) break;
    body.push(view.subarray(at + 4, at + 4 + length));
    at += 4 + length;
    if (!last) continue;
    records.push(Buffer.concat(body));
    body = [];
    held = 0;
  }
  return { records, broken: false };
}

/** Up to six calls as records, some in fragments. @param {any} record @param {import('./mutate.mjs').Random} random */
function stream(record, random) {
  const parts = [];
  for (let count = 1 + random.below(6); count > 0; count -= 1) {
    let rest = random.pick(calls);
    for (let fragments = random.small(20); fragments > 0 && rest.length > 1; fragments -= 1) {
      const size = 1 + random.small(rest.length - 1);
      parts.push(Uint8Array.of(0, 0, size >>> 8, size), rest.subarray(0, size));
      rest = rest.subarray(size);
    }
    parts.push(record.encodeRecord(rest));
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** @param {any} code */
function recordReader(code) {
  const { record } = code;
  return {
    name: 'RecordReader',
    corpus: calls.map((call) => record.encodeRecord(call)),
    original: (/** @type {import('./mutate.mjs').Random} */ random) => stream(record, random),
    run: (/** @type {Uint8Array} */ bytes, /** @type {import('./mutate.mjs').Random} */ random) => {
      const expected = byTheLetter(record, bytes);
      const reader = new record.RecordReader();
      const found = [];
      // Each chunk's memory is overwritten after use, as a socket's buffer may be.
      const arrived = bytes.slice();
      let at = 0;
      for (const end of cuts(bytes.length, random)) {
        const chunk = arrived.subarray(at, end);
        for (const one of accepts(code, () => reader.push(chunk)) ?? []) found.push(Buffer.from(one));
        chunk.fill(0xee);
        at = end;
      }
      must(
        found.length === expected.records.length,
        `${found.length} records, not ${expected.records.length}`,
      );
      must(
        found.every((one, nth) => one.equals(expected.records[nth])),
        'another record',
      );
      must(
        (reader.broken !== undefined) === expected.broken,
        expected.broken ? 'a violation missed' : 'no violation',
      );
      const still = accepts(code, () => reader.push(new Uint8Array(0))) !== undefined;
      must(
        still !== expected.broken,
        still ? 'a broken stream that goes on' : 'a sound stream that is broken',
      );
      return !expected.broken;
    },
  };
}

/** Reads at random, as no decoder of ours does. @param {any} code */
function xdrReader(code) {
  const kinds = ['uint32', 'bool', 'opaque', 'fixed', 'string', 'rest', 'end'];
  return {
    name: 'XdrReader',
    corpus: [...additions, ...rpcbind('Rpcb'), ...rpcbind('AddressResult')],
    run: (/** @type {Uint8Array} */ bytes, /** @type {import('./mutate.mjs').Random} */ random) => {
      const reader = new code.xdr.XdrReader(bytes);
      let accepted = false;
      for (let step = random.below(8); step >= 0; step -= 1) {
        const before = reader.remaining;
        const kind = random.pick(kinds);
        const size = random.small(300);
        const value = accepts(code, () => reader[kind](size));
        const taken = before - reader.remaining;
        must(taken >= 0 && taken <= before, 'read past the end');
        if (value instanceof Uint8Array)
          must(value.buffer === bytes.buffer && value.length <= taken, 'no view of it');
        if (typeof value === 'string') must(value.length <= taken, 'a string longer than its bytes');
        if (kind === 'opaque' || kind === 'string')
          must((value?.length ?? 0) <= size, 'a value over its limit');
        accepted ||= value !== undefined;
      }
      return accepted;
    },
  };
}

/** A decoder that accepts exactly what its encoder writes, padding aside. @param {any} code @param {{name: string, decode: Function, encode: Function, corpus: Uint8Array[]}} codec */
function exact(code, { name, decode, encode, corpus }) {
  return {
    name,
    corpus,
    run: (/** @type {Uint8Array} */ bytes) => {
      const value = accepts(code, () => decode(bytes));
      if (value === undefined) return false;
      for (const part of [value, ...Object.values(value)]) {
        if (typeof part === 'string') must(part.length <= MAX_TEXT, 'text over its limit');
        if (part instanceof Uint8Array) must(part.length <= MAX_FORWARDED, 'bytes over their limit');
      }
      const again = encode(value);
      must(again.length === bytes.length, 'another length when written again');
      must(equal(encode(decode(again)), again), 'another value when read again');
      return true;
    },
  };
}

/** ADD's argument: the length alone decides. @param {any} code @param {{name: string, lengths: number[], decode: Function, encode: Function}} version */
function decodeAdd(code, { name, lengths, decode, encode }) {
  return {
    name,
    corpus: additions,
    run: (/** @type {Uint8Array} */ bytes) => {
      const address = accepts(code, () => decode(bytes));
      must((address !== undefined) === lengths.includes(bytes.length), `${bytes.length} bytes`);
      if (address === undefined) return false;
      const unit = bytes.length / address.length;
      for (let at = 0; at < address.length; at += 1)
        must(address[at] === bytes[unit * at + unit - 1], 'another address');
      must(equal(decode(encode(address)), address), 'another address when written again');
      return true;
    },
  };
}

/** @param {Uint8Array} bytes @param {import('./mutate.mjs').Random} random */
const textOf = (bytes, random) => Buffer.from(bytes).toString(random.below(4) === 0 ? 'utf8' : 'latin1');

/** @param {any} code */
function parseAddress(code) {
  const { address } = code;
  return {
    name: 'parseAddress',
    corpus: addresses,
    run: (/** @type {Uint8Array} */ bytes, /** @type {import('./mutate.mjs').Random} */ random) => {
      const text = textOf(bytes, random);
      const parsed = address.parseAddress(text);
      // Node's own parser knows zones and has no limit on length.
      const known = isIP(text) !== 0 && !text.includes('%') && text.length <= 45;
      must((parsed !== undefined) === known, known ? 'an address refused' : 'no address accepted');
      if (parsed === undefined) return false;
      must(address.parseAddress(parsed) === parsed, 'canonical text is not canonical');
      must(
        address.addressFromBytes(address.addressToBytes(parsed)) === parsed,
        'another address from its bytes',
      );
      return true;
    },
  };
}

/** @param {any} code */
function parseAllowFile(code) {
  return {
    name: 'parseAllowFile',
    corpus: allowFiles,
    run: (/** @type {Uint8Array} */ bytes, /** @type {import('./mutate.mjs').Random} */ random) => {
      const text = textOf(bytes, random);
      const { networks, warnings } = code.reporters.parseAllowFile(text);
      const lines = text.split('\n').length;
      must(networks.length <= lines && warnings.length <= lines, 'more than one network or warning a line');
      for (const { base, mask } of networks) {
        must(base.length === mask.length && (base.length === 4 || base.length === 16), 'no network');
        must(
          base.every((/** @type {number} */ byte, /** @type {number} */ at) => (byte & mask[at]) === byte),
          'host bits',
        );
      }
      let before = 0;
      for (const { line } of warnings) {
        must(line > before && line <= lines, 'a warning of no line');
        before = line;
      }
      return networks.length > 0;
    },
  };
}

/** @param {any} code */
function fromUniversal(code) {
  const { portmap } = code;
  return {
    name: 'fromUniversal',
    corpus: universal,
    run: (/** @type {Uint8Array} */ bytes, /** @type {import('./mutate.mjs').Random} */ random) => {
      const text = textOf(bytes, random);
      const found = portmap.fromUniversal(text);
      if (found === undefined) return false;
      must(portmap.toUniversal(found.host, found.port) === text, 'another text when written again');
      return true;
    },
  };
}

/** Everything that is said to rpcbind. @param {any} code */
function portmapDecoders(code) {
  const { portmap } = code;
  const kinds = ['Mapping', 'Rpcb', 'ForwardedCall', 'PortResult', 'AddressResult', 'List', 'Done', 'Port'];
  return kinds.map((kind) => {
    const encode = portmap[`encode${kind}`];
    const most = kind in largest ? [encode(largest[kind])] : [];
    const corpus = [...rpcbind(kind), ...words, ...most];
    return exact(code, { name: `decode${kind}`, decode: portmap[`decode${kind}`], encode, corpus });
  });
}

/** All of them, over the given code. @param {any} code */
export function decoders(code) {
  const { decodeAddStat, encodeAddStat, decodeAdd1, encodeAdd1, decodeAdd2, encodeAdd2 } = code.drac;
  return [
    decodeCall(code),
    decodeReply(code),
    recordReader(code),
    ...questionReaders(code),
    ...databaseReaders(code),
    ...messageReaders(code),
    xdrReader(code),
    decodeAdd(code, { name: 'decodeAdd1', lengths: [4], decode: decodeAdd1, encode: encodeAdd1 }),
    decodeAdd(code, { name: 'decodeAdd2', lengths: [16, 64], decode: decodeAdd2, encode: encodeAdd2 }),
    exact(code, { name: 'decodeAddStat', decode: decodeAddStat, encode: encodeAddStat, corpus: words }),
    ...portmapDecoders(code),
    fromUniversal(code),
    parseAddress(code),
    parseAllowFile(code),
  ];
}
