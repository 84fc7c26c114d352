import { SteadyTime } from '../../../src/core/steady.js';

class Clocks {
  w = 1_000_000;
  m = 50;
  wall = (): number => this.w;
  mono = (): number => this.m;
  pass(ms: number, wallToo = ms): void {
    this.m += ms;
    this.w += wallToo;
  }
}

const start = (): { clocks: Clocks; time: SteadyTime; began: number } => {
  const clocks = new Clocks();
  const time = new SteadyTime(clocks);
  return { clocks, time, began: time.now() };
};

test('runs with both clocks', () => {
  const { clocks, time, began } = start();
  clocks.pass(250);
  expect(time.observe()).toBe(0);
  expect(time.now() - began).toBe(250);
  expect(time.toWall()).toBe(0);
});

test.each([3_600_000, 315_360_000_000, -7_200_000, -1_000_000, -6_000])(
  'a jump of %d ms is told of once and changes nothing',
  (jump) => {
    const { clocks, time, began } = start();
    clocks.pass(250, 250 + jump);
    expect(time.observe()).toBe(jump);
    expect(time.now() - began).toBe(250);
    expect(time.toWall()).toBe(jump);
    clocks.pass(250);
    expect(time.observe()).toBe(0);
    expect(time.now() - began).toBe(500);
  },
);

test('a small step forward is followed, before and after a jump', () => {
  const { clocks, time, began } = start();
  clocks.pass(250, 1_250);
  time.observe();
  expect(time.now() - began).toBe(1_250);
  clocks.pass(0, 60_000);
  expect(time.observe()).toBe(60_000);
  clocks.pass(0, 1_000);
  time.observe();
  expect(time.now() - began).toBe(2_250);
});

test('small steps backwards never extend: time goes on as the monotonic clock does', () => {
  const { clocks, time, began } = start();
  for (let i = 0; i < 100; i += 1) {
    clocks.pass(250, 250 - 100);
    expect(time.observe()).toBe(0);
  }
  expect(time.now() - began).toBe(25_000);
});
