/** inOrder - complete, in order, in small steps, whatever the addresses look like. */
import { inOrder } from '../../../src/exports/in-order.js';
import { grant, grants } from '../../support/live-map.js';

const sequence = (n: number, name: (i: number) => string) =>
  Array.from({ length: n }, (_, i) => grant(name(i)));

test.each([
  ['none', []],
  ['one', [grant('192.0.2.1')]],
  ['spread', grants(50_000)],
  ['of one network', sequence(30_000, (i) => `2001:db8:1:2:3:4:${(i % 200).toString(16)}:${i.toString(16)}`)],
  ['in order already', sequence(20_000, (i) => `10.1.${100 + (i >> 8)}.${i & 255}`)],
  ['named twice', [...grants(3_000), ...grants(3_000)]],
])('grants: %s', (_, all) => {
  const runs = [...inOrder(all)];
  const clients = runs.flat().map(({ client }) => client);
  expect(clients).toEqual(all.map(({ client }) => client).sort());
  expect(Math.max(0, ...runs.map((run) => run.length))).toBeLessThanOrEqual(2_000);
  // No step collects or distributes more than a step's worth.
  expect(runs.length).toBeGreaterThanOrEqual(Math.floor(all.length / 2_000) * 2);
});
