import fc from 'fast-check';
import { Distribution } from '../../../src/runtime/distribution.js';

test('a new one is empty', () => {
  expect(new Distribution([1, 2]).spread()).toEqual({ bounds: [1, 2], atMost: [0, 0], count: 0, sum: 0 });
});

test('a value at a bound is at most that bound; one beyond the last is in the count alone', () => {
  const spread = new Distribution([1, 2, 4]);
  for (const value of [0, 1, 1.5, 2, 4.1]) spread.note(value);
  expect(spread.spread()).toEqual({ bounds: [1, 2, 4], atMost: [2, 4, 4], count: 5, sum: 8.6 });
});

test('each bound has as many as are at most it, whatever the values', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5, max: 30 })), (values) => {
      const bounds = [0, 3, 10, 20];
      const distribution = new Distribution(bounds);
      for (const value of values) distribution.note(value);
      const { atMost, count, sum } = distribution.spread();
      expect(atMost).toEqual(bounds.map((bound) => values.filter((value) => value <= bound).length));
      expect(count).toBe(values.length);
      expect(sum).toBe(values.reduce((all, value) => all + value, 0));
    }),
  );
});
