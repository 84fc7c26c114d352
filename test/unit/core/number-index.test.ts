/** number-index - against a Map, over random courses, while it grows and shrinks, and with numbers that lie side by side */
import fc from 'fast-check';
import { NumberIndex } from '../../../src/core/number-index.js';

type Step = readonly ['set' | 'delete', number];

/** Few, so that they meet again; and with the ends of the range. */
const FEW = [0, -1, 1, 2 ** 31 - 1, -(2 ** 31), 0x0a00_0001, 0x0a00_0002];
const numbers = fc.oneof(fc.constantFrom(...FEW), fc.integer({ min: 0, max: 63 }), fc.integer());
const step: fc.Arbitrary<Step> = fc.tuple(fc.constantFrom('set', 'set', 'delete'), numbers);

function follow(steps: readonly Step[]): { index: NumberIndex; model: Map<number, number> } {
  const index = new NumberIndex();
  const model = new Map<number, number>();
  for (const [place, [what, number]] of steps.entries()) {
    expect(index.get(number)).toBe(model.get(number));
    if (what === 'set') {
      index.set(number, place);
      model.set(number, place);
    } else {
      index.delete(number);
      model.delete(number);
    }
  }
  return { index, model };
}

test('holds what a Map would hold', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const { index, model } = follow(steps);
      expect(index.size).toBe(model.size);
      for (const number of [...FEW, ...steps.map(([, one]) => one)])
        expect(index.get(number)).toBe(model.get(number));
    }),
    { numRuns: 500 },
  );
});

test('many that lie side by side, and go in another order than they came', () => {
  const index = new NumberIndex();
  const COUNT = 50_000;
  for (let n = 0; n < COUNT; n += 1) index.set(n, n);
  expect(index.size).toBe(COUNT);
  // A step that meets each of them once.
  for (let i = 0, n = 0; i < COUNT; i += 1, n = (n + 7_919) % COUNT) {
    expect(index.get(n)).toBe(n);
    index.delete(n);
    expect(index.get(n)).toBeUndefined();
    if (i % 5_000 === 0) {
      let left = 0;
      for (let other = 0; other < COUNT; other += 1) if (index.get(other) === other) left += 1;
      expect(left).toBe(COUNT - i - 1);
    }
  }
  expect(index.size).toBe(0);
});
