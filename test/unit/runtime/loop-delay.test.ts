import { LoopDelay } from '../../../src/runtime/loop-delay.js';
import { FakeClock } from '../../support/fake-clock.js';

test('a loop that is in time has no delay', () => {
  const clock = new FakeClock();
  const delay = new LoopDelay(clock);
  clock.advance(1_000);
  expect(delay.spread()).toMatchObject({ count: 50, sum: 0 });
});

test('a stall is seen with its length', () => {
  const clock = new FakeClock();
  const delay = new LoopDelay(clock);
  clock.advance(40);
  // Nothing runs for 300 ms.
  clock.monoMs += 300;
  clock.advance(20);
  const { bounds, atMost, count, sum } = delay.spread();
  expect(sum).toBeGreaterThanOrEqual(0.28);
  expect(count - (atMost[bounds.indexOf(0.25)] ?? 0)).toBe(1);
});

test('stopped, it leaves no timer', () => {
  const clock = new FakeClock();
  new LoopDelay(clock).stop();
  expect(clock.pendingTimers).toBe(0);
});
