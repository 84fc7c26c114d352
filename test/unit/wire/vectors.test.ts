/**
 * vectors - golden bytes of real C programs (test/vectors/onc-rpc.json): we read them as they were meant, and write the same
 *
 * What differs from libtirpc does so on purpose; the vectors say where and why.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { bytesOf6 } from '../../support/rpc-client.js';
import {
  PROGRAM,
  Procedure,
  VERSION_1,
  VERSION_2,
  addReply,
  decodeAdd1,
  decodeAdd2,
  decodeAddStat,
  encodeAdd1,
  encodeAdd2,
  type AddStat,
} from '../../../src/wire/drac.js';
import * as portmap from '../../../src/wire/portmap.js';
import { RecordReader, encodeRecord } from '../../../src/wire/record.js';
import {
  decodeCall,
  decodeReply,
  encodeCall,
  garbageArgs,
  procUnavail,
  progMismatch,
  progUnavail,
  success,
  type RpcCall,
} from '../../../src/wire/rpc.js';
import { hex, hexOf, refusal, shown } from './bytes.js';

interface Exchange {
  readonly name: string;
  readonly origin: string;
  readonly transport: 'udp' | 'tcp';
  readonly version: number;
  readonly call: string;
  readonly reply: string;
}
/** Without an address: a call of NULL. */
interface DracExchange extends Exchange {
  readonly address?: string;
  readonly stat?: AddStat;
}
interface RpcbindExchange extends Exchange {
  readonly procedure: number;
  readonly takes: keyof typeof codecs;
  readonly argument: unknown;
  readonly gives: keyof typeof codecs;
  readonly result: unknown;
}
interface ServerExchange {
  readonly name: string;
  readonly call: string;
  readonly udp: string;
  readonly tcp: string;
  readonly dracd?: string;
  readonly why?: string;
}

const vectors = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../../vectors/onc-rpc.json'), 'utf8'),
) as {
  readonly origins: Readonly<Record<string, string>>;
  readonly drac: readonly DracExchange[];
  readonly authSys: readonly DracExchange[];
  readonly rpcbind: readonly RpcbindExchange[];
  readonly server: readonly ServerExchange[];
};

/** The one message of a datagram, or of a stream's bytes. */
function messageOf(transport: 'udp' | 'tcp', bytes: string): Uint8Array {
  if (transport === 'udp') return hex(bytes);
  const records = new RecordReader().push(hex(bytes));
  expect(records).toHaveLength(1);
  return records[0] as Uint8Array;
}

/** As it goes out. */
const sent = (transport: 'udp' | 'tcp', message: Uint8Array): string =>
  hexOf(transport === 'udp' ? message : encodeRecord(message));

function callOf(exchange: Exchange): RpcCall {
  const decoded = decodeCall(messageOf(exchange.transport, exchange.call));
  if (decoded.kind !== 'call') throw new Error(`not a call: ${decoded.kind}`);
  return decoded.call;
}

function resultOf(exchange: Exchange): Uint8Array {
  const reply = decodeReply(messageOf(exchange.transport, exchange.reply));
  if (reply.kind !== 'success') throw new Error(`no success: ${reply.kind}`);
  expect(reply.xid).toBe(callOf(exchange).xid);
  return reply.result;
}

/** The argument of ADD as C programs on x86 send it: version 2's units carry the sign of their byte. */
function fromX86(version: number, argument: Uint8Array): string {
  if (version === VERSION_1) return hexOf(argument);
  const units = hexOf(argument).match(/.{8}/g) ?? [];
  return units.map((unit) => unit.replace(/^000000(?=[89a-f])/, 'ffffff')).join('');
}

function addressBytes(text: string): Uint8Array {
  return text.includes(':') ? bytesOf6(text) : Uint8Array.from(text.split('.').map(Number));
}

test('every vector tells its origin', () => {
  const named = [...vectors.drac, ...vectors.authSys, ...vectors.rpcbind].map((exchange) => exchange.origin);
  expect([...new Set([...named, 'server'])].sort()).toEqual(Object.keys(vectors.origins).sort());
  for (const origin of Object.values(vectors.origins)) expect(origin).toMatch(/libtirpc \d.*x86-64/);
});

test('both versions, both transports, AUTH_NONE and AUTH_SYS, every addstat, dracc and rpcinfo are there', () => {
  const ways = vectors.drac.map(({ origin, transport, version, stat }) =>
    [origin, transport, version, stat ?? 'null'].join(' '),
  );
  for (const transport of ['udp', 'tcp'] as const) {
    for (const version of [1, 2]) {
      for (const stat of [0, 1, 2, 3, 'null'])
        expect(ways).toContain(`dracc ${transport} ${String(version)} ${String(stat)}`);
      expect(ways).toContain(`rpcinfo ${transport} ${String(version)} null`);
    }
    expect(vectors.authSys.map((exchange) => exchange.transport)).toContain(transport);
  }
});

describe.each([...vectors.drac, ...vectors.authSys])(
  '$name by $origin over $transport, version $version',
  (exchange) => {
    const { transport, version, address, stat } = exchange;
    const procedure = address === undefined ? Procedure.NULL : Procedure.ADD;

    test('is decoded', () => {
      const call = callOf(exchange);
      expect(call).toMatchObject({ program: PROGRAM, version, procedure });
      if (address === undefined) {
        expect(call.argument).toHaveLength(0);
      } else {
        const decode = version === VERSION_1 ? decodeAdd1 : decodeAdd2;
        expect(hexOf(decode(call.argument))).toBe(hexOf(addressBytes(address)));
      }
    });

    test('our call is the same bytes, the credential and signs aside', () => {
      const call = callOf(exchange);
      const encode = version === VERSION_1 ? encodeAdd1 : encodeAdd2;
      const argument = address === undefined ? new Uint8Array(0) : encode(addressBytes(address));
      expect(hexOf(call.argument)).toBe(fromX86(version, argument));
      const ours = encodeCall(call);
      const theirs = messageOf(transport, exchange.call);
      if (exchange.origin === 'authsys') {
        // xid to procedure; then the credential, which is ours to leave out.
        expect(hexOf(ours.subarray(0, 24))).toBe(hexOf(theirs.subarray(0, 24)));
        expect(theirs.length).toBeGreaterThan(ours.length);
      } else {
        expect(sent(transport, ours)).toBe(exchange.call);
      }
    });

    test('our reply is the same bytes', () => {
      const { xid } = callOf(exchange);
      const ours = stat === undefined ? success(xid) : addReply(xid, stat);
      expect(sent(transport, ours)).toBe(exchange.reply);
    });

    test('the reply is read', () => {
      const result = resultOf(exchange);
      if (stat === undefined) expect(result).toHaveLength(0);
      else expect(decodeAddStat(result)).toBe(stat);
    });
  },
);

/** What bytes mean, with opaque parts as the vectors hold them; and the bytes that we write for it. */
const codecs = {
  Mapping: codec(portmap.decodeMapping, portmap.encodeMapping),
  Rpcb: codec(portmap.decodeRpcb, portmap.encodeRpcb),
  ForwardedCall: codec(portmap.decodeForwardedCall, portmap.encodeForwardedCall),
  PortResult: codec(portmap.decodePortResult, portmap.encodePortResult),
  AddressResult: codec(portmap.decodeAddressResult, portmap.encodeAddressResult),
  Port: codec(portmap.decodePort, portmap.encodePort),
  Done: codec(portmap.decodeDone, portmap.encodeDone),
};

function codec<T>(decode: (bytes: Uint8Array) => T, encode: (value: T) => Uint8Array) {
  return {
    meaning: (bytes: Uint8Array): unknown => shown(decode(bytes)),
    again: (bytes: Uint8Array): string => hexOf(encode(decode(bytes))),
  };
}

describe.each(vectors.rpcbind)('rpcbind: $name', (exchange) => {
  const { transport, version, procedure, takes, argument, gives, result } = exchange;

  test('the call is read, and written the same', () => {
    const call = callOf(exchange);
    expect(call).toMatchObject({ program: portmap.PORTMAP_PROGRAM, version, procedure });
    expect(codecs[takes].meaning(call.argument)).toEqual(argument);
    expect(codecs[takes].again(call.argument)).toBe(hexOf(call.argument));
    expect(sent(transport, encodeCall(call))).toBe(exchange.call);
  });

  test('the reply is read, and written the same', () => {
    const bytes = resultOf(exchange);
    expect(codecs[gives].meaning(bytes)).toEqual(result);
    expect(codecs[gives].again(bytes)).toBe(hexOf(bytes));
    expect(sent(transport, success(callOf(exchange).xid, bytes))).toBe(exchange.reply);
  });
});

test('rpcbind gives the addresses that fromUniversal reads', () => {
  const found = vectors.rpcbind.flatMap(({ gives, result }) =>
    gives === 'AddressResult' ? [portmap.fromUniversal((result as portmap.AddressResult).address)] : [],
  );
  expect(found).toHaveLength(1);
  for (const one of found) expect(one).toEqual({ host: '127.0.0.1', port: 9000 });
});

/** What a server of both versions says with our codecs, when its verdict on every address is `stat`. */
function answer(bytes: Uint8Array, stat: AddStat): string {
  const decoded = decodeCall(bytes);
  if (decoded.kind === 'drop') return 'drop';
  if (decoded.kind === 'reply') return hexOf(decoded.bytes);
  const { xid, program, version, procedure, argument } = decoded.call;
  if (program !== PROGRAM) return hexOf(progUnavail(xid));
  if (version !== VERSION_1 && version !== VERSION_2) return hexOf(progMismatch(xid, VERSION_1, VERSION_2));
  if (procedure === Procedure.NULL) return hexOf(success(xid));
  if (procedure !== Procedure.ADD) return hexOf(procUnavail(xid));
  const malformed = refusal(() => (version === VERSION_1 ? decodeAdd1(argument) : decodeAdd2(argument)));
  return hexOf(malformed === undefined ? addReply(xid, stat) : garbageArgs(xid));
}

describe.each(vectors.server)('a server: $name', ({ call, udp, tcp, dracd, why }) => {
  const stat = udp.length === 56 ? (Number(udp.slice(-1)) as AddStat) : 0;

  if (dracd === undefined) {
    test('we answer as libtirpc does, over UDP and TCP', () => {
      const ours = answer(hex(call), stat);
      expect(ours === 'drop' ? 'silence' : ours).toBe(udp);
      expect(ours === 'drop' ? 'closed' : sent('tcp', hex(ours))).toBe(tcp);
    });
  } else {
    test('we answer otherwise, for a reason', () => {
      expect(why).toMatch(/\w/);
      expect(answer(hex(call), stat)).toBe(dracd);
      expect([udp, tcp]).not.toEqual([dracd, dracd]);
    });
  }

  test('no answer is larger than its call', () => {
    const ours = answer(hex(call), stat);
    expect(ours === 'drop' ? 0 : ours.length).toBeLessThanOrEqual(call.length);
  });
});
