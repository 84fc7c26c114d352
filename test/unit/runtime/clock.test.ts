/** clock - the system's clock: what runs, what can be stopped, and what keeps a process alive */
import { systemClock, type Timer } from '../../../src/runtime/clock.js';
import { pause, until } from '../../support/processes.js';

const PATIENCE_MS = 20_000;

test('the wall clock is the system’s', () => {
  const before = Date.now();
  const wall = systemClock.wall();
  expect(wall).toBeGreaterThanOrEqual(before);
  expect(wall).toBeLessThanOrEqual(Date.now());
});

test('monotonic time never goes back, and goes on', async () => {
  const times = Array.from({ length: 1_000 }, () => systemClock.mono());
  expect(times).toEqual([...times].sort((a, b) => a - b));
  await pause(5);
  expect(systemClock.mono()).toBeGreaterThan(times.at(-1) ?? Infinity);
});

test('soon runs once, after the code and the promises that are under way', async () => {
  const order: string[] = [];
  systemClock.soon(() => order.push('soon'));
  order.push('code');
  await Promise.resolve();
  order.push('promise');
  await until('soon', PATIENCE_MS, () => order.includes('soon'));
  await pause(5);
  expect(order).toEqual(['code', 'promise', 'soon']);
});

test('after runs once, and not before its time', async () => {
  const began = performance.now();
  let ran: number[] = [];
  systemClock.after(20, () => (ran = [...ran, performance.now() - began]));
  await until('the timer', PATIENCE_MS, () => ran.length > 0);
  await pause(50);
  expect(ran).toHaveLength(1);
  // A timer of Node may be a millisecond early.
  expect(ran[0]).toBeGreaterThan(18);
});

test('every runs again and again until it is stopped', async () => {
  let count = 0;
  const timer = systemClock.every(1, () => (count += 1));
  await until('three times', PATIENCE_MS, () => count >= 3);
  timer.stop();
  const stopped = count;
  await pause(20);
  expect(count).toBe(stopped);
});

test.each(['after', 'every'] as const)(
  '%s that is stopped in time never runs; stopping twice is harmless',
  async (kind) => {
    let ran = false;
    const timer: Timer = systemClock[kind](1, () => (ran = true));
    timer.stop();
    timer.stop();
    await pause(20);
    expect(ran).toBe(false);
  },
);

/** How many timers and immediates keep this process alive. */
function waitedFor(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout' || kind === 'Immediate').length;
}

test('a process is kept alive by what comes once, not by what comes again', () => {
  const before = waitedFor();
  const again = systemClock.every(1_000, () => undefined);
  expect(waitedFor()).toBe(before);
  const once = systemClock.after(1_000, () => undefined);
  expect(waitedFor()).toBe(before + 1);
  once.stop();
  expect(waitedFor()).toBe(before);
  systemClock.soon(() => undefined);
  expect(waitedFor()).toBe(before + 1);
  again.stop();
});
