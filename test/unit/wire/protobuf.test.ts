/** protobuf - bytes of the encoding guide, everything that may be wrong with bytes, and values that do not fit */
import { decodeMessage, encodeMessage, type Shape } from '../../../src/wire/protobuf.js';
import { Malformed } from '../../../src/wire/xdr.js';

const inner: Shape = [{ name: 'a', type: 'int32' }];
const shape: Shape = [
  { name: 'a', type: 'int32' },
  { name: 'b', type: 'string' },
  { name: 'c', type: { shape: inner } },
  { name: 'many', type: 'string', isRepeated: true },
  { name: 'kind', type: { names: ['NONE', 'ONE'] } },
  { name: 'left', type: 'bool', oneof: 'side' },
  { name: 'right', type: 'double', oneof: 'side' },
  { name: 'big', type: 'int64' },
  { name: 'raw', type: 'bytes' },
];
const nothing = { a: 0, b: '', c: null, many: [], kind: 'NONE', big: 0, raw: new Uint8Array() };
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** From protobuf.dev/programming-guides/encoding, but for the last ones. */
const GOLDEN = [
  ['08 96 01', { a: 150 }],
  ['12 07 74 65 73 74 69 6e 67', { b: 'testing' }],
  ['1a 03 08 96 01', { c: { a: 150 } }],
  ['08 fe ff ff ff ff ff ff ff ff 01', { a: -2 }],
  ['22 01 61 22 00', { many: ['a', ''] }],
  ['28 01', { kind: 'ONE' }],
  ['28 07', { kind: 7 }],
  ['30 00', { left: false, side: 'left' }],
  ['39 00 00 00 00 00 00 f0 3f', { right: 1, side: 'right' }],
  ['40 ff ff ff ff ff ff ff 0f', { big: Number.MAX_SAFE_INTEGER }],
  ['40 81 80 80 80 80 80 80 f0 ff 01', { big: Number.MIN_SAFE_INTEGER }],
  ['4a 02 00 ff', { raw: Uint8Array.of(0, 255) }],
  ['12 03 e2 82 ac', { b: '\u20ac' }],
] as const;

test.each(GOLDEN)('%s', (text, message) => {
  expect(decodeMessage(hex(text), shape)).toEqual({ ...nothing, ...message });
  expect(textOf(encodeMessage(message, shape))).toBe(text.replaceAll(' ', ''));
});

test('no bytes are all defaults, and what is undefined or null is not written', () => {
  expect(decodeMessage(new Uint8Array(), shape)).toEqual(nothing);
  expect(encodeMessage({ a: undefined, c: null }, shape)).toHaveLength(0);
});

test('of several fields of a oneof, and of a field that comes twice, the last counts', () => {
  expect(decodeMessage(hex('30 01 39 00 00 00 00 00 00 f0 3f'), shape)).toEqual({
    ...nothing,
    right: 1,
    side: 'right',
  });
  expect(decodeMessage(hex('08 01 08 02'), shape)).toMatchObject({ a: 2 });
});

test('fields that the table has not are skipped, of every wire type', () => {
  const unknown = ['a0 06 96 01', 'a1 06 01 02 03 04 05 06 07 08', 'a2 06 02 61 62', 'a5 06 01 02 03 04'];
  expect(decodeMessage(hex([...unknown, '08 05'].join(' ')), shape)).toEqual({ ...nothing, a: 5 });
});

test.each([
  ['a number that does not end', '08 96'],
  ['a number of eleven bytes', '08 ff ff ff ff ff ff ff ff ff ff 01'],
  ['a text longer than what is there', '12 07 74'],
  ['a length of 2^40', '12 80 80 80 80 80 20'],
  ['an inner message longer than its place', '1a 02 08 96 01'],
  ['an inner message that ends in a number', '1a 02 08 96'],
  ['a field of another wire type', '0a 01 61'],
  ['a group', 'a3 06'],
  ['field number 0 with wire type 7', '07'],
])('malformed: %s', (_what, text) => {
  expect(() => decodeMessage(hex(text), shape)).toThrow(Malformed);
});

test('nested without end', () => {
  const loop: { name: string; type: { shape: Shape } }[] = [];
  loop.push({ name: 'next', type: { shape: loop } });
  let bytes = new Uint8Array();
  for (let depth = 0; depth < 40; depth += 1) bytes = Uint8Array.of(0x0a, bytes.length, ...bytes);
  expect(() => decodeMessage(bytes, loop)).toThrow(new Malformed('nested too deeply'));
  expect(decodeMessage(Uint8Array.of(0x0a, 2, 0x0a, 0), loop)).toEqual({ next: { next: { next: null } } });
});

test('every beginning of a message, and every byte of it changed, is read or malformed', () => {
  const message = {
    a: -1,
    b: 'b\u20ac',
    c: { a: 3 },
    many: ['x', 'y'],
    kind: 'ONE',
    right: 2.5,
    big: 2 ** 40,
  };
  const whole = encodeMessage(message, shape);
  let read = 0;
  let malformed = 0;
  const attempt = (bytes: Uint8Array): void => {
    try {
      decodeMessage(bytes, shape);
      read += 1;
    } catch (thrown) {
      if (!(thrown instanceof Malformed)) throw thrown;
      malformed += 1;
    }
  };
  for (let end = 0; end < whole.length; end += 1) attempt(whole.subarray(0, end));
  for (let at = 0; at < whole.length; at += 1)
    for (let value = 0; value < 256; value += 1) {
      const changed = Uint8Array.from(whole);
      changed[at] = value;
      attempt(changed);
    }
  expect(read).toBeGreaterThan(1_000);
  expect(malformed).toBeGreaterThan(1_000);
});

test.each([
  ['a', 1.5],
  ['a', '1'],
  ['b', 1],
  ['c', 'text'],
  ['kind', 'TWO'],
  ['left', 1],
  ['right', '1'],
  ['raw', 'text'],
  ['big', 2 ** 60],
])('%s cannot be %p', (name, value) => {
  expect(() => encodeMessage({ [name]: value }, shape)).toThrow(Malformed);
});
