/**
 * admin - the built daemon steered by the built dracctl: what an operator sees, does, and may do
 *
 * Grants come by real RPC calls; what is in force is asked of the lmdb map through postmap and of a socketmap.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ClientAddress } from '../../src/core/address.js';
import { Asker } from '../support/asker.js';
import { Authority } from '../support/certificates.js';
import { Daemon, type DaemonOptions, killAll } from '../support/daemon.js';
import { lookup, lookupAll } from '../support/postmap.js';
import {
  childEnvironment,
  type Ended,
  freePort,
  mustRun,
  newDirectory,
  ROOT,
  run,
  until,
} from '../support/processes.js';
import { SUCCESS, SYSERR, UdpClient } from '../support/rpc-client.js';
import { permitting } from '../support/postfix-map.js';
import { searches } from '../support/searches.js';

const CTL = path.join(ROOT, 'dist/ctl.js');
const CLIENT = '203.0.113.7';
const OTHER = '203.0.113.8';
const WAIT_MS = 30_000;

const watches: ChildProcess[] = [];
const sites: Site[] = [];
const mounts: string[] = [];

afterEach(async () => {
  for (const one of watches.splice(0)) one.kill('SIGKILL');
  for (const site of sites.splice(0)) site.close();
  await killAll();
});
afterAll(async () => {
  for (const directory of mounts) await run(['umount', directory]);
});

/** A daemon, its operator, its reporter, and a mail server that asks it. */
class Site {
  readonly daemon: Daemon;
  readonly server: string;
  readonly #reporter: UdpClient;
  readonly #asker: Asker;

  private constructor(daemon: Daemon, reporter: UdpClient, asker: Asker) {
    this.daemon = daemon;
    this.server = `unix:${path.join(daemon.directory, 'admin.sock')}`;
    this.#reporter = reporter;
    this.#asker = asker;
  }

  static async start(options: DaemonOptions = {}): Promise<Site> {
    const directory = options.directory ?? newDirectory('admin');
    const door = `unix:${path.join(directory, 'socketmap')}`;
    const lookups = `[[lookups]]\nkind = "socketmap"\nlisten = ["${door}"]\n`;
    const daemon = await Daemon.start({ ...options, directory, more: lookups + (options.more ?? '') });
    const site = new Site(daemon, await UdpClient.open(daemon.port), await Asker.open(door, 'socketmap'));
    sites.push(site);
    return site;
  }

  close(): void {
    this.#reporter.close();
    this.#asker.socket.destroy();
  }

  /** Runs dracctl. */
  ctl(...words: readonly string[]): Promise<Ended> {
    return run([process.execPath, CTL, '--server', this.server, ...words]);
  }

  /** Runs dracctl, which must succeed; the objects that it prints. */
  async objects(...words: readonly string[]): Promise<Record<string, unknown>[]> {
    const text = await mustRun([process.execPath, CTL, '--server', this.server, '--json', ...words]);
    const lines = text.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Reports a client; ADD's answer. */
  report(client: string): Promise<number | undefined> {
    return this.#reporter.add(client);
  }

  /** Whether the client may relay, which the map and the socketmap agree on. */
  async relays(client: string): Promise<boolean> {
    const keys = searches.postfix(client as ClientAddress).join('\n');
    const { found } = await lookupAll(this.daemon.mapPath, `${keys}\n`);
    const inMap = permitting(found, client as ClientAddress) !== undefined;
    const asked = (await this.#asker.ask(client)) === 'permitted';
    expect(inMap).toBe(asked);
    return asked;
  }

  /** What dracctl watch prints from now on; resolves when the watch has begun. */
  async watch(): Promise<{
    readonly lines: () => Record<string, unknown>[];
    readonly over: Promise<number | null>;
  }> {
    const words = [CTL, '--server', this.server, '--json', 'watch'];
    const child = spawn(process.execPath, words, {
      env: childEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    watches.push(child);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
    const over = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const watchers = async (): Promise<number> => Number((await this.objects('stats'))[0]?.['watchers']);
    await until('it watches', WAIT_MS, async () => (await watchers()) > 0);
    const lines = (): Record<string, unknown>[] =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    return { lines, over };
  }
}

test('a grant is listed, explained and revoked at once; a new report grants again', async () => {
  const site = await Site.start();
  expect(await site.report(CLIENT)).toBe(SUCCESS);
  expect(await site.report('2001:db8::7')).toBe(SUCCESS);
  const rows = await site.objects('list');
  expect(rows.map(({ address }) => address).sort()).toEqual(['2001:db8::7', CLIENT]);
  expect(rows[0]).toMatchObject({ kind: 'grant', reporter: '127.0.0.1', reason: '' });
  expect(Date.parse(String(rows[0]?.['expiresAt']))).toBeGreaterThan(Date.now());

  const explained = await site.ctl('explain', CLIENT);
  expect(explained).toMatchObject({ code: 0, stderr: '' });
  expect(explained.stdout).toContain('may relay');
  expect(await site.relays(CLIENT)).toBe(true);

  expect(await site.ctl('revoke', CLIENT, '--reason', 'stolen laptop')).toMatchObject({
    code: 0,
    stdout: '1 revoked.\n',
  });
  expect(await site.relays(CLIENT)).toBe(false);
  expect(await site.relays('2001:db8::7')).toBe(true);
  expect((await site.ctl('explain', CLIENT)).code).toBe(1);
  expect((await site.ctl('revoke', CLIENT, '--reason', 'again')).code).toBe(1);
  const told = await site.daemon.logged('operator', WAIT_MS);
  expect(told).toMatchObject({ what: 'revoke', subject: CLIENT, reason: 'stolen laptop', count: 1 });
  expect(String(told['author'])).toMatch(/root/);

  expect(await site.report(CLIENT)).toBe(SUCCESS);
  expect(await site.relays(CLIENT)).toBe(true);
});

test('deny wins over pin, pin over a grant, also after a kill; without them it is as before', async () => {
  const directory = newDirectory('admin-entries');
  let site = await Site.start({ directory });
  expect(await site.report(CLIENT)).toBe(SUCCESS);
  await site.objects('pin', '198.51.100.0/24', '--reason', 'branch office');
  await site.objects('deny', '198.51.100.9', '--reason', 'abuse 4711');
  await site.objects('deny', CLIENT, '--reason', 'abuse 4712');
  const holds = async (): Promise<void> => {
    expect(await site.relays('198.51.100.8')).toBe(true);
    expect(await site.relays('198.51.100.9')).toBe(false);
    expect(await site.relays(CLIENT)).toBe(false);
  };
  await holds();
  expect(await site.report(CLIENT)).not.toBe(SUCCESS);
  await site.daemon.kill();
  site = await Site.start({ directory });
  await holds();
  expect((await site.ctl('explain', '198.51.100.9')).stdout).toContain('abuse 4711');

  expect(await site.objects('undeny', '198.51.100.9', '--reason', 'settled')).toEqual([{ removed: true }]);
  expect(await site.relays('198.51.100.9')).toBe(true);
  await site.objects('undeny', CLIENT, '--reason', 'settled');
  expect(await site.relays(CLIENT)).toBe(false);
  expect(await site.report(CLIENT)).toBe(SUCCESS);
  expect(await site.relays(CLIENT)).toBe(true);
  await site.objects('unpin', '198.51.100.0/24', '--reason', 'moved');
  expect(await site.relays('198.51.100.8')).toBe(false);
  expect((await site.ctl('unpin', '198.51.100.0/24', '--reason', 'moved')).code).toBe(1);
});

test('what an operator grants ends by itself, and survives a kill until then', async () => {
  const directory = newDirectory('admin-authorize');
  let site = await Site.start({ directory });
  await site.objects('authorize', OTHER, '--for', '1h', '--user', 'anna', '--reason', 'on the phone');
  await site.objects('authorize', CLIENT, '--for', '2s', '--reason', 'on the phone');
  await site.daemon.kill();
  site = await Site.start({ directory });
  expect(await site.relays(OTHER)).toBe(true);
  expect(await site.objects('list', '--user', 'anna')).toMatchObject([
    { address: OTHER, reason: 'on the phone' },
  ]);
  await until(
    'the short one has ended',
    WAIT_MS,
    async () => (await lookup(site.daemon.mapPath, CLIENT)) === undefined,
  );
  expect(await site.relays(CLIENT)).toBe(false);
});

test('a watcher is told what happens, by whom and why, and that the daemon has gone', async () => {
  const site = await Site.start();
  const { lines, over } = await site.watch();
  await site.report(CLIENT);
  await site.objects('deny', CLIENT, '--reason', 'abuse');
  await site.objects('undeny', CLIENT, '--reason', 'settled');
  await until('all is told', WAIT_MS, () => lines().length >= 4);
  const told = lines().map(({ change, address, reason }) => ({ change, address, reason }));
  expect(told).toEqual([
    { change: 'granted', address: CLIENT, reason: '' },
    { change: 'denied', address: CLIENT, reason: 'abuse' },
    expect.objectContaining({ change: 'revoked', address: CLIENT }),
    { change: 'undenied', address: CLIENT, reason: 'settled' },
  ]);
  const numbers = lines().map(({ number }) => Number(number));
  expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
  await site.daemon.kill();
  expect(await over).not.toBe(0);
});

test('reload says what has changed and what needs a restart; a bad file changes nothing', async () => {
  const site = await Site.start();
  const { configFile } = site.daemon;
  const text = readFileSync(configFile, 'utf8');
  expect((await site.ctl('reload')).stdout).toBe('Nothing has changed.\n');
  writeFileSync(
    configFile,
    text
      .replace('lifetime = "30m"', 'lifetime = "20m"')
      .replace('allow = ["127.0.0.1", "::1"]', 'allow = ["::1"]'),
  );
  expect(await site.objects('reload')).toEqual([
    { changed: ['reporters.allow'], needsRestart: ['grants.lifetime'] },
  ]);
  expect(await site.report(CLIENT)).not.toBe(SUCCESS);
  writeFileSync(configFile, `${text}\n[nonsense]\n`);
  const refused = await site.ctl('reload');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('nonsense');
  expect(await site.report(CLIENT)).not.toBe(SUCCESS);
  writeFileSync(configFile, text);
  await site.objects('reload');
  expect(await site.report(CLIENT)).toBe(SUCCESS);
});

test('its socket is for its group alone, one left by a kill is replaced, and shutdown ends it in order', async () => {
  const directory = newDirectory('admin-socket');
  const first = await Site.start({ directory });
  const socket = path.join(directory, 'admin.sock');
  expect(statSync(socket).mode & 0o777).toBe(0o660);
  await first.daemon.kill();
  expect((await first.ctl('stats')).code).toBe(69);
  const site = await Site.start({ directory });
  expect((await site.objects('stats'))[0]).toMatchObject({ version: expect.any(String) as string });
  expect(await site.ctl('rotate')).toMatchObject({ code: 0 });
  expect(await site.ctl('shutdown')).toMatchObject({ code: 0 });
  expect(await site.daemon.exited).toMatchObject({ code: 0 });
  expect((await site.ctl('stats')).code).toBe(69);
});

test.each([
  { what: 'a host name', words: ['pin', 'mail.example.org'] },
  { what: 'an octal spelling', words: ['pin', '010.0.0.1'] },
  { what: 'host bits', words: ['deny', '203.0.113.7/24'] },
  { what: 'a lifetime of ten years', words: ['pin', CLIENT, '--for', '3650d'] },
  { what: 'an empty reason', words: ['pin', CLIENT, '--reason', ''] },
  { what: 'a reason that turns the writing round', words: ['pin', CLIENT, '--reason', 'a\u202eb'] },
  { what: 'the loopback network', words: ['pin', '127.0.0.0/8'] },
])('$what is refused, names the field, and changes nothing', async ({ words }) => {
  const site = await Site.start();
  const refused = await site.ctl(...words, ...(words.includes('--reason') ? [] : ['--reason', 'test']));
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/ADDRESS|--for|--reason|no client can have/);
  expect(await site.objects('list')).toEqual([]);
});

test('through a port: an operator may, a viewer only looks, others do not come in; without TLS it does not start', async () => {
  const directory = newDirectory('admin-port');
  const authority = await Authority.make(directory, 'ours');
  const server = await authority.sign('server', { names: 'DNS:localhost,IP:127.0.0.1', use: 'serverAuth' });
  const port = await freePort();
  const listen = `[admin]\nlisten = ["127.0.0.1:${port}"]\n`;
  const tls = `[admin.tls]\ncert = "${server.cert}"\nkey = "${server.key}"\nclient_ca = "${authority.cert}"\nviewers = ["desk.example"]\noperators = ["ops.example"]\n`;
  const bare = Daemon.launch({ directory, admin: listen });
  expect(await bare.exited).toMatchObject({ code: 2 });
  expect(bare.said()).toContain('admin.tls');

  await Daemon.start({ directory, admin: listen + tls });
  const as = async (signer: Authority, name: string, ...words: string[]): Promise<Ended> => {
    const { cert, key } = await signer.sign('client', { names: `DNS:${name}`, use: 'clientAuth' });
    const door = ['--server', `localhost:${port}`, '--cert', cert, '--key', key, '--ca', authority.cert];
    return run([process.execPath, CTL, ...door, ...words]);
  };
  const pin = ['pin', CLIENT, '--reason', 'test'];
  expect(await as(authority, 'ops.example', ...pin)).toMatchObject({ code: 0 });
  expect(await as(authority, 'desk.example', ...pin)).toMatchObject({ code: 77 });
  expect(await as(authority, 'desk.example', 'explain', CLIENT)).toMatchObject({ code: 0 });
  expect(await as(authority, 'else.example', 'explain', CLIENT)).toMatchObject({ code: 77 });
  const theirs = await Authority.make(directory, 'theirs');
  expect(await as(theirs, 'ops.example', 'explain', CLIENT)).toMatchObject({ code: 77 });
});

test('while the disk is full nothing is promised, and nobody relays by it', async () => {
  const directory = newDirectory('admin-full');
  const journal = path.join(directory, 'journal');
  await mustRun(['mkdir', journal]);
  await mustRun(['mount', '-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'none', journal]);
  mounts.push(journal);
  const site = await Site.start({ directory, journal });
  await run(['dd', 'if=/dev/zero', `of=${journal}/ballast`, 'bs=4k']);
  await until('the store refuses', WAIT_MS, async () => (await site.report(OTHER)) === SYSERR);
  for (const verb of ['authorize', 'pin'])
    expect([2, 75]).toContain((await site.ctl(verb, CLIENT, '--reason', 'test')).code);
  expect(await lookup(site.daemon.mapPath, CLIENT)).toBeUndefined();
  await mustRun(['rm', `${journal}/ballast`]);
  await until(
    'it can again',
    WAIT_MS,
    async () => (await site.ctl('pin', CLIENT, '--reason', 'test')).code === 0,
  );
  expect(await site.relays(CLIENT)).toBe(true);
});
