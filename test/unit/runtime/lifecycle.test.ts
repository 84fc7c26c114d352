/** lifecycle - stopped in reverse, each in its time, whatever one of them does */
import { Lifecycle } from '../../../src/runtime/lifecycle.js';
import { FakeClock } from '../../support/fake-clock.js';
import { recordingLog, type Said } from '../../support/live-map.js';
import { pause } from '../../support/processes.js';

const BOUND_MS = 600;

function world(): { clock: FakeClock; said: Said[]; order: string[]; lifecycle: Lifecycle } {
  const clock = new FakeClock();
  const { log, said } = recordingLog();
  return { clock, said, order: [], lifecycle: new Lifecycle(clock, log) };
}

test('the last started is stopped first, each after the one before has stopped', async () => {
  const { clock, lifecycle, order, said } = world();
  for (const name of ['journal', 'map', 'doors']) {
    lifecycle.onStop(name, async () => {
      order.push(`${name} begins`);
      await pause(1);
      order.push(`${name} has stopped`);
    });
  }
  lifecycle.onStop('at once', () => void order.push('at once'));
  await lifecycle.stop(BOUND_MS);
  expect(order).toEqual([
    'at once',
    'doors begins',
    'doors has stopped',
    'map begins',
    'map has stopped',
    'journal begins',
    'journal has stopped',
  ]);
  expect([said, clock.pendingTimers]).toEqual([[], 0]);
});

test('nothing was started', async () => {
  const { lifecycle, said } = world();
  await lifecycle.stop(BOUND_MS);
  expect(said).toEqual([]);
});

test('stopping twice, also at the same time, is stopping once', async () => {
  const { lifecycle, order } = world();
  lifecycle.onStop('one', async () => {
    await pause(1);
    order.push('one');
  });
  await Promise.all([lifecycle.stop(BOUND_MS), lifecycle.stop(BOUND_MS)]);
  await lifecycle.stop(BOUND_MS);
  expect(order).toEqual(['one']);
});

test('one that does not stop is told of and left behind', async () => {
  const { clock, lifecycle, order, said } = world();
  lifecycle.onStop('last', () => void order.push('last'));
  lifecycle.onStop('hangs', () => new Promise<void>(() => undefined));
  lifecycle.onStop('first', () => void order.push('first'));
  const stopping = lifecycle.stop(BOUND_MS);
  await pause(0);
  clock.advance(BOUND_MS - 1);
  await pause(0);
  expect([order, said]).toEqual([['first'], []]);
  clock.advance(1);
  await stopping;
  expect(order).toEqual(['first', 'last']);
  expect(said).toEqual([
    { level: 'error', event: 'did not stop in time', fields: { what: 'hangs', boundMs: BOUND_MS } },
  ]);
  expect(clock.pendingTimers).toBe(0);
});

test('each has the whole time', async () => {
  const { clock, lifecycle, order, said } = world();
  const gates: (() => void)[] = [];
  for (const name of ['two', 'one']) {
    lifecycle.onStop(name, async () => {
      await new Promise<void>((resolve) => gates.push(resolve));
      order.push(name);
    });
  }
  const stopping = lifecycle.stop(BOUND_MS);
  for (let turn = 0; turn < 2; turn += 1) {
    await pause(0);
    clock.advance(BOUND_MS - 1);
    gates[turn]?.();
    await pause(0);
  }
  await stopping;
  expect([order, said]).toEqual([['one', 'two'], []]);
});

test.each([
  [
    'throws',
    () => {
      throw new Error('the disk is gone');
    },
  ],
  ['rejects', () => Promise.reject(new Error('the disk is gone'))],
])('one that %s is told of, and the others are stopped', async (_, stop) => {
  const { clock, lifecycle, order, said } = world();
  lifecycle.onStop('last', () => void order.push('last'));
  lifecycle.onStop('breaks', stop);
  await lifecycle.stop(BOUND_MS);
  expect(order).toEqual(['last']);
  expect(said).toEqual([
    {
      level: 'error',
      event: 'did not stop cleanly',
      fields: { what: 'breaks', error: 'Error: the disk is gone' },
    },
  ]);
  expect(clock.pendingTimers).toBe(0);
});
