/**
 * crash - kill -9 at random points under load: no acknowledged grant lost, none invented, no repair step
 *
 * DRACD_CRASH_ROUNDS says how many rounds (50). The checker's own ability to see a loss is tested too.
 */
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { CallJournal, faultsOf, load, randomAddress } from '../support/load.js';
import type { MapReading } from '../support/load.js';
import { dump } from '../support/postmap.js';
import { newDirectory, pause } from '../support/processes.js';
import { SYSERR, TcpClient, UdpClient } from '../support/rpc-client.js';

const ROUNDS = Number(process.env['DRACD_CRASH_ROUNDS'] ?? 50);
const LIFETIME_MS = 10_000;
const ADDRESSES = 20_000;

afterAll(killAll);

async function read(mapPath: string): Promise<MapReading> {
  const from = Date.now();
  const map = await dump(mapPath);
  return { map, from, to: Date.now() };
}

/** Load over two UDP sockets and two TCP connections until the daemon is killed. */
async function loadAndKill(daemon: Daemon, journal: CallJournal): Promise<void> {
  const clients = await Promise.all([
    UdpClient.open(daemon.port),
    UdpClient.open(daemon.port, '::1'),
    TcpClient.open(daemon.port),
    TcpClient.open(daemon.port, '::1'),
  ]);
  let over = false;
  const next = (): string => randomAddress(ADDRESSES);
  const working = clients.map((client, index) =>
    load({ client, journal, next, window: [1, 8, 32, 4][index] ?? 1, stopped: () => over, limitMs: 60_000 }),
  );
  await pause(20 + Math.random() * 800);
  process.kill(daemon.pid, 'SIGKILL');
  await daemon.exited;
  // What was on its way into our sockets is read before the calls are given up.
  await pause(20);
  over = true;
  for (const client of clients) client.close();
  await Promise.all(working);
  journal.lost(Date.now());
}

test(`${ROUNDS} times killed under load: nothing acknowledged is lost, nothing is invented`, async () => {
  const directory = newDirectory('crash');
  const journal = new CallJournal(path.join(directory, 'calls'));
  const options = { directory, lifetime: `${LIFETIME_MS}ms` };
  for (let round = 0; round < ROUNDS; round += 1) {
    const daemon = await Daemon.start(options);
    expect({ round, faults: faultsOf(journal, await read(daemon.mapPath), LIFETIME_MS).slice(0, 5) }).toEqual(
      { round, faults: [] },
    );
    await loadAndKill(daemon, journal);
    expect({ round, noise: daemon.noise }).toEqual({ round, noise: [] });
  }
  const daemon = await Daemon.start(options);
  expect(faultsOf(journal, await read(daemon.mapPath), LIFETIME_MS)).toEqual([]);
  // From opening the journal to answering.
  expect(
    journal.calls.filter((call) => call.status !== undefined && call.status !== 0 && call.status !== SYSERR),
  ).toEqual([]);
  expect(journal.acknowledged().length).toBeGreaterThan(ROUNDS * 20);
  await daemon.stop();
});

test('the map that a killed daemon leaves behind is whole, before any restart', async () => {
  const directory = newDirectory('crash');
  const journal = new CallJournal(path.join(directory, 'calls'));
  for (let round = 0; round < 5; round += 1) {
    const daemon = await Daemon.start({ directory });
    await loadAndKill(daemon, journal);
    expect(faultsOf(journal, await read(daemon.mapPath), 30 * 60_000).slice(0, 5)).toEqual([]);
  }
});

test('the checker sees a lost, an invented, a kept and a lengthened grant', () => {
  const directory = newDirectory('crash');
  const now = Date.now();
  const journal = new CallJournal(path.join(directory, 'calls'));
  const call = journal.sent('192.0.2.1');
  journal.replied(call, 0);
  const seconds = (ms: number): string => String(Math.ceil(ms / 1_000));
  const faults = (entries: [string, string][], from: number): string[] =>
    faultsOf(journal, { map: new Map(entries), from, to: from }, LIFETIME_MS).map(
      (fault) => fault.split(':')[0] ?? '',
    );
  const end = seconds((call.repliedAt ?? 0) + LIFETIME_MS);
  expect(faults([['192.0.2.1', end]], now)).toEqual([]);
  expect(faults([], now)).toEqual(['lost']);
  expect(
    faults(
      [
        ['192.0.2.1', end],
        ['192.0.2.22', end],
      ],
      now,
    ),
  ).toEqual(['invented']);
  expect(faults([['192.0.2.1', end]], now + 2 * LIFETIME_MS)).toEqual(['kept']);
  expect(faults([['192.0.2.1', seconds(now + 2 * LIFETIME_MS)]], now)).toEqual(['lengthened']);
  expect(faults([['192.0.2.1', seconds(now)]], now)).toEqual(['shortened']);
});
