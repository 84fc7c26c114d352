/**
 * graph - a real Prometheus that scrapes the built daemon as docs/operations.md says: graphs, and an alert when dracd is down
 *
 * It asks each second instead of every fifteen. Grafana is not in Debian: what its dashboard asks is asked of Prometheus.
 * Prometheus is unpacked, not installed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { ask, httpPort } from '../support/http.js';
import { blocks, withNames } from '../support/page.js';
import { childEnvironment, freePort, mustRun, newDirectory, ROOT, until } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const RULES = path.join(ROOT, 'prometheus/dracd.rules.yml');
const WAIT_MS = 60_000;

let prometheus: ChildProcess | undefined;

afterEach(async () => {
  await killAll();
  if (prometheus === undefined || prometheus.exitCode !== null) return;
  const ended = once(prometheus, 'exit');
  prometheus.kill('SIGKILL');
  await ended;
});

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

interface Alert {
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Starts Prometheus with a configuration; its port. */
async function start(configuration: string): Promise<number> {
  const tools = path.join(ROOT, 'var/unpacked/prometheus');
  const unpack = path.join(ROOT, 'test/support/unpack-debian');
  await mustRun(['bash', unpack, tools, 'prometheus'], { limitMs: 110_000 });
  const directory = newDirectory('graph');
  const file = path.join(directory, 'prometheus.yml');
  writeFileSync(file, configuration);
  const port = await freePort();
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${directory}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  prometheus = spawn(path.join(tools, 'usr/bin/prometheus'), args, {
    env: childEnvironment(),
    stdio: 'ignore',
  });
  const answers = (): Promise<boolean> =>
    ask(port, '/-/ready').then(
      ({ status }) => status === 200,
      () => false,
    );
  await until('Prometheus is ready', WAIT_MS, answers);
  return port;
}

async function api(port: number, question: string): Promise<unknown> {
  const { status, body } = await ask(port, `/api/v1/${question}`);
  expect({ question, status, body }).toMatchObject({ status: 200 });
  return (JSON.parse(body) as { data: unknown }).data;
}

async function query(port: number, expression: string): Promise<readonly Series[]> {
  const data = (await api(port, `query?query=${encodeURIComponent(expression)}`)) as { result: Series[] };
  return data.result;
}

test('its graphs have what the daemon knows, the dashboard asks what it understands, and it tells when dracd is down', async () => {
  const daemon = await Daemon.start({ http: '127.0.0.1:0' });
  const http = await httpPort(daemon);
  const client = await UdpClient.open(daemon.port);
  for (const address of ['203.0.113.1', '203.0.113.2']) expect(await client.add(address)).toBe(SUCCESS);
  client.close();
  const recipes = blocks('docs/operations.md', 'Prometheus and Grafana');
  const yaml = recipes.find(({ language }) => language === 'yaml');
  const port = await start(
    withNames(yaml?.text ?? '', {
      '/etc/prometheus/dracd.rules.yml': RULES,
      '127.0.0.1:9479': `127.0.0.1:${http}`,
      '15s': '1s',
      scrape_configs: 'global:\n  evaluation_interval: 1s\nscrape_configs',
    }),
  );
  const value = async (expression: string): Promise<string | undefined> =>
    (await query(port, expression))[0]?.value[1];
  await until('it is up', WAIT_MS, async () => (await value('up{job="dracd"}')) === '1');
  expect(await value('dracd_grants')).toBe('2');

  const board = JSON.parse(readFileSync(path.join(ROOT, 'grafana/dracd.json'), 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  const asked = board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  expect(asked.length).toBeGreaterThan(10);
  for (const expr of asked)
    await query(port, expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m'));
  const live = board.panels.find(({ title }) => title === 'Live grants')?.targets[0]?.expr ?? '';
  expect(await value(live.replaceAll('$instance', '.*'))).toBe('2');

  const alerts = async (): Promise<readonly Alert[]> =>
    ((await api(port, 'alerts')) as { alerts: Alert[] }).alerts;
  const isDown = (all: readonly Alert[]): boolean =>
    all.some(({ labels }) => labels['alertname'] === 'DracdDown');
  expect(isDown(await alerts())).toBe(false);
  await daemon.stop();
  await until('the alert waits for its two minutes', WAIT_MS, async () => isDown(await alerts()));
});
