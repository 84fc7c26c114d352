/** Keys in the order of their bytes, against the order that Buffer.compare gives. */
import fc from 'fast-check';
import { compareKeys, sortKeys, type Keys } from '../../../src/exports/sort-keys.js';

function keysOf(all: readonly Uint8Array[]): Keys {
  const starts: number[] = [];
  let end = 0;
  for (const one of all) {
    starts.push(end);
    end += one.length;
  }
  return {
    bytes: Uint8Array.from(Buffer.concat(all)),
    starts: Uint32Array.from(starts),
    lengths: Uint16Array.from(all, (one) => one.length),
  };
}

function sorted(all: readonly Uint8Array[]): string[] {
  const order = Uint32Array.from(all.keys());
  sortKeys(order, keysOf(all));
  expect(new Set(order).size).toBe(all.length);
  return Array.from(order, (i) => Buffer.from(all[i] as Uint8Array).toString('hex'));
}

function expected(all: readonly Uint8Array[]): string[] {
  return [...all]
    .sort((one, other) => Buffer.compare(one, other))
    .map((one) => Buffer.from(one).toString('hex'));
}

/** Few different bytes and much in common, as addresses have. */
const alike = fc
  .tuple(
    fc.constantFrom('', '1', '192.0.2.', '2001:db8:', '\0\0\0\0'),
    fc.string({ unit: fc.constantFrom('0', '1', '.', '\0', 'ÿ') }),
  )
  .map((parts) => new Uint8Array(Buffer.from(parts.join(''), 'latin1')));

test.each([
  ['any bytes', fc.uint8Array()],
  ['bytes that are alike', alike],
])('%s', (_, key) => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 200 }), (all) => {
      expect(sorted(all)).toEqual(expected(all));
    }),
  );
});

test.each([
  ['all the same', () => 'aaaa'],
  ['all the same but the end', (i: number) => `192.0.2.${i}`],
  ['in order', (i: number) => String(i).padStart(8, '0')],
  ['in reverse order', (i: number) => String(99_999 - i).padStart(8, '0')],
  ['each the beginning of the next', (i: number) => 'a'.repeat(i % 500)],
  ['up and down', (i: number) => String(Math.min(i, 20_000 - i)).padStart(8, '0')],
])('20,000 keys, %s', (_, key) => {
  const all = Array.from({ length: 20_000 }, (_unused, i) => new Uint8Array(Buffer.from(key(i))));
  expect(sorted(all)).toEqual(expected(all));
});

test('compareKeys tells which of two comes first', () => {
  const keys = keysOf(['a', 'b', 'ab', 'a', ''].map((text) => Buffer.from(text)));
  expect(compareKeys(keys, 0, 1)).toBeLessThan(0);
  expect(compareKeys(keys, 2, 0)).toBeGreaterThan(0);
  expect(compareKeys(keys, 0, 3)).toBe(0);
  expect(compareKeys(keys, 4, 0)).toBeLessThan(0);
});
