/** tallies - each thing counts in exactly one record, at the end of its minute or of what it is about. */
import fc from 'fast-check';
import { Tallies, type Tally, WINDOW_MS } from '../../../src/audit/tallies.js';
import { FakeClock } from '../../support/fake-clock.js';

function counting(max?: number) {
  const clock = new FakeClock();
  const recorded: Tally<string>[] = [];
  const tallies = new Tallies<string>({
    clock,
    isLike: (one, other) => one === other,
    record: (tally) => void recorded.push(tally),
    ...(max === undefined ? {} : { max }),
  });
  return { clock, recorded, tallies };
}

test('things of one minute are one record, which says when they began and ended', () => {
  const { clock, recorded, tallies } = counting();
  const from = clock.wall();
  tallies.count('a', 'x');
  clock.advance(WINDOW_MS - 1);
  tallies.count('a', 'x');
  tallies.tick(10);
  expect(recorded).toEqual([]);
  clock.advance(1);
  tallies.tick(10);
  expect(recorded).toMatchObject([{ from, at: from + WINDOW_MS - 1, count: 2, of: 'x' }]);
  expect(tallies.size).toBe(0);
});

test('what is not alike, and what is over, is a record of its own', () => {
  const { recorded, tallies } = counting();
  for (const what of ['x', 'x', 'y']) tallies.count('a', what);
  expect(recorded).toMatchObject([{ count: 2, of: 'x' }]);
  tallies.end('a');
  tallies.end('a');
  expect(recorded).toMatchObject([{ count: 2 }, { count: 1, of: 'y' }]);
});

test('beyond the limit the oldest is recorded early', () => {
  const { recorded, tallies } = counting(2);
  for (const key of ['a', 'b', 'a', 'c']) tallies.count(key, key);
  expect(recorded.map(({ of }) => of)).toEqual(['a']);
  expect(tallies.size).toBe(2);
});

test('nothing is lost or counted twice, whatever comes, ends and is left over, and the oldest is first', () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant('count' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      of: fc.constantFrom('x', 'y'),
    }),
    fc.record({ do: fc.constant('end' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
    fc.record({ do: fc.constant('some' as const), most: fc.nat(3) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.nat(WINDOW_MS) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { clock, recorded, tallies } = counting(3);
      let counted = 0;
      for (const one of steps) {
        if (one.do === 'count') {
          tallies.count(one.key, one.of);
          counted += 1;
        } else if (one.do === 'end') tallies.end(one.key);
        else if (one.do === 'some') {
          const before = recorded.length;
          tallies.endSome(one.most);
          const ended = recorded.slice(before).map(({ since }) => since);
          expect(ended).toEqual([...ended].sort((a, b) => a - b));
        } else {
          clock.advance(one.ms);
          tallies.tick(100);
        }
        expect(tallies.size).toBeLessThanOrEqual(3);
      }
      tallies.endSome(tallies.size);
      expect(recorded.reduce((sum, { count }) => sum + count, 0)).toBe(counted);
      expect(tallies.size).toBe(0);
    }),
  );
});

test('the limit holds at once among many, also when most of them have ended before', () => {
  const { recorded, tallies } = counting(10_000);
  for (let i = 0; i < 200_000; i += 1) tallies.count(String(i), 'x');
  expect(recorded).toHaveLength(190_000);
});
