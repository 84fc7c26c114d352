import { Timings } from '../../../src/store/timings.js';

test('a group is told of when it is durable, with its size and how long it took', () => {
  const timings = new Timings();
  timings.begin(3, 1_000);
  expect(timings.spreads().groups.count).toBe(0);
  timings.durable(1_004);
  const { groups, seconds } = timings.spreads();
  expect(groups).toMatchObject({ count: 1, sum: 3 });
  expect(groups.atMost[groups.bounds.indexOf(2)]).toBe(0);
  expect(groups.atMost[groups.bounds.indexOf(4)]).toBe(1);
  expect(seconds).toMatchObject({ count: 1, sum: 0.004 });
});

test('one that failed is not', () => {
  const timings = new Timings();
  timings.begin(100, 0);
  timings.begin(1, 50);
  timings.durable(60);
  expect(timings.spreads().groups).toMatchObject({ count: 1, sum: 1 });
});
