/**
 * exports - the built daemon with snapshot exports, beside the programs that read them
 *
 * A private Postfix reads btree: (smtpd 0) and cdb: (smtpd 1). A snapshot is seen by the next connection.
 */
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { dumpBdb, dumpCdb, postfixTable, tcpRule, verifyBdb } from '../support/map-readers.js';
import { FOREIGN_RECIPIENT, LOCAL_RECIPIENT, Postfix, relayRestrictions } from '../support/postfix.js';
import {
  MAIN,
  commandLine,
  inMinutes,
  mustRun,
  newDirectory,
  pause,
  run,
  until,
} from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';
import { readTrace, traced } from '../support/strace.js';

const LIFETIME_MS = 10_000;
/** A second is promised, or two; a busy machine takes longer. */
const LATE_MS = 10_000;
const INTERVAL_MS = 500;
const BTREE = 0;
const CDB = 1;

interface Files {
  readonly bdb: string;
  readonly cdb: string;
  readonly list: string;
  readonly tcprules: string;
  readonly copy: string;
}

function filesIn(directory: string): Files {
  return {
    bdb: path.join(directory, 'relay.db'),
    cdb: path.join(directory, 'relay.cdb'),
    list: path.join(directory, 'relay.list'),
    tcprules: path.join(directory, 'tcp.smtp.cdb'),
    copy: path.join(directory, 'copy'),
  };
}

/** All snapshot formats, the list with a command that copies it. */
function exportsText(files: Files, rules: string): string {
  const copy = `cat > ${files.copy}.new && mv ${files.copy}.new ${files.copy}`;
  return `
[[exports]]
format = "bdb"
dialect = ["postfix", "sendmail", "exim"]
path = "${files.bdb}"
interval = "${INTERVAL_MS}ms"
[[exports]]
format = "cdb"
path = "${files.cdb}"
interval = "${INTERVAL_MS}ms"
[[exports]]
format = "list"
path = "${files.list}"
interval = "${INTERVAL_MS}ms"
command = ["sh", "-c", "${copy}"]
command_stdin = "list"
[[exports]]
format = "tcprules"
path = "${files.tcprules}"
rules = "${rules}"
interval = "${INTERVAL_MS}ms"
`;
}

const directory = newDirectory('exports');
const files = filesIn(directory);
const rules = path.join(newDirectory('rules'), 'tcp.smtp');
let daemon: Daemon;
let postfix: Postfix;
let client: UdpClient;

const start = (lifetime: string): Promise<Daemon> =>
  Daemon.start({ directory, lifetime, more: exportsText(files, rules) });

const lines = (file: string): string[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');

/** Who stands in each of the files. */
async function clients(): Promise<Record<keyof Files, string[]>> {
  const bdb = (await dumpBdb(files.bdb)).map(([key]) => key.replace('\0', ''));
  const relaying = (await dumpCdb(files.tcprules)).filter(([, rule]) => rule.includes('RELAYCLIENT'));
  return {
    bdb,
    cdb: (await dumpCdb(files.cdb)).map(([key]) => key),
    list: lines(files.list),
    tcprules: relaying.map(([key]) => key),
    copy: lines(files.copy),
  };
}

beforeAll(async () => {
  writeFileSync(rules, '203.0.113.:deny\n:allow\n');
  daemon = await start(`${LIFETIME_MS}ms`);
  postfix = await Postfix.start([
    relayRestrictions(postfixTable('btree', files.bdb)),
    relayRestrictions(postfixTable('cdb', files.cdb)),
  ]);
  client = await UdpClient.open(daemon.port);
});

afterAll(async () => {
  (client as UdpClient | undefined)?.close();
  await killAll();
  await (postfix as Postfix | undefined)?.stop();
});

test('before the daemon is ready every file is there, valid and empty', async () => {
  await verifyBdb(files.bdb);
  await until('the command has run', 5_000, () => existsSync(files.copy));
  expect(await clients()).toEqual({ bdb: [], cdb: [], list: [], tcprules: [], copy: [] });
  expect(await tcpRule(files.tcprules, '203.0.113.1')).toMatch(/deny/);
});

/** 554, ADD, 250 at a later connection, 554 when it is over; another is refused all the while. */
async function followLease(smtpd: number, address: string, other: string): Promise<void> {
  expect(await postfix.ask(address, FOREIGN_RECIPIENT, smtpd)).toBe(554);
  const sentAt = Date.now();
  expect(await client.add(address)).toBe(SUCCESS);
  const answeredAt = Date.now();
  await until(
    'it relays',
    LIFETIME_MS,
    async () => (await postfix.ask(address, FOREIGN_RECIPIENT, smtpd)) === 250,
  );
  expect(await postfix.ask(other, FOREIGN_RECIPIENT, smtpd)).toBe(554);
  expect(await postfix.ask(other, LOCAL_RECIPIENT, smtpd)).toBe(250);
  // Never early, and over soon.
  for (;;) {
    const before = Date.now();
    const code = await postfix.ask(address, FOREIGN_RECIPIENT, smtpd);
    expect([250, 554]).toContain(code);
    if (code === 554) {
      expect(Date.now()).toBeGreaterThanOrEqual(sentAt + LIFETIME_MS);
      break;
    }
    expect(before).toBeLessThan(answeredAt + LIFETIME_MS + LATE_MS);
    await pause(50);
  }
  expect(await postfix.ask(address, LOCAL_RECIPIENT, smtpd)).toBe(250);
}

test.each([
  { table: 'btree:', smtpd: BTREE, v4: ['192.0.2.7', '192.0.2.8'], v6: ['2001:db8::6', '2001:db8::7'] },
  {
    table: 'cdb:',
    smtpd: CDB,
    v4: ['192.0.2.17', '192.0.2.1'],
    v6: ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:7'],
  },
] as const)(
  '$table a client relays from a later connection on, until its time is over',
  async ({ smtpd, v4, v6 }) => {
    await Promise.all([followLease(smtpd, v4[0], v4[1]), followLease(smtpd, v6[0], v6[1])]);
  },
);

test('one grant in every file, in the spelling of those who read it; denied by a rule, it stays denied', async () => {
  for (const address of ['192.0.2.50', '2001:db8::50', '203.0.113.50'])
    expect(await client.add(address)).toBe(SUCCESS);
  const v4 = ['192.0.2.50', '203.0.113.50'];
  await until('all say so', 5_000, () => existsSync(files.copy) && lines(files.copy).length === 3);
  await until('all say so', 5_000, async () => (await clients()).tcprules.length === 1);
  const found = await clients();
  expect(found).toEqual({
    bdb: [
      ...v4,
      '2001.0db8.0000.0000.0000.0000.0000.0050',
      '2001:0db8:0000:0000:0000:0000:0000:0050',
      '2001:db8:0:0:0:0:0:50',
      '2001:db8::50',
    ].sort(),
    cdb: [...v4, '2001:db8::50'].sort(),
    list: [...v4, '2001:db8::50'].sort(),
    tcprules: ['192.0.2.50'],
    copy: [...v4, '2001:db8::50'].sort(),
  });
  expect(daemon.logs.filter(({ event }) => event.includes('no words'))).toHaveLength(1);
  await until('all is over', LIFETIME_MS + 5_000, async () => (await clients()).bdb.length === 0);
});

test('deleted, both soon come back, loudly; inbound mail never waits', async () => {
  const from = daemon.logs.length;
  rmSync(files.bdb);
  rmSync(files.cdb);
  const deletedAt = performance.now();
  while (!existsSync(files.bdb) || !existsSync(files.cdb)) {
    expect(performance.now() - deletedAt).toBeLessThan(LATE_MS);
    for (const smtpd of [BTREE, CDB])
      expect(await postfix.ask('192.0.2.99', LOCAL_RECIPIENT, smtpd)).toBe(250);
  }
  expect((await daemon.logged('map: building it anew', 2_000, from)).level).toBe('warn');
  // A smtpd that met no map stays with 451 until it ends: Postfix's way, which the reload cures.
  await mustRun(['postfix', '-c', postfix.directory, 'reload']);
  expect(await client.add('192.0.2.99')).toBe(SUCCESS);
  for (const smtpd of [BTREE, CDB]) {
    const says = async (address: string, code: number): Promise<boolean> =>
      (await postfix.ask(address, FOREIGN_RECIPIENT, smtpd)) === code;
    await until('it relays', LIFETIME_MS, () => says('192.0.2.99', 250));
    await until('its neighbour does not', 5_000, () => says('192.0.2.98', 554));
  }
});

test('stopped, it leaves files that say what it knew last', async () => {
  expect(await client.add('192.0.2.60')).toBe(SUCCESS);
  const { code, signal } = await daemon.stop();
  expect([code, signal]).toEqual([0, null]);
  for (const { level, event } of daemon.logs) if (level === 'error') throw new Error(event);
  expect((await clients()).list).toContain('192.0.2.60');
});

test('--expire-map writes every file anew while the daemon is down, and runs the command', async () => {
  client.close();
  daemon = await start('10m');
  client = await UdpClient.open(daemon.port);
  expect(await client.add('192.0.2.61')).toBe(SUCCESS);
  await until('it is in every file', 5_000, async () =>
    Object.values(await clients()).every((found) => found.includes('192.0.2.61')),
  );
  await daemon.kill();
  const { ino } = statSync(files.bdb);
  const ended = await run([
    ...inMinutes(11),
    process.execPath,
    MAIN,
    '--config',
    daemon.configFile,
    '--expire-map',
  ]);
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
  expect(statSync(files.bdb).ino).not.toBe(ino);
  expect(await clients()).toEqual({ bdb: [], cdb: [], list: [], tcprules: [], copy: [] });
  await verifyBdb(files.bdb);
});

test('--expire-map writes the others when one cannot be written, and fails', async () => {
  client.close();
  daemon = await start('10m');
  client = await UdpClient.open(daemon.port);
  expect(await client.add('192.0.2.62')).toBe(SUCCESS);
  await until('it is in the list', 5_000, () => lines(files.list).includes('192.0.2.62'));
  await daemon.kill();
  rmSync(files.bdb);
  await mustRun(['mkdir', files.bdb]);
  const ended = await run([
    ...inMinutes(11),
    process.execPath,
    MAIN,
    '--config',
    daemon.configFile,
    '--expire-map',
  ]);
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain(`${files.bdb} is a directory`);
  expect(lines(files.list)).toEqual([]);
});

test('a file is created for nobody else, is on the disk before it has its name, and then the name is', async () => {
  const elsewhere = newDirectory('traced');
  const trace = path.join(elsewhere, 'trace');
  const file = path.join(elsewhere, 'relay.list');
  const prefix = [
    'strace',
    '-f',
    '-xx',
    '-o',
    trace,
    '-e',
    'trace=openat,fsync,fdatasync,rename,renameat,renameat2',
  ];
  const watched = await Daemon.start({
    directory: elsewhere,
    prefix,
    more: `[[exports]]\nformat = "list"\npath = "${file}"\n`,
    readyWithinMs: 60_000,
  });
  await watched.stop();
  const calls = readTrace(trace);
  const made = calls.find(
    ({ name, argument }) =>
      name === 'openat' &&
      argument.includes(traced(Buffer.from('/.relay.list.'))) &&
      argument.includes('O_CREAT'),
  );
  expect(made?.argument).toMatch(/O_CREAT\|O_EXCL\|O_NOFOLLOW.*, 0600$/);
  const renamed = calls.find(
    ({ name, argument }) =>
      name.startsWith('rename') && argument.includes(traced(Buffer.from('/.relay.list.'))),
  );
  expect(renamed?.argument).toContain(`"${traced(Buffer.from(file))}"`);
  const synced = (fd: number): typeof calls =>
    calls.filter(({ name, argument }) => name === 'fsync' && Number(argument) === fd);
  // The file, by its own descriptor, before the rename; the directory after it.
  const own = synced(made?.result ?? -1).filter(({ began }) => began > (made?.ended ?? Infinity));
  expect(own.some(({ ended }) => ended < (renamed?.began ?? 0))).toBe(true);
  const opened = calls.filter(
    ({ name, argument, began }) =>
      name === 'openat' &&
      argument.includes(`"${traced(Buffer.from(elsewhere))}"`) &&
      argument.includes('O_DIRECTORY') &&
      began > (renamed?.ended ?? Infinity),
  );
  expect(opened.some(({ result, ended }) => synced(result).some(({ began }) => began > ended))).toBe(true);
});

test('a command that hangs holds up neither reports nor the end, and does not stay behind', async () => {
  const elsewhere = newDirectory('hanging');
  const pid = path.join(elsewhere, 'pid');
  const command = JSON.stringify(['sh', '-c', `echo $$ > ${pid}; exec sleep 1000`]);
  const hanging = await Daemon.start({
    directory: elsewhere,
    more: `[[exports]]\nformat = "list"\npath = "${elsewhere}/relay.list"\ncommand = ${command}\n`,
  });
  await until('it runs', 5_000, () => existsSync(pid) && readFileSync(pid, 'utf8').endsWith('\n'));
  const running = (): string[] => commandLine(Number(readFileSync(pid, 'utf8')));
  expect(running()).toContain('sleep');
  const reporter = await UdpClient.open(hanging.port);
  expect(await reporter.add('192.0.2.70')).toBe(SUCCESS);
  reporter.close();
  await until('it is published', 5_000, () => lines(`${elsewhere}/relay.list`).includes('192.0.2.70'));
  expect((await hanging.stop()).code).toBe(0);
  await until('it is gone', 5_000, () => !running().includes('sleep'));
});

test('rules that cannot be understood are an error of the configuration', async () => {
  const elsewhere = newDirectory('wrong');
  const wrong = path.join(elsewhere, 'tcp.smtp');
  writeFileSync(wrong, ':allow\n192.0.2.1:perhaps\n');
  const refused = Daemon.launch({ directory: elsewhere, more: exportsText(filesIn(elsewhere), wrong) });
  expect(await refused.exited).toEqual({ code: 2, signal: null });
  expect(refused.noise.join('\n')).toContain(`${wrong}:2`);
});
