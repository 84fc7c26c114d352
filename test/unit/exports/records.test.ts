/** Keys and values in order, each key once, in one form. */
import { MAX_KEY, MAX_VALUE, Records } from '../../../src/exports/records.js';

function read(records: Records): [string, string][] {
  return Array.from(records.sorted(), (record) => {
    const start = records.start(record);
    const value = start + records.keyLength(record);
    const text = (from: number, to: number): string =>
      Buffer.from(records.bytes.subarray(from, to)).toString('latin1');
    return [text(start, value), text(value, value + records.valueLength(record))];
  });
}

test('nothing added, nothing there', () => {
  expect(read(new Records(true))).toEqual([]);
});

test('sorted by the bytes of their keys', () => {
  const records = new Records(false);
  for (const key of ['10.0.0.10', '10.0.0.1', '9.0.0.1', '', '2001:db8::6', 'ÿ'])
    records.add(key, `of ${key}`, 1);
  expect(read(records)).toEqual(
    ['', '10.0.0.1', '10.0.0.10', '2001:db8::6', '9.0.0.1', 'ÿ'].map((key) => [key, `of ${key}`]),
  );
});

test.each([true, false])('one form for all: a NUL behind each key and value is %s', (terminated) => {
  const records = new Records(terminated);
  records.add('a', 'x', 1);
  records.add('b', '', 1);
  const end = terminated ? '\0' : '';
  expect(read(records)).toEqual([
    [`a${end}`, `x${end}`],
    [`b${end}`, end],
  ]);
});

test('of the same key the one that ends last stays, the later of equals', () => {
  const records = new Records(false);
  for (const [value, expiresAt] of [
    ['first', 5],
    ['longest', 9],
    ['later', 7],
  ] as const)
    records.add('a', value, expiresAt);
  records.add('b', 'one', 3);
  records.add('b', 'other', 3);
  expect(read(records)).toEqual([
    ['a', 'longest'],
    ['b', 'other'],
  ]);
});

test('grows as it must', () => {
  const records = new Records(true);
  for (let i = 0; i < 50_000; i += 1) records.add(`key ${i}`, `value ${i}`, i);
  const all = new Map(read(records));
  expect(all.size).toBe(50_000);
  for (const i of [0, 1, 1023, 1024, 49_999]) expect(all.get(`key ${i}\0`)).toBe(`value ${i}\0`);
});

test('a key or value that no page could hold is refused', () => {
  const records = new Records(true);
  records.add('k'.repeat(MAX_KEY - 1), 'v'.repeat(MAX_VALUE - 1), 1);
  expect(() => records.add('k'.repeat(MAX_KEY), '', 1)).toThrow(/too long/);
  expect(() => records.add('k', 'v'.repeat(MAX_VALUE), 1)).toThrow(/too long/);
  expect(records.sorted()).toHaveLength(1);
});
