/**
 * migration - the built program in the place of the original: docs/migration.md, run line by line on a site of its
 * own, with real databases, rpcbind, a C client, and the readers of Berkeley DB and Postfix
 */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { killAll } from '../support/daemon.js';
import { LibTirpc } from '../support/libtirpc.js';
import { dumpBdb, postmapQuery, verifyBdb } from '../support/map-readers.js';
import { type Foreground, OldSite } from '../support/old-site.js';
import { type Build, builds, nameOf, OriginalDatabase, worded } from '../support/original-database.js';
import { blocks, section, withNames } from '../support/page.js';
import { dump } from '../support/postmap.js';
import { inMinutes, mustRun, until } from '../support/processes.js';
import { SUCCESS } from '../support/rpc-client.js';

const PAGE = 'docs/migration.md';
const TAKEN_OVER = 'import: grants taken over';
const NOTHING = 'import: nothing is taken over, the service starts without';
const HOUR = 3_600;
/** A grant that is to be alive to the end of every test, and over ten minutes later. */
const SOON = 280;

let original: OriginalDatabase;
let programs: LibTirpc;
let site: OldSite;

beforeAll(async () => {
  original = await OriginalDatabase.build();
  programs = await LibTirpc.build();
});
beforeEach(async () => {
  site = await OldSite.create(original.program);
});
afterEach(async () => {
  await killAll();
  await site.stop();
});

/** The second in so many seconds. */
const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds;

/** Live and ended clients as the original leaves them; ends as they are. */
async function oldDatabase(build: Build = {}, file = site.database): Promise<Record<string, number>> {
  const live = {
    '203.0.113.1': inSeconds(900),
    '203.0.113.2': inSeconds(SOON),
    '2001:db8::6': inSeconds(1_200),
  };
  await original.enter(file, { ...live, '203.0.113.9': inSeconds(-1), '127.0.0.1': inSeconds(900) }, build);
  return live;
}

/** What db5.3_dump finds, in the wording of a build. */
const expectedDump = (build: Build, live: Readonly<Record<string, number>>): [string, string][] =>
  Object.entries(live)
    .map(([client, second]) => worded(build, client, second))
    .sort();

const dumped = async (file = site.database): Promise<[string, string][]> => (await dumpBdb(file)).sort();
const clients = async (file = site.database): Promise<string[]> =>
  (await dumped(file)).map(([key]) => key.replace(/(?:\/\d+)?\0?$/, ''));

/** A POP3 server that is linked with libdrac: it asks rpcbind. */
const report = (address: string): Promise<number> =>
  programs.add({ version: 1, transport: 'udp', address, prefix: site.namespace.prefix });

const shown = (client: string, file?: string): Promise<void> =>
  until(`${client} is in the database`, 5_000, async () => (await clients(file)).includes(client));

const commandsOf = (heading: string): string[] =>
  blocks(PAGE, heading)
    .filter(({ language }) => language === 'sh')
    .map(({ text }) => text);

describe('the three commands', () => {
  test('nobody is lost, new ones are let in; undone and done again likewise', async () => {
    const [switching = '', options = ''] = commandsOf('Sendmail');
    const [undo = ''] = commandsOf('Undo');
    const live = await oldDatabase();
    await site.mustShell('systemctl enable --now drac');

    const said = await site.mustShell(switching);
    expect(said).toContain(TAKEN_OVER);
    expect(site.logOf('rpc-dracd.service').find(({ event }) => event === TAKEN_OVER)).toMatchObject({
      file: '/etc/mail/dracd.db',
      imported: 3,
      over: 1,
      neverGranted: 1,
      notUnderstood: 0,
    });
    await verifyBdb(site.database);
    expect(await dumped()).toEqual(expectedDump({}, live));
    expect(await report('203.0.113.3')).toBe(SUCCESS);
    await shown('203.0.113.3');
    expect(readFileSync(site.file('timers'), 'utf8')).toBe('enable rpc-dracd-expire.timer\n');

    await site.mustShell(undo);
    expect(readFileSync(site.file('timers'), 'utf8')).toContain('disable rpc-dracd-expire.timer');
    expect((await clients()).sort()).toEqual([...Object.keys(live), '203.0.113.3'].sort());
    // The old one works on in place, and lets in somebody else.
    const hour = inSeconds(HOUR);
    await original.enter(site.database, { '203.0.113.4': hour });
    await verifyBdb(site.database);

    writeFileSync(site.file('etc/default/rpc-dracd'), options);
    await site.mustShell(switching);
    expect(await clients()).toEqual([...Object.keys(live), '203.0.113.3', '203.0.113.4'].sort());
    // The one whose end was in an hour has it, because leases are as long now.
    const second = Number((await dumped()).find(([key]) => key === '203.0.113.4')?.[1]);
    expect(second).toBe(hour);
    await site.mustShell('systemctl disable --now rpc-dracd.service');
  });

  test('the check of the page', async () => {
    const [check = ''] = commandsOf('Check it');
    await site.mustShell('systemctl enable --now rpc-dracd.service');
    const [reporting = '', looking = ''] = check.trim().split('\n');
    // A report waits, and so may end, while rpcbind is slow to prove that it forwards nothing.
    await until('it is reported', 10_000, async () => {
      const { code, stdout } = await site.shell(reporting);
      expect([0, 75]).toContain(code);
      return stdout === '203.0.113.7: success\n';
    });
    await shown('203.0.113.7');
    expect(await site.mustShell(looking)).toMatch(/^\d{10}\n$/);
    expect(await site.mustShell('db5.3_dump -p /etc/mail/dracd.db')).toContain('203.0.113.7');
    expect(section(PAGE, 'Check it')).toContain('`db5.3_dump -p /etc/mail/dracd.db`');
  });

  test('while the old one answers nothing is changed, and it is said why', async () => {
    const one = await site.foreground('/etc/mail/one.db');
    await oldDatabase();
    const before = statSync(site.database);
    const { code, stderr } = await site.shell('STATE_DIRECTORY=/var/lib/two rpc.dracd');
    expect(code).toBe(1);
    expect(stderr).toContain('another rpc.dracd or dracd answers on this host');
    expect(statSync(site.database)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
    expect(await one.end('SIGTERM')).toBe(0);
  });
});

describe('the build options', () => {
  test.each(builds.map((build) => [nameOf(build), build] as const))(
    '%s: old and new entries in one wording, which stays when -i has emptied the database',
    async (_, build) => {
      const live = await oldDatabase(build);
      let daemon = await site.foreground();
      expect(await dumped()).toEqual(expectedDump(build, live));
      if (build.cidr !== true) {
        const table = `btree:${site.database.replace('.db', '')}`;
        expect(await postmapQuery(table, '203.0.113.1')).toBe(String(live['203.0.113.1']));
        expect(await postmapQuery(table, '203.0.113.9')).toBeUndefined();
      }
      await daemon.end('SIGTERM');

      // What is there is forgotten, as the original did.
      await original.enter(site.database, { '203.0.113.4': inSeconds(900) }, build);
      daemon = await site.foreground('-i');
      expect(daemon.line(TAKEN_OVER)).toBeUndefined();
      expect(await dumped()).toEqual([]);
      await daemon.end('SIGTERM');
      daemon = await site.foreground();
      expect(await report('203.0.113.5')).toBe(SUCCESS);
      await shown('203.0.113.5');
      const [key = '', data = ''] = (await dumped())[0] ?? [];
      expect([key, data]).toEqual(worded(build, '203.0.113.5', Number(data.replace('\0', ''))));
      await daemon.end('SIGTERM');
    },
  );

  test('REQ_HASH: refused until the page’s commands have made a btree of it; then nobody is lost', async () => {
    const build: Build = { method: 'hash', term: true };
    const live = await oldDatabase(build);
    const before = readFileSync(site.database);
    const { code, stderr } = await site.shell('rpc.dracd');
    expect(code).toBe(1);
    expect(stderr).toMatch(/is a hash file.*btree/);
    expect(readFileSync(site.database)).toEqual(before);
    const [convert = ''] = commandsOf('A hash file');
    await site.mustShell(convert);
    const daemon = await site.foreground();
    expect(await dumped()).toEqual(expectedDump(build, live));
    await daemon.end('SIGTERM');
  });

  test('the command in the refusal is one that can be pasted', async () => {
    const live = await oldDatabase({ method: 'hash' });
    const { stderr } = await site.shell('rpc.dracd');
    await site.mustShell(/db5\.3_dump.*$/m.exec(stderr)?.[0] ?? 'false');
    const daemon = await site.foreground();
    expect(await dumped()).toEqual(expectedDump({}, live));
    await daemon.end('SIGTERM');
  });
});

describe('the old command line', () => {
  test('-e MINUTES and DBFILE; ends are no later than a lease from now', async () => {
    const file = site.file('etc/mail/other.db');
    const live = await oldDatabase({}, file);
    const daemon = await site.foreground('-e', '5', '/etc/mail/other.db');
    const ends = Object.fromEntries(await dumpBdb(file));
    expect(Number(ends['203.0.113.1'])).toBeLessThanOrEqual(inSeconds(300) + 1);
    expect(Number(ends['203.0.113.1'])).toBeGreaterThan(live['203.0.113.2'] ?? 0);
    expect(Number(ends['203.0.113.2'])).toBe(live['203.0.113.2']);
    await daemon.end('SIGTERM');
  });

  test('dracd.allow decides who may report; all addresses are listened on', async () => {
    writeFileSync(site.file('etc/mail/dracd.allow'), '255.255.255.255 192.0.2.77\n');
    const daemon = await site.foreground();
    expect(await report('203.0.113.3')).not.toBe(SUCCESS);
    expect(daemon.line('ready')?.['addresses']).toEqual(expect.arrayContaining(['127.0.0.1', '::1']));
    expect(await clients()).toEqual([]);
    await daemon.end('SIGTERM');
  });

  test('where Debian’s build kept its files they are found', async () => {
    mkdirSync(site.file('etc/drac'));
    writeFileSync(site.file('etc/drac/dracd.allow'), '255.255.255.255 192.0.2.77\n');
    await oldDatabase({}, site.file('etc/drac/dracd.db'));
    const daemon = await site.foreground();
    expect(daemon.line(TAKEN_OVER)).toMatchObject({ file: '/etc/drac/dracd.db', imported: 3 });
    expect(await report('203.0.113.3')).not.toBe(SUCCESS);
    await daemon.end('SIGTERM');
  });

  test('with a configuration: what it says holds', async () => {
    const [toml] = blocks(PAGE, 'With a configuration under the old name');
    mkdirSync(site.file('etc/dracd'));
    writeFileSync(site.file('etc/dracd/dracd.toml'), `[rpc]\nport = 4800\n${toml?.text ?? ''}`);
    await oldDatabase();
    const daemon = await site.foreground();
    expect(daemon.line('ready')).toMatchObject({ port: 4800, maps: ['/etc/mail/dracd.db'], grants: 3 });
    expect(await clients()).toEqual(expect.arrayContaining(['2001:db8:0:0:0:0:0:6', '2001:db8::6']));
    await daemon.end('SIGTERM');
  });
});

describe('restarts', () => {
  test('kill -9 at some moment of the first start, and as soon as it is ready: nobody is lost', async () => {
    const live = await oldDatabase();
    const kept = site.file('kept');
    copyFileSync(site.database, kept);
    for (const seconds of [0.3, 0.5, 0.7, 0.9]) {
      await site.mustShell(`rm -rf /var/lib/dracd; cp ${kept} /etc/mail/dracd.db`);
      await site.shell(`timeout -s KILL ${seconds} rpc.dracd`);
      const daemon = await site.foreground();
      expect(await dumped()).toEqual(expectedDump({}, live));
      await daemon.end('SIGKILL');
      expect(await dumped()).toEqual(expectedDump({}, live));
    }
  });

  test('cut off before it has taken over: the next start does', async () => {
    const live = await oldDatabase();
    const kept = site.file('kept');
    copyFileSync(site.database, kept);
    const first = await site.foreground();
    await first.end('SIGKILL');
    // As if the journal had been begun, and the database not replaced yet.
    await site.mustShell(`rm -r /var/lib/dracd/journal; cp ${kept} /etc/mail/dracd.db`);
    const second = await site.foreground();
    expect(second.line(TAKEN_OVER)).toMatchObject({ imported: 3 });
    expect(await dumped()).toEqual(expectedDump({}, live));
    await second.end('SIGTERM');
  });

  test('its own database is not taken over again: what -i has forgotten does not come back', async () => {
    await oldDatabase();
    const first = await site.foreground();
    const kept = site.file('kept');
    copyFileSync(site.database, kept);
    await first.end('SIGTERM');
    await (await site.foreground('-i')).end('SIGTERM');
    await site.mustShell(`cp ${kept} /etc/mail/dracd.db`);
    const again = await site.foreground();
    expect(again.line(TAKEN_OVER)).toBeUndefined();
    expect(await dumped()).toEqual([]);
    await again.end('SIGTERM');
  });

  test('with its journal lost it takes over its own database', async () => {
    const live = await oldDatabase();
    await (await site.foreground()).end('SIGTERM');
    await site.mustShell('rm -r /var/lib/dracd');
    const again = await site.foreground();
    expect(again.line(TAKEN_OVER)).toMatchObject({ imported: 3 });
    expect(await dumped()).toEqual(expectedDump({}, live));
    await again.end('SIGTERM');
  });

  test('while it is down, the timer’s command takes out what is over, and leaves others’ databases alone', async () => {
    const expire = 'rpc.dracd --expire-map';
    await oldDatabase();
    const theirs = readFileSync(site.database);
    await site.mustShell(expire);
    expect(readFileSync(site.database)).toEqual(theirs);

    await (await site.foreground()).end('SIGTERM');
    expect(await clients()).toHaveLength(3);
    await site.mustShell(`${inMinutes(10).join(' ')} ${expire}`);
    expect(await clients()).toEqual(['2001:db8::6', '203.0.113.1']);
    await original.enter(site.database, { '203.0.113.8': inSeconds(900) });
    await site.mustShell(expire);
    expect(await clients()).toContain('203.0.113.8');
  });
});

describe('to a dracd with a configuration', () => {
  test('the commands of the page: everybody is in the lmdb map before the first answer', async () => {
    const heading = 'To a dracd with a configuration';
    const [toml, shell] = blocks(PAGE, heading).map(({ text }) => text);
    const map = '/etc/mail/relay.lmdb';
    mkdirSync(site.file('etc/dracd'));
    writeFileSync(
      site.file('etc/dracd/dracd.toml'),
      withNames(toml ?? '', { '/var/lib/dracd/relay.lmdb': map }),
    );
    const live = await oldDatabase({ cidr: true });
    await site.mustShell('systemctl enable --now drac');
    await site.mustShell(shell ?? '');
    expect(site.logOf('dracd.service').find(({ event }) => event === 'ready')).toMatchObject({ grants: 3 });
    expect(await dump(site.file(map))).toEqual(
      new Map(Object.entries(live).map(([client, second]) => [client, String(second)])),
    );
    // The database is only read.
    expect((await dumped()).length).toBe(5);
    const refused = await site.shell('dracd --import /etc/mail/dracd.db');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/another dracd uses the journal/);
    await site.mustShell('systemctl disable --now dracd.service');
    expect((await site.shell('dracd --import /etc/mail/none.db')).stderr).toMatch(/none\.db does not exist/);
  });

  test('a hash file is read as it is', async () => {
    const file = site.file('etc/mail/hash.db');
    await oldDatabase({ method: 'hash', cidr: true, term: true }, file);
    expect(await site.mustShell('STATE_DIRECTORY=/var/lib/x dracd --import /etc/mail/hash.db')).toContain(
      '"imported":3',
    );
  });
});

describe('bad input: it is told, and the service starts', () => {
  const started = async (): Promise<Foreground> => {
    const daemon = await site.foreground();
    expect(await report('203.0.113.3')).toBe(SUCCESS);
    await shown('203.0.113.3');
    await verifyBdb(site.database);
    return daemon;
  };

  test.each<[string, () => unknown, RegExp]>([
    ['random bytes', () => writeFileSync(site.database, Buffer.alloc(5_000, 0x5a)), /is no Berkeley DB file/],
    ['an empty file', () => writeFileSync(site.database, ''), /too short/],
    [
      'a file that everybody may write to',
      () => oldDatabase().then(() => chmodSync(site.database, 0o666)),
      /everybody may write to/,
    ],
  ])('%s', async (_what, make, reason) => {
    await make();
    const daemon = await started();
    expect(daemon.line(NOTHING)).toMatchObject({
      level: 'error',
      reason: expect.stringMatching(reason) as string,
    });
    expect(await clients()).toEqual(['203.0.113.3']);
    await daemon.end('SIGTERM');
  });

  test('a directory that everybody may write to', async () => {
    await oldDatabase();
    chmodSync(path.dirname(site.database), 0o777);
    const daemon = await started();
    expect(daemon.line(NOTHING)?.['reason']).toMatch(/everybody may write to \/etc\/mail/);
    expect(daemon.logs.some(({ level, event }) => level === 'warn' && /others may write/.test(event))).toBe(
      true,
    );
    await daemon.end('SIGTERM');
  });

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['cut off', (bytes) => bytes.subarray(0, bytes.length - 700)],
    ['with a damaged page', (bytes) => bytes.fill(0xee, 2 * 512, 3 * 512)],
  ])('a database %s: the rest is taken over', async (_what, damage) => {
    const many = Array.from({ length: 100 }, (_, i) => [`203.0.113.${i + 20}`, inSeconds(900)]);
    await original.enter(site.database, Object.fromEntries(many) as Record<string, number>, { bulk: true });
    writeFileSync(site.database, damage(readFileSync(site.database)));
    const daemon = await started();
    expect(daemon.line('import: not all of the database could be read')).toMatchObject({ level: 'warn' });
    const imported = Number(daemon.line(TAKEN_OVER)?.['imported']);
    expect(imported).toBeGreaterThan(30);
    expect(imported).toBeLessThan(100);
    expect(await clients()).toHaveLength(imported + 1);
    await daemon.end('SIGTERM');
  });

  test('a symbolic link: what it leads to is taken over, and the link is replaced', async () => {
    const file = site.file('etc/elsewhere.db');
    const live = await oldDatabase({}, file);
    symlinkSync('/etc/elsewhere.db', site.database);
    const daemon = await started();
    expect(statSync(site.database).isFile()).toBe(true);
    expect(await clients()).toEqual([...Object.keys(live), '203.0.113.3'].sort());
    expect(await clients(file)).toContain('203.0.113.9');
    await daemon.end('SIGTERM');
  });

  test.each<[string, () => unknown, RegExp]>([
    ['a directory', () => mkdirSync(site.database), /is a directory, not a map: move it away/],
    ['a FIFO', () => mustRun(['mkfifo', site.database]), /is a FIFO, not a map: move it away/],
  ])('but not with %s in its place', async (_what, make, reason) => {
    await make();
    const { code, stderr } = await site.shell('rpc.dracd');
    expect(code).toBe(1);
    expect(stderr).toMatch(reason);
  });

  test('nor where it may not write', async () => {
    await oldDatabase();
    const before = readFileSync(site.database);
    const { code, stderr } = await site.shell(
      'mkdir /var/lib/nobody; chown 65534 /var/lib/nobody; ' +
        'STATE_DIRECTORY=/var/lib/nobody setpriv --reuid=65534 --clear-groups rpc.dracd',
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/dracd: .*\/etc\/mail\/dracd\.db.*EACCES/);
    expect(readFileSync(site.database)).toEqual(before);
  });
});

test('the page names every message and file as they are', () => {
  const text = readFileSync(path.join(import.meta.dirname, '../..', PAGE), 'utf8');
  for (const words of [
    '/etc/default/rpc-dracd',
    'rpc-dracd-expire.timer',
    'ReadWritePaths=',
    TAKEN_OVER,
    'import: nothing is taken over',
  ])
    expect(text).toContain(words);
  expect(blocks(PAGE, 'Postfix and Exim')[0]?.text).toContain('check_client_access btree:/etc/mail/dracd,');
});
