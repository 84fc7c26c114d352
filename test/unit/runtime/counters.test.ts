/** counters - sums by name, in the order of the names */
import { Counters } from '../../../src/runtime/counters.js';

test('nothing was counted', () => {
  expect(new Counters().snapshot()).toEqual({});
});

test('one by one, many at once, and none', () => {
  const counters = new Counters();
  counters.add('calls');
  counters.add('calls');
  counters.add('calls', 40);
  counters.add('none', 0);
  expect(counters.snapshot()).toEqual({ calls: 42, none: 0 });
});

test('a snapshot is sorted, and stays what it was', () => {
  const counters = new Counters();
  for (const name of ['rpc.udp', 'rpc.add', 'a', 'rpc.tcp']) counters.add(name);
  const snapshot = counters.snapshot();
  counters.add('a');
  expect(Object.entries(snapshot)).toEqual([
    ['a', 1],
    ['rpc.add', 1],
    ['rpc.tcp', 1],
    ['rpc.udp', 1],
  ]);
});

test('two sets of counters have nothing in common', () => {
  const one = new Counters();
  one.add('calls');
  expect(new Counters().snapshot()).toEqual({});
});

test('labelled counts are kept apart by all their labels', () => {
  const counters = new Counters();
  counters.addLabelled('reports', 'pop1', 'udp');
  counters.addLabelled('reports', 'pop1', 'tcp');
  counters.addLabelled('reports', 'pop1', 'udp');
  expect(counters.labelled('reports')).toEqual([
    { labels: ['pop1', 'udp'], count: 2 },
    { labels: ['pop1', 'tcp'], count: 1 },
  ]);
  expect(counters.labelled('others')).toEqual([]);
  expect(counters.snapshot()).toEqual({});
});
