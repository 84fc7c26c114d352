/** ChangeQueue - order, slices, and who is told. */
import { ChangeQueue } from '../../../src/exports/change-queue.js';
import type { ClientAddress } from '../../../src/core/address.js';
import { grant, grants } from '../../support/live-map.js';

const FULL = -30_792;

function recorder(failAt = Infinity) {
  const calls: string[] = [];
  const call = (text: string): number => {
    if (calls.length === failAt) return FULL;
    calls.push(text);
    return 0;
  };
  return {
    calls,
    put: (client: string) => call(`+${client}`),
    remove: (client: string) => call(`-${client}`),
  };
}

const always = (): boolean => true;

test('takes several changes in one slice, in order', () => {
  const queue = new ChangeQueue();
  const told: number[] = [];
  queue.push({ put: [grant('192.0.2.1')], remove: ['192.0.2.2' as ClientAddress] }, () => told.push(1));
  queue.push({ put: [], remove: [] }, () => told.push(2));
  queue.push({ put: [], remove: ['192.0.2.1' as ClientAddress] }, () => told.push(3));
  const writer = recorder();
  expect(queue.writeSlice(writer, always)).toBe(0);
  expect(writer.calls).toEqual(['+192.0.2.1', '-192.0.2.2', '-192.0.2.1']);
  for (const done of queue.written()) done();
  expect(told).toEqual([1, 2, 3]);
  expect(queue.isEmpty).toBe(true);
});

test('a large change takes several slices and is told once, at its end', () => {
  const queue = new ChangeQueue();
  let told = 0;
  queue.push({ put: grants(2_500), remove: [] }, () => (told += 1));
  queue.push({ put: [grant('192.0.2.1')], remove: [] }, () => (told += 10));
  const writer = recorder();
  const slices: number[] = [];
  while (!queue.isEmpty) {
    const before = writer.calls.length;
    queue.writeSlice(writer, always);
    slices.push(writer.calls.length - before);
    for (const done of queue.written()) done();
    if (slices.length < 3) expect(told).toBe(0);
  }
  expect(slices).toEqual([1_000, 1_000, 501]);
  expect(told).toBe(11);
  expect(writer.calls).toEqual([...grants(2_500).map(({ client }) => `+${client}`), '+192.0.2.1']);
});

test('goes on a little even without time', () => {
  const queue = new ChangeQueue();
  queue.push({ put: grants(100), remove: [] }, () => undefined);
  const writer = recorder();
  let slices = 0;
  for (; !queue.isEmpty; slices += 1) {
    queue.writeSlice(writer, () => false);
    queue.written();
  }
  expect(slices).toBe(4);
  expect(writer.calls).toHaveLength(100);
});

test('a slice that failed can be written again, and a built map restarts the change', () => {
  const queue = new ChangeQueue();
  queue.push({ put: grants(1_500), remove: [] }, () => undefined);
  expect(queue.writeSlice(recorder(10), always)).toBe(FULL);
  const again = recorder();
  queue.writeSlice(again, always);
  expect(again.calls).toHaveLength(1_000);
  queue.written();
  queue.restart();
  const restarted = recorder();
  queue.writeSlice(restarted, always);
  expect(restarted.calls[0]).toBe('+10.0.0.0');
});

test('abandoned, it names all who wait, and is empty', () => {
  const queue = new ChangeQueue();
  const done = (): void => undefined;
  queue.push({ put: grants(2), remove: [] }, done);
  queue.push({ put: grants(2), remove: [] }, done);
  expect(queue.abandon()).toEqual([done, done]);
  expect(queue.isEmpty).toBe(true);
});
