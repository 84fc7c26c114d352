/** xdr - every type in both directions, every length field at its edges, and any bytes at all */
import fc from 'fast-check';
import { words } from '../../support/rpc-client.js';
import { XdrReader, XdrWriter, padded, putWord, wordAt } from '../../../src/wire/xdr.js';
import { ABSURD, concat, filler, hex, hexOf, isViewOf, letters, padding, refusal, shown } from './bytes.js';

const EDGE_WORDS = [0, 1, 0x7f, 0x80, 0xff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_ffff];

describe('words', () => {
  test.each(EDGE_WORDS)('%p is read and put big-endian and unsigned', (word) => {
    const bytes = new Uint8Array(12).fill(0x55);
    putWord(bytes, 4, word);
    expect(hexOf(bytes)).toBe(`55555555${word.toString(16).padStart(8, '0')}55555555`);
    expect(wordAt(bytes, 4)).toBe(word);
    expect(new XdrReader(bytes.subarray(4)).uint32()).toBe(word);
  });

  test.each([
    [0, 0],
    [1, 4],
    [3, 4],
    [4, 4],
    [5, 8],
    [255, 256],
    [400, 400],
    [401, 404],
    [0x7fff_ffff, 0x8000_0000],
    [0xffff_fffc, 0xffff_fffc],
    // Beyond 32 bits: a sum that wrapped to 0 would pass for a length that is there.
    [0xffff_fffd, 0x1_0000_0000],
    [0xffff_ffff, 0x1_0000_0000],
  ])('%p bytes take %p with their padding', (length, expected) => {
    expect(padded(length)).toBe(expected);
  });
});

describe('XdrReader', () => {
  test('one value after another, and what remains', () => {
    const reader = new XdrReader(hex('00000001 00000000 00000005 68656c6c 6f000000 c0000209 abcdef'));
    expect(reader.remaining).toBe(27);
    expect(reader.bool()).toBe(true);
    expect(reader.bool()).toBe(false);
    expect(reader.string(5)).toBe('hello');
    expect(hexOf(reader.fixed(4))).toBe('c0000209');
    expect(reader.remaining).toBe(3);
    expect(refusal(() => reader.end())).toBe('bytes after the end');
    expect(hexOf(reader.rest())).toBe('abcdef');
    expect(reader.remaining).toBe(0);
    expect(refusal(() => reader.end())).toBeUndefined();
    expect(hexOf(reader.rest())).toBe('');
  });

  test.each([0, 1, 2, 3])('a word of %p bytes ends too early', (length) => {
    expect(refusal(() => new XdrReader(filler(length)).uint32())).toBe('ends too early');
  });

  test.each([2, 3, 0x0100_0000, 0x8000_0000, 0xffff_ffff])('%p is no bool', (word) => {
    expect(refusal(() => new XdrReader(words(word)).bool())).toBe('bool is neither 0 nor 1');
  });

  test.each([
    [Buffer.alloc(0), ''],
    [letters(1), 'a'],
    [hex('00017f'), '\0\x01\x7f'],
  ])('a string of ASCII %#', (body, text) => {
    const reader = new XdrReader(concat(words(body.length), body, padding(body.length)));
    expect(reader.string(3)).toBe(text);
    reader.end();
  });

  test.each(['80', 'ff', '61c3a9', '6180'])('bytes %s are no string', (body) => {
    const bytes = hex(body);
    expect(
      refusal(() => new XdrReader(concat(words(bytes.length), bytes, padding(bytes.length))).string(10)),
    ).toBe('string is not ASCII');
  });

  test.each(['616263ff', '61626300'])('the padding of %s may hold anything', (body) => {
    const reader = new XdrReader(concat(words(3), hex(body), words(7)));
    expect(reader.string(3)).toBe('abc');
    expect(reader.uint32()).toBe(7);
  });

  test.each([1, 2, 3])('padding that is cut by %p is missed', (cut) => {
    const whole = concat(words(1), letters(1), Buffer.alloc(3));
    expect(refusal(() => new XdrReader(whole.subarray(0, 8 - cut)).opaque(4))).toBe('ends too early');
  });

  test('opaque, fixed and rest are views', () => {
    const bytes = concat(words(5), filler(5), padding(5), filler(4), filler(2));
    const reader = new XdrReader(bytes);
    for (const view of [reader.opaque(5), reader.fixed(4), reader.rest()]) {
      expect(view.length).toBeGreaterThan(0);
      expect(isViewOf(view, bytes)).toBe(true);
    }
  });

  describe.each([0, 1, 3, 4, 255, 400])('a variable length of at most %p bytes', (max) => {
    test.each([...new Set([0, max])])('%p: accepted when the bytes are there, else too early', (length) => {
      const bytes = concat(words(length), filler(length), padding(length));
      expect(hexOf(new XdrReader(bytes).opaque(max))).toBe(hexOf(filler(length)));
      if (length > 0) {
        expect(refusal(() => new XdrReader(bytes.subarray(0, -1)).opaque(max))).toBe('ends too early');
        expect(refusal(() => new XdrReader(bytes.subarray(0, 4)).opaque(max))).toBe('ends too early');
      }
    });

    test.each([max + 1, ...ABSURD])('%p: over the limit, whether or not the bytes are there', (length) => {
      const bytes = concat(words(length), filler(max + 8));
      expect(refusal(() => new XdrReader(bytes).opaque(max))).toBe('variable length over its limit');
      expect(refusal(() => new XdrReader(bytes).string(max))).toBe('variable length over its limit');
      expect(refusal(() => new XdrReader(words(length)).opaque(max))).toBe('variable length over its limit');
    });
  });

  test.each(ABSURD)('without a limit of its own, %p is compared with what is there', (length) => {
    expect(refusal(() => new XdrReader(concat(words(length), filler(8))).opaque(0xffff_ffff))).toBe(
      'ends too early',
    );
  });
});

describe('XdrWriter', () => {
  test('one value after another, with zero padding', () => {
    const writer = new XdrWriter(0).uint32(0xffff_ffff).bool(true).bool(false);
    writer.opaque(hex('aabbcc')).fixed(hex('dd')).raw(hex('eeff')).string('hi');
    expect(hexOf(writer.bytes())).toBe(
      [
        'ffffffff',
        '00000001',
        '00000000',
        '00000003',
        'aabbcc00',
        'dd000000',
        'eeff',
        '00000002',
        '68690000',
      ].join(''),
    );
  });

  test('grows past any capacity and keeps what it has', () => {
    const writer = new XdrWriter(5);
    for (let word = 0; word < 1_000; word += 1) writer.uint32(word);
    expect(hexOf(writer.bytes())).toBe(hexOf(words(...Array.from({ length: 1_000 }, (_, word) => word))));
  });

  test.each([-1, 0.5, NaN, Infinity, -Infinity, 0x1_0000_0000, Number.MAX_SAFE_INTEGER])(
    '%p is no unsigned int',
    (word) => {
      const writer = new XdrWriter();
      expect(refusal(() => writer.uint32(word))).toBe('no unsigned int');
      expect(writer.bytes()).toHaveLength(0);
    },
  );

  test.each(['\x80', 'é', 'a\u{1f600}', '\uffff'])('%j is not ASCII', (text) => {
    const writer = new XdrWriter();
    expect(refusal(() => writer.string(text))).toBe('string is not ASCII');
    expect(writer.bytes()).toHaveLength(0);
  });
});

type Step =
  | { readonly kind: 'uint32'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'opaque' | 'fixed'; readonly value: Uint8Array };

const ascii = fc.string({ unit: fc.nat(0x7f).map((code) => String.fromCharCode(code)), maxLength: 40 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('uint32' as const), value: fc.nat(0xffff_ffff) }),
  fc.record({ kind: fc.constant('bool' as const), value: fc.boolean() }),
  fc.record({ kind: fc.constant('string' as const), value: ascii }),
  fc.record({
    kind: fc.constantFrom('opaque' as const, 'fixed' as const),
    value: fc.uint8Array({ maxLength: 40 }),
  }),
);

function write(writer: XdrWriter, { kind, value }: Step): void {
  if (kind === 'uint32') writer.uint32(value);
  else if (kind === 'bool') writer.bool(value);
  else if (kind === 'string') writer.string(value);
  else writer[kind](value);
}

function read(reader: XdrReader, { kind, value }: Step): unknown {
  if (kind === 'uint32') return reader.uint32();
  if (kind === 'bool') return reader.bool();
  if (kind === 'string') return reader.string(40);
  return kind === 'opaque' ? reader.opaque(40) : reader.fixed(value.length);
}

describe('for any values and any bytes', () => {
  test('what is written is read, unit by unit', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.nat(100), (steps, capacity) => {
        const writer = new XdrWriter(capacity);
        for (const one of steps) write(writer, one);
        const bytes = writer.bytes();
        expect(bytes.length % 4).toBe(0);
        const reader = new XdrReader(bytes);
        expect(steps.map((one) => shown(read(reader, one)))).toEqual(steps.map((one) => shown(one.value)));
        reader.end();
      }),
      { numRuns: 500 },
    );
  });

  test('a reader throws Malformed or nothing, and never reads past the end', () => {
    const length = fc.oneof(fc.nat(12), fc.constantFrom(...ABSURD));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), fc.array(length, { maxLength: 6 }), (steps, lengths) => {
        const bytes = words(...lengths);
        const reader = new XdrReader(bytes);
        for (const one of steps) {
          const before = reader.remaining;
          let value: unknown;
          refusal(() => (value = read(reader, one)));
          const taken = before - reader.remaining;
          const given = value instanceof Uint8Array ? value.length : 0;
          if (taken < given || taken > before)
            throw new Error(`${one.kind} took ${taken} of ${before} bytes`);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
