/** changes - positions, what is remembered, catching up, and nothing at all while nobody asks. */
import type { Change } from '../../src/admin/operations.js';
import { Changes } from '../../src/changes.js';
import type { ClientAddress } from '../../src/core/address.js';
import type { EndedLease } from '../../src/core/ended.js';
import { FakeClock } from '../support/fake-clock.js';

const lease = (i: number): EndedLease => {
  const client = `10.0.${i >> 8}.${i & 255}` as ClientAddress;
  return { subject: client, client, reporter: '192.0.2.1' as ClientAddress, expiresAt: 1_790_000_000_000 };
};

function world(remembered = 64) {
  const clock = new FakeClock();
  const changes = new Changes({ clock, epoch: 'e', remembered });
  let made = 0;
  return {
    clock,
    changes,
    /** As the ledger does: tells only who listens. */
    happen: (n: number): void => {
      for (let i = 0; i < n; i += 1) {
        made += 1;
        if (changes.listens) changes.ended('expired', lease(made));
      }
    },
  };
}

const positions = (told: readonly Change[]): number[] => told.map(({ position }) => position);
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('while nobody has asked nothing is kept', () => {
  const { changes, happen } = world();
  happen(10);
  expect(changes.listens).toBe(false);
  expect(changes.position).toBe(0);
  expect(changes.listens).toBe(true);
});

test('the last ones, the latest first: those since somebody asked', () => {
  const { changes, clock, happen } = world();
  happen(3);
  expect(changes.recent(20)).toEqual([]);
  happen(30);
  expect(positions(changes.recent(20))).toEqual(range(11, 30).reverse());
  expect(positions(changes.recent(40))).toEqual(range(1, 30).reverse());
  happen(100);
  expect(positions(changes.recent(2))).toEqual([130, 129]);
  // Nobody has asked for long, and what has happened since is not known.
  clock.advance(700_000);
  happen(5);
  expect(changes.recent(20)).toEqual([]);
});

test('a watcher is told of what happens, at once and in order, until it stops', () => {
  const { changes, clock, happen } = world();
  const told: Change[] = [];
  const watching = changes.watch(undefined, (change) => told.push(change));
  happen(3);
  expect(positions(told)).toEqual([1, 2, 3]);
  expect(told[0]).toEqual({
    position: 1,
    kind: 'expired',
    at: clock.wall(),
    row: {
      kind: 'grant',
      subject: '10.0.0.1',
      client: undefined,
      expiresAt: 1_790_000_000_000,
      reporter: '192.0.2.1',
    },
  });
  watching?.stop();
  watching?.stop();
  happen(1);
  expect(told).toHaveLength(3);
  expect(changes.watchers).toBe(0);
});

test('resumed, it is told each change once, those that happen meanwhile too', () => {
  const { changes, clock, happen } = world();
  const from = changes.position;
  happen(20);
  const told: Change[] = [];
  expect(changes.watch(from + 5, (change) => told.push(change))).toBeDefined();
  expect(told).toEqual([]);
  happen(10);
  clock.runSoon();
  happen(1);
  expect(positions(told)).toEqual(range(6, 31));
});

test('many are caught up with in steps', () => {
  const { changes, clock, happen } = world(16_384);
  const from = changes.position;
  happen(10_000);
  const told: Change[] = [];
  changes.watch(from, (change) => told.push(change));
  expect(clock.pendingSoon).toBe(1);
  clock.runSoon();
  expect(positions(told)).toEqual(range(1, 10_000));
});

test('what is no longer remembered, is to come, or is of no number must be listed anew', () => {
  const { changes, happen } = world(64);
  const from = changes.position;
  happen(60);
  const ignore = (): void => undefined;
  expect(changes.watch(from, ignore)).toBeUndefined();
  expect(changes.watch(61, ignore)).toBeUndefined();
  expect(changes.watch(0.5, ignore)).toBeUndefined();
  expect(changes.watch(-1, ignore)).toBeUndefined();
  expect(changes.watch(60, ignore)).toBeDefined();
  expect(changes.watch(10, ignore)).toBeDefined();
});

test('interest lasts for a while after the last watcher; after that there is a gap, and it is known', () => {
  const { changes, clock, happen } = world();
  changes.watch(undefined, () => undefined)?.stop();
  clock.advance(599_999);
  happen(3);
  clock.advance(1);
  happen(3);
  expect(changes.watch(0, () => undefined)).toBeUndefined();
  expect(changes.position).toBe(3);
  const told: Change[] = [];
  changes.watch(3, (change) => told.push(change));
  happen(1);
  expect(positions(told)).toEqual([4]);
});

test('one that stops while it catches up is told nothing more', () => {
  const { changes, clock, happen } = world();
  const from = changes.position;
  happen(5);
  const told: Change[] = [];
  const watching = changes.watch(from, (change) => {
    told.push(change);
    if (told.length === 2) watching?.stop();
  });
  clock.runSoon();
  happen(1);
  expect(told).toHaveLength(2);
});

test('forget: nobody is told of it any more, by whichever word it is named; positions go on', async () => {
  const { changes, clock, happen } = world();
  changes.recent(1);
  happen(8);
  const two = '10.0.0.2' as ClientAddress;
  changes.ended('revoked', { ...lease(9), client: two });
  const entry = { kind: 'pin', subject: lease(100).subject, author: 'ann', createdAt: 0 } as const;
  for (const reason of ['for 10.0.0.2', 'for 10.0.0.20'])
    changes.entry('pinned', { ...entry, reason, expiresAt: undefined, user: undefined });
  happen(1);
  expect(positions(changes.recent(20))).toEqual(range(1, 12).reverse());
  await changes.forget(two);
  expect(positions(changes.recent(20))).toEqual([12, 11, 8, 7, 6, 5, 4, 3, 1]);
  expect(JSON.stringify(changes.recent(20))).not.toMatch(/10\.0\.0\.2(?!0)/);
  const told: Change[] = [];
  expect(changes.watch(0, (change) => told.push(change))).toBeDefined();
  clock.advance(1);
  happen(1);
  clock.advance(1);
  expect(positions(told)).toEqual([1, 3, 4, 5, 6, 7, 8, 11, 12, 13]);
});
