/** feed - a burst of changes costs its length, not the square of it */
import { Feed, type Watched } from '../../../src/admin/feed.js';
import type { Change } from '../../../src/admin/operations.js';
import { CHANGES_A_MESSAGE } from '../../../src/admin/watcher.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { EPOCH, lease, NOW } from '../../support/operations.js';

const BURST = 100_000;

/** How many elements all cuts of arrays have copied while something ran. */
function copied(run: () => void): number {
  let sum = 0;
  const own = Object.getOwnPropertyDescriptor(Array.prototype, 'slice') ?? {};
  const slice = own.value as (this: unknown[], from?: number, to?: number) => unknown[];
  const value = function (this: unknown[], from?: number, to?: number): unknown[] {
    const part = slice.call(this, from, to);
    sum += part.length;
    return part;
  };
  Object.defineProperty(Array.prototype, 'slice', { ...own, value });
  try {
    run();
  } finally {
    Object.defineProperty(Array.prototype, 'slice', own);
  }
  return sum;
}

test('the copies are counted', () => {
  expect(copied(() => [1, 2, 3].slice(1).slice(0, 1))).toBe(3);
});

test('a burst of changes is told in messages, and copied a few times at most', () => {
  const turns: (() => void)[] = [];
  const clock = {
    ...systemClock,
    after: (_ms: number, step: () => void) => {
      turns.push(step);
      return { stop: () => undefined };
    },
    soon: (step: () => void) => void turns.push(step),
  };
  const tellers = new Set<(change: Change) => void>();
  const operations: Watched = {
    epoch: EPOCH,
    position: 0,
    watch: (_position, tell) => {
      tellers.add(tell);
      return { stop: () => void tellers.delete(tell) };
    },
  };
  const feed = new Feed({ operations, clock, onEnd: () => undefined });
  const numbers: number[] = [];
  const stream = {
    send: ({ changes = [] }: { changes?: readonly { number?: unknown }[] }, sent: () => void): void => {
      numbers.push(...changes.map(({ number }) => Number(number)));
      sent();
    },
    end: () => undefined,
  };
  feed.join(stream, undefined);
  const sum = copied(() => {
    const row = lease(1);
    for (let position = 1; position <= BURST; position += 1)
      for (const tell of tellers) tell({ position, kind: 'expired', at: NOW, row });
    for (let step = turns.shift(); step !== undefined; step = turns.shift()) step();
  });
  expect(numbers).toHaveLength(BURST);
  expect(numbers.every((number, i) => number === i + 1)).toBe(true);
  expect(sum).toBeLessThan(3 * BURST);
  expect(BURST / CHANGES_A_MESSAGE).toBeGreaterThan(100);
});
