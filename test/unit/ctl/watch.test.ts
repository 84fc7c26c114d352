/** watch - goes on from a position, comes back after a broken connection, and never passes over a gap in silence */
import { EPOCH } from '../../support/operations.js';
import { until } from '../../support/processes.js';
import { closeAll } from '../admin/doors.js';
import { stand, start, type Running, watched } from './dracctl.js';

const running: Running[] = [];
const launch = (...words: Parameters<typeof start>): Running => {
  const one = start(...words);
  running.push(one);
  return one;
};

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.end('SIGKILL')));
  await closeAll();
});

const changesOf = (one: Running): { number?: number; change: string; position?: string }[] =>
  one.lines().map((line) => JSON.parse(line) as { change: string });

async function seen(one: Running, count: number): Promise<void> {
  await until(`${count} lines of: ${one.stdout()}${one.stderr()}`, 60_000, () => one.lines().length >= count);
}

const row = { kind: 'grant', subject: '192.0.2.7', expiresAt: 1_800_000_000_000 } as never;

test('from now on; at the end it says how to go on, and that is where it goes on', async () => {
  const standing = await stand();
  const { operations, place } = standing;
  operations.change('granted', row);
  const first = launch(place, ['watch', '--json']);
  await watched(standing);
  operations.change('renewed', row);
  await seen(first, 1);
  expect(changesOf(first)).toMatchObject([
    { number: 2, change: 'renewed', address: '192.0.2.7', position: `${EPOCH}:2` },
  ]);
  expect(await first.end()).toBe(0);
  expect(first.stderr()).toBe(`dracctl: to go on from here: dracctl watch --after ${EPOCH}:2\n`);
  operations.change('revoked', row);
  const second = launch(place, ['watch', '--json', '--after', `${EPOCH}:2`]);
  await seen(second, 1);
  expect(changesOf(second)).toMatchObject([{ number: 3, change: 'revoked' }]);
  expect(await second.end('SIGTERM')).toBe(0);
});

test('without --reconnect the end of the daemon is the end: try again later', async () => {
  const standing = await stand();
  const one = launch(standing.place, ['watch']);
  await watched(standing);
  await standing.server.stop();
  expect(await one.ended).toBe(75);
  expect(one.stderr()).toMatch(/^dracctl: .+\n {2}cure: try again in a moment\n$/);
});

test('with --reconnect: nothing is missed and nothing told twice', async () => {
  const first = await stand();
  const { operations, place } = first;
  const one = launch(place, ['watch', '--json', '--reconnect']);
  await watched(first);
  operations.change('granted', row);
  await seen(one, 1);
  await first.server.stop();
  operations.change('renewed', row);
  await until('it tries again', 60_000, () => one.stderr().includes('trying again'));
  const second = await stand(operations, place);
  operations.change('expired', row);
  await seen(one, 3);
  await watched(second);
  operations.change('granted', row);
  await seen(one, 4);
  expect(changesOf(one).map(({ number, change }) => `${number ?? ''} ${change}`)).toEqual([
    '1 granted',
    '2 renewed',
    '3 expired',
    '4 granted',
  ]);
  expect(await one.end()).toBe(0);
});

test('with --reconnect it waits for a daemon that is not there yet', async () => {
  const gone = await stand();
  await gone.server.stop();
  const one = launch(gone.place, ['watch', '--reconnect']);
  await until('it tries again', 60_000, () => one.stderr().includes('trying again'));
  const standing = await stand(undefined, gone.place);
  await watched(standing);
  standing.operations.change('granted', row);
  await seen(one, 1);
  expect(one.stdout()).toMatch(/granted {3}192\.0\.2\.7/);
  expect(await one.end()).toBe(0);
});

test('a gap is told, and with --reconnect it goes on after it', async () => {
  const standing = await stand();
  const { operations, place, ctl } = standing;
  operations.change('granted', row);
  const after = ['watch', '--json', '--after', 'another-run:7'];
  const refused = await ctl(after);
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toMatch(
    /the position is of another run[^\n]*\n {2}cure: list anew \(dracctl export\)/,
  );
  const one = launch(place, [...after, '--reconnect']);
  await watched(standing);
  operations.change('renewed', row);
  await seen(one, 2);
  expect(changesOf(one)).toMatchObject([
    { change: 'gap', after: 'another-run:7' },
    { change: 'renewed', number: 2 },
  ]);
});

test.each(['', 'x', ':1', 'a-run:', 'a-run:-1', 'a-run:1.5', `a-run:${'9'.repeat(20)}`])(
  'the position %p is none',
  async (text) => {
    const { ctl } = await stand();
    const { code, stderr } = await ctl(['watch', '--after', text]);
    expect(code).toBe(64);
    expect(stderr).toContain("option '--after <POSITION>' argument");
    expect(stderr).toContain('EPOCH:NUMBER');
  },
);
