/**
 * clock - jumps of the wall clock end no grant early and lengthen none
 *
 * libfaketime moves the daemon's wall clock while it runs; the monotonic clock goes on as it was.
 */
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { lookup } from '../support/postmap.js';
import { newDirectory, pause, until } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const LIFETIME_MS = 15_000;
/** A grant leaves the map within a second of its end; a busy machine takes longer. A jump that counted would be an hour off. */
const LATE_MS = 10_000;

afterAll(killAll);

function library(): string {
  const found = readdirSync('/usr/lib')
    .map((name) => path.join('/usr/lib', name, 'faketime'))
    .flatMap((directory) => {
      try {
        return readdirSync(directory).map((name) => path.join(directory, name));
      } catch {
        return [];
      }
    })
    .find((file) => file.endsWith('/libfaketimeMT.so.1'));
  if (found === undefined) throw new Error('libfaketime is missing: install the package faketime');
  return found;
}

/** A daemon whose wall clock the test moves. */
class FakeTime {
  readonly directory = newDirectory('clock');
  readonly #file = path.join(this.directory, 'offset');

  /** Seconds the daemon's wall clock is ahead of ours. */
  set(seconds: number): void {
    writeFileSync(`${this.#file}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }

  start(): Promise<Daemon> {
    const env = {
      LD_PRELOAD: library(),
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    return Daemon.start({ directory: this.directory, lifetime: `${LIFETIME_MS}ms`, env });
  }
}

const jumps = [
  { name: 'an hour forward', seconds: 3_600 },
  { name: 'two hours back', seconds: -7_200 },
  { name: 'ten years forward', seconds: 315_360_000 },
  { name: 'to 1970', seconds: 86_400 - Math.floor(Date.now() / 1_000) },
];

/** Milliseconds from `from` (performance.now) until the map no longer holds the key. */
async function goneAfter(mapPath: string, key: string, from: number): Promise<number> {
  await until(
    `${key} has left the map`,
    LIFETIME_MS + 5_000,
    async () => (await lookup(mapPath, key)) === undefined,
  );
  return performance.now() - from;
}

async function jump(seconds: number): Promise<void> {
  const time = new FakeTime();
  time.set(0);
  const daemon = await time.start();
  const client = await UdpClient.open(daemon.port);
  const before = performance.now();
  expect(await client.add('192.0.2.1')).toBe(SUCCESS);
  const beforeAnswered = performance.now();
  await pause(500);
  time.set(seconds);
  // The daemon has seen it: so the clock was really moved.
  const seen = await daemon.logged(/clock jumped/, 3_000);
  expect(Math.abs(Number(seen['byMs']) / 1_000 - seconds)).toBeLessThan(5);
  expect(await lookup(daemon.mapPath, '192.0.2.1')).toBeDefined();
  const after = performance.now();
  expect(await client.add('192.0.2.22')).toBe(SUCCESS);
  const afterAnswered = performance.now();

  const [first, second] = await Promise.all([
    goneAfter(daemon.mapPath, '192.0.2.1', 0),
    goneAfter(daemon.mapPath, '192.0.2.22', 0),
  ]);
  // Never early, and over soon.
  expect(first - before).toBeGreaterThanOrEqual(LIFETIME_MS);
  expect(first - beforeAnswered).toBeLessThan(LIFETIME_MS + LATE_MS);
  expect(second - after).toBeGreaterThanOrEqual(LIFETIME_MS);
  expect(second - afterAnswered).toBeLessThan(LIFETIME_MS + LATE_MS);
  client.close();
  expect((await daemon.stop()).code).toBe(0);
}

test('the wall clock jumps an hour, ten years, two hours back, to 1970: none mass-expired, none extended', async () => {
  await Promise.all(jumps.map(({ seconds }) => jump(seconds)));
});

test('a restart after the clock was set back: what is left of a grant is never more than a lease', async () => {
  const time = new FakeTime();
  time.set(0);
  const daemon = await time.start();
  const client = await UdpClient.open(daemon.port);
  expect(await client.add('192.0.2.3')).toBe(SUCCESS);
  client.close();
  await daemon.kill();
  time.set(-7_200);
  const from = performance.now();
  const again = await time.start();
  const gone = await goneAfter(again.mapPath, '192.0.2.3', from);
  expect(gone).toBeLessThan(again.readyAfterMs + LIFETIME_MS + LATE_MS);
  await again.stop();
});

test('a restart after the clock was set an hour ahead: the grants are there, with what was left of their time', async () => {
  const time = new FakeTime();
  time.set(0);
  const daemon = await time.start();
  const client = await UdpClient.open(daemon.port);
  const before = performance.now();
  expect(await client.add('192.0.2.4')).toBe(SUCCESS);
  const answered = performance.now();
  time.set(3_600);
  await daemon.logged(/clock jumped/, 3_000);
  // An ADD that comes after the rewriting has begun is answered after it.
  expect(await client.add('192.0.2.5')).toBe(SUCCESS);
  client.close();
  await daemon.kill();
  const again = await time.start();
  expect(await lookup(again.mapPath, '192.0.2.4')).toBeDefined();
  const gone = await goneAfter(again.mapPath, '192.0.2.4', 0);
  expect(gone - before).toBeGreaterThanOrEqual(LIFETIME_MS - 10);
  expect(gone - answered).toBeLessThan(LIFETIME_MS + LATE_MS);
  await again.stop();
});
