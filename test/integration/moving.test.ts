/** moving - what one running dracd exports, another one that relays imports: the same rows, and nothing denied relays meanwhile */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Operated } from '../support/operated.js';
import { lookup } from '../support/postmap.js';
import { type Ended, newDirectory, ROOT, run } from '../support/processes.js';
import { SUCCESS, TcpClient } from '../support/rpc-client.js';

interface Host {
  readonly directory: string;
  readonly daemon: Operated;
  readonly ctl: (...words: string[]) => Promise<Ended>;
}

const GRANTS = 'ipv6_prefix = 64\nnever = ["198.51.100.128/25"]';
const HOUR_MS = 3_600_000;

async function host(name: string): Promise<Host> {
  const directory = newDirectory(name);
  const daemon = await Operated.start({ directory, grants: GRANTS });
  const server = `unix:${path.join(directory, 'admin.sock')}`;
  const ctl = (...words: string[]): Promise<Ended> =>
    run([process.execPath, path.join(ROOT, 'dist/ctl.js'), '--server', server, '--timeout', '60s', ...words]);
  return { directory, daemon, ctl };
}

let from: Host;
let to: Host;

beforeAll(async () => {
  [from, to] = await Promise.all([host('from'), host('to')]);
});

afterAll(() => Operated.killAll());

const by = { author: 'ann', reason: 'spam, "again"' };

/** Everything there can be: a pin under a deny, a deny in a pin, grants for a while, leases for addresses and networks. */
async function fill({ daemon }: Host): Promise<void> {
  const entries: readonly (readonly [string, string, object])[] = [
    ['pin', '203.0.113.5', { user: 'zw\u00f6lf' }],
    ['deny', '203.0.113.0/28', { reason: '\u65e5\u672c, caf\u00e9' }],
    ['pin', '192.0.2.0/24', { lifetimeMs: 48 * HOUR_MS }],
    ['deny', '192.0.2.66', { lifetimeMs: 24 * HOUR_MS }],
    ['authorize', '203.0.113.64/26', { lifetimeMs: 2 * HOUR_MS }],
    ['deny', '203.0.113.70', {}],
    ['deny', '10.0.0.0/7', {}],
  ];
  for (const [call, subject, more] of entries) await daemon.call(call, { subject, ...by, ...more });
  const tcp = await TcpClient.open(daemon.port);
  for (const client of ['198.51.100.7', '2001:db8:1:2::6']) expect(await tcp.add(client)).toBe(SUCCESS);
  tcp.close();
}

/** Rows as far as they can be moved. */
async function rows({ daemon }: Host): Promise<unknown[]> {
  const all = await daemon.rows();
  return all
    .map(({ kind, subject, reason, user, expiresAt }) => ({
      kind,
      subject,
      reason: reason ?? 'imported',
      user,
      hasEnd: expiresAt !== undefined,
    }))
    .sort((one, other) => (`${one.kind} ${one.subject}` < `${other.kind} ${other.subject}` ? -1 : 1));
}

test('an export into an empty dracd: the dry run foresees it, and then all is there, denies first', async () => {
  await fill(from);
  const file = path.join(from.directory, 'rows.csv');
  expect((await from.ctl('export', file)).code).toBe(0);
  const dry = await to.ctl('import', '--dry-run', file);
  expect(dry).toMatchObject({ code: 0, stdout: 'would do: 4 denies, 2 pins, 3 grants\n', stderr: '' });
  expect(await to.daemon.rows()).toEqual([]);
  await to.daemon.call('watch', await to.daemon.call('position'));
  // It denies a good part of the world, which must be meant.
  expect(await to.ctl('import', file)).toMatchObject({ code: 64, stdout: '0 denies, 0 pins, 0 grants\n' });
  expect(await to.daemon.rows()).toEqual([]);
  const done = await to.ctl('import', '--yes', file);
  expect(done).toMatchObject({ code: 0, stdout: '4 denies, 2 pins, 3 grants\n', stderr: '' });
  expect(await rows(to)).toEqual(await rows(from));
  const kinds = to.daemon.changes.map(({ kind }) => kind);
  expect(kinds.lastIndexOf('denied')).toBeLessThan(kinds.indexOf('pinned'));
  // The ends are those of the file.
  const ends = async ({ daemon }: Host): Promise<Record<string, number>> =>
    Object.fromEntries((await daemon.rows()).map((row) => [row.subject, row.expiresAt ?? 0]));
  const [expected, found] = [await ends(from), await ends(to)];
  for (const [subject, end] of Object.entries(expected))
    expect(Math.abs((found[subject] ?? 0) - end)).toBeLessThan(60_000);
});

test('deny wins in the map, and a pin under it counts once it goes', async () => {
  const map = path.join(to.directory, 'relay.lmdb');
  for (const denied of ['203.0.113.5', '192.0.2.66', '203.0.113.70'])
    expect([denied, (await to.daemon.explain(denied)).verdict]).toEqual([denied, 'not']);
  expect(await lookup(map, '203.0.113.5')).toBeUndefined();
  await to.daemon.call('remove', 'deny', '203.0.113.0/28', by);
  expect((await to.daemon.explain('203.0.113.5')).rule).toBe('pin');
  expect(await lookup(map, '203.0.113.5')).toBeDefined();
});

test('again is the same as once, with a deny of its own too', async () => {
  await to.daemon.call('deny', { subject: '203.0.113.0/29', ...by });
  const file = path.join(from.directory, 'rows.jsonl');
  expect((await from.ctl('export', file)).code).toBe(0);
  expect(await to.ctl('import', '--yes', file)).toMatchObject({ code: 0, stderr: '' });
  expect(await rows(to)).toHaveLength((await rows(from)).length + 1);
});

test('what it refuses, the dry run refuses too: its never, its denies, in the same words', async () => {
  await to.daemon.call('deny', { subject: '198.51.100.0/25', ...by });
  const file = path.join(from.directory, 'refused.csv');
  const end = new Date(Date.now() + HOUR_MS).toISOString();
  writeFileSync(
    file,
    `address,kind,expiresAt\n198.51.100.200,pin,\n198.51.100.9,grant,${end}\n198.51.100.9,pin,\n192.0.2.9,deny,\n`,
  );
  const before = await rows(to);
  const dry = await to.ctl('import', '--dry-run', file);
  expect(dry).toMatchObject({
    code: 2,
    stdout: 'would do: 1 deny, 1 pin, 0 grants; 2 would be refused\n',
  });
  expect(dry.stderr).toMatch(
    /:2: 198\.51\.100\.200 may never relay.*\n.*:3: 198\.51\.100\.9 is denied \(198\.51\.100\.0\/25/,
  );
  const whole = await to.ctl('import', file);
  expect(whole).toMatchObject({ code: 2, stdout: '0 denies, 0 pins, 0 grants; 2 were refused\n' });
  expect(await rows(to)).toEqual(before);
  const partial = await to.ctl('import', '--partial', file);
  expect(partial).toMatchObject({ code: 2, stdout: '1 deny, 1 pin, 0 grants; 2 were refused\n' });
  expect(partial.stderr.split('\n').slice(0, 2)).toEqual(dry.stderr.split('\n').slice(0, 2));
  expect(await rows(to)).toHaveLength(before.length + 2);
  // By hand it is refused with what to do.
  expect((await to.ctl('pin', '198.51.100.10', '--reason', 'x')).stderr).toContain('remove that deny first');
  // A check is no act: nothing of it is in the audit.
  const told = to.daemon.logs.filter(({ event }) => event === 'operator').map((line) => line['subject']);
  expect(told).toContain('198.51.100.10');
  expect(told).not.toContain('198.51.100.200');
});
