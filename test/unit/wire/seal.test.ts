/** The seal: every change of the file breaks it, and what is no seal is none. */
import fc from 'fast-check';
import { decodeSeal, encodeSeal, FileCheck, SEAL_BYTES } from '../../../src/wire/seal.js';

const RANDOM = Uint8Array.of(1, 2, 3, 4, 5, 6);

function checkOf(...pages: readonly Uint8Array[]): string {
  const check = new FileCheck();
  for (const page of pages) check.add(page);
  return Buffer.from(check.value).toString('hex');
}

test.each([
  { cidrKey: false, termKd: false },
  { cidrKey: true, termKd: false },
  { cidrKey: false, termKd: true },
  { cidrKey: true, termKd: true },
])('says %j', (wording) => {
  const check = Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1);
  const bytes = encodeSeal({ ...wording, check }, RANDOM);
  expect(bytes.length).toBe(SEAL_BYTES);
  expect(decodeSeal(bytes)).toEqual({ ...wording, check });
});

test('of equal files differs by its random part', () => {
  const seal = { cidrKey: false, termKd: false, check: new Uint8Array(8) };
  expect(encodeSeal(seal, RANDOM)).not.toEqual(encodeSeal(seal, RANDOM.toReversed()));
});

test('is none with another mark, other options or another length', () => {
  const bytes = encodeSeal({ cidrKey: false, termKd: false, check: new Uint8Array(8) }, RANDOM);
  expect(decodeSeal(bytes.subarray(1))).toBeUndefined();
  expect(decodeSeal(new Uint8Array(SEAL_BYTES))).toBeUndefined();
  expect(decodeSeal(bytes.with(0, 0x44))).toBeUndefined();
  expect(decodeSeal(bytes.with(5, 4))).toBeUndefined();
  expect(decodeSeal(bytes)).toBeDefined();
});

describe('the check', () => {
  const pages = fc.array(fc.uint8Array({ minLength: 64, maxLength: 64 }), { minLength: 1, maxLength: 4 });

  test('of a file is that of its pages in their order', () => {
    fc.assert(
      fc.property(pages, (list) => {
        expect(checkOf(...list)).toBe(checkOf(Buffer.concat(list)));
      }),
    );
  });

  test('is another after any one byte was changed', () => {
    fc.assert(
      fc.property(pages, fc.nat(), fc.integer({ min: 1, max: 255 }), (list, place, change) => {
        const before = Buffer.concat(list);
        const after = Buffer.from(before);
        const at = place % after.length;
        after[at] = (after[at] ?? 0) ^ change;
        expect(checkOf(after)).not.toBe(checkOf(before));
      }),
    );
  });

  test('is another with a page of zeros more, and with two pages in the other order', () => {
    const one = new Uint8Array(64).fill(1);
    const other = new Uint8Array(64).fill(2);
    expect(checkOf(one, new Uint8Array(64))).not.toBe(checkOf(one));
    expect(checkOf(one, other)).not.toBe(checkOf(other, one));
  });
});
