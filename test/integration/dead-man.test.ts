/**
 * dead-man - the dead man's switch under a real systemd, with the grace that docs/service.md shows
 *
 * dracd is killed and cannot start again, because its configuration has got a mistake: the worst that can happen by
 * a slip of the hand. Its files must not permit anybody for longer than his time and the grace.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Namespace } from '../support/namespace.js';
import { blocks } from '../support/page.js';
import { mustRun, newDirectory, run, until } from '../support/processes.js';
import { NODE, SystemdHost, TREE } from '../support/systemd-host.js';

const STATE = '/var/lib/dracd';
const CONFIGURATION_FILE = '/etc/dracd/dracd.toml';
const CLIENT = '192.0.2.7';
const LIFETIME_MS = 16_000;
/** Of the page's drop-in. */
const GRACE_MS = 10_000;
/** The one-shot's own time, on a busy machine. */
const RUN_MS = 20_000;
const FILES = [`${STATE}/relay.list`, `${STATE}/relay.lmdb`];
const CONFIGURATION = `[rpc]
port = 4800
rpcbind = "off"
[grants]
lifetime = "${LIFETIME_MS}ms"
[[exports]]
format = "lmdb"
path = "${STATE}/relay.lmdb"
[[exports]]
format = "list"
path = "${STATE}/relay.list"
command = ["sleep", "3"]
`;

let namespace: Namespace;
let host: SystemdHost;

beforeAll(async () => {
  const directory = newDirectory('dead-man');
  const [grace] = blocks('docs/service.md', 'As a service').filter(({ language }) => language === 'ini');
  for (const [name, text] of [
    ['dracd.toml', CONFIGURATION],
    ['override.conf', grace?.text ?? ''],
  ] as const)
    writeFileSync(path.join(directory, name), text);
  await mustRun(['chmod', '-R', 'a+rX', directory]);
  namespace = await Namespace.create();
  host = await SystemdHost.boot(
    namespace,
    `cp ${directory}/dracd.toml ${CONFIGURATION_FILE}
cp ${directory}/override.conf /etc/systemd/system/dracd-expire.timer.d/`,
  );
});

afterAll(async () => {
  await (host as SystemdHost | undefined)?.stop();
  await (namespace as Namespace | undefined)?.stop();
});

/** The files that the client stands in. */
async function holding(): Promise<string[]> {
  const { stdout } = await run([...host.prefix, 'sh', '-c', `grep -lF ${CLIENT} ${FILES.join(' ')}`]);
  return stdout.split('\n').filter((name) => name !== '');
}

const says = (...command: readonly string[]): Promise<string> =>
  run([...host.prefix, ...command]).then(({ stdout }) => stdout.trim());

test('killed and unable to start again: nobody is permitted for longer than his time and the grace', async () => {
  await host.run('systemctl', 'start', 'dracd');
  // Wanted by dracd.service.
  expect(await says('systemctl', 'is-active', 'dracd-expire.timer')).toBe('active');
  await host.run(NODE, `${TREE}/dist/dracauth.js`, '-q', '-p', '4800', CLIENT);
  const over = performance.now() + LIFETIME_MS;
  await until('it is in the files', 5_000, async () => (await holding()).length === FILES.length);
  await host.run('sh', '-c', `echo '[rpc' >> ${CONFIGURATION_FILE}`);
  await host.run('systemctl', 'kill', '--signal=KILL', 'dracd');
  await until(
    'it has given up',
    10_000,
    async () => (await says('systemctl', 'is-failed', 'dracd')) === 'failed',
  );
  // A directory of that name, whoever made it, is no sign of a daemon.
  await host.run('mkdir', '-p', '/run/dracd');
  expect(await holding()).toEqual(FILES);
  await until(
    'nobody is permitted',
    over - performance.now() + GRACE_MS + RUN_MS,
    async () => (await holding()).length === 0,
  );
  // Not before its time, and far less than the minute later that it would be without the drop-in.
  expect(performance.now()).toBeGreaterThan(over - 1_000);
  expect(performance.now()).toBeLessThan(over + GRACE_MS + RUN_MS);
  await until(
    'the mistake is told',
    RUN_MS,
    async () => (await says('systemctl', 'is-failed', 'dracd-expire')) === 'failed',
  );
});

test('a start waits for the one-shot to end, and succeeds', async () => {
  await host.run('sed', '-i', '/^.rpc$/d', CONFIGURATION_FILE);
  // Its command takes three seconds.
  await until(
    'the one-shot runs',
    GRACE_MS + RUN_MS,
    async () => (await says('systemctl', 'is-active', 'dracd-expire')) === 'activating',
  );
  await host.run('systemctl', 'start', 'dracd');
  expect(await says('systemctl', 'is-active', 'dracd-expire')).not.toBe('activating');
  expect(await says('systemctl', 'show', '-P', 'NRestarts', 'dracd')).toBe('0');
  await host.run('systemctl', 'stop', 'dracd');
  expect((await run([...host.prefix, 'test', '-e', '/run/dracd'])).code).toBe(1);
});
