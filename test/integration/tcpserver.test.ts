/**
 * tcpserver - a real tcpserver that follows the rules dracd writes, by the recipes of docs/tcpserver.md
 *
 * Two hosts joined by a cable: one has dracd, tcpserver and, in the place of qmail-smtpd, a program that says
 * what it finds in its environment (Debian has no qmail, and to qmail these variables are all there is). The
 * other has the clients, in the page's own addresses.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { Namespace } from '../support/namespace.js';
import { blocks, withNames } from '../support/page.js';
import { MAIN, ROOT, childEnvironment, mustRun, newDirectory, run, until } from '../support/processes.js';

const PAGE = 'docs/tcpserver.md';
const DRACAUTH = path.join(ROOT, 'dist/dracauth.js');
const SERVER = '10.77.8.1';
/** The page's example, which is granted again and again; one whom the page's rules deny; nobody in particular. */
const CLIENT = '203.0.113.7';
const DENIED = '198.51.100.9';
const STRANGER = '203.0.113.70';
const MAIL_READER = '203.0.113.71';
const NEIGHBOUR = '192.168.1.20';
const CLIENTS = [CLIENT, DENIED, STRANGER, MAIL_READER, NEIGHBOUR];
const LIFETIME_MS = 8_000;

/** What the program in the place of qmail-smtpd says. */
const RELAYS = 'relay= scan=/var/qmail/bin/scan\n';
const REFUSES = 'relay=no scan=/var/qmail/bin/scan\n';
const NO_RULES = 'relay=no scan=no\n';
const DROPPED = '';

const directory = newDirectory('tcpserver');
const cdb = path.join(directory, 'tcp.smtp.cdb');
const rules = path.join(directory, 'tcp.smtp');
const smtpd = path.join(directory, 'qmail-smtpd');
const namespaces: Namespace[] = [];
const servers = new Set<ChildProcess>();
let inside: Namespace;
let outside: Namespace;
let daemon: Daemon;

const [ownRules, dracdToml, smtpScript] = blocks(PAGE, 'Recipe').map(({ text }) => text);

const start = (lifetime = `${LIFETIME_MS}ms`): Promise<Daemon> =>
  Daemon.start({
    directory,
    lifetime,
    prefix: inside.prefix,
    more: withNames(dracdToml ?? '', {
      '/var/lib/dracd/tcp.smtp.cdb': cdb,
      '/etc/tcp.smtp': rules,
    }),
  });

const report = (client: string): Promise<string> =>
  inside.run(process.execPath, DRACAUTH, '-q', '-p', String(daemon.port), client);

/** What a client is told by the server at a port, in a connection of its own. */
const ask = (client: string, port = 25): Promise<string> =>
  outside.run('tcpclient', '-R', '-H', '-l', '0', '-i', client, SERVER, String(port), 'sh', '-c', 'cat <&6');

/** Runs one of the page's scripts until `stop`, or the end of all tests. */
function serve(script: string): { readonly said: () => string; readonly stop: () => Promise<void> } {
  const [file, ...args] = [...inside.prefix, 'sh', '-c', script];
  const child = spawn(file, args, { env: childEnvironment(), stdio: ['ignore', 'ignore', 'pipe'] });
  servers.add(child);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve();
    }),
  );
  return {
    said: () => said,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      servers.delete(child);
    },
  };
}

/** The page's tcpserver for qmail-smtpd, as a user who is on this machine, with words of its script replaced. */
async function serveSmtp(changed: Readonly<Record<string, string>> = {}): Promise<ReturnType<typeof serve>> {
  const own = withNames(smtpScript ?? '', {
    '/var/lib/dracd/tcp.smtp.cdb': cdb,
    '/var/qmail/bin/qmail-smtpd': smtpd,
    qmaild: 'nobody',
  });
  const server = serve(withNames(own, changed));
  // It logs this as soon as it listens.
  await until('tcpserver listens', 5_000, () => server.said().includes('status: 0/40'));
  return server;
}

beforeAll(async () => {
  inside = await Namespace.create();
  outside = await Namespace.create();
  namespaces.push(inside, outside);
  await inside.join(outside, SERVER, '10.77.8.2');
  for (const client of CLIENTS) {
    await outside.run('ip', 'address', 'add', `${client}/32`, 'dev', 'cable');
    await inside.run('ip', 'route', 'add', `${client}/32`, 'dev', 'cable');
  }
  writeFileSync(rules, ownRules ?? '');
  writeFileSync(smtpd, '#!/bin/sh\necho "relay=${RELAYCLIENT-no} scan=${QMAILQUEUE-no}"\n', { mode: 0o755 });
  daemon = await start();
});

afterAll(async () => {
  await killAll();
  for (const server of servers) server.kill('SIGKILL');
  for (const namespace of namespaces) await namespace.stop();
});

describe('by the page', () => {
  let server: ReturnType<typeof serve>;
  beforeAll(async () => {
    server = await serveSmtp();
  });
  afterAll(() => server.stop());

  test('a grant counts at the next connection, for that client alone, and ends', async () => {
    expect(await ask(CLIENT)).toBe(REFUSES);
    const sentAt = Date.now();
    await report(CLIENT);
    await until('it relays', 5_000, async () => (await ask(CLIENT)) === RELAYS);
    expect(await ask(STRANGER)).toBe(REFUSES);
    await until('it is over', LIFETIME_MS + 5_000, async () => (await ask(CLIENT)) === REFUSES);
    expect(Date.now()).toBeGreaterThanOrEqual(sentAt + LIFETIME_MS);
  });

  test("the site's own rules hold: a network that relays, one that is denied, granted or not", async () => {
    expect(await ask(NEIGHBOUR)).toBe('relay= scan=no\n');
    expect(await ask(DENIED)).toBe(DROPPED);
    await report(DENIED);
    await report(CLIENT);
    // Once this one is in the file, so would be the one before.
    await until('it relays', 5_000, async () => (await ask(CLIENT)) === RELAYS);
    expect(await ask(DENIED)).toBe(DROPPED);
  });

  test('they are followed when they change, and a mistake in them changes nothing', async () => {
    writeFileSync(rules, `${STRANGER}:deny\n${ownRules ?? ''}`);
    await until('the new rule holds', 5_000, async () => (await ask(STRANGER)) === DROPPED);
    const from = daemon.logs.length;
    writeFileSync(rules, `${STRANGER}:perhaps\n`);
    const { reason } = await daemon.logged('map: rules kept as they were', 5_000, from);
    expect(reason).toContain(`${rules}:1`);
    expect(await ask(STRANGER)).toBe(DROPPED);
    writeFileSync(rules, ownRules ?? '');
    await until('the old rules hold again', 5_000, async () => (await ask(STRANGER)) === REFUSES);
  });

  test('tcprulescheck says what the page says', async () => {
    const [command, answer] = blocks(PAGE, 'Check it').map(({ text }) => text);
    const check = withNames(command ?? '', { '/var/lib/dracd/tcp.smtp.cdb': cdb });
    await report(CLIENT);
    await until('it is granted', 5_000, async () => (await mustRun(['sh', '-c', check])) === answer);
    const other = withNames(check, { [CLIENT]: STRANGER });
    expect(await mustRun(['sh', '-c', other])).toMatch(/^rule :\n(?!.*RELAYCLIENT)/s);
  });

  test('a client that fetches mail through the POP3 chain relays', async () => {
    const script = withNames(blocks(PAGE, 'The POP3 server')[0]?.text ?? '', {
      // They run what follows them, once the password is right.
      'qmail-popup mail.example.org checkpassword': 'env',
      'qmail-pop3d Maildir': 'echo +OK',
      'dracauth -q': `${process.execPath} ${DRACAUTH} -q -p ${daemon.port}`,
    });
    const pop3 = serve(script);
    await until('tcpserver listens', 5_000, () => pop3.said().includes('status: 0/40'));
    expect(await ask(MAIL_READER)).toBe(REFUSES);
    expect(await ask(MAIL_READER, 110)).toBe('+OK\n');
    await until('it relays', 5_000, async () => (await ask(MAIL_READER)) === RELAYS);
    expect(await ask(STRANGER)).toBe(REFUSES);
    await pop3.stop();
  });

  test('IPv6 clients are left out, and told of once', async () => {
    await report('2001:db8::6');
    const told = await daemon.logged(/no words/, 5_000);
    expect([told.level, told['path'], told['such']]).toEqual(['warn', cdb, ['2001:db8::6']]);
    await report('2001:db8::7');
    await report(STRANGER);
    await until('others are there', 5_000, async () => (await ask(STRANGER)) === RELAYS);
    expect(daemon.logs.filter(({ event }) => event.includes('no words'))).toHaveLength(1);
    await until('it is over', LIFETIME_MS + 5_000, async () => (await ask(STRANGER)) === REFUSES);
  });

  test('written by others, the file is mended, loudly', async () => {
    const from = daemon.logs.length;
    await mustRun(['tcprules', cdb, `${cdb}.tmp`], { input: ':allow,RELAYCLIENT=""\n' });
    expect((await daemon.logged('map: building it anew', 5_000, from)).level).toBe('warn');
    await until('it is as it was', 5_000, async () => (await ask(STRANGER)) === REFUSES);
  });

  test('while dracd is down grants stay, until --expire-map takes them out', async () => {
    await report(CLIENT);
    await until('it relays', 5_000, async () => (await ask(CLIENT)) === RELAYS);
    const over = Date.now() + LIFETIME_MS;
    await daemon.kill();
    await until('its time is over', LIFETIME_MS + 5_000, () => Date.now() > over);
    // The positive control: tcpserver looks at no clock.
    expect(await ask(CLIENT)).toBe(RELAYS);
    await mustRun([process.execPath, MAIN, '--config', daemon.configFile, '--expire-map']);
    expect(await ask(CLIENT)).toBe(REFUSES);
    expect(await ask(NEIGHBOUR)).toBe('relay= scan=no\n');
    expect(await ask(DENIED)).toBe(DROPPED);
  });
});

describe('whatever becomes of the file while dracd is down', () => {
  let whole: Buffer;
  beforeAll(async () => {
    daemon = await start('10m');
    await report(CLIENT);
    await until('it is in the file', 5_000, () => readFileSync(cdb).includes(CLIENT));
    await daemon.kill();
    whole = readFileSync(cdb);
  });
  afterEach(() => {
    writeFileSync(cdb, whole);
    chmodSync(cdb, 0o644);
  });

  const damages: readonly { what: string; damage: () => void; drops: string }[] = [
    { what: 'gone', damage: () => rmSync(cdb), drops: 'file does not exist' },
    { what: 'not to be read by its user', damage: () => chmodSync(cdb, 0o600), drops: 'access denied' },
    { what: 'empty', damage: () => writeFileSync(cdb, ''), drops: 'invalid argument' },
    { what: 'cut off', damage: () => writeFileSync(cdb, whole.subarray(0, 2_100)), drops: 'protocol error' },
    {
      what: 'of other bytes',
      damage: () => writeFileSync(cdb, Buffer.alloc(9_000, 0xff)),
      drops: 'protocol error',
    },
  ];

  test.each(damages)(
    '$what: nobody relays; with -X a missing file drops nobody',
    async ({ what, damage, drops }) => {
      for (const [changed, others] of [
        [{ '-X ': '' }, DROPPED],
        [{}, what === 'gone' ? NO_RULES : DROPPED],
      ] as const) {
        const server = await serveSmtp(changed);
        expect(await ask(CLIENT)).toBe(RELAYS);
        damage();
        expect([await ask(CLIENT), await ask(STRANGER)]).toEqual([others, others]);
        if (others === DROPPED) expect(server.said()).toContain(`unable to read ${cdb}: ${drops}`);
        writeFileSync(cdb, whole);
        chmodSync(cdb, 0o644);
        expect(await ask(CLIENT)).toBe(RELAYS);
        await server.stop();
      }
    },
  );

  test('--expire-map makes it anew', async () => {
    rmSync(cdb);
    await mustRun([process.execPath, MAIN, '--config', daemon.configFile, '--expire-map']);
    expect(readFileSync(cdb)).toEqual(whole);
    expect(statSync(cdb).mode & 0o777).toBe(0o644);
  });
});

test("Debian's tcpserver for IPv6 finds in it the rules for IPv4 clients, and for others that for all", async () => {
  const unpacked = path.join(ROOT, 'var/unpacked/ucspi-tcp-ipv6');
  await mustRun([path.join(ROOT, 'test/support/unpack-debian'), unpacked, 'ucspi-tcp-ipv6'], {
    limitMs: 120_000,
  });
  await inside.run('ip', 'address', 'add', '2001:db8:9::1/64', 'dev', 'cable', 'nodad');
  await outside.run('ip', 'address', 'add', '2001:db8:9::7/64', 'dev', 'cable', 'nodad');
  const server = await serveSmtp({ 'exec tcpserver': `exec ${unpacked}/usr/bin/tcpserver` });
  expect([await ask(CLIENT), await ask(STRANGER), await ask(DENIED)]).toEqual([RELAYS, REFUSES, DROPPED]);
  const client = ['-R', '-H', '-l', '0', '-i', '2001:db8:9::7', '2001:db8:9::1', '25', 'sh', '-c', 'cat <&6'];
  expect(await outside.run(`${unpacked}/usr/bin/tcpclient`, ...client)).toBe(REFUSES);
  await server.stop();
});

test('rules that cannot be understood end dracd at its start', async () => {
  writeFileSync(rules, `${ownRules ?? ''}${STRANGER}:perhaps\n`);
  const ended = await run([process.execPath, MAIN, '--config', daemon.configFile]);
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain(`${rules}:5`);
});
