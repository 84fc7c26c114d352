/**
 * disk - what the promise "a SUCCESS is on stable storage" is worth: order of calls, a full disk, a disk that fails
 *
 * Failures of fdatasync are injected with strace, a full disk is a small tmpfs (mounting it needs root).
 */
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { CallJournal, faultsOf, load } from '../support/load.js';
import type { MapReading } from '../support/load.js';
import { dump } from '../support/postmap.js';
import { mustRun, newDirectory, pause, run, until } from '../support/processes.js';
import {
  SUCCESS,
  SYSERR,
  TcpClient,
  UdpClient,
  addCall,
  bytesOf6,
  nextXid,
  words,
} from '../support/rpc-client.js';
import { readTrace, traced } from '../support/strace.js';
import type { SystemCall } from '../support/strace.js';

const LIFETIME_MS = 30 * 60_000;
const mounts: string[] = [];

afterAll(async () => {
  await killAll();
  for (const directory of mounts) await run(['umount', directory]);
});

async function read(mapPath: string): Promise<MapReading> {
  const from = Date.now();
  const map = await dump(mapPath);
  return { map, from, to: Date.now() };
}

function numbered(first: number, count: number): string[] {
  return Array.from(
    { length: count },
    (_, index) => `70.0.${((first + index) >> 8) & 0xff}.${(first + index) & 0xff}`,
  );
}

describe('the order of system calls', () => {
  /** The successful fdatasync calls, and of each write where it ended. */
  function isCovered(calls: readonly SystemCall[], client: string, reply: SystemCall): boolean {
    const written = client.includes(':') ? [16, ...bytesOf6(client)] : [4, ...client.split('.').map(Number)];
    const pattern = traced(Uint8Array.from(written));
    const isWrite = (call: SystemCall): boolean =>
      call.name.startsWith('pwrite') && call.argument.includes(pattern);
    const sameFile = (a: SystemCall, b: SystemCall): boolean =>
      /^\d+/.exec(a.argument)?.[0] === /^\d+/.exec(b.argument)?.[0];
    return calls.some(
      (write) =>
        isWrite(write) &&
        calls.some(
          (sync) =>
            sync.name === 'fdatasync' &&
            sync.result === 0 &&
            sameFile(write, sync) &&
            sync.began > write.ended &&
            sync.ended < reply.began,
        ),
    );
  }

  test('before each SUCCESS leaves, a finished fdatasync covers the write that holds the grant', async () => {
    const directory = newDirectory('order');
    const trace = path.join(directory, 'trace');
    const prefix = ['strace', '-f', '-xx', '-s', '16384', '-o', trace];
    const wanted = 'trace=pwrite64,pwritev,fdatasync,sendmsg,sendmmsg,sendto,write,writev';
    const daemon = await Daemon.start({
      directory,
      prefix: [...prefix, '-e', wanted],
      readyWithinMs: 60_000,
    });
    const udp = await UdpClient.open(daemon.port);
    const tcp = await TcpClient.open(daemon.port, '::1');
    const asked = new Map<number, string>();
    const ask = async (client: UdpClient | TcpClient, address: string): Promise<void> => {
      const xid = nextXid();
      asked.set(xid, address);
      expect((await client.call(addCall(xid, address), 10_000))?.readUInt32BE(24)).toBe(SUCCESS);
    };
    for (const address of numbered(0, 20)) await ask(udp, address);
    for (const address of numbered(100, 20)) await ask(tcp, address);
    await Promise.all(numbered(200, 60).map((address) => ask(udp, address)));
    await Promise.all(
      ['2001:db8::70', '2001:db8::71', ...numbered(300, 60)].map((address) => ask(tcp, address)),
    );
    udp.close();
    tcp.close();
    await daemon.stop();

    const calls = readTrace(trace);
    const replies = calls.filter((call) => /^(?:send|write)/.test(call.name));
    const durable = calls.filter((call) => /^(?:pwrite|fdatasync)/.test(call.name));
    const uncovered: string[] = [];
    for (const [xid, client] of asked) {
      const bytes = traced(words(xid, 1, 0, 0, 0, 0, 0));
      const reply = replies.find((call) => call.argument.includes(bytes));
      if (reply === undefined || !isCovered(durable, client, reply)) uncovered.push(client);
    }
    expect(uncovered).toEqual([]);
    // And groups are groups.
    expect(durable.filter((call) => call.name === 'fdatasync').length).toBeLessThan(asked.size);
  });
});

describe('a disk that fails', () => {
  async function startWithFailures(
    when: string,
  ): Promise<{ daemon: Daemon; trace: string; journal: CallJournal }> {
    const directory = newDirectory('eio');
    const trace = path.join(directory, 'trace');
    const inject = ['-e', 'trace=fdatasync', '-e', `inject=fdatasync:error=EIO:when=${when}`];
    const prefix = ['strace', '-f', '-o', trace, ...inject];
    // strace counts for each thread: with one thread the twentieth fdatasync is the twentieth.
    const daemon = await Daemon.start({
      directory,
      prefix,
      env: { UV_THREADPOOL_SIZE: '1' },
      readyWithinMs: 60_000,
    });
    return { daemon, trace, journal: new CallJournal(path.join(directory, 'calls')) };
  }

  /** One ADD after the other; their answers. */
  async function addAll(
    daemon: Daemon,
    journal: CallJournal,
    addresses: readonly string[],
  ): Promise<number[]> {
    const client = await UdpClient.open(daemon.port);
    const statuses: number[] = [];
    for (const address of addresses) {
      const call = journal.sent(address);
      const status = await client.add(address, 10_000);
      statuses.push(status ?? -1);
      if (status !== undefined) journal.replied(call, status);
    }
    client.close();
    return statuses;
  }

  test('fdatasync fails from the 20th on: from then no SUCCESS, the log says degraded, look-ups go on', async () => {
    const { daemon, trace, journal } = await startWithFailures('20+');
    const statuses = await addAll(daemon, journal, numbered(1_000, 60));
    const first = statuses.indexOf(SYSERR);
    expect(first).toBeGreaterThan(5);
    expect(statuses.slice(0, first)).toEqual(new Array(first).fill(SUCCESS));
    expect(statuses.slice(first)).toEqual(new Array(60 - first).fill(SYSERR));
    expect(readTrace(trace).filter((call) => call.injected).length).toBeGreaterThan(0);
    const told = await daemon.logged(/degraded|fail/, 1_000);
    expect(['warn', 'error']).toContain(told.level);

    const live = await read(daemon.mapPath);
    expect(faultsOf(journal, live, LIFETIME_MS)).toEqual([]);
    // What was refused is not in the map.
    expect(journal.calls.filter((call) => call.status === SYSERR && live.map.has(call.address))).toEqual([]);
    await daemon.kill();

    const again = await Daemon.start({ directory: daemon.directory });
    expect(faultsOf(journal, await read(again.mapPath), LIFETIME_MS)).toEqual([]);
    await again.stop();
  });

  test('five failures, then a sound disk: the daemon recovers by itself and all it acknowledged survives', async () => {
    const { daemon, trace, journal } = await startWithFailures('20..24');
    const statuses = await addAll(daemon, journal, numbered(2_000, 30));
    expect(statuses).toContain(SYSERR);
    let number = 3_000;
    await until('an ADD succeeds again', 20_000, async () => {
      number += 1;
      const [status] = await addAll(daemon, journal, numbered(number, 1));
      if (status !== SUCCESS) await pause(200);
      return status === SUCCESS;
    });
    expect(await addAll(daemon, journal, numbered(4_000, 20))).toEqual(new Array(20).fill(SUCCESS));
    expect(readTrace(trace).filter((call) => call.injected).length).toBe(5);
    await daemon.kill();
    const again = await Daemon.start({ directory: daemon.directory });
    expect(faultsOf(journal, await read(again.mapPath), LIFETIME_MS)).toEqual([]);
    await again.stop();
  });
});

describe('a full disk', () => {
  async function tmpfs(directory: string, size: string): Promise<void> {
    mkdirSync(directory, { recursive: true });
    await mustRun(['mount', '-t', 'tmpfs', '-o', `size=${size},mode=0755`, 'tmpfs', directory]).catch(
      (error: unknown) => {
        throw new Error(`cannot mount a tmpfs (run the tests as root): ${String(error)}`);
      },
    );
    mounts.push(directory);
  }

  const fillers: string[] = [];
  function fill(directory: string): void {
    const file = path.join(directory, 'filler');
    const { bavail, bsize } = statfsSync(directory);
    writeFileSync(file, Buffer.alloc(bavail * bsize));
    fillers.push(file);
  }

  /** Adds IPv6 addresses in numbers until one is refused or the count is reached. */
  async function addMany(daemon: Daemon, journal: CallJournal, most: number): Promise<void> {
    const client = await UdpClient.open(daemon.port, '::1');
    let number = 0;
    let refused = false;
    const next = (): string => `2001:db8:5::${(number += 1).toString(16)}`;
    const onReply = (status: number): void => {
      refused ||= status !== SUCCESS;
    };
    await load({ client, journal, next, window: 64, stopped: () => refused || number >= most, onReply });
    client.close();
  }

  test('the journal on a full disk: system error at once, no acknowledged grant lost, recovery without a restart', async () => {
    const directory = newDirectory('full');
    const disk = path.join(directory, 'disk');
    await tmpfs(disk, '4m');
    const options = { directory, journal: path.join(disk, 'journal') };
    const daemon = await Daemon.start(options);
    const journal = new CallJournal(path.join(directory, 'calls'));
    fill(disk);
    await addMany(daemon, journal, 60_000);
    expect(journal.calls.filter((call) => call.status === SYSERR).length).toBeGreaterThan(0);
    const client = await UdpClient.open(daemon.port);
    const from = performance.now();
    expect(await client.add('192.0.2.1')).toBe(SYSERR);
    expect(performance.now() - from).toBeLessThan(10_000);
    expect(faultsOf(journal, await read(daemon.mapPath), LIFETIME_MS).slice(0, 5)).toEqual([]);

    for (const file of fillers) rmSync(file);
    await until('an ADD succeeds again', 5_000, async () => (await client.add('192.0.2.22')) === SUCCESS);
    const call = journal.sent('192.0.2.3');
    journal.replied(call, (await client.add('192.0.2.3')) ?? -1);
    expect(call.status).toBe(SUCCESS);
    for (const address of ['192.0.2.1', '192.0.2.22']) journal.sent(address);
    client.close();
    expect(daemon.noise).toEqual([]);
    await daemon.kill();

    const again = await Daemon.start(options);
    expect(faultsOf(journal, await read(again.mapPath), LIFETIME_MS).slice(0, 5)).toEqual([]);
    await again.stop();
  });

  test('the map on a full disk: no SUCCESS that the map does not show, and recovery without a restart', async () => {
    const directory = newDirectory('full');
    const disk = path.join(directory, 'disk');
    await tmpfs(disk, '2m');
    const options = { directory, map: path.join(disk, 'relay.lmdb') };
    const daemon = await Daemon.start(options);
    const journal = new CallJournal(path.join(directory, 'calls'));
    const filler = path.join(disk, 'filler');
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(filler, Buffer.alloc(bavail * bsize));
    await addMany(daemon, journal, 20_000);
    expect(journal.calls.filter((call) => call.status === SYSERR).length).toBeGreaterThan(0);
    rmSync(filler);
    const client = await UdpClient.open(daemon.port);
    await until('an ADD succeeds again', 5_000, async () => (await client.add('192.0.2.22')) === SUCCESS);
    journal.sent('192.0.2.22');
    client.close();
    expect(faultsOf(journal, await read(daemon.mapPath), LIFETIME_MS).slice(0, 5)).toEqual([]);
    await daemon.stop();
  });
});
