/**
 * watch-restart - a watcher goes on where it was after the daemon was killed: no gap, and nothing told twice
 *
 * The daemon is killed with SIGKILL at random moments under ADDs and operators' acts, and started again. Each ADD that was
 * acknowledged is told; positions go up by one; and the stream, followed, comes to what is listed. DRACD_WATCH_ROUNDS says
 * how many rounds (5).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { AdminClient, AdminError } from '../../src/admin/client.js';
import type { Change__Output } from '../../src/admin/gen/dracd/admin/v1/Change.js';
import type { Position__Output } from '../../src/admin/gen/dracd/admin/v1/Position.js';
import type { Row__Output } from '../../src/admin/gen/dracd/admin/v1/Row.js';
import { systemClock } from '../../src/runtime/clock.js';
import { Daemon, killAll } from '../support/daemon.js';
import { CallJournal, load, randomAddress } from '../support/load.js';
import { childEnvironment, newDirectory, pause, ROOT, until } from '../support/processes.js';
import { SUCCESS, TcpClient, UdpClient } from '../support/rpc-client.js';

const ROUNDS = Number(process.env['DRACD_WATCH_ROUNDS'] ?? 5);
const CTL = path.join(ROOT, 'dist/ctl.js');
const WAIT_MS = 60_000;
const ADDRESSES = 600;
const COMES: readonly string[] = ['GRANTED', 'RENEWED', 'PINNED', 'DENIED'].map((name) => `KIND_${name}`);

const children: ChildProcess[] = [];
const clients: AdminClient[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const client of clients.splice(0)) client.close();
  await killAll();
});

function clientOf(daemon: Daemon): AdminClient {
  const server = `unix:${path.join(daemon.directory, 'admin.sock')}`;
  const client = new AdminClient({ server, timeoutMs: WAIT_MS, clock: systemClock });
  clients.push(client);
  return client;
}

/** An operator's entry has an author, a lease has none. */
const keyOf = ({ author, kind, subject }: Row__Output): string =>
  author === '' ? subject : `${kind} ${subject}`;

/** Follows the stream through all restarts. */
class Follower {
  readonly faults: string[] = [];
  readonly known = new Set<string>();
  readonly leased = new Map<string, number>();
  position: Position__Output | undefined;
  begun = 0;

  /** All that there is, and where to watch from. */
  async list(daemon: Daemon): Promise<void> {
    for await (const { position, rows } of clientOf(daemon).list({})) {
      this.position ??= position ?? undefined;
      for (const row of rows) this.known.add(keyOf(row));
    }
  }

  /** Resolves when the daemon is gone; rejects when it refuses. */
  async follow(daemon: Daemon): Promise<void> {
    try {
      for await (const { changes, position } of clientOf(daemon).watch({ after: this.position ?? null })) {
        if (changes.length === 0) this.begun += 1;
        for (const change of changes) this.#take(change);
        if (position?.epoch !== this.position?.epoch) this.faults.push(`epoch ${position?.epoch}`);
        this.position = position ?? undefined;
      }
    } catch (thrown) {
      if (thrown instanceof AdminError && thrown.reason !== 'HISTORY_GONE' && thrown.status === 'UNAVAILABLE')
        return;
      throw thrown;
    }
  }

  #last: number | undefined;

  #take({ kind, number, row }: Change__Output): void {
    this.#last ??= this.position?.number ?? 0;
    if (row === null || number !== this.#last + 1) this.faults.push(`${number} after ${this.#last}`);
    this.#last = number;
    if (row === null) return;
    const key = keyOf(row);
    const was = this.known.has(key);
    if (row.author === '' ? (kind === 'KIND_GRANTED') === was : !COMES.includes(kind) && !was)
      this.faults.push(`${number} ${kind} ${key}`);
    if (COMES.includes(kind)) this.known.add(key);
    else this.known.delete(key);
    if (row.author === '' && COMES.includes(kind)) this.leased.set(key, (this.leased.get(key) ?? 0) + 1);
  }
}

/** ADDs over UDP and TCP and what operators do, until the daemon is killed. */
async function workAndKill(daemon: Daemon, journal: CallJournal): Promise<void> {
  const reporters = await Promise.all([
    UdpClient.open(daemon.port),
    UdpClient.open(daemon.port, '::1'),
    TcpClient.open(daemon.port),
  ]);
  const state = { isOver: false };
  const next = (): string => randomAddress(ADDRESSES);
  const loads = reporters.map((client, index) =>
    load({
      client,
      journal,
      next,
      window: [2, 32, 8][index] ?? 1,
      stopped: () => state.isOver,
      limitMs: WAIT_MS,
    }),
  );
  const operator = operate(daemon, state);
  await pause(50 + Math.random() * 900);
  process.kill(daemon.pid, 'SIGKILL');
  await daemon.exited;
  // What was on its way into our sockets is read before the calls are given up.
  await pause(20);
  state.isOver = true;
  for (const client of reporters) client.close();
  await Promise.all([...loads, operator]);
  journal.lost(Date.now());
}

async function operate(daemon: Daemon, state: { readonly isOver: boolean }): Promise<void> {
  const client = clientOf(daemon);
  const why = { reason: 'a test' };
  const acts = [
    () => client.revoke({ within: randomAddress(ADDRESSES), ...why }),
    () => client.deny({ subject: randomAddress(ADDRESSES), lifetime: { seconds: 3 }, ...why }),
    () => client.pin({ subject: '203.0.113.0/28', ...why }),
    () => client.revoke({ within: '51.0.1.0/25', ...why }),
    () => client.unpin({ subject: '203.0.113.0/28', ...why }),
  ];
  for (let i = Math.floor(Math.random() * acts.length); !state.isOver; i += 1) {
    // It may have gone meanwhile, or have nothing to undo.
    await acts[i % acts.length]?.().catch(() => undefined);
    await pause(10);
  }
}

test(`${ROUNDS} times killed under load: the watcher misses nothing and hears nothing twice`, async () => {
  const directory = newDirectory('watch-restart');
  const journal = new CallJournal(path.join(directory, 'calls'));
  const options = { directory, lifetime: '5s' };
  const follower = new Follower();
  let daemon = await Daemon.start(options);
  await follower.list(daemon);
  for (let round = 0; round < ROUNDS; round += 1) {
    const following = follower.follow(daemon);
    await until('it watches', WAIT_MS, () => follower.begun > round);
    await workAndKill(daemon, journal);
    await following;
    // What ends while it is down is told, too.
    if (round % 2 === 1) await pause(Math.random() * 3_000);
    daemon = await Daemon.start(options);
    expect({ round, faults: follower.faults }).toEqual({ round, faults: [] });
  }
  const following = follower.follow(daemon);
  const pinned = 'KIND_PIN 203.0.113.0/28';
  await until('all leases and denies have ended, and that is told', WAIT_MS, () =>
    [...follower.known].every((key) => key === pinned),
  );
  const listed = new Follower();
  await listed.list(daemon);
  expect([...follower.known]).toEqual([...listed.known]);
  const told = (address: string): number => follower.leased.get(address) ?? 0;
  const sent = new Map<string, { acknowledged: number; all: number }>();
  for (const { address, status } of journal.calls) {
    const counts = sent.get(address) ?? { acknowledged: 0, all: 0 };
    sent.set(address, {
      acknowledged: counts.acknowledged + Number(status === SUCCESS),
      all: counts.all + 1,
    });
  }
  const wrong = [...sent].filter(
    ([address, { acknowledged, all }]) => told(address) < acknowledged || told(address) > all,
  );
  expect(wrong.map(([address, counts]) => ({ address, ...counts, told: told(address) }))).toEqual([]);
  expect(journal.acknowledged().length).toBeGreaterThan(ROUNDS * 20);
  expect(follower.faults).toEqual([]);
  await daemon.stop();
  await following;
}, 600_000);

test('without its log it cannot go on, and the watcher is told so', async () => {
  const directory = newDirectory('watch-restart');
  let daemon = await Daemon.start({ directory });
  const follower = new Follower();
  await follower.list(daemon);
  const following = follower.follow(daemon);
  await until('it watches', WAIT_MS, () => follower.begun === 1);
  const reporter = await UdpClient.open(daemon.port);
  expect(await reporter.add('51.0.0.1')).toBe(SUCCESS);
  reporter.close();
  await until('it is told', WAIT_MS, () => follower.known.size === 1);
  await daemon.kill();
  await following;
  const names = readdirSync(daemon.journal).filter((name) => name.startsWith('changes.log'));
  expect(names).toContain('changes.log');
  for (const name of names) rmSync(path.join(daemon.journal, name));
  daemon = await Daemon.start({ directory });
  await expect(follower.follow(daemon)).rejects.toMatchObject({ reason: 'HISTORY_GONE' });
  await daemon.stop();
});

test('dracctl watch --reconnect goes on through SIGKILL and SIGTERM without a gap', async () => {
  const directory = newDirectory('watch-restart');
  let daemon = await Daemon.start({ directory });
  const server = `unix:${path.join(directory, 'admin.sock')}`;
  const child = spawn(process.execPath, [CTL, '--server', server, '--json', 'watch', '--reconnect'], {
    env: childEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
  const lines = (): Record<string, unknown>[] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const watches = async (): Promise<boolean> => {
    const { stats } = await clientOf(daemon).stats();
    return stats.some(({ name, number }) => name === 'watchers' && number === 1);
  };
  await until('it watches', WAIT_MS, watches);
  const add = async (address: string): Promise<void> => {
    const reporter = await UdpClient.open(daemon.port);
    expect(await reporter.add(address)).toBe(SUCCESS);
    reporter.close();
  };
  await add('51.0.0.1');
  await until('it is told', WAIT_MS, () => lines().length === 1);
  await add('51.0.0.2');
  await daemon.kill();
  daemon = await Daemon.start({ directory });
  await add('51.0.0.3');
  await until('all is told', WAIT_MS, () => lines().length >= 3);
  await daemon.stop();
  daemon = await Daemon.start({ directory });
  await add('51.0.0.1');
  await until('all is told', WAIT_MS, () => lines().length >= 4);
  expect(lines().map(({ address, change, number }) => [number, change, address])).toEqual([
    [1, 'granted', '51.0.0.1'],
    [2, 'granted', '51.0.0.2'],
    [3, 'granted', '51.0.0.3'],
    [4, 'renewed', '51.0.0.1'],
  ]);
  await daemon.stop();
});
