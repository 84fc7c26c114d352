/**
 * http - the built daemon's door for numbers and health: what it tells, what it keeps to itself, and who may ask
 *
 * Disks are small tmpfs and rpcbind runs in a namespace: both need root. promtool is unpacked, not installed.
 */
import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { hostname } from 'node:os';
import path from 'node:path';
import { rows } from '../../src/http/metrics.js';
import { Asker } from '../support/asker.js';
import { Daemon, killAll } from '../support/daemon.js';
import { ask, httpPort, valueOf } from '../support/http.js';
import { Namespace } from '../support/namespace.js';
import { blocks, withNames } from '../support/page.js';
import { freePort, mustRun, newDirectory, ROOT, run, until } from '../support/processes.js';
import { PERM, SUCCESS, SYSERR, TcpClient, UdpClient } from '../support/rpc-client.js';

const HTTP = '127.0.0.1:0';
const mounts: string[] = [];
const namespaces: Namespace[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await killAll();
  for (const one of namespaces.splice(0)) await one.stop();
});
afterAll(async () => {
  for (const directory of mounts) await run(['umount', directory]);
});

/** A daemon with its HTTP door. */
async function start(
  options: Parameters<typeof Daemon.start>[0] = {},
): Promise<{ daemon: Daemon; port: number }> {
  const daemon = await Daemon.start({ http: HTTP, ...options });
  return { daemon, port: await httpPort(daemon) };
}

const scrape = async (port: number): Promise<string> => (await ask(port, '/metrics')).body;

interface Health {
  readonly status: string;
  readonly reasons: readonly { readonly part: string; readonly reason: string; readonly cure: string }[];
}
async function readiness(port: number): Promise<{ status: number; health: Health }> {
  const { status, body } = await ask(port, '/readyz');
  return { status, health: JSON.parse(body) as Health };
}

/** Waits until the daemon is not ready for one reason; answers it. */
async function unready(port: number, part: string): Promise<Health['reasons'][number]> {
  let found: Health | undefined;
  await until(`not ready: ${part}`, 30_000, async () => {
    const { status, health } = await readiness(port);
    found = health;
    return status === 503 && health.reasons.some((one) => one.part === part);
  });
  expect(found?.status).toBe('degraded');
  expect((await ask(port, '/livez')).status).toBe(200);
  const [reason] = found?.reasons ?? [];
  if (reason === undefined) throw new Error('not reached');
  return reason;
}

const ready = (port: number, withinMs = 10_000): Promise<void> =>
  until('ready again', withinMs, async () => (await readiness(port)).status === 200);

/** Prometheus' own judge. */
async function promtool(): Promise<string> {
  const tools = path.join(ROOT, 'var/unpacked/prometheus');
  const unpack = path.join(ROOT, 'test/support/unpack-debian');
  await mustRun(['bash', unpack, tools, 'prometheus'], { limitMs: 110_000 });
  return path.join(tools, 'usr/bin/promtool');
}

describe('the numbers', () => {
  test('count what happened, under names; no address that was reported or asked for is in them, before and after a restart', async () => {
    const directory = newDirectory('scrape');
    const socketmap = path.join(directory, 'socketmap');
    const options = {
      directory,
      http: HTTP,
      more: `[reporters.names]\npop1 = ["127.0.0.1"]\n[[lookups]]\nkind = "socketmap"\nlisten = ["unix:${socketmap}"]\n`,
    };
    const clients = ['203.0.113.71', '203.0.113.72', '2001:db8:71::1'];
    const unknown = '198.51.100.99';
    const { daemon, port } = await start(options);
    const udp = await UdpClient.open(daemon.port);
    const tcp = await TcpClient.open(daemon.port, '::1');
    for (const client of clients) expect(await udp.add(client)).toBe(SUCCESS);
    expect(await tcp.add('203.0.113.71')).toBe(SUCCESS);
    expect(await udp.add('127.0.0.9')).toBe(PERM);
    const asker = await Asker.open(`unix:${socketmap}`, 'socketmap');
    for (const client of [...clients, unknown]) await asker.ask(client);
    asker.close();
    udp.close();
    tcp.close();

    const first = await scrape(port);
    expect(valueOf(first, 'dracd_grants')).toBe(3);
    const reports = (labels: string): number => valueOf(first, `dracd_reports_total{${labels}}`);
    expect(reports('reporter="pop1",transport="udp",version="2",outcome="granted"')).toBe(1);
    expect(reports('reporter="pop1",transport="udp",version="1",outcome="granted"')).toBe(2);
    expect(reports('reporter="pop1",transport="udp",version="1",outcome="unusable"')).toBe(1);
    expect(reports('reporter="local",transport="tcp",version="1",outcome="renewed"')).toBe(1);
    expect(valueOf(first, 'dracd_lookups_total{kind="socketmap",verdict="hit"}')).toBe(3);
    expect(valueOf(first, 'dracd_lookups_total{kind="socketmap",verdict="miss"}')).toBe(1);
    expect(valueOf(first, 'dracd_commit_group_grants_sum')).toBe(4);
    expect(valueOf(first, 'dracd_udp_drops_total')).toBe(0);
    expect(valueOf(first, 'dracd_journal_bytes')).toBeGreaterThan(0);
    await daemon.stop();

    const again = await start(options);
    const second = await scrape(again.port);
    expect(valueOf(second, 'dracd_grants')).toBe(3);
    for (const text of [first, second, (await ask(again.port, '/')).body]) {
      for (const address of [...clients, unknown, '127.0.0.1', '127.0.0.9', '::1'])
        expect(text).not.toContain(address);
    }
    // The search would find one: the map's path is there.
    expect(first).toContain(daemon.mapPath);
  });

  test('are what promtool takes for good, and all of the metrics are there', async () => {
    const tool = await promtool();
    const { daemon, port } = await start();
    const client = await UdpClient.open(daemon.port);
    expect(await client.add('203.0.113.1')).toBe(SUCCESS);
    client.close();
    const text = await scrape(port);
    expect([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)).toEqual(Object.keys(rows));
    const checked = await run([tool, 'check', 'metrics'], { input: text });
    expect({ code: checked.code, said: checked.stdout + checked.stderr }).toEqual({ code: 0, said: '' });
    // It would have said something.
    expect((await run([tool, 'check', 'metrics'], { input: 'a_bad-name 1\n' })).code).not.toBe(0);
    const rules = await run([tool, 'check', 'rules', path.join(ROOT, 'prometheus/dracd.rules.yml')]);
    expect({ code: rules.code, said: rules.stdout }).toEqual({
      code: 0,
      said: expect.stringMatching(/SUCCESS: \d+ rules found/) as string,
    });
  });

  test("the page's recipes: its configuration, what it says to try, and what it says to Prometheus", async () => {
    const page = 'docs/operations.md';
    const [toml, sh] = blocks(page, 'Watching dracd').filter(({ language }) => language !== '');
    const port = await freePort();
    const here = { '127.0.0.1:9479': `127.0.0.1:${port}` };
    const more = withNames(toml?.text ?? '', { ...here, '192.0.2.10': '127.0.0.1' });
    const daemon = await Daemon.start({ more });
    await daemon.logged('http: listening', 10_000);
    const client = await UdpClient.open(daemon.port);
    expect(await client.add('203.0.113.1')).toBe(SUCCESS);
    client.close();
    expect(await scrape(port)).toContain('dracd_reports_total{reporter="pop1"');
    expect(await mustRun(['sh', '-ec', withNames(sh?.text ?? '', here)])).toBe(
      '{"status":"ok","reasons":[]}\ndracd_grants 1\n',
    );

    const yaml = blocks(page, 'Prometheus and Grafana').find(({ language }) => language === 'yaml');
    const file = path.join(newDirectory('prometheus'), 'prometheus.yml');
    const rules = path.join(ROOT, 'prometheus/dracd.rules.yml');
    writeFileSync(file, withNames(yaml?.text ?? '', { '/etc/prometheus/dracd.rules.yml': rules }));
    expect(await mustRun([await promtool(), 'check', 'config', file])).toContain('SUCCESS');
  });

  test('names of reporters are read anew at SIGHUP', async () => {
    const { daemon, port } = await start();
    const client = await UdpClient.open(daemon.port);
    expect(await client.add('203.0.113.1')).toBe(SUCCESS);
    writeFileSync(
      daemon.configFile,
      `${readFileSync(daemon.configFile, 'utf8')}[reporters.names]\nmail-7 = ["127.0.0.0/8"]\n`,
    );
    daemon.signal('SIGHUP');
    await daemon.logged(/^reloaded/, 5_000);
    expect(await client.add('203.0.113.1')).toBe(SUCCESS);
    client.close();
    const text = await scrape(port);
    expect(text).toContain(
      'dracd_reports_total{reporter="local",transport="udp",version="1",outcome="granted"} 1',
    );
    expect(text).toContain(
      'dracd_reports_total{reporter="mail-7",transport="udp",version="1",outcome="renewed"} 1',
    );
  });
});

describe('health', () => {
  async function tmpfs(directory: string): Promise<void> {
    mkdirSync(directory, { recursive: true });
    await mustRun(['mount', '-t', 'tmpfs', '-o', 'size=3m,mode=0755', 'tmpfs', directory]);
    mounts.push(directory);
  }

  function fill(directory: string): () => void {
    const file = path.join(directory, 'filler');
    const { bavail, bsize } = statfsSync(directory);
    writeFileSync(file, Buffer.alloc(bavail * bsize));
    return () => {
      rmSync(file);
    };
  }

  /** Adds new clients until one is refused. */
  async function addUntilRefused(daemon: Daemon): Promise<void> {
    const client = await TcpClient.open(daemon.port);
    for (let n = 0; ; n += 1) {
      const some = Array.from({ length: 200 }, (_, i) =>
        client.add(`2001:db8:${n.toString(16)}::${i.toString(16)}`),
      );
      if ((await Promise.all(some)).includes(SYSERR)) break;
      if (n > 500) throw new Error('nothing was refused');
    }
    client.close();
  }

  test('all is well', async () => {
    const { port } = await start();
    for (const place of ['/livez', '/readyz'])
      expect(await ask(port, place)).toMatchObject({ status: 200, body: '{"status":"ok","reasons":[]}\n' });
  });

  test('a full disk under the journal, until there is room', async () => {
    const directory = newDirectory('ready');
    const disk = path.join(directory, 'disk');
    await tmpfs(disk);
    const { daemon, port } = await start({ directory, journal: path.join(disk, 'journal') });
    const empty = fill(disk);
    await addUntilRefused(daemon);
    expect(await unready(port, 'journal')).toMatchObject({
      reason: expect.stringMatching(/ENOSPC|no space|short write/i) as string,
      cure: expect.stringContaining('make room') as string,
    });
    expect(valueOf(await scrape(port), 'dracd_journal_degraded')).toBe(1);
    empty();
    await ready(port);
    expect(valueOf(await scrape(port), 'dracd_journal_degraded')).toBe(0);
  });

  test('a full disk under the map, until there is room', async () => {
    const directory = newDirectory('ready');
    const disk = path.join(directory, 'disk');
    await tmpfs(disk);
    const map = path.join(disk, 'relay.lmdb');
    const { daemon, port } = await start({ directory, map });
    const empty = fill(disk);
    await addUntilRefused(daemon);
    const { cure } = await unready(port, `export ${map}`);
    expect(cure).toContain('disk');
    const text = await scrape(port);
    expect(valueOf(text, `dracd_export_degraded{path="${map}",format="lmdb"}`)).toBe(1);
    expect(valueOf(text, `dracd_export_behind_seconds{path="${map}",format="lmdb"}`)).toBeGreaterThan(0);
    empty();
    await ready(port);
    expect(valueOf(await scrape(port), `dracd_export_behind_seconds{path="${map}",format="lmdb"}`)).toBe(0);
  });

  test('a full ledger, until a grant has ended', async () => {
    const { daemon, port } = await start({ grants: 'max = 2', lifetime: '15s' });
    const client = await UdpClient.open(daemon.port);
    for (const address of ['203.0.113.1', '203.0.113.2']) expect(await client.add(address)).toBe(SUCCESS);
    await ready(port);
    expect(await client.add('203.0.113.3')).toBe(SYSERR);
    client.close();
    expect((await unready(port, 'ledger')).reason).toContain('2 live grants');
    await ready(port, 20_000);
  });

  test('an rpcbind that forwards, until it is another', async () => {
    const inside = await Namespace.create();
    namespaces.push(inside);
    const forwarding = await inside.rpcbind('-r');
    const daemon = await Daemon.start({ http: '127.0.0.1:9479', rpcbind: 'auto', prefix: inside.prefix });
    await daemon.logged(/^rpcbind forwards calls/, 30_000);
    const script = `fetch('http://127.0.0.1:9479/readyz').then(async (r) => console.log(r.status, await r.text()))`;
    const told = await inside.run(process.execPath, '-e', script);
    expect(told).toMatch(/^503 .*"part":"rpcbind".*"cure":"restart rpcbind without -r"/);
    await forwarding.kill();
    await inside.rpcbind();
    await until('ready again', 60_000, async () =>
      (await inside.run(process.execPath, '-e', script)).startsWith('200'),
    );
  });
});

describe('who may ask', () => {
  test('a request must name an address, localhost or this host', async () => {
    const hosts: Readonly<Record<string, number>> = {
      '127.0.0.1': 200,
      '127.0.0.1:9479': 200,
      '[::1]:9479': 200,
      'localhost:1': 200,
      [hostname().toUpperCase()]: 200,
      '192.0.2.7': 200,
      'rebinding.example': 421,
      'localhost.rebinding.example:9479': 421,
      '127.0.0.1.rebinding.example': 421,
      '[::1': 421,
    };
    const { port } = await start();
    for (const [host, status] of Object.entries(hosts)) {
      for (const place of ['/', '/metrics', '/readyz'])
        expect([host, (await ask(port, place, { headers: { host } })).status]).toEqual([host, status]);
    }
  });

  test('only GET and HEAD; other paths are not there, and none is a file', async () => {
    const { port } = await start();
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const answer = await ask(port, '/metrics', { method });
      expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET, HEAD']);
    }
    const head = await ask(port, '/metrics', { method: 'HEAD' });
    expect([head.status, head.body]).toEqual([200, '']);
    expect((await ask(port, '/events', { method: 'HEAD' })).status).toBe(200);
    expect((await ask(port, '/metrics?x=1')).status).toBe(200);
    for (const place of [
      '/metrics/',
      '/../package.json',
      '/web/page.js',
      '//',
      '/__proto__',
      '/constructor',
      '/%2e%2e/x',
    ])
      expect((await ask(port, place)).status).toBe(404);
  });

  test('each answer carries the policy, and may not be kept or put into another page', async () => {
    const { port } = await start();
    for (const place of ['/', '/page.js', '/metrics', '/readyz', '/none']) {
      const { headers } = await ask(port, place);
      expect(headers['content-security-policy']).toMatch(/^default-src 'none';.*frame-ancestors 'none'/);
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  test('what the page is made of is there', async () => {
    const made: Readonly<Record<string, readonly [type: string, words: string]>> = {
      '/': ['text/html; charset=utf-8', '<title>dracd on '],
      '/page.js': ['text/javascript; charset=utf-8', 'EventSource'],
      '/page.css': ['text/css; charset=utf-8', 'prefers-color-scheme'],
      '/icon.svg': ['image/svg+xml', '<svg'],
      '/uplot.js': ['text/javascript; charset=utf-8', 'uPlot'],
      '/uplot.css': ['text/css; charset=utf-8', '.uplot'],
    };
    const { port } = await start();
    for (const [place, [type, words]] of Object.entries(made)) {
      const { status, headers, body } = await ask(port, place);
      expect([status, headers['content-type']]).toEqual([200, type]);
      expect(body).toContain(words);
    }
  });

  test.each([false, true])('recent changes, once somebody has looked; whose: %j', async (shows) => {
    const { daemon, port } = await start({
      more: `[http]\nlisten = "${HTTP}"\nshow_addresses = ${shows}\n`,
    });
    const udp = await UdpClient.open(daemon.port);
    expect(await udp.add('203.0.113.81')).toBe(SUCCESS);
    expect((await ask(port, '/')).body).toContain('No changes are known.');
    expect(await udp.add('203.0.113.82')).toBe(SUCCESS);
    udp.close();
    let body = '';
    await until('it is shown', 10_000, async () => {
      ({ body } = await ask(port, '/'));
      return !body.includes('No changes are known.');
    });
    expect(body.includes('203.0.113.82')).toBe(shows);
    expect(body).not.toContain('203.0.113.81');
  });

  test('another address than loopback is warned about, loopback is not', async () => {
    const wide = await start({ http: '0.0.0.0:0' });
    expect((await wide.daemon.logged(/^http: others/, 1_000)).level).toBe('warn');
    const { daemon } = await start();
    expect(daemon.logs.some((line) => line.event.startsWith('http: others'))).toBe(false);
  });

  test('a port that somebody else has: a warning, and all else works; it is had when it is free', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => {
        resolve((other.address() as { port: number }).port);
      });
    });
    const daemon = await Daemon.start({ http: `127.0.0.1:${port}` });
    const told = await daemon.logged(/^http: no numbers/, 1_000);
    expect(told).toMatchObject({ level: 'warn', reason: expect.stringContaining('EADDRINUSE') as string });
    const client = await UdpClient.open(daemon.port);
    expect(await client.add('203.0.113.1')).toBe(SUCCESS);
    client.close();
    await new Promise((resolve) => other.close(resolve));
    await daemon.logged('http: listening', 15_000);
    expect(valueOf(await scrape(port), 'dracd_grants')).toBe(1);
    expect((await daemon.stop()).code).toBe(0);
  });
});

describe('hostile requests', () => {
  /** A connection that says this; resolves when it has been opened. What it hears is kept. */
  async function say(
    port: number,
    text: string | Buffer,
  ): Promise<{ socket: Socket; heard: () => string; over: () => boolean }> {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    let heard = '';
    let over = false;
    socket.on('data', (data: Buffer) => (heard += data.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => (over = true));
    await new Promise<void>((resolve) => {
      socket.once('connect', resolve);
      socket.once('close', resolve);
    });
    socket.write(text);
    return { socket, heard: () => heard, over: () => over };
  }

  test.each<[what: string, text: string | Buffer, answer: RegExp]>([
    [
      'a head of 100 KiB',
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
    ],
    [
      'a target of 100 KiB',
      `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
    ],
    ['no HTTP', Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), /^HTTP\/1\.1 400 /],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      /^HTTP\/1\.1 400 /,
    ],
    [
      'a request and garbage behind it',
      `GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n${'\0garbage'.repeat(50)}`,
      /^HTTP\/1\.1 200 /,
    ],
    ['CONNECT', 'CONNECT example.org:25 HTTP/1.1\r\nHost: localhost\r\n\r\n', /^$/],
  ])('%s', async (_, text, answer) => {
    const { daemon, port } = await start();
    const said = await say(port, text);
    await until('it is closed', 20_000, said.over);
    expect(said.heard()).toMatch(answer);
    expect((await ask(port, '/livez')).status).toBe(200);
    expect(daemon.logs.filter((line) => line.level === 'error')).toEqual([]);
    expect(daemon.noise).toEqual([]);
  });

  test('a hundred slow heads and a thousand pipelined requests: reports are answered meanwhile, and it comes back', async () => {
    const { daemon, port } = await start();
    const slow = await Promise.all(
      Array.from({ length: 100 }, () => say(port, 'GET / HTTP/1.1\r\nHost: loc')),
    );
    const client = await UdpClient.open(daemon.port);
    for (let n = 0; n < 50; n += 1) expect(await client.add(`203.0.113.${n}`)).toBe(SUCCESS);
    await until('slow ones are closed', 30_000, () => slow.every((one) => one.over()));
    const many = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(1_000);
    const flooding = await say(port, many);
    flooding.socket.pause();
    for (let n = 50; n < 100; n += 1) expect(await client.add(`203.0.113.${n}`)).toBe(SUCCESS);
    client.close();
    flooding.socket.destroy();
    // What was scraped just now is told again for a moment.
    await until('all are counted', 10_000, async () => valueOf(await scrape(port), 'dracd_grants') === 100);
  });

  test('sixteen streams are served and the seventeenth is not; a stop waits for none of them', async () => {
    const { daemon, port } = await start();
    const stream = 'GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const served = await Promise.all(Array.from({ length: 16 }, () => say(port, stream)));
    await until('all are told', 10_000, () => served.every((one) => one.heard().includes('event: page')));
    expect(await ask(port, '/events')).toMatchObject({ status: 503, headers: { 'retry-after': '60' } });
    served[0]?.socket.destroy();
    await until('there is room again', 5_000, async () => {
      const next = await say(port, stream);
      await until('an answer', 5_000, () => next.heard().startsWith('HTTP'));
      return next.heard().startsWith('HTTP/1.1 200');
    });
    const stopped = await daemon.stop();
    expect(stopped.code).toBe(0);
    expect(daemon.logs.some((line) => line.event === 'did not stop in time')).toBe(false);
    await until('they are closed', 5_000, () => served.every((one) => one.over()));
  });
});

test('no HTTP when there is none to be', async () => {
  const daemon = await Daemon.start({ http: '' });
  await daemon.stop();
  expect(daemon.logs.some((line) => line.event.startsWith('http'))).toBe(false);
});
