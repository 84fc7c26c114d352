/**
 * fail-closed - whatever becomes of dracd: no file that it exports goes on permitting clients whose time is over
 *
 * Every format and wording is here, read by the programs that it is made for; Postfix relays by those that it reads,
 * from a chroot and not. A file cannot know the time: that grants whose time is over still count before the one-shot
 * has run is each test's positive control.
 */
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { dumpBdb, postfixTable, postmapQuery, tcpRule } from '../support/map-readers.js';
import { NotifySocket } from '../support/notify-socket.js';
import { FOREIGN_RECIPIENT, LOCAL_RECIPIENT, Postfix, relayRestrictions } from '../support/postfix.js';
import {
  type Ended,
  MAIN,
  inMinutes,
  mustRun,
  newDirectory,
  pause,
  run,
  until,
} from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

/** Of the first client; the second has an hour. Enough for a busy machine to grant both meanwhile. */
const LEASE_MS = 20_000;
const FIRST = '192.0.2.1';
const SECOND = '192.0.2.22';
const INVENTED = '198.51.100.66';

const directory = newDirectory('fail-closed');
const rules = path.join(directory, 'tcp.smtp');
const at = (name: string): string => path.join(directory, name);

/** Whether a file permits a client, as the programs see it that read it. */
type Reader = (file: string, client: string) => Promise<boolean>;

const postmap =
  (type: string): Reader =>
  async (file, client) =>
    (await postmapQuery(type === 'cidr' ? `cidr:${file}` : postfixTable(type, file), client)) !== undefined;
const lineOf: Reader = (file, client) =>
  Promise.resolve(
    readFileSync(file, 'utf8')
      .split('\n')
      .some((line) => line.split('\t')[0] === client),
  );

/** All exports but the first of any configuration, which is the lmdb map. */
const exportsText = `
[[exports]]
format = "bdb"
path = "${at('shared.db')}"
dialect = ["postfix", "sendmail", "exim"]
[[exports]]
format = "bdb"
path = "${at('drac.db')}"
dialect = "drac"
cidr_key = true
term_kd = true
[[exports]]
format = "cdb"
path = "${at('relay.cdb')}"
value = "OK"
[[exports]]
format = "list"
path = "${at('exim.list')}"
[[exports]]
format = "list"
path = "${at('cidr.list')}"
dialect = "postfix"
[[exports]]
format = "list"
path = "${at('makemap.list')}"
dialect = "sendmail"
[[exports]]
format = "tcprules"
path = "${at('tcp.smtp.cdb')}"
rules = "${rules}"
`;
const files: Readonly<Record<string, Reader>> = {
  'relay.lmdb': postmap('lmdb'),
  'shared.db': postmap('btree'),
  'drac.db': async (file, client) => (await dumpBdb(file)).some(([key]) => key === `${client}/32\0`),
  'relay.cdb': postmap('cdb'),
  'exim.list': lineOf,
  'cidr.list': postmap('cidr'),
  'makemap.list': lineOf,
  'tcp.smtp.cdb': async (file, client) => (await tcpRule(file, client)).includes('RELAYCLIENT'),
};
const names = Object.keys(files);

/** The files that permit a client. */
async function permitting(client: string, where: (name: string) => string = at): Promise<string[]> {
  const found = await Promise.all(names.map(async (name) => files[name]?.(where(name), client)));
  return names.filter((_, i) => found[i]);
}

const read = { lmdb: 'relay.lmdb', btree: 'shared.db', cdb: 'relay.cdb', cidr: 'cidr.list' };
/** For each table one smtpd, and one in a chroot. */
const smtpds = Object.entries(read).flatMap(([type, name]) => {
  const text = relayRestrictions(type === 'cidr' ? `cidr:${at(name)}` : postfixTable(type, at(name)));
  // A cidr: table is read once in the life of a process: see docs/postfix.md.
  const options = type === 'cidr' ? ['max_use=1', 'max_idle=1s'] : [];
  return [false, true].map((chroot) => ({ text, chroot, options }));
});

let postfix: Postfix;

beforeAll(async () => {
  writeFileSync(rules, '203.0.113.:deny\n:allow\n');
  const first = await Daemon.start({ directory, more: exportsText });
  await first.stop();
  postfix = await Postfix.start(smtpds);
});

afterAll(async () => {
  await killAll();
  await (postfix as Postfix | undefined)?.stop();
});

/** What every smtpd says to a client that relays; inbound mail is accepted all the while. */
async function relaying(client: string): Promise<number[]> {
  const codes: number[] = [];
  for (const smtpd of smtpds.keys()) {
    expect(await postfix.ask(client, LOCAL_RECIPIENT, smtpd)).toBe(250);
    codes.push(await postfix.ask(client, FOREIGN_RECIPIENT, smtpd));
  }
  return codes;
}

const all = (code: number): number[] => smtpds.map(() => code);

/** At once, but for a process that has read its cidr: table and waits for its connection, a second at most. */
async function refusedEverywhere(client: string): Promise<void> {
  const isTable = (_: unknown, smtpd: number): boolean => smtpd < smtpds.length - 2;
  const codes = await relaying(client);
  expect(codes.filter(isTable)).toEqual(all(554).filter(isTable));
  await until('nobody relays', 10_000, async () => (await relaying(client)).every((code) => code === 554));
}

const expire = (daemon: Daemon, prefix: readonly string[] = []): Promise<Ended> =>
  run([...prefix, process.execPath, MAIN, '--config', daemon.configFile, '--expire-map']);

interface Granted {
  readonly daemon: Daemon;
  /** Waits until the time of the first client is over. */
  readonly over: () => Promise<void>;
}

/** A daemon that has granted both clients, in two runs, and says so in every file. */
async function granted(): Promise<Granted> {
  const grantTo = async (one: string, lifetime: string): Promise<Daemon> => {
    const daemon = await Daemon.start({ directory, lifetime, more: exportsText });
    const client = await UdpClient.open(daemon.port);
    expect(await client.add(one)).toBe(SUCCESS);
    client.close();
    return daemon;
  };
  await (await grantTo(FIRST, `${LEASE_MS}ms`)).stop();
  const end = performance.now() + LEASE_MS;
  const daemon = await grantTo(SECOND, '1h');
  await until('both are everywhere', 5_000, async () => (await permitting(SECOND)).length === names.length);
  expect(await permitting(FIRST)).toEqual(names);
  return { daemon, over: () => pause(Math.max(0, end + 300 - performance.now())) };
}

/** The one-shot, when the time of the second client is over too. */
async function expireAll(daemon: Daemon): Promise<void> {
  expect((await expire(daemon, inMinutes(61))).code).toBe(0);
  expect(await permitting(SECOND)).toEqual([]);
}

test('killed: the one-shot takes what is over out of every file, leaves the rest, and Postfix relays by it', async () => {
  const { daemon, over } = await granted();
  await daemon.kill();
  await over();
  expect(await permitting(FIRST)).toEqual(names);
  expect(await relaying(FIRST)).toEqual(all(250));
  const ended = await expire(daemon);
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
  expect(await permitting(FIRST)).toEqual([]);
  expect(await permitting(SECOND)).toEqual(names);
  await refusedEverywhere(FIRST);
  expect(await relaying(SECOND)).toEqual(all(250));
  // What the administrator has said himself is still there.
  expect(await tcpRule(at('tcp.smtp.cdb'), '203.0.113.1')).toMatch(/deny/);
  await expireAll(daemon);
  await refusedEverywhere(SECOND);
});

/** Puts somebody whom nobody has granted into every file, or something else in the file's place. */
async function invent(): Promise<void> {
  for (const table of [`lmdb:${at('relay')}`, `btree:${at('shared')}`])
    await mustRun(['postmap', '-i', table], { input: `${INVENTED}\t1790000000\n` });
  for (const name of ['exim.list', 'makemap.list', 'cidr.list'])
    appendFileSync(at(name), `${INVENTED}\tOK\n`);
  for (const name of ['relay.cdb', 'drac.db']) writeFileSync(at(name), 'no map');
  rmSync(at('tcp.smtp.cdb'));
  const rule = `+${INVENTED.length},14:${INVENTED}->+RELAYCLIENT=\0\n\n`;
  await mustRun(['cdb', '-c', at('tcp.smtp.cdb')], { input: rule });
  const invented = names.filter((name) => !['relay.cdb', 'drac.db'].includes(name));
  for (const name of invented) expect(await files[name]?.(at(name), INVENTED)).toBe(true);
}

test('stopped, and started again: before it tells that it is ready every file is right, whatever was in it', async () => {
  const { daemon, over } = await granted();
  expect((await daemon.stop()).code).toBe(0);
  await over();
  expect(await permitting(FIRST)).toEqual(names);
  await invent();
  const socket = await NotifySocket.open(...names.map(at));
  const env = { NOTIFY_SOCKET: socket.path };
  try {
    const again = await Daemon.start({ directory, lifetime: '1h', more: exportsText, env });
    await socket.ready();
    const copy = (name: string): string => socket.copyOf(at(name));
    for (const [client, expected] of [
      [FIRST, []],
      [SECOND, names],
      [INVENTED, []],
    ] as const)
      expect({ client, in: await permitting(client, copy) }).toEqual({ client, in: expected });
    await again.kill();
  } finally {
    socket.close();
  }
  expect(await permitting(SECOND)).toEqual(names);
  await expireAll(daemon);
});
