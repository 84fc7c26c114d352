/**
 * fail-closed-trouble - the one-shot that takes what is over out of the maps, when more is broken than the daemon
 *
 * A journal or a configuration that cannot be read, maps under other names, no room on the disk. What stays in a map
 * without the one-shot is each test's positive control.
 */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  readFileSync,
  statSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { postfixTable } from '../support/map-readers.js';
import { FOREIGN_RECIPIENT, LOCAL_RECIPIENT, Postfix, relayRestrictions } from '../support/postfix.js';
import { lookup } from '../support/postmap.js';
import { type Ended, MAIN, mustRun, inMinutes, newDirectory, run, until } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const CLIENT = '192.0.2.1';

afterAll(killAll);

type Env = Readonly<Record<string, string>>;

const expire = (daemon: Daemon, env: Env = {}, prefix: readonly string[] = []): Promise<Ended> =>
  run([...prefix, process.execPath, MAIN, '--config', daemon.configFile, '--expire-map'], { env });

/** The same when the grant is over. */
const expireLater = (daemon: Daemon, env: Env = {}): Promise<Ended> => expire(daemon, env, inMinutes(31));

const holds = async (daemon: Daemon): Promise<boolean> =>
  (await lookup(daemon.mapPath, CLIENT)) !== undefined;

/** A daemon of its own, killed, with a grant of half an hour in an lmdb map and in a list; `more` is the rest of its configuration. */
async function leftBehind(options: Parameters<typeof Daemon.start>[0] & { more: string }): Promise<Daemon> {
  const daemon = await Daemon.start(options);
  const client = await UdpClient.open(daemon.port);
  expect(await client.add(CLIENT)).toBe(SUCCESS);
  client.close();
  await until('it is in the list', 5_000, () => lists(options.more));
  await daemon.kill();
  expect(await holds(daemon)).toBe(true);
  return daemon;
}

const listIn = (text: string): string => /path = "([^"]*\.list)"/.exec(text)?.[1] ?? '';
const lists = (text: string): boolean => readFileSync(listIn(text), 'utf8').includes(CLIENT);
const listText = (file: string): string =>
  `[[exports]]\nformat = "list"\npath = "${file}"\ninterval = "100ms"\n`;

test('a journal that cannot be read: every map is emptied, and the exit status tells', async () => {
  const own = newDirectory('unreadable');
  const more = listText(path.join(own, 'relay.list'));
  const daemon = await Daemon.start({ directory: own, more });
  const client = await UdpClient.open(daemon.port);
  expect(await client.add(CLIENT)).toBe(SUCCESS);
  client.close();
  await until('it is in the list', 5_000, () => lists(more));
  await daemon.kill();
  chmodSync(daemon.journal, 0o777);
  // The daemon does not start on it either.
  expect(await Daemon.launch({ directory: own, more }).exited).toEqual({ code: 1, signal: null });
  expect(lists(more)).toBe(true);
  const ended = await expire(daemon);
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain(`journal directory ${daemon.journal} may be written by its group or others`);
  expect(ended.stdout).toContain('journal: cannot be read: no grant can be proven, the maps are emptied');
  expect(await holds(daemon)).toBe(false);
  expect(lists(more)).toBe(false);
  // Right again, what was granted counts again.
  chmodSync(daemon.journal, 0o750);
  expect((await expire(daemon)).code).toBe(0);
  expect(await holds(daemon)).toBe(true);
  expect(lists(more)).toBe(true);
});

test('a configuration with a mistake: the maps are those of the last run, and the exit status tells', async () => {
  const own = newDirectory('mistake');
  const more = listText(path.join(own, 'relay.list'));
  const env = { STATE_DIRECTORY: own };
  const daemon = await leftBehind({ directory: own, more, env });
  appendFileSync(daemon.configFile, '[rpc]\nport = "any"\n');
  // The control: without the service manager's directory nothing is known.
  expect((await expireLater(daemon)).code).toBe(2);
  expect(lists(more)).toBe(true);
  const ended = await expireLater(daemon, env);
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain(daemon.configFile);
  expect(await holds(daemon)).toBe(false);
  expect(lists(more)).toBe(false);
});

test('maps under other names than before: those of the last run are looked after, until the daemon has told of them', async () => {
  const own = newDirectory('renamed');
  const [before, after] = ['one.list', 'two.list'].map((name) => listText(path.join(own, name))) as [
    string,
    string,
  ];
  const env = { STATE_DIRECTORY: own };
  const daemon = await leftBehind({ directory: own, more: before, env });
  const text = readFileSync(daemon.configFile, 'utf8');
  writeFileSync(daemon.configFile, text.replace(before, after));
  expect(lists(before)).toBe(true);
  expect((await expireLater(daemon, env)).code).toBe(0);
  expect(lists(before)).toBe(false);
  expect(lists(after)).toBe(false);
  const again = await Daemon.start({ directory: own, more: after, env });
  const told = await again.logged(
    'map: no longer in the configuration; it keeps what it says, remove it',
    5_000,
  );
  expect([told.level, told['path']]).toEqual(['warn', listIn(before)]);
  await again.stop();
});

test('a full disk: the room that a map takes is enough to write it anew', async () => {
  const own = newDirectory('full');
  await mustRun(['mount', '-t', 'tmpfs', '-o', 'size=1m,mode=755', 'tmpfs', own]);
  try {
    const more = listText(path.join(own, 'relay.list'));
    const journal = path.join(newDirectory('full-journal'), 'journal');
    const daemon = await leftBehind({
      directory: newDirectory('full-config'),
      map: path.join(own, 'relay.lmdb'),
      journal,
      more,
    });
    const { bavail, bsize } = statfsSync(own);
    writeFileSync(path.join(own, 'ballast'), Buffer.alloc(bavail * bsize));
    const before = statSync(daemon.mapPath).ino;
    const ended = await expireLater(daemon);
    expect(ended.stdout).toContain(
      'map: removed, because it cannot be written and would permit what is over',
    );
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
    expect(statSync(daemon.mapPath).ino).not.toBe(before);
    expect(await holds(daemon)).toBe(false);
    expect(lists(more)).toBe(false);
  } finally {
    await mustRun(['umount', own]);
  }
});

test('a map that cannot be written at all is removed: Postfix puts off relaying and accepts inbound mail', async () => {
  const own = newDirectory('unwritable');
  const more = listText(path.join(own, 'relay.list'));
  const daemon = await leftBehind({ directory: own, more });
  const other = await Postfix.start([relayRestrictions(postfixTable('lmdb', daemon.mapPath))]);
  try {
    expect(await other.ask(CLIENT, FOREIGN_RECIPIENT)).toBe(250);
    const text = readFileSync(daemon.configFile, 'utf8');
    writeFileSync(daemon.configFile, text.replace('mode = "0644"', 'mode = "0644"\ngroup = "no-such-group"'));
    const ended = await expireLater(daemon);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('group no-such-group is not in /etc/group');
    expect(existsSync(daemon.mapPath)).toBe(false);
    expect(lists(more)).toBe(false);
    expect(await other.ask(CLIENT, LOCAL_RECIPIENT)).toBe(250);
    expect(await other.ask(CLIENT, FOREIGN_RECIPIENT)).toBe(451);
  } finally {
    await other.stop();
  }
});
