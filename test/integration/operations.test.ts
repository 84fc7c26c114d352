/**
 * operations - what operators do, in a running daemon that real mail servers ask; after kill -9 and a restart too
 *
 * A private Postfix asks the live map (smtpd 0), a btree snapshot (1) and the policy service (2).
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { configurationText } from '../support/daemon.js';
import { postfixTable } from '../support/map-readers.js';
import { Operated } from '../support/operated.js';
import { FOREIGN_RECIPIENT, Postfix, relayRestrictions } from '../support/postfix.js';
import { MAIN, mustRun, newDirectory, until } from '../support/processes.js';
import { SUCCESS, TcpClient } from '../support/rpc-client.js';

const directory = newDirectory('operations');
const file = (name: string): string => path.join(directory, name);
const by = { author: 'ann', reason: 'abuse report' };
const wish = (subject: string, more: object = {}): object => ({ subject, ...by, ...more });
const within = (subject: string): object => ({ within: subject });

const OPTIONS = {
  directory,
  grants: 'ipv6_prefix = 64\nalways = ["198.51.100.0/24"]\nnever = ["203.0.113.128/25"]',
  more: `
[[exports]]
format = "bdb"
path = "${file('relay.db')}"
interval = "100ms"
[[lookups]]
kind = "policy"
listen = ["unix:${file('policy')}"]
mode = "0666"
`,
};

let daemon: Operated;
let postfix: Postfix;

beforeAll(async () => {
  daemon = await Operated.start(OPTIONS);
  postfix = await Postfix.start([
    relayRestrictions(`lmdb:${file('relay')}`),
    relayRestrictions(postfixTable('btree', file('relay.db'))),
    relayRestrictions('static:none').replace(
      'check_client_access static:none',
      `check_policy_service unix:${file('policy')}`,
    ),
  ]);
});

afterAll(async () => {
  await postfix.stop();
  await Operated.killAll();
});

async function report(...clients: string[]): Promise<(number | undefined)[]> {
  const tcp = await TcpClient.open(daemon.port);
  const statuses: (number | undefined)[] = [];
  for (const client of clients) statuses.push(await tcp.add(client));
  tcp.close();
  return statuses;
}

async function relays(client: string): Promise<boolean[]> {
  const codes = await Promise.all([0, 1, 2].map((smtpd) => postfix.ask(client, FOREIGN_RECIPIENT, smtpd)));
  for (const code of codes) expect([250, 554]).toContain(code);
  return codes.map((code) => code === 250);
}

/** Waits until all three say so; the live map and the policy service must at once. */
async function expectRelay(client: string, expected: boolean): Promise<void> {
  const [map, , policy] = await relays(client);
  expect([client, map, policy]).toEqual([client, expected, expected]);
  await until(`the snapshot says so of ${client}`, 5_000, async () => (await relays(client))[1] === expected);
}

test('a deny is obeyed at the next recipient of a session that is open: lease, wide lease, the site’s own', async () => {
  expect(await report('203.0.113.7', '2001:db8:1:2:a:b:c:6')).toEqual([SUCCESS, SUCCESS]);
  for (const [client, denied] of [
    ['203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:a:b:c:7', '2001:db8:1:2:a:b:c:6'],
    ['198.51.100.9', '198.51.100.9'],
    ['198.51.100.65', '198.51.100.64/26'],
  ] as const) {
    const session = await postfix.session(client);
    expect([client, await session.recipient(FOREIGN_RECIPIENT)]).toEqual([client, 250]);
    await daemon.call('deny', wish(denied));
    expect([client, await session.recipient(FOREIGN_RECIPIENT)]).toEqual([client, 554]);
    session.close();
    await expectRelay(client, false);
  }
  await expectRelay('198.51.100.10', true);
  // Once denied, a login changes nothing, and another in the same /64 is granted for itself alone.
  expect(await report('203.0.113.7', '2001:db8:1:2:a:b:c:6')).not.toContain(SUCCESS);
  expect(await report('2001:db8:1:2:a:b:c:8')).toEqual([SUCCESS]);
  await expectRelay('2001:db8:1:2:a:b:c:8', true);
  await expectRelay('2001:db8:1:2:a:b:c:9', false);
  expect(await daemon.explain('203.0.113.7')).toMatchObject({
    verdict: 'not',
    rule: 'deny',
    row: { kind: 'deny', author: 'ann' },
    words: expect.stringMatching(/denied by ann .*"abuse report".*until that is taken back/) as string,
  });
});

test('an undeny brings back what the configuration says, and lets a login count again', async () => {
  expect(await daemon.call('remove', 'deny', '198.51.100.9', by)).toBe(true);
  expect(await daemon.call('remove', 'deny', '198.51.100.9', by)).toBe(false);
  await expectRelay('198.51.100.9', true);
  await daemon.call('remove', 'deny', '203.0.113.7', by);
  await expectRelay('203.0.113.7', false);
  expect(await report('203.0.113.7')).toEqual([SUCCESS]);
  await expectRelay('203.0.113.7', true);
});

test('pin, authorize, revoke: in force when they are answered', async () => {
  await daemon.call('pin', wish('203.0.113.64/26'));
  await expectRelay('203.0.113.70', true);
  await daemon.call('authorize', wish('192.0.2.77', { lifetimeMs: 60_000, user: 'joe' }));
  await expectRelay('192.0.2.77', true);
  expect(await daemon.call('revoke', within('203.0.113.0/24'), by)).toBe(1);
  await expectRelay('203.0.113.7', false);
  // Pins stay.
  await expectRelay('203.0.113.70', true);
  expect(await daemon.rows({ user: 'joe' })).toMatchObject([
    { kind: 'grant', subject: '192.0.2.77', user: 'joe' },
  ]);
  expect(await daemon.call('revoke', { all: true }, by)).toBe(2);
  await expectRelay('192.0.2.77', false);
  expect(await daemon.call('remove', 'pin', '203.0.113.64/26', by)).toBe(true);
  await expectRelay('203.0.113.70', false);
  expect(await daemon.rows()).toMatchObject([{ kind: 'deny' }, { kind: 'deny' }]);
});

test('a grant ends at its time', async () => {
  await daemon.call('authorize', wish('192.0.2.78', { lifetimeMs: 1_500 }));
  expect(await postfix.ask('192.0.2.78', FOREIGN_RECIPIENT)).toBe(250);
  await until('it is over', 5_000, async () => (await daemon.explain('192.0.2.78')).verdict === 'not');
  await until(
    'the map says so',
    2_000,
    async () => (await postfix.ask('192.0.2.78', FOREIGN_RECIPIENT)) === 554,
  );
});

test('killed after the answer: what was revoked stays revoked, entries stay, and a later login counts', async () => {
  expect(await report('192.0.2.80', '192.0.2.81', '192.0.2.82')).toEqual([SUCCESS, SUCCESS, SUCCESS]);
  expect(await daemon.call('revoke', within('192.0.2.80/31'), by)).toBe(2);
  expect(await report('192.0.2.81')).toEqual([SUCCESS]);
  await daemon.call('pin', wish('203.0.113.5'));
  await daemon.call('deny', wish('192.0.2.90', { lifetimeMs: 600_000 }));
  await daemon.kill();
  daemon = await Operated.start(OPTIONS);
  for (const [client, expected] of [
    ['192.0.2.80', false],
    ['192.0.2.81', true],
    ['192.0.2.82', true],
    ['203.0.113.5', true],
  ] as const)
    await expectRelay(client, expected);
  expect((await daemon.explain('192.0.2.90')).rule).toBe('deny');
  expect((await daemon.rows({ kind: 'deny' })).map(({ subject }) => subject)).toContain('192.0.2.90');
});

test('while no daemon runs, the maps are written with the entries in mind', async () => {
  await daemon.kill();
  await mustRun([process.execPath, MAIN, '--config', daemon.configFile, '--expire-map']);
  expect(await postfix.ask('203.0.113.5', FOREIGN_RECIPIENT)).toBe(250);
  expect(await postfix.ask('198.51.100.65', FOREIGN_RECIPIENT)).toBe(554);
  expect(await postfix.ask('198.51.100.10', FOREIGN_RECIPIENT)).toBe(250);
  daemon = await Operated.start(OPTIONS);
});

test('started with -i it forgets leases and operators’ grants, and keeps pins and denies, for good', async () => {
  await daemon.call('authorize', wish('192.0.2.79', { lifetimeMs: 600_000 }));
  await daemon.stop();
  daemon = await Operated.start(OPTIONS, { init: true });
  const kinds = async (): Promise<string[]> =>
    (await daemon.rows()).map(({ kind, subject }) => `${kind} ${subject}`);
  const kept = await kinds();
  expect(kept.filter((one) => one.startsWith('grant'))).toEqual([]);
  expect(kept).toEqual(expect.arrayContaining(['pin 203.0.113.5', 'deny 192.0.2.90']));
  await daemon.kill();
  daemon = await Operated.start(OPTIONS);
  expect(await kinds()).toEqual(kept);
});

test('what can never be granted is refused in words, and nothing is kept of it', async () => {
  for (const [call, args, problem] of [
    ['authorize', wish('203.0.113.200', { lifetimeMs: 1_000 }), 'grants.never'],
    ['pin', wish('203.0.113.128/26'), 'grants.never'],
    ['pin', wish('127.0.0.1'), 'no client can have'],
    ['pin', wish('10.0.0.0/7'), 'too large'],
    ['pin', wish('192.0.2.90'), 'is denied (192.0.2.90, by ann: "abuse report")'],
    ['authorize', wish('192.0.2.1', { lifetimeMs: 86_400_000 * 8 }), 'lifetime'],
    ['authorize', wish('192.0.2.1', { lifetimeMs: 0 }), 'lifetime'],
    ['pin', wish('2001:db8:0:0:5::/80'), 'cannot be said in the map'],
  ] as const) {
    const refused = daemon.call(call, args);
    await expect(refused).rejects.toMatchObject({ code: 'REFUSED' });
    await expect(refused).rejects.toThrow(problem);
  }
  expect((await daemon.rows()).map(({ subject }) => subject)).not.toContain('192.0.2.1');
  const told = daemon.logs.filter(({ event }) => event === 'operator').map((line) => line['outcome']);
  expect(told).toContain('10.0.0.0/7 is too large: a network that may relay has at least /8');
});

test('changes are told with who and why, and explain, rows and stats agree', async () => {
  const position = await daemon.call('position');
  expect(await daemon.call('watch', position)).toBe(true);
  await report('192.0.2.100');
  await daemon.call('deny', wish('192.0.2.100'));
  await daemon.call('remove', 'deny', '192.0.2.100', by);
  await until('they are told', 60_000, () => daemon.changes.length >= 4);
  expect(daemon.changes.map(({ kind, author }) => [kind, author])).toEqual([
    ['granted', undefined],
    ['denied', 'ann'],
    ['revoked', undefined],
    ['undenied', 'ann'],
  ]);
  expect(daemon.changes.map((change) => change.position)).toEqual(
    [1, 2, 3, 4].map((n) => Number(position) + n),
  );
  await report('192.0.2.101');
  expect(await daemon.rows({ within: '192.0.2.101' })).toMatchObject([
    { kind: 'grant', reporter: '127.0.0.1' },
  ]);
  expect(await daemon.explain('192.0.2.101')).toMatchObject({ verdict: 'permitted', rule: 'grant' });
  expect(await daemon.call('stats')).toMatchObject({ leases: 1, pins: 1, mapsDegraded: 0 });
});

test('reload tells what has changed and what needs a restart; a mistake changes nothing', async () => {
  const before = readFileSync(daemon.configFile, 'utf8');
  writeFileSync(
    daemon.configFile,
    configurationText(directory, { ...OPTIONS, allow: ['127.0.0.1', '192.0.2.1'], lifetime: '20m' }),
  );
  expect(await daemon.call('reload', 'ann')).toEqual({
    changed: ['reporters.allow'],
    needsRestart: ['grants.lifetime'],
  });
  writeFileSync(daemon.configFile, `${before}\n[nonsense]\n`);
  await expect(daemon.call('reload', 'ann')).rejects.toMatchObject({ code: 'CONFIG' });
  writeFileSync(daemon.configFile, before);
  expect(await daemon.call('reload', 'ann')).toEqual({ changed: ['reporters.allow'], needsRestart: [] });
  writeFileSync(file('dracd.allow'), '255.255.255.255 192.0.2.53\n');
  expect(await daemon.call('reload', 'ann')).toEqual({ changed: ['reporters.allow_file'], needsRestart: [] });
});

test('rotate begins a segment, a damaged entries file stops a start, and shutdown ends the daemon', async () => {
  const before = ((await daemon.call('stats')) as { journalSegments: number }).journalSegments;
  await daemon.call('rotate', 'ann');
  await until('there is another segment', 5_000, async () => {
    const stats = (await daemon.call('stats')) as { journalSegments: number };
    return stats.journalSegments > before;
  });
  await daemon.call('shutdown', 'ann');
  await daemon.ended();
  const entries = file('journal/entries.json');
  expect(existsSync(entries)).toBe(true);
  writeFileSync(entries, readFileSync(entries, 'utf8').replace('203.0.113.5', '203.0.113.6'));
  const text = `${entries} cannot be used: its checksum is wrong`;
  await expect(Operated.start(OPTIONS)).rejects.toThrow(text);
});
