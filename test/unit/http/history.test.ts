import { EVERY_MS, History, POINTS, type Point, sum, totals } from '../../../src/http/history.js';
import { FakeClock } from '../../support/fake-clock.js';
import { HandSource, QUIET } from './sources.js';

function begun(): { source: HandSource; clock: FakeClock; history: History; told: Point[] } {
  const source = new HandSource();
  const clock = new FakeClock();
  const history = new History(source, clock);
  const told: Point[] = [];
  history.start((point) => told.push(point));
  return { source, clock, history, told };
}

test('a fresh history has one point', () => {
  const { clock, history, told } = begun();
  expect(history.points()).toEqual([{ at: clock.wall(), live: 0, reports: {}, refusals: {}, lookups: {} }]);
  expect(told).toEqual(history.points());
});

test('a point has what was counted since the one before', () => {
  const { source, clock, history, told } = begun();
  source.counters.addLabelled('rpc.reports', 'pop1', 'udp', '1', 'granted');
  source.counters.addLabelled('rpc.reports', 'pop1', 'tcp', '2', 'full');
  source.counters.add('rpc.udp.oversize', 2);
  source.counters.add('lookup.socketmap.hit', 3);
  source.counters.add('lookup.socketmap.miss', 4);
  source.now = { ...QUIET, grants: { ...QUIET.grants, live: 7 } };
  clock.advance(EVERY_MS);
  source.counters.addLabelled('rpc.reports', 'pop1', 'udp', '1', 'renewed');
  clock.advance(EVERY_MS);
  expect(history.points().slice(1)).toEqual([
    {
      at: clock.wall() - EVERY_MS,
      live: 7,
      reports: { pop1: 2 },
      refusals: { 'ledger full': 1, 'oversize datagram': 2 },
      lookups: { socketmap: 7 },
    },
    {
      at: clock.wall(),
      live: 7,
      reports: { pop1: 1 },
      refusals: { 'ledger full': 0, 'oversize datagram': 0 },
      lookups: { socketmap: 0 },
    },
  ]);
  expect(told).toEqual(history.points());
});

test('it holds an hour and no more', () => {
  const { clock, history } = begun();
  clock.advance(EVERY_MS * (POINTS + 50));
  const points = history.points();
  expect(points).toHaveLength(POINTS);
  expect(points.at(-1)?.at).toBe(clock.wall());
  expect(points[0]?.at).toBe(clock.wall() - EVERY_MS * (POINTS - 1));
});

test('the last minute forgets what is older, and has what came just now', () => {
  const { source, clock, history } = begun();
  source.counters.add('lookup.policy.hit', 5);
  clock.advance(EVERY_MS);
  source.counters.add('lookup.policy.hit', 1);
  expect(history.lastMinute().lookups).toEqual({ policy: 6 });
  clock.advance(EVERY_MS * 5);
  expect(history.lastMinute().lookups).toEqual({ policy: 1 });
  clock.advance(EVERY_MS);
  expect(sum(history.lastMinute().lookups)).toBe(0);
});

test('what was counted before it began is in the totals, not in its points', () => {
  const source = new HandSource();
  source.counters.add('rpc.garbage', 9);
  const clock = new FakeClock();
  const history = new History(source, clock);
  history.start(() => undefined);
  expect(totals(source).refusals).toEqual({ 'garbage arguments': 9 });
  expect(sum(history.points()[0]?.refusals ?? { none: 1 })).toBe(0);
});

test('stopped, it leaves no timer', () => {
  const { clock, history } = begun();
  history.stop();
  expect(clock.pendingTimers).toBe(0);
});
