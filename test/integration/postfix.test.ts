/**
 * postfix - a real Postfix that is already running relays for a client as soon as its ADD is answered, and no longer than the lease
 *
 * The smtpd with index 0 reads the daemon's map, that with index 1 a map that does not exist.
 */
import { rmSync, existsSync } from 'node:fs';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { LibTirpc } from '../support/libtirpc.js';
import { FOREIGN_RECIPIENT, LOCAL_RECIPIENT, Postfix, relayRestrictions } from '../support/postfix.js';
import { lookupAll, tableName } from '../support/postmap.js';
import { mustRun, newDirectory, pause, until } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const LIFETIME_MS = 8_000;
/** A second is promised, or two; a busy machine takes longer. */
const LATE_MS = 10_000;
const NO_MAP = 1;

let programs: LibTirpc;
let daemon: Daemon;
let postfix: Postfix;

beforeAll(async () => {
  programs = await LibTirpc.build();
  daemon = await Daemon.start({ lifetime: `${LIFETIME_MS}ms` });
  postfix = await Postfix.start([
    relayRestrictions(tableName(daemon.mapPath)),
    relayRestrictions(`lmdb:${path.join(newDirectory('nowhere'), 'relay')}`),
  ]);
});

afterAll(async () => {
  await killAll();
  await (postfix as Postfix | undefined)?.stop();
});

const transports = ['udp', 'tcp'] as const;
const families = [
  { version: 1, udp: ['192.0.2.7', '192.0.2.8'], tcp: ['192.0.2.17', '192.0.2.1'] },
  {
    version: 2,
    udp: ['2001:db8::6', '2001:db8::7'],
    tcp: ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:7'],
  },
] as const;

interface Way {
  readonly version: 1 | 2;
  readonly transport: 'udp' | 'tcp';
}

/** 554, ADD, 250 in the same session, 554 again; a stranger is refused all the while. */
async function followLease(client: string, other: string, way: Way): Promise<void> {
  const session = await postfix.session(client);
  const stranger = await postfix.session(other);
  expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(554);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);

  const sentAt = Date.now();
  expect(await programs.add({ ...way, address: client, port: daemon.port })).toBe(SUCCESS);
  const answeredAt = Date.now();
  expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(250);
  expect(await postfix.ask(client, FOREIGN_RECIPIENT)).toBe(250);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  expect(await stranger.recipient(FOREIGN_RECIPIENT)).toBe(554);
  expect(await stranger.recipient(LOCAL_RECIPIENT)).toBe(250);

  // Never early, and over soon.
  for (;;) {
    const before = Date.now();
    const code = await session.recipient(FOREIGN_RECIPIENT);
    expect([250, 554]).toContain(code);
    if (code === 554) {
      expect(Date.now()).toBeGreaterThanOrEqual(sentAt + LIFETIME_MS);
      break;
    }
    expect(before).toBeLessThan(answeredAt + LIFETIME_MS + LATE_MS);
    await pause(20);
  }
  expect(await postfix.ask(client, FOREIGN_RECIPIENT)).toBe(554);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
}

test.each(transports)(
  'over %s: a client relays as soon as its ADD is answered, and no longer than the lease',
  async (transport) => {
    await Promise.all(
      families.map(({ version, [transport]: [client, other] }) =>
        followLease(client, other, { version, transport }),
      ),
    );
    expect(postfix.log()).not.toMatch(/has changed -- restarting|fatal|panic/);
  },
);

test('with no map at all: inbound mail is accepted, relaying is put off and not permitted', async () => {
  const session = await postfix.session('192.0.2.7', NO_MAP);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(451);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
});

/** Adds again and again, so that these addresses are always granted; until stopped. */
async function keepGranted(
  client: UdpClient,
  addresses: readonly string[],
  stopped: () => boolean,
): Promise<void> {
  while (!stopped()) {
    for (let first = 0; first < addresses.length; first += 50) {
      const statuses = await Promise.all(
        addresses.slice(first, first + 50).map((address) => client.add(address)),
      );
      expect(new Set(statuses)).toEqual(new Set([SUCCESS]));
    }
    await pause(500);
  }
}

test('readers that hammer the map while ADDs and expiries run: no wrong answer, no error', async () => {
  const numbered = (prefix: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${prefix}.${(index >> 8) & 0xff}.${index & 0xff}`);
  const kept = numbered('60.1', 500);
  const never = numbered('60.2', 500);
  const churned = numbered('60.3', 30_000);
  const keys = [...never, ...kept, ...churned.filter((_, index) => index % 50 === 0)].join('\n') + '\n';
  const client = await UdpClient.open(daemon.port);
  let over = false;
  const keeping = keepGranted(client, kept, () => over);
  await until(
    'all are granted',
    5_000,
    async () => (await lookupAll(daemon.mapPath, keys)).found.size >= kept.length,
  );

  const churn = async (): Promise<void> => {
    for (let index = 0; !over; index = (index + 100) % churned.length) {
      await Promise.all(churned.slice(index, index + 100).map((address) => client.add(address)));
      await pause(10);
    }
  };
  const wrong: string[] = [];
  let passes = 0;
  const hammer = async (): Promise<void> => {
    for (; !over; passes += 1) {
      const { found, stderr, code } = await lookupAll(daemon.mapPath, keys);
      if (stderr !== '' || code !== 0) wrong.push(`${String(code)} ${stderr}`);
      for (const address of kept)
        if (!/^\d+$/.test(found.get(address) ?? '')) wrong.push(`missing ${address}`);
      for (const address of never) if (found.has(address)) wrong.push(`invented ${address}`);
    }
  };
  const working = [churn(), hammer(), hammer()];
  // Twice the lease: what was added first expires while the rest goes on.
  await pause(2 * LIFETIME_MS);
  await until('they have read it often', 30_000, () => passes > 20);
  over = true;
  await Promise.all(working);
  await keeping;
  client.close();
  expect(wrong.slice(0, 5)).toEqual([]);
});

test('the map deleted under both: inbound mail is accepted throughout, and the map soon comes back, loudly', async () => {
  const session = await postfix.session('192.0.2.99');
  const client = await UdpClient.open(daemon.port);
  const from = daemon.logs.length;
  rmSync(daemon.mapPath);
  const deletedAt = performance.now();
  while (!existsSync(daemon.mapPath)) {
    expect(performance.now() - deletedAt).toBeLessThan(LATE_MS);
    expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
    expect(await postfix.ask('192.0.2.99', LOCAL_RECIPIENT)).toBe(250);
  }
  expect(await postfix.ask('192.0.2.99', LOCAL_RECIPIENT)).toBe(250);
  const told = await daemon.logged(/^map/, 2_000, from);
  expect(['warn', 'error']).toContain(told.level);
  // A smtpd that met no map stays with 451 until it ends: Postfix's way, which the reload cures.
  await mustRun(['postfix', '-c', postfix.directory, 'reload']);
  const relays = async (): Promise<boolean> => (await postfix.ask('192.0.2.99', FOREIGN_RECIPIENT)) === 250;
  expect(await client.add('192.0.2.99')).toBe(SUCCESS);
  await until('it relays', LIFETIME_MS, relays);
  expect(await postfix.ask('192.0.2.98', FOREIGN_RECIPIENT)).toBe(554);
  client.close();
});
