/** rates - how often things happen between two answers, also when the daemon was started anew between them */
import type { StatsResponse__Output } from '../../../src/admin/gen/dracd/admin/v1/StatsResponse.js';
import { allOf, grantedOf, refusedOf, type Sample, viewOf } from '../../../src/ctl/rates.js';

function sample(
  at: number,
  numbers: Record<string, number>,
  reports: StatsResponse__Output['reports'] = [],
): Sample {
  const stats = Object.entries(numbers).map(([name, number]) => ({ name, number, value: 'number' as const }));
  return { at, answer: { stats, reports } };
}

const first = sample(10_000, {
  leases: 3,
  'counted.rpc.add.granted': 10,
  'counted.rpc.add.stranger': 1,
  'counted.lookup.socketmap.hit': 100,
  'counted.rpc.malformed': 0,
});
const second = sample(12_000, {
  leases: 5,
  'counted.rpc.add.granted': 30,
  'counted.rpc.add.stranger': 2,
  'counted.lookup.socketmap.hit': 101,
  'counted.lookup.policy.miss': 7,
  'counted.rpc.malformed': 0,
  'counted.rpc.udp.oversize': 4,
});

test('between two answers', () => {
  const { state, adds, lookups, refused } = viewOf(second, first);
  expect(state).toEqual({ leases: 5 });
  expect(adds).toEqual([
    { name: 'granted', total: 30, perSecond: 10 },
    { name: 'renewed', total: 0, perSecond: 0 },
    { name: 'stranger', total: 2, perSecond: 0.5 },
    { name: 'unusable', total: 0, perSecond: 0 },
    { name: 'full', total: 0, perSecond: 0 },
    { name: 'failed', total: 0, perSecond: 0 },
  ]);
  expect(grantedOf(adds)).toMatchObject({ total: 30, perSecond: 10 });
  expect(refusedOf(adds)).toMatchObject({ total: 2, perSecond: 0.5 });
  expect(lookups).toEqual([
    { name: 'socketmap hit', total: 101, perSecond: 0.5 },
    { name: 'policy miss', total: 7, perSecond: 3.5 },
  ]);
  expect(allOf(lookups)).toMatchObject({ total: 108, perSecond: 4 });
  // Only what has happened.
  expect(refused).toEqual([{ name: 'rpc.udp.oversize', total: 4, perSecond: 2 }]);
});

test('after the first answer no rate is known', () => {
  const { adds } = viewOf(first, undefined);
  expect(adds[0]).toEqual({ name: 'granted', total: 10, perSecond: undefined });
  expect(grantedOf(adds).perSecond).toBeUndefined();
});

test('a count that is smaller than before is one of another run', () => {
  const { adds } = viewOf(sample(12_000, { 'counted.rpc.add.granted': 4 }), second);
  expect(adds[0]).toMatchObject({ total: 4, perSecond: undefined });
  const later = viewOf(sample(14_000, { 'counted.rpc.add.granted': 4 }), second);
  expect(later.adds[0]).toMatchObject({ total: 4, perSecond: 2 });
});

test('reporters: the busiest first, with what of their reports was refused', () => {
  const before = sample(0, {}, [
    { reporter: 'pop1', outcome: 'granted', count: 5 },
    { reporter: 'pop2', outcome: 'granted', count: 900 },
  ]);
  const now = sample(1_000, {}, [
    { reporter: 'pop2', outcome: 'granted', count: 901 },
    { reporter: 'pop1', outcome: 'granted', count: 7 },
    { reporter: 'pop1', outcome: 'renewed', count: 10 },
    { reporter: 'pop1', outcome: 'full', count: 3 },
  ]);
  expect(viewOf(now, before).reporters).toEqual([
    {
      name: 'pop1',
      total: 20,
      perSecond: 15,
      refused: { name: 'refused', total: 3, perSecond: 3 },
    },
    { name: 'pop2', total: 901, perSecond: 1, refused: { name: 'refused', total: 0, perSecond: 0 } },
  ]);
});
