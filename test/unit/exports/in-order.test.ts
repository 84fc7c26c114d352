/** inOrder - complete, in order, in small steps, whatever the addresses look like and in whatever order they come. */
import type { Grant } from '../../../src/core/grant.js';
import { inOrder } from '../../../src/exports/in-order.js';
import { grant, grants } from '../../support/live-map.js';

const STEP = 2_000;
/** Buckets are about a thousand; a random sample makes some a few times that. */
const MOST_SORTED_AT_ONCE = 8_000;

const sequence = (n: number, name: (i: number) => string): Grant[] =>
  Array.from({ length: n }, (_, i) => grant(name(i)));

const hex = (n: number): string => n.toString(16);

/** What a sample of every 250th grant, which is how many there are to one sampled, would take for spread. */
const SPREAD_EVERY = 250;
const lopsided = sequence(40_000, (i) =>
  i % SPREAD_EVERY === 0 ? `${1 + (i % 9)}.${i & 255}.${(i >> 8) & 255}.7` : `172.16.${i >> 8}.${i & 255}`,
);

const cases: [string, Grant[]][] = [
  ['none', []],
  ['one', [grant('192.0.2.1')]],
  ['exactly one step', grants(STEP)],
  ['spread', grants(50_000)],
  ['of one network', sequence(30_000, (i) => `2001:db8:1:2:3:4:${hex(i % 200)}:${hex(i)}`)],
  [
    'of both kinds',
    sequence(20_000, (i) => (i % 2 === 0 ? `10.${i & 255}.${i >> 8}.1` : `2a02:${hex(i)}::1`)),
  ],
  ['in order already', sequence(20_000, (i) => `10.1.${100 + (i >> 8)}.${i & 255}`)],
  ['lopsided', lopsided],
  ['named twice', [...grants(3_000), ...grants(3_000)]],
  [
    'that differ late',
    ['2001:db8:aaaa:bbbb:cccc::1', '2001:db8:aaaa:bbbb:cccc::', '1.1.1.1', '1.1.1.10'].map((key) =>
      grant(key),
    ),
  ],
];

test.each(cases)('grants: %s', (_, all) => {
  const runs = [...inOrder(all)];
  const clients = runs.flat().map(({ client }) => client);
  expect(clients).toEqual(all.map(({ client }) => client).sort());
  expect(Math.max(0, ...runs.map((run) => run.length))).toBeLessThanOrEqual(STEP);
  // No step collects or distributes more than a step's worth.
  expect(runs.length).toBeGreaterThanOrEqual(Math.floor(all.length / STEP) * 2);
});

/** The most grants that were sorted in one step. */
function mostSorted(all: readonly Grant[]): number {
  // A bucket comes out as full runs and a last one that is not.
  let sorted = 0;
  let most = 0;
  for (const run of inOrder(all)) {
    sorted += run.length;
    most = Math.max(most, sorted);
    if (run.length < STEP) sorted = 0;
  }
  return most;
}

test.each(cases.slice(3))('no sort is large for grants: %s', (_, all) => {
  expect(mostSorted(all)).toBeLessThan(MOST_SORTED_AT_ONCE);
});

test('the control: a sample that is not random is fooled', () => {
  const { random } = Math;
  Math.random = () => 0;
  try {
    expect(mostSorted(lopsided)).toBeGreaterThan(MOST_SORTED_AT_ONCE);
  } finally {
    Math.random = random;
  }
});

test('of a client that is named twice, the later comes later', () => {
  const all = Array.from({ length: 3_000 }, (_, i) => grant(`10.0.0.${i % 30}`, i));
  const seen = new Map<string, number>();
  for (const { client, expiresAt } of [...inOrder(all)].flat()) {
    expect(expiresAt).toBeGreaterThan(seen.get(client) ?? -1);
    seen.set(client, expiresAt);
  }
  expect(seen.size).toBe(30);
});

test('what is no address comes out too', () => {
  const all = ['zebra', 'Ape', '', 'é', '10.0.0.1', 'ape', '~'].map((client) => grant(client));
  const clients = [...inOrder(all)].flat().map(({ client }) => client);
  expect(clients.sort()).toEqual(all.map(({ client }) => client).sort());
});

test('grants that come and go meanwhile do not disturb it', () => {
  const live = new Map(grants(10_000).map((one) => [one.client, one]));
  const steps = inOrder(live.values());
  steps.next();
  const gone = grants(10_000)[9_999] as Grant;
  live.delete(gone.client);
  live.set('192.0.2.1' as Grant['client'], grant('192.0.2.1'));
  const clients = [...steps].flat().map(({ client }) => client);
  expect(clients).toHaveLength(10_000);
  expect([clients.includes('192.0.2.1'), clients.includes(gone.client)]).toEqual([true, false]);
});
