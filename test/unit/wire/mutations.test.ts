/**
 * mutations - some ten thousand of the fuzzer's messages for every decoder, always the same; npm run fuzz has millions
 *
 * Each control breaks one promise on purpose: a fuzzer that did not see it would prove nothing.
 */
import { Attack, Finding } from '../../fuzz/attack.mjs';
import { decoders, type Code, type Decoder } from '../../fuzz/decoders.mjs';
import * as address from '../../../src/core/address.js';
import * as reporters from '../../../src/core/reporters.js';
import * as oldRecord from '../../../src/import/record.js';
import * as berkeley from '../../../src/wire/berkeley.js';
import * as drac from '../../../src/wire/drac.js';
import * as netstring from '../../../src/wire/netstring.js';
import * as policy from '../../../src/wire/policy.js';
import * as portmap from '../../../src/wire/portmap.js';
import * as protobuf from '../../../src/wire/protobuf.js';
import * as record from '../../../src/wire/record.js';
import * as rpc from '../../../src/wire/rpc.js';
import * as seal from '../../../src/wire/seal.js';
import * as xdr from '../../../src/wire/xdr.js';

const SEED = 1;
const COUNT = 2_000;
const CALL = { xid: 1, program: drac.PROGRAM, version: 1, procedure: 1 };

const code: Code = {
  address,
  berkeley,
  drac,
  netstring,
  oldRecord,
  policy,
  portmap,
  protobuf,
  record,
  reporters,
  rpc,
  seal,
  xdr,
};

/** How many of COUNT messages the decoder accepts. */
function accepted(decoder: Decoder): number {
  const attack = new Attack(SEED);
  let count = 0;
  for (let iteration = 0; iteration < COUNT; iteration += 1) if (attack.once(decoder, iteration)) count += 1;
  return count;
}

/** What is found when some of the code is replaced. */
function found(name: string, wrong: Partial<Code>): Finding | undefined {
  const decoder = decoders({ ...code, ...wrong }).find((one) => one.name === name);
  if (decoder === undefined) throw new Error(`no decoder ${name}`);
  try {
    accepted(decoder);
    return undefined;
  } catch (error) {
    if (error instanceof Finding) return error;
    throw error;
  }
}

describe.each(decoders(code))('$name', (decoder) => {
  test(`holds for ${COUNT} messages, some of which it accepts and some not`, () => {
    const count = accepted(decoder);
    expect(count).toBeGreaterThan(COUNT / 50);
    expect(count).toBeLessThan(COUNT);
  });
});

test('every decoder of wire/ is fuzzed', () => {
  const functions = Object.keys({ ...berkeley, ...drac, ...portmap, ...protobuf, ...rpc, ...seal }).filter(
    (name) => /^(?:decode|from)[A-Z]/.test(name),
  );
  const names = decoders(code).map(({ name }) => name);
  expect(functions.length).toBeGreaterThan(10);
  for (const name of [...functions, 'RecordReader', 'NetstringReader', 'PolicyReader', 'XdrReader'])
    expect(names).toContain(name);
});

test('an iteration can be had again without those before it', () => {
  const messages = (iterations: readonly number[]): string[] => {
    const attack = new Attack(SEED);
    const seen: string[] = [];
    const spy = {
      name: 'spy',
      corpus: [new Uint8Array(40)],
      run: (bytes: Uint8Array) => seen.push(bytes.join()) > 0,
    };
    for (const iteration of iterations) attack.once(spy, iteration);
    return seen;
  };
  const all = messages([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(messages([5])).toEqual([all[5]]);
  expect(new Set(all).size).toBeGreaterThan(4);
});

describe('positive control', () => {
  test.each([
    {
      name: 'decodeCall',
      what: 'a RangeError',
      wrong: {
        rpc: {
          ...rpc,
          decodeCall: (bytes: Uint8Array) => {
            if (bytes.length === 41) throw new RangeError('offset is out of bounds');
            return rpc.decodeCall(bytes);
          },
        },
      },
      message: /^decodeCall: offset is out of bounds$/,
    },
    {
      name: 'decodeCall',
      what: 'a refusal larger than its message',
      wrong: {
        rpc: {
          ...rpc,
          decodeCall: (bytes: Uint8Array): rpc.Decoded => {
            const decoded = rpc.decodeCall(bytes);
            return decoded.kind === 'reply'
              ? { ...decoded, bytes: new Uint8Array(bytes.length + 4) }
              : decoded;
          },
        },
      },
      message: /larger/,
    },
    {
      name: 'decodeCall',
      what: 'a credential believed whatever its form',
      wrong: {
        rpc: {
          ...rpc,
          decodeCall: (bytes: Uint8Array) => {
            const decoded = rpc.decodeCall(bytes);
            if (decoded.kind !== 'reply' || bytes[27] !== rpc.AuthFlavor.AUTH_SYS) return decoded;
            return rpc.decodeCall(rpc.encodeCall({ ...CALL, argument: bytes.subarray(40) }));
          },
        },
      },
      message: /call instead of reply/,
    },
    {
      name: 'decodeAdd1',
      what: 'bytes after the argument that are ignored',
      wrong: { drac: { ...drac, decodeAdd1: (bytes: Uint8Array) => drac.decodeAdd1(bytes.subarray(0, 4)) } },
      message: /bytes$/,
    },
    {
      name: 'decodeAdd2',
      what: 'the wrong byte of each unit',
      wrong: {
        drac: {
          ...drac,
          decodeAdd2: (bytes: Uint8Array) => drac.decodeAdd2(bytes).map((byte, at) => bytes[4 * at] ?? byte),
        },
      },
      message: /another address/,
    },
    {
      name: 'decodeRpcb',
      what: 'bytes after the value that are ignored',
      wrong: {
        portmap: { ...portmap, decodeRpcb: (bytes: Uint8Array) => portmap.decodeRpcb(bytes.subarray(0, -1)) },
      },
      message: /length|value/,
    },
    {
      name: 'decodePort',
      what: 'a message that is changed',
      wrong: {
        portmap: {
          ...portmap,
          decodePort: (bytes: Uint8Array) => {
            const port = portmap.decodePort(bytes);
            bytes[0] = 1;
            return port;
          },
        },
      },
      message: /.+/,
    },
    {
      name: 'decodeMessage',
      what: 'a length that is believed',
      wrong: {
        protobuf: {
          ...protobuf,
          decodeMessage: (bytes: Uint8Array, shape: protobuf.Shape) => {
            const message = protobuf.decodeMessage(bytes, shape);
            return { ...message, text: 'x'.repeat(bytes.length + 1) };
          },
        },
      },
      message: /longer than its message/,
    },
    {
      name: 'decodeMessage',
      what: 'the sign of a number',
      wrong: {
        protobuf: {
          ...protobuf,
          encodeMessage: (message: protobuf.Message, shape: protobuf.Shape) =>
            protobuf.encodeMessage({ ...message, small: Math.abs(Number(message['small'] ?? 0)) }, shape),
        },
      },
      message: /another message/,
    },
    {
      name: 'RecordReader',
      what: 'a record that is lost at a chunk’s end',
      wrong: {
        record: {
          ...record,
          RecordReader: class extends record.RecordReader {
            override push(chunk: Uint8Array): Uint8Array[] {
              return super.push(chunk).slice(0, 3);
            }
          },
        },
      },
      message: /records, not/,
    },
    {
      name: 'NetstringReader',
      what: 'a string over its limit',
      wrong: {
        netstring: {
          ...netstring,
          NetstringReader: class extends netstring.NetstringReader {
            constructor() {
              super({ maxBytes: netstring.MAX_NETSTRING_BYTES + 200 });
            }
          },
        },
      },
      message: /violation missed|questions, not/,
    },
    {
      name: 'PolicyReader',
      what: 'a chunk that begins with a newline and is not read',
      wrong: {
        policy: {
          ...policy,
          PolicyReader: class extends policy.PolicyReader {
            override push(chunk: Uint8Array): policy.PolicyRequest[] {
              return super.push(chunk[0] === 0x0a ? chunk.subarray(1) : chunk);
            }
          },
        },
      },
      message: /questions, not|violation/,
    },
    {
      name: 'decodePage',
      what: 'a record that is lost',
      wrong: {
        berkeley: {
          ...berkeley,
          decodePage: (bytes: Uint8Array, number: number, header: berkeley.Header) => {
            const page = berkeley.decodePage(bytes, number, header);
            return header.method === 'btree' && bytes[20] === 6
              ? { ...page, records: page.records.slice(1) }
              : page;
          },
        },
      },
      message: /other records/,
    },
    {
      name: 'readRecord',
      what: 'another time than the data says',
      wrong: {
        oldRecord: {
          ...oldRecord,
          readRecord: (key: Uint8Array, data: Uint8Array) => {
            const read = oldRecord.readRecord(key, data);
            return read && { ...read, endsAt: -read.endsAt - 1 };
          },
        },
      },
      message: /another time/,
    },
    {
      name: 'parseAddress',
      what: 'leading zeros',
      wrong: {
        address: {
          ...address,
          parseAddress: (text: string) => address.parseAddress(text.replace(/^0+(?=\d)/, '')),
        },
      },
      message: /no address accepted/,
    },
    {
      name: 'parseAllowFile',
      what: 'host bits that are kept',
      wrong: {
        reporters: {
          ...reporters,
          parseAllowFile: (text: string) => {
            const read = reporters.parseAllowFile(text);
            const networks = read.networks.map(({ mask }) => ({ base: mask.map(() => 0xff), mask }));
            return { ...read, networks };
          },
        },
      },
      message: /host bits/,
    },
  ])('$name: $what would be found', ({ name, wrong, message }) => {
    const finding = found(name, wrong);
    expect(finding?.message).toMatch(message);
    expect(finding).toMatchObject({ decoder: name, seed: SEED });
    expect(finding?.hex).toMatch(/^(?:[0-9a-f]{2})*$/);
  });
});
