/** frame - what decodes was encoded; anything else is refused, without a throw. */
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { addressFromBytes } from '../../../src/core/address.js';
import type { Grant } from '../../../src/core/grant.js';
import { GrantCollector } from '../../../src/store/collector.js';
import {
  FORMAT_VERSION,
  FRAME_HEADER_BYTES,
  GroupEncoder,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  encodeHeader,
  frameEnd,
  headerVersion,
} from '../../../src/store/frame.js';
import { encoded, encodedRevocations, grantOf, sorted } from './journal-bench.js';

const EVER = 2 ** 50;
const MAX_FRAME_ENTRIES = 16_384;
const LATEST = 2 ** 48 - 1;

/** Where the frames of a piece end; as recovery walks them. */
function walk(bytes: Buffer, visit: (start: number, end: number) => void = () => undefined): number[] {
  const ends: number[] = [];
  for (let at = 0, end = frameEnd(bytes, at, bytes.length); end !== undefined;) {
    visit(at, end);
    ends.push(end);
    at = end;
    end = frameEnd(bytes, at, bytes.length);
  }
  return ends;
}

function decoded(bytes: Buffer, collector = new GrantCollector(-1, EVER)): Grant[] {
  walk(bytes, (start, end) => void collector.take(bytes, start, end));
  return [...collector.grants()];
}

/** A frame whose checksum is right, whatever its payload is. */
function frameOf(payload: Uint8Array): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32BE(payload.length);
  header.writeUInt32BE(crc32(payload), 4);
  return Buffer.concat([header, payload]);
}

const address = fc
  .oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    // Runs of zeros, and IPv4-mapped addresses, which are IPv4 addresses.
    fc.array(fc.constantFrom(0, 0, 0, 1, 0xff), { minLength: 16, maxLength: 16 }),
    fc
      .uint8Array({ minLength: 4, maxLength: 4 })
      .map((four) => [...new Array<number>(10).fill(0), 0xff, 0xff, ...four]),
  )
  .map((bytes) => addressFromBytes(bytes));
const grant = fc.record({
  client: address,
  reporter: address,
  expiresAt: fc.integer({ min: 0, max: LATEST }),
});

const SAMPLE = [grantOf('198.51.100.7', 1_780_000_000_123), grantOf('2001:db8::1:0:25', LATEST, 'fe80::1')];
/** Made with Python's struct, socket.inet_pton and zlib.crc32 from the description of the format. */
const SAMPLE_HEX =
  '0000003a40c8bc75' +
  '0104c633640704c0000201019e7044887b' +
  '011020010db800000000000000010000002510fe800000000000000000000000000001ffffffffffff';
/** Likewise: 198.51.100.7, 2001:db8:1:2::/64 and ::/0. */
const REVOKED = ['198.51.100.7', '2001:db8:1:2::/64', '::/0'];
const REVOKED_HEX =
  '0000003fe08e70150204c633640720019e7044887b021020010db800010002000000000000000040019e7044887b02100000000000000000000000000000000000019e7044887b';
const HEADER_HEX = '64726163646a6e6c00000002565180a5';

describe('the header', () => {
  test('is these bytes', () => {
    expect(encodeHeader().toString('hex')).toBe(HEADER_HEX);
    expect(HEADER_BYTES).toBe(16);
    expect(headerVersion(encodeHeader())).toBe(FORMAT_VERSION);
  });

  test('of another version is told as that', () => {
    const header = encodeHeader();
    header.writeUInt32BE(7, 8);
    header.writeUInt32BE(crc32(header.subarray(0, 12)), 12);
    expect(headerVersion(header)).toBe(7);
  });

  test('with any bit changed, or cut, is none', () => {
    for (let bit = 0; bit < HEADER_BYTES * 8; bit += 1) {
      const header = encodeHeader();
      header[bit >> 3] = (header[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(headerVersion(header)).toBeUndefined();
    }
    for (let length = 0; length < HEADER_BYTES; length += 1)
      expect(headerVersion(encodeHeader().subarray(0, length))).toBeUndefined();
  });
});

describe('a frame', () => {
  test('is these bytes', () => {
    expect(encoded(SAMPLE).toString('hex')).toBe(SAMPLE_HEX);
    expect(decoded(Buffer.from(SAMPLE_HEX, 'hex'))).toEqual(SAMPLE);
  });

  test('gives back what was put into it', () => {
    fc.assert(
      fc.property(fc.array(fc.array(grant, { minLength: 1, maxLength: 20 }), { maxLength: 5 }), (groups) => {
        const latest = new Map<string, Grant>();
        for (const one of groups.flat()) {
          const known = latest.get(one.client);
          if (known === undefined || known.expiresAt <= one.expiresAt) latest.set(one.client, one);
        }
        const bytes = Buffer.concat(groups.map(encoded));
        expect(walk(bytes)).toHaveLength(groups.length);
        expect(sorted(decoded(bytes))).toEqual(sorted(latest.values()));
      }),
    );
  });

  test('with any one bit changed is refused, also between other frames', () => {
    const first = encoded([grantOf('10.0.0.1', 5), grantOf('10.0.0.2', 6)]);
    const frame = encoded(SAMPLE);
    const bytes = Buffer.concat([first, frame, encoded([grantOf('10.0.0.3', 7)]), Buffer.alloc(64)]);
    const at = first.length;
    expect(frameEnd(bytes, at, bytes.length)).toBe(at + frame.length);
    for (let bit = at * 8; bit < (at + frame.length) * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(frameEnd(changed, at, changed.length)).toBeUndefined();
    }
  });

  test('cut anywhere is refused, also when its lost end is zeros', () => {
    const frame = encoded(SAMPLE);
    for (let length = 0; length < frame.length; length += 1) {
      expect(frameEnd(frame, 0, length)).toBeUndefined();
      expect(frameEnd(frame.subarray(0, length), 0, length)).toBeUndefined();
      const zeroed = Buffer.concat([frame.subarray(0, length), Buffer.alloc(frame.length)]);
      expect(frameEnd(zeroed, 0, zeroed.length)).toBeUndefined();
    }
    expect(frameEnd(frame, 0, frame.length)).toBe(frame.length);
  });

  const whole = encoded(SAMPLE).subarray(FRAME_HEADER_BYTES);
  const four = whole.subarray(0, 17);
  test.each([
    ['of length 0', Buffer.alloc(FRAME_HEADER_BYTES)],
    ['with an entry of an unknown kind', frameOf(Buffer.concat([Buffer.of(3), four.subarray(1)]))],
    ['with a revocation of 33 bits', frameOf(Buffer.of(2, 4, 1, 2, 3, 4, 33, 0, 0, 0, 0, 0, 1))],
    ['that ends within a revocation', frameOf(Buffer.of(2, 4, 1, 2, 3, 4, 24, 0, 0, 0, 0, 0))],
    ['with a client of 5 bytes', frameOf(Buffer.of(1, 5, 1, 2, 3, 4, 5, 4, 1, 2, 3, 4, 0, 0, 0, 0, 0, 1))],
    ['with a reporter of 0 bytes', frameOf(Buffer.of(1, 4, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 1))],
    ['that ends within an entry', frameOf(whole.subarray(0, 30))],
    ['that ends within the expiry of an entry', frameOf(four.subarray(0, 16))],
    ['with a byte after the last entry', frameOf(Buffer.concat([four, Buffer.of(0)]))],
    [
      'longer than any',
      frameOf(Buffer.concat(new Array<Buffer>(Math.floor(MAX_PAYLOAD_BYTES / 17) + 1).fill(four))),
    ],
  ])('%s is refused although its checksum is right', (_, bytes) => {
    expect(frameEnd(bytes, 0, bytes.length)).toBeUndefined();
    // The same way of making one, with entries in it, is accepted.
    expect(frameEnd(frameOf(four), 0, FRAME_HEADER_BYTES + 17)).toBe(FRAME_HEADER_BYTES + 17);
  });

  test('is looked for in any bytes without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(220), (noise, at) => {
        const bytes = Buffer.from(noise);
        expect(frameEnd(bytes, at, bytes.length)).toBeUndefined();
        expect(headerVersion(bytes)).toBeUndefined();
      }),
    );
  });
});

describe('the encoder', () => {
  const many = (n: number): Grant[] =>
    Array.from({ length: n }, (_, i) => grantOf(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, i + 1));

  test('makes several frames of a very large group', () => {
    const grants = many(2 * MAX_FRAME_ENTRIES + 1);
    const bytes = encoded(grants);
    expect(walk(bytes)).toHaveLength(3);
    expect(walk(bytes).at(-1)).toBe(bytes.length);
    expect(decoded(bytes)).toEqual(grants);
  });

  test('makes no frame that a reader refuses: the largest', () => {
    const largest = Array.from({ length: MAX_FRAME_ENTRIES }, (_, i) =>
      grantOf(`2001:db8::${(i + 1).toString(16)}`, i + 1, '2001:db8:ffff::1'),
    );
    const bytes = encoded(largest);
    expect(bytes).toHaveLength(FRAME_HEADER_BYTES + MAX_PAYLOAD_BYTES);
    expect(frameEnd(bytes, 0, bytes.length)).toBe(bytes.length);
    expect(decoded(bytes)).toHaveLength(MAX_FRAME_ENTRIES);
  });

  test('of nothing makes nothing', () => {
    expect(encoded([])).toHaveLength(0);
  });

  test.each([
    [-1, 0],
    [-Infinity, 0],
    [0.9, 0],
    [1_780_000_000_000.999, 1_780_000_000_000],
    [LATEST, LATEST],
    [LATEST + 1, LATEST],
    [Infinity, LATEST],
  ])('stores the end %p as %p', (expiresAt, stored) => {
    expect(decoded(encoded([grantOf('10.0.0.1', expiresAt)]))).toEqual([grantOf('10.0.0.1', stored)]);
  });

  test('leaves nothing of an earlier group, and pads with zeros', () => {
    const encoder = new GroupEncoder();
    encoder.encode(many(5_000));
    const small = many(3);
    encoder.encode(small);
    const { length } = encoder;
    // More than it has room for, so that the buffer moves.
    const total = 3 * encoder.bytes.length;
    encoder.pad(total);
    expect(encoder.length).toBe(length);
    const bytes = encoder.bytes.subarray(0, total);
    expect(walk(bytes)).toEqual([length]);
    expect(decoded(bytes)).toEqual(small);
    expect(bytes.subarray(length).equals(Buffer.alloc(total - length))).toBe(true);
  });
});

describe('the collector', () => {
  const now = 1_780_000_000_000;
  const lifetime = 60_000;
  const collected = (...groups: Grant[][]): Grant[] =>
    decoded(Buffer.concat(groups.map(encoded)), new GrantCollector(now, lifetime));

  test('leaves out what is over', () => {
    const running = grantOf('10.0.0.3', now + 1);
    expect(collected([grantOf('10.0.0.1', now - 1), grantOf('10.0.0.2', now), running])).toEqual([running]);
  });

  test('lets nothing outlast a lease taken now', () => {
    const ends = [lifetime - 1, lifetime, lifetime + 1, 10 * lifetime].map((ms) => now + ms);
    const grants = ends.map((end, i) => grantOf(`10.0.0.${i}`, end));
    expect(collected(grants).map((one) => one.expiresAt - now)).toEqual([
      lifetime - 1,
      lifetime,
      lifetime,
      lifetime,
    ]);
  });

  test('keeps the latest end of a client, and of equal ends the last one told', () => {
    const [early, late] = [
      grantOf('10.0.0.1', now + 5, '192.0.2.5'),
      grantOf('10.0.0.1', now + 9, '192.0.2.9'),
    ];
    expect(collected([early], [late])).toEqual([late]);
    expect(collected([late], [early])).toEqual([late]);
    const other = grantOf('10.0.0.1', now + 9, '192.0.2.10');
    expect(collected([late], [other])).toEqual([other]);
    expect(collected([grantOf('10.0.0.1', now - 5), late, grantOf('10.0.0.1', now)])).toEqual([late]);
  });

  test('answers the largest end in a frame, of what is over too', () => {
    const collector = new GrantCollector(now, lifetime);
    const answers = [
      [grantOf('10.0.0.1', 7), grantOf('10.0.0.2', 3)],
      [grantOf('::1', now + 10 * lifetime)],
    ].map((group) => {
      const bytes = encoded(group);
      return collector.take(bytes, 0, bytes.length);
    });
    expect(answers).toEqual([7, now + 10 * lifetime]);
  });
});

describe('a revocation', () => {
  const now = 1_780_000_000_000;
  const lifetime = 60_000;
  const of = (client: string, ms = 5): Buffer => encoded([grantOf(client, now + ms)]);
  const clients = (...frames: Buffer[]): string[] =>
    decoded(Buffer.concat(frames), new GrantCollector(now, lifetime)).map(({ client }) => client);

  test('is these bytes', () => {
    const bytes = encodedRevocations(...REVOKED);
    expect(bytes.toString('hex')).toBe(REVOKED_HEX);
    expect(frameEnd(bytes, 0, bytes.length)).toBe(bytes.length);
  });

  test.each([
    ['10.0.0.1', ['10.0.0.2', '10.0.1.1', '2001:db8:1:2::6']],
    ['10.0.0.0/24', ['10.0.1.1', '2001:db8:1:2::6']],
    ['0.0.0.0/0', ['2001:db8:1:2::6']],
    ['2001:db8:1:2::/64', ['10.0.0.1', '10.0.0.2', '10.0.1.1']],
    ['192.0.2.0/24', ['10.0.0.1', '10.0.0.2', '10.0.1.1', '2001:db8:1:2::6']],
  ])('of %s leaves what is elsewhere', (subject, left) => {
    const all = ['10.0.0.1', '10.0.0.2', '10.0.1.1', '2001:db8:1:2::6'].map((client) => of(client));
    expect(clients(...all, encodedRevocations(subject))).toEqual(left);
  });

  test.each(['10.0.0.1', '10.0.0.0/24'])(
    'of %s: what is granted later counts, and no more than that',
    (subject) => {
      const frames = [of('10.0.0.1', 50), encodedRevocations(subject), of('10.0.0.1', 7)];
      const found = decoded(Buffer.concat(frames), new GrantCollector(now, lifetime));
      expect(found).toEqual([grantOf('10.0.0.1', now + 7)]);
      expect(clients(...frames, encodedRevocations(subject))).toEqual([]);
      expect(clients(encodedRevocations(subject), of('10.0.0.1'))).toEqual(['10.0.0.1']);
    },
  );

  test('has no end of its own', () => {
    const bytes = encodedRevocations('10.0.0.1');
    expect(new GrantCollector(now, lifetime).take(bytes, 0, bytes.length)).toBe(0);
  });
});
