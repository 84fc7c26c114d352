/**
 * service - the supplied units under a real systemd: what their sandbox leaves is enough for all that dracd does
 *
 * Every kind of export and look-up at once. That an ordinary program in the same sandbox is refused what the unit
 * forbids is the positive control: it is the sandbox that is tested, not its absence.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Namespace } from '../support/namespace.js';
import { mustRun, newDirectory, run, until } from '../support/processes.js';
import { LOG, NODE, SystemdHost, TIMER_OFF, TREE } from '../support/systemd-host.js';

const STATE = '/var/lib/dracd';
const LIFETIME_MS = 12_000;
const CLIENT = '192.0.2.7';
const FILES = ['relay.cdb', 'relay.db', 'relay.list', 'relay.lmdb', 'tcp.smtp.cdb'].map(
  (name) => `${STATE}/${name}`,
);
const CONFIGURATION = `
[rpc]
port = 4800
rpcbind = "off"
[grants]
lifetime = "${LIFETIME_MS}ms"
[[exports]]
format = "lmdb"
path = "${STATE}/relay.lmdb"
group = "dracd"
[[exports]]
format = "bdb"
path = "${STATE}/relay.db"
[[exports]]
format = "cdb"
path = "${STATE}/relay.cdb"
[[exports]]
format = "list"
path = "${STATE}/relay.list"
[[exports]]
format = "tcprules"
path = "${STATE}/tcp.smtp.cdb"
[[lookups]]
kind = "socketmap"
listen = ["127.0.0.1:4799", "unix:${STATE}/socketmap"]
group = "dracd"
`;

const directory = newDirectory('service');
let namespace: Namespace;
let host: SystemdHost;

beforeAll(async () => {
  const file = path.join(directory, 'dracd.toml');
  writeFileSync(file, CONFIGURATION);
  await mustRun(['chmod', '0644', file]);
  namespace = await Namespace.create();
  host = await SystemdHost.boot(
    namespace,
    `cp ${file} /etc/dracd/dracd.toml
printf '${TIMER_OFF.text.replaceAll('\n', '\\n')}' > ${TIMER_OFF.file}
cp -r /etc/systemd/system/dracd.service.d /etc/systemd/system/probe.service.d
sed 's:^ExecStart=.*:ExecStart=/bin/chgrp dracd ${STATE}:; /^ExecReload=/d; s/^Type=.*/Type=oneshot/; /^Restart/d' \\
  /etc/systemd/system/dracd.service > /etc/systemd/system/probe.service`,
  );
});

afterAll(async () => {
  await (host as SystemdHost | undefined)?.stop();
  await (namespace as Namespace | undefined)?.stop();
});

/** The files that a client stands in. */
async function holding(client: string): Promise<string[]> {
  const found = await run([...host.prefix, 'sh', '-c', `grep -lF ${client} ${STATE}/*.*`]);
  return found.stdout.split('\n').filter((name) => name !== '');
}

/** `systemctl start`; what the service has logged when that fails. */
async function start(unit: string): Promise<void> {
  const { code } = await run([...host.prefix, 'systemctl', 'start', unit]);
  if (code !== 0) throw new Error(`${unit} does not start:\n${await host.run('cat', LOG)}`);
}

test('the sandbox is there: an ordinary program in it may not change a group', async () => {
  await expect(start('probe')).rejects.toThrow(/Operation not permitted/);
});

test('dracd.service starts, grants in every export and look-up, and is stopped', async () => {
  await host.run('truncate', '-s', '0', LOG);
  await start('dracd');
  await host.run(NODE, `${TREE}/dist/dracauth.js`, '-q', '-p', '4800', CLIENT);
  await until('every file says so', 5_000, async () => (await holding(CLIENT)).join() === FILES.join());
  expect(await host.run('postmap', '-q', CLIENT, 'socketmap:inet:127.0.0.1:4799:relay')).toBe('OK\n');
  await host.run('systemctl', 'stop', 'dracd');
  expect((await host.run('cat', LOG)).match(/^.*"level":"(warn|error)".*$/gm)).toBeNull();
  expect(await host.run('systemctl', 'show', '-P', 'Result', 'dracd')).toBe('success\n');
});

test('dracd-expire.service does nothing while it runs, and takes out what is over when it does not', async () => {
  const over = Date.now() + LIFETIME_MS;
  await until('its time is over', 2 * LIFETIME_MS, () => Date.now() > over);
  // The positive control: nobody has taken it out.
  expect(await holding(CLIENT)).toEqual(FILES);
  await start('dracd-expire.service');
  expect(await holding(CLIENT)).toEqual([]);

  await start('dracd');
  const written = await host.run('stat', '-c', '%i %Y', ...FILES);
  await start('dracd-expire.service');
  expect(await host.run('stat', '-c', '%i %Y', ...FILES)).toBe(written);
  expect(await host.run('systemctl', 'show', '-P', 'ConditionResult', 'dracd-expire')).toBe('no\n');
  await host.run('systemctl', 'stop', 'dracd');
});
