/**
 * signals - stopping, reloading, a second daemon, and two thousand slow connections
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Daemon, configurationText, killAll } from '../support/daemon.js';
import { CallJournal, faultsOf, load, randomAddress } from '../support/load.js';
import { dump } from '../support/postmap.js';
import {
  MAIN,
  childEnvironment,
  descendants,
  newDirectory,
  pause,
  run,
  settlesWithin,
  until,
} from '../support/processes.js';
import { PERM, SUCCESS, TcpClient, UdpClient, addCall, nextXid, record } from '../support/rpc-client.js';

afterAll(killAll);

const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('under load with open connections: exit status 0 at once, and nothing acknowledged is lost', async () => {
    const daemon = await Daemon.start();
    const journal = new CallJournal(path.join(daemon.directory, 'calls'));
    const clients = await Promise.all([
      UdpClient.open(daemon.port),
      TcpClient.open(daemon.port),
      TcpClient.open(daemon.port, '::1'),
    ]);
    const idle = await TcpClient.open(daemon.port);
    let over = false;
    const working = clients.map((client) =>
      load({
        client,
        journal,
        next: () => randomAddress(10_000),
        window: 16,
        stopped: () => over,
        limitMs: 60_000,
      }),
    );
    await until('the load is there', 10_000, () => journal.acknowledged().length > 200);
    const from = performance.now();
    daemon.signal(signal);
    const exit = await daemon.exited;
    // Two seconds are promised; a busy machine takes longer.
    expect(performance.now() - from).toBeLessThan(10_000);
    expect(exit).toEqual({ code: 0, signal: null });
    over = true;
    for (const client of [...clients, idle]) client.close();
    await Promise.all(working);
    journal.lost(Date.now());
    expect(daemon.noise).toEqual([]);

    const again = await Daemon.start({ directory: daemon.directory });
    const now = Date.now();
    expect(
      faultsOf(journal, { map: await dump(again.mapPath), from: now, to: Date.now() }, 30 * 60_000).slice(
        0,
        5,
      ),
    ).toEqual([]);
    await again.stop();
  });
});

test('a SIGTERM in the very moment of "ready" is heard', async () => {
  const directory = newDirectory('moment');
  const file = path.join(directory, 'dracd.toml');
  const log = path.join(directory, 'log');
  writeFileSync(file, configurationText(directory, {}));
  // Each line of its log is there half a second before the daemon goes on.
  const inject = '-P "$0" -e trace=write -e inject=write:delay_exit=500000';
  const command = `exec strace -f -o /dev/null ${inject} "$@" >"$0"`;
  const child = spawn('sh', ['-c', command, log, process.execPath, MAIN, '--config', file], {
    env: childEnvironment(),
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  try {
    const isReady = (): boolean => existsSync(log) && readFileSync(log, 'utf8').includes('"event":"ready"');
    await until('it is ready', 30_000, isReady);
    process.kill(descendants(child.pid ?? 0)[0] ?? 0, 'SIGTERM');
    expect(await settlesWithin(exited, 60_000)).toBe(true);
    expect(await exited).toEqual([0, null]);
  } finally {
    for (const pid of descendants(child.pid ?? 0)) process.kill(pid, 'SIGKILL');
  }
});

describe('SIGHUP', () => {
  const asStranger = async (daemon: Daemon): Promise<number | undefined> => {
    const stranger = await UdpClient.open(daemon.port, '127.0.0.1', '127.0.0.2');
    const status = await stranger.add('203.0.113.7');
    stranger.close();
    return status;
  };

  test('reads the reporters anew', async () => {
    const daemon = await Daemon.start();
    const allowFile = path.join(daemon.directory, 'dracd.allow');
    expect(await asStranger(daemon)).toBe(PERM);
    writeFileSync(allowFile, '255.255.255.255 127.0.0.2\n');
    let from = daemon.logs.length;
    daemon.signal('SIGHUP');
    await daemon.logged(/^reloaded/, 3_000, from);
    expect(await asStranger(daemon)).toBe(SUCCESS);
    rmSync(allowFile);
    from = daemon.logs.length;
    daemon.signal('SIGHUP');
    await daemon.logged(/^reloaded/, 3_000, from);
    expect(await asStranger(daemon)).toBe(PERM);
    await daemon.stop();
  });

  test('a storm of them, half with a broken configuration: no call lost, no connection closed, no descriptor kept', async () => {
    const daemon = await Daemon.start();
    const good = configurationText(daemon.directory, {});
    const broken = [
      '[rpc]\nport = "x"\n',
      'no toml at all [',
      '[reporters]\nallow = ["300.0.0.1"]\n',
      '[log]\nlevel = 7\n',
    ];
    const journal = new CallJournal(path.join(daemon.directory, 'calls'));
    const udp = await UdpClient.open(daemon.port);
    const tcp = await TcpClient.open(daemon.port);
    expect(await udp.add('192.0.2.1')).toBe(SUCCESS);
    const before = openFiles(daemon.pid);
    let over = false;
    const work = (client: UdpClient | TcpClient): Promise<number> =>
      load({ client, journal, next: () => randomAddress(10_000), window: 16, stopped: () => over });
    const working = [work(udp), work(tcp)];
    const told = (event: RegExp): number => daemon.logs.filter((line) => event.test(line.event)).length;
    // On a busy machine several are seen as one.
    const enough = (): boolean => told(/^reload refused/) > 10 && told(/^reloaded/) > 10;
    for (let index = 0; index < 100 || (index < 2_000 && !enough()); index += 1) {
      writeFileSync(daemon.configFile, index % 2 === 0 ? (broken[(index / 2) % broken.length] ?? '') : good);
      daemon.signal('SIGHUP');
      await pause(20 + Math.random() * 30);
    }
    over = true;
    expect(await Promise.all(working)).toEqual([0, 0]);
    expect(tcp.closed).toBe(false);
    expect(new Set(journal.calls.map((call) => call.status))).toEqual(new Set([SUCCESS]));
    expect(openFiles(daemon.pid)).toBeLessThanOrEqual(before + 4);
    expect(enough()).toBe(true);
    expect(daemon.noise).toEqual([]);
    udp.close();
    tcp.close();
    await daemon.stop();
  });
});

describe('a second daemon on the same directory', () => {
  /** All below a directory, except the configuration and the log of calls, with everything that a write would change. */
  function picture(directory: string): Record<string, unknown> {
    const seen: Record<string, unknown> = {};
    for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      const file = path.join(directory, name);
      const { ino, size, mtimeMs, mode } = statSync(file);
      const isFile = statSync(file).isFile();
      seen[name] = {
        ino,
        size,
        mtimeMs,
        mode,
        sum: isFile ? createHash('sha256').update(readFileSync(file)).digest('hex') : '',
      };
    }
    return seen;
  }

  test('ends at once with an exit status that is not 0, says why, and touches nothing', async () => {
    const daemon = await Daemon.start();
    const client = await UdpClient.open(daemon.port);
    expect(await client.add('192.0.2.5')).toBe(SUCCESS);
    let before = picture(daemon.directory);
    await until('all is written', 10_000, async () => {
      await pause(500);
      const earlier = before;
      before = picture(daemon.directory);
      return isDeepStrictEqual(before, earlier);
    });
    const second = await run([process.execPath, MAIN, '--config', daemon.configFile]);
    expect(second.code).toBe(1);
    expect(second.stderr + second.stdout).toContain(daemon.journal);
    expect(picture(daemon.directory)).toEqual(before);
    expect(await client.add('192.0.2.6')).toBe(SUCCESS);
    expect((await dump(daemon.mapPath)).size).toBe(2);
    client.close();
    await daemon.stop();
  });
});

test('a daemon with a journal of its own and the map of another ends and leaves the map alone', async () => {
  const daemon = await Daemon.start();
  const client = await UdpClient.open(daemon.port);
  expect(await client.add('192.0.2.5')).toBe(SUCCESS);
  client.close();
  const second = Daemon.launch({ map: daemon.mapPath });
  expect((await second.exited).code).toBe(1);
  expect(second.noise.join('\n')).toContain(`another dracd writes the map ${daemon.mapPath}`);
  expect([...(await dump(daemon.mapPath)).keys()]).toEqual(['192.0.2.5']);
  await daemon.stop();
});

describe('slow peers', () => {
  const PEERS = 2_000;

  /** One connection that begins a record and then sends a byte a second. */
  function slow(port: number, index: number): Socket {
    const socket = connect({ port, host: '127.0.0.1', localAddress: `127.1.${(index >> 5) & 0xff}.1` });
    const bytes = record(addCall(nextXid(), '203.0.113.1'));
    let at = 0;
    const timer = setInterval(() => {
      if (at >= bytes.length - 1 || socket.destroyed) return;
      socket.write(bytes.subarray(at, at + 1));
      at += 1;
    }, 1_000);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(timer);
    });
    return socket;
  }

  test('2,000 of them: an honest client is served, over UDP, an open and a new connection', async () => {
    const daemon = await Daemon.start({ allow: ['127.0.0.0/8', '::1'] });
    const udp = await UdpClient.open(daemon.port);
    const tcp = await TcpClient.open(daemon.port);
    expect(await tcp.add('192.0.2.1')).toBe(SUCCESS);
    const before = openFiles(daemon.pid);
    const peers = Array.from({ length: PEERS }, (_, index) => slow(daemon.port, index));
    await pause(500);
    const end = performance.now() + 8_000;
    for (let index = 0; index < 100 || performance.now() < end; index += 1) {
      expect(await (index % 2 === 0 ? udp : tcp).add(`60.0.${(index >> 8) & 0xff}.${index & 0xff}`)).toBe(
        SUCCESS,
      );
      await pause(5);
    }
    // Slow records are ended after their time, so that there is room for a new connection.
    const fresh = await TcpClient.open(daemon.port, '::1');
    expect(await fresh.add('192.0.2.3')).toBe(SUCCESS);
    fresh.close();
    for (const peer of peers) peer.destroy();
    await until('their descriptors are closed', 10_000, () => openFiles(daemon.pid) <= before + 4);
    expect((await dump(daemon.mapPath)).has('203.0.113.1')).toBe(false);
    expect(daemon.logs.length).toBeLessThan(200);
    udp.close();
    tcp.close();
    await daemon.stop();
  });
});
