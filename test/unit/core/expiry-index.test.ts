/** expiry-index - what is over comes out, once, and nothing else. */
import fc from 'fast-check';
import { ExpiryIndex } from '../../../src/core/expiry-index.js';

function takeAll(index: ExpiryIndex, now: number): number[] {
  const taken: number[] = [];
  for (let place = index.take(now); place !== undefined; place = index.take(now)) taken.push(place);
  return taken;
}

test('a place comes out after its deadline, within half a second, and once', () => {
  const times = fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 50 });
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 700 }), (deadlines, step) => {
      const index = new ExpiryIndex(0);
      for (const [place, deadline] of deadlines.entries()) index.schedule(place, deadline);
      const seen = new Set<number>();
      for (let now = 0; now < 5_500 + step; now += step)
        for (const place of takeAll(index, now)) {
          const deadline = deadlines[place] ?? NaN;
          expect(deadline).toBeLessThanOrEqual(now);
          expect(now - deadline).toBeLessThan(500 + step);
          expect(seen.has(place)).toBe(false);
          seen.add(place);
        }
      expect(seen.size).toBe(deadlines.length);
    }),
  );
});

test('a deadline that has passed comes out in the next slot', () => {
  const index = new ExpiryIndex(10_000);
  index.schedule(7, 1);
  expect(index.take(10_000)).toBeUndefined();
  expect(index.take(10_250)).toBe(7);
});
