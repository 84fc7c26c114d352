/** portmap - rpcbind's arguments and results in both directions, every length field at its edges, universal addresses */
import { isIP } from 'node:net';
import fc from 'fast-check';
import { words } from '../../support/rpc-client.js';
import {
  MAX_FORWARDED,
  MAX_TEXT,
  PORTMAP_PORT,
  PORTMAP_PROGRAM,
  Portmap2,
  Protocol,
  Rpcb3,
  Rpcb4,
  decodeAddressResult,
  decodeList,
  decodeDone,
  decodeForwardedCall,
  decodeMapping,
  decodePort,
  decodePortResult,
  decodeRpcb,
  encodeAddressResult,
  encodeList,
  encodeDone,
  encodeForwardedCall,
  encodeMapping,
  encodePort,
  encodePortResult,
  encodeRpcb,
  fromUniversal,
  toUniversal,
} from '../../../src/wire/portmap.js';
import { ABSURD, concat, filler, hex, hexOf, isViewOf, letters, padding, refusal, shown } from './bytes.js';

/** A string or opaque whose declared length may lie. */
const text = (body: Uint8Array, declared = body.length): Buffer =>
  concat(words(declared), body, padding(body.length));
const EMPTY = text(Buffer.alloc(0));

test('the limits', () => {
  expect({ MAX_TEXT, MAX_FORWARDED }).toEqual({ MAX_TEXT: 255, MAX_FORWARDED: 2048 });
});

test('the numbers of RFC 1833', () => {
  expect([PORTMAP_PROGRAM, PORTMAP_PORT]).toEqual([100_000, 111]);
  expect(Portmap2).toEqual({ NULL: 0, SET: 1, UNSET: 2, GETPORT: 3, DUMP: 4, CALLIT: 5 });
  expect(Rpcb3).toEqual({ NULL: 0, SET: 1, UNSET: 2, GETADDR: 3, DUMP: 4, CALLIT: 5 });
  expect(Rpcb4).toEqual({ NULL: 0, SET: 1, UNSET: 2, GETADDR: 3, DUMP: 4, BCAST: 5, INDIRECT: 10 });
  expect(Protocol).toEqual({ TCP: 6, UDP: 17 });
});

interface Codec {
  readonly name: string;
  readonly value: unknown;
  readonly bytes: string;
  readonly encoded: () => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}

const mapping = { program: 900101, version: 2, protocol: 17, port: 1023 };
const rpcb = { program: 900101, version: 1, netid: 'udp', address: '0.0.0.0.35.40', owner: '0' };
const forwarded = { program: 900101, version: 1, procedure: 1, argument: hex('c0000209') };
const portResult = { port: 9000, result: hex('0000000102') };
const addressResult = { address: '127.0.0.1.35.40', result: hex('00000000') };

const codecs: Codec[] = [
  {
    name: 'Mapping',
    value: mapping,
    bytes: '000dbc05 00000002 00000011 000003ff',
    encoded: () => encodeMapping(mapping),
    decode: decodeMapping,
  },
  {
    name: 'Rpcb',
    value: rpcb,
    bytes: '000dbc05 00000001 00000003 75647000 0000000d 302e302e302e302e33352e3430 000000 00000001 30000000',
    encoded: () => encodeRpcb(rpcb),
    decode: decodeRpcb,
  },
  {
    name: 'ForwardedCall',
    value: forwarded,
    bytes: '000dbc05 00000001 00000001 00000004 c0000209',
    encoded: () => encodeForwardedCall(forwarded),
    decode: decodeForwardedCall,
  },
  {
    name: 'PortResult',
    value: portResult,
    bytes: '00002328 00000005 0000000102 000000',
    encoded: () => encodePortResult(portResult),
    decode: decodePortResult,
  },
  {
    name: 'AddressResult',
    value: addressResult,
    bytes: '0000000f 3132372e302e302e312e33352e3430 00 00000004 00000000',
    encoded: () => encodeAddressResult(addressResult),
    decode: decodeAddressResult,
  },
  { name: 'Done', value: true, bytes: '00000001', encoded: () => encodeDone(true), decode: decodeDone },
  { name: 'Done', value: false, bytes: '00000000', encoded: () => encodeDone(false), decode: decodeDone },
  { name: 'Port', value: 0, bytes: '00000000', encoded: () => encodePort(0), decode: decodePort },
  { name: 'Port', value: 65535, bytes: '0000ffff', encoded: () => encodePort(65535), decode: decodePort },
  { name: 'List', value: [], bytes: '00000000', encoded: () => encodeList([]), decode: decodeList },
  {
    name: 'List',
    value: [{ program: 1, version: 2, netid: 'udp', address: '::.0.1', owner: '' }],
    bytes: '00000001 00000001 00000002 00000003 75647000 00000006 3a3a2e302e310000 00000000 00000000',
    encoded: () => encodeList([{ program: 1, version: 2, netid: 'udp', address: '::.0.1', owner: '' }]),
    decode: decodeList,
  },
];

describe.each(codecs)('$name $value', ({ value, bytes, encoded, decode }) => {
  const whole = hex(bytes);

  test('is written and read', () => {
    expect(hexOf(encoded())).toBe(hexOf(whole));
    expect(shown(decode(whole))).toEqual(shown(value));
  });

  test('ends nowhere else: every shorter and every longer message is Malformed', () => {
    for (let length = 0; length < whole.length; length += 1) {
      expect(refusal(() => decode(whole.subarray(0, length)))).toBe('ends too early');
    }
    for (const tail of ['00', '00000000', 'ffffffff']) {
      expect(refusal(() => decode(concat(whole, hex(tail))))).toBe('bytes after the end');
    }
  });
});

/** Each length field: its limit, the message around a body of a declared length, what reads it. */
const fields = [
  {
    field: 'netid',
    max: MAX_TEXT,
    around: (t: Buffer) => concat(words(1, 1), t, EMPTY, EMPTY),
    decode: decodeRpcb,
  },
  {
    field: 'address',
    max: MAX_TEXT,
    around: (t: Buffer) => concat(words(1, 1), EMPTY, t, EMPTY),
    decode: decodeRpcb,
  },
  {
    field: 'owner',
    max: MAX_TEXT,
    around: (t: Buffer) => concat(words(1, 1), EMPTY, EMPTY, t),
    decode: decodeRpcb,
  },
  {
    field: 'argument of a forwarded call',
    max: MAX_FORWARDED,
    around: (t: Buffer) => concat(words(1, 1, 1), t),
    decode: decodeForwardedCall,
  },
  {
    field: 'result of CALLIT, version 2',
    max: MAX_FORWARDED,
    around: (t: Buffer) => concat(words(1), t),
    decode: decodePortResult,
  },
  {
    field: 'address of a result',
    max: MAX_TEXT,
    around: (t: Buffer) => concat(t, EMPTY),
    decode: decodeAddressResult,
  },
  {
    field: 'result of BCAST',
    max: MAX_FORWARDED,
    around: (t: Buffer) => concat(EMPTY, t),
    decode: decodeAddressResult,
  },
] as const;

describe.each(fields)('the length of the $field', ({ max, around, decode }) => {
  test.each([0, max])('%p is accepted', (length) => {
    expect(refusal(() => decode(around(text(letters(length)))))).toBeUndefined();
  });

  test.each([max + 1, ...ABSURD])('%p is over its limit, whether or not the bytes are there', (length) => {
    const reason = 'variable length over its limit';
    expect(refusal(() => decode(around(text(letters(max + 5), length))))).toBe(reason);
    expect(refusal(() => decode(around(text(Buffer.alloc(0), length))))).toBe(reason);
  });

  test.each([1, max])('%p that are not there are missed', (length) => {
    const message = around(text(Buffer.alloc(0), length));
    // What stands behind the field may be taken for it; the fields after it are then missing.
    expect(refusal(() => decode(message))).toBe('ends too early');
  });
});

test('opaque parts are views', () => {
  const call = hex('000dbc05 00000001 00000001 00000004 c0000209');
  expect(isViewOf(decodeForwardedCall(call).argument, call)).toBe(true);
  const port = hex('00002328 00000004 c0000209');
  expect(isViewOf(decodePortResult(port).result, port)).toBe(true);
  const address = hex('00000000 00000004 c0000209');
  expect(isViewOf(decodeAddressResult(address).result, address)).toBe(true);
});

test.each([0x1_0000, 0x1_0001, ...ABSURD])('port %p is none', (port) => {
  expect(refusal(() => decodePort(words(port)))).toBe('port over 65535');
});

test.each([2, 0x0100_0000, ...ABSURD])('%p is neither done nor not done', (word) => {
  expect(refusal(() => decodeDone(words(word)))).toBe('bool is neither 0 nor 1');
});

test('text that is not ASCII is Malformed in both directions', () => {
  expect(refusal(() => decodeAddressResult(concat(text(hex('e9')), EMPTY)))).toBe('string is not ASCII');
  expect(refusal(() => encodeRpcb({ ...rpcb, owner: 'dräc' }))).toBe('string is not ASCII');
});

test('a mapping that is no unsigned int cannot be written', () => {
  expect(refusal(() => encodeMapping({ ...mapping, port: -1 }))).toBe('no unsigned int');
  expect(refusal(() => encodePort(NaN))).toBe('no unsigned int');
});

describe('universal addresses', () => {
  test.each([
    ['192.0.2.1', 111, '192.0.2.1.0.111'],
    ['0.0.0.0', 0, '0.0.0.0.0.0'],
    ['255.255.255.255', 65535, '255.255.255.255.255.255'],
    ['127.0.0.1', 9000, '127.0.0.1.35.40'],
    ['::', 256, '::.1.0'],
    ['::1', 111, '::1.0.111'],
    ['2001:DB8::9', 1023, '2001:DB8::9.3.255'],
    ['::ffff:192.0.2.1', 9000, '::ffff:192.0.2.1.35.40'],
    ['fe80::1%eth0', 9000, 'fe80::1%eth0.35.40'],
    // A VLAN's interface has a dot in its name.
    ['fe80::1%eth0.100', 9000, 'fe80::1%eth0.100.35.40'],
    ['fe80::1%br-lan', 1, 'fe80::1%br-lan.0.1'],
  ])('%s port %p is %s', (host, port, universal) => {
    expect(toUniversal(host, port)).toBe(universal);
    expect(fromUniversal(universal)).toEqual({ host, port });
  });

  test.each([-1, 0.5, 65536, 0x1_0000_0000, NaN, Infinity])('port %p is none', (port) => {
    expect(refusal(() => toUniversal('127.0.0.1', port))).toBe('port over 65535');
  });

  test.each([
    '',
    '.',
    '..',
    '1.2',
    '127.0.0.1',
    '127.0.0.1.35',
    '127.0.0.1.35.',
    '127.0.0.1.35.40.',
    '127.0.0.1.35.40 ',
    ' 127.0.0.1.35.40',
    '127.0.0.1.35.40\n',
    '127.0.0.1.256.0',
    '127.0.0.1.0.256',
    '127.0.0.1.-1.0',
    '127.0.0.1.00.1',
    '127.0.0.1.0.01',
    '127.0.0.01.0.1',
    '256.0.0.1.0.1',
    '127.0.0.1.0.1.2',
    '127.0.0.1%lo.0.1',
    'localhost.0.111',
    '/run/rpcbind.sock',
    '/run/rpcbind.sock.0.1',
    '[::1].0.111',
    '::1%.0.111',
    '::g.0.111',
    '%::.0.111',
    'ab.0.111',
    `${'1'.repeat(300)}::.0.1`,
  ])('%j is none', (universal) => {
    expect(fromUniversal(universal)).toBeUndefined();
  });

  const port = fc.nat(0xffff);

  test('every address and port there and back', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), port, (host, number) => {
        expect(fromUniversal(toUniversal(host, number))).toEqual({ host, port: number });
      }),
      { numRuns: 500 },
    );
  });

  test('any text is refused or is what toUniversal would write, with a host that IPv4 knows or that could be IPv6', () => {
    const piece = fc.constantFrom(...'0123456789af:.%/e \n'.split(''), '255', '.0.111', '::', '127.0.0.1');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 12 }).map((list) => list.join('')),
        ),
        (any) => {
          const found = fromUniversal(any);
          if (found === undefined) return true;
          return (
            toUniversal(found.host, found.port) === any &&
            (isIP(found.host) === 4 || found.host.includes(':'))
          );
        },
      ),
      { numRuns: 3_000 },
    );
  });
});

describe('for any values and any bytes', () => {
  const number = fc.nat(0xffff_ffff);
  const ascii = fc.string({
    unit: fc.nat(0x7f).map((code) => String.fromCharCode(code)),
    maxLength: MAX_TEXT,
  });
  const opaque = fc.uint8Array({ maxLength: 60 });
  const same = (value: unknown, again: unknown): boolean =>
    JSON.stringify(shown(value)) === JSON.stringify(shown(again));

  test('what is written is read', () => {
    const half = fc.record({ program: number, version: number });
    fc.assert(
      fc.property(
        half,
        fc.tuple(number, number),
        fc.tuple(ascii, ascii, ascii, opaque),
        (...[ids, [a, b], [s, t, u, bytes]]) => {
          const one = { ...ids, protocol: a, port: b };
          const two = { ...ids, netid: s, address: t, owner: u };
          const three = { ...ids, procedure: a, argument: bytes };
          return (
            same(decodeMapping(encodeMapping(one)), one) &&
            same(decodeRpcb(encodeRpcb(two)), two) &&
            same(decodeForwardedCall(encodeForwardedCall(three)), three) &&
            same(decodePortResult(encodePortResult({ port: a, result: bytes })), {
              port: a,
              result: bytes,
            }) &&
            same(decodeAddressResult(encodeAddressResult({ address: s, result: bytes })), {
              address: s,
              result: bytes,
            })
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  test('every decoder is Malformed or gives a value', () => {
    const length = fc.oneof(fc.nat(8), fc.constantFrom(255, 256, 2048, 2049, ...ABSURD));
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.array(length, { maxLength: 8 }).map((list) => words(...list)),
      fc
        .tuple(fc.array(length, { maxLength: 4 }), fc.nat(60))
        .map(([list, tail]) => concat(words(...list), filler(tail))),
    );
    fc.assert(
      fc.property(bytes, (any) => {
        for (const { decode } of codecs) refusal(() => decode(any));
      }),
      { numRuns: 2_000 },
    );
  });
});
