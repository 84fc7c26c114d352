/**
 * sendmail-socketmap - Debian's Sendmail asks the running daemon by FEATURE(`drac'), as docs/sendmail.md has it
 *
 * What holds for all: a grant counts from its SUCCESS to its very end; a daemon that is away, hangs or cannot tell
 * makes relaying wait, and never refuses or permits it; inbound mail is accepted throughout.
 */
import { spawn } from 'node:child_process';
import { Daemon, killAll } from '../support/daemon.js';
import type { Dialogue } from '../support/dialogue.js';
import { blocks, withNames } from '../support/page.js';
import { childEnvironment, pause } from '../support/processes.js';
import {
  ACCESS_CLIENT,
  FOREIGN_RECIPIENT,
  LOCAL_RECIPIENT,
  MailHost,
  OWN_CLIENT,
} from '../support/sendmail.js';

const LIFETIME_MS = 12_000;
/** By what the daemon's rounding and ours may differ. */
const CLOCKS_MS = 2;
const RELAYED = /^250 2\.1\.5 /;
const DENIED = /^550 5\.7\.1 .*Relaying denied/;
const PUT_OFF = /^451 4\.3\.0 Relaying cannot be decided at present, try again\r\n$/;
/** The ports of the Sendmails, and who is asked: the page's recipe, through a socket and over TCP, and the feature without the rules. */
const UNIX = 25;
const INET = 2501;
const FEATURE_ALONE = 2502;
const TRAP = 2503;
/** The recipe with less patience, and with it a Sendmail that asks whoever a test puts there. */
const IMPATIENT = 2504;
const OTHER = 2505;
const OTHER_PORT = 4798;

const HERE = 'local:/run/dracd/socketmap';
const [toml = '', mc = ''] = blocks('docs/sendmail.md', 'The socket map').map(({ text }) => text);
const [feature = ''] = mc.split('LOCAL_CONFIG');
const more = toml + withNames(toml, { 'unix:/run/dracd/socketmap': '192.0.2.25:4799' });

let host: MailHost;
let daemon: Daemon;

async function startDracd(lifetime = `${LIFETIME_MS}ms`): Promise<void> {
  daemon = await host.dracd({ lifetime, more });
}

beforeAll(async () => {
  host = await MailHost.create();
  await startDracd();
  await host.configure(mc, 'make -C /etc/mail');
  await host.sendmail();
  const variants: [number, string, string][] = [
    [INET, 'inet', withNames(mc, { [HERE]: 'inet:4799@192.0.2.25' })],
    [FEATURE_ALONE, 'alone', feature],
    [TRAP, 'trap', withNames(feature, { 'socket ': 'socket -T<TMPF> ' })],
    [IMPATIENT, 'impatient', withNames(mc, { '-d5': '-d1' })],
    [OTHER, 'other', withNames(mc, { [HERE]: `inet:${OTHER_PORT}@127.0.0.1`, '-d5': '-d1' })],
  ];
  for (const [port, name, lines] of variants)
    await host.sendmail({ port, cf: await host.variant(name, lines) });
});

afterAll(async () => {
  await killAll();
  await (host as MailHost | undefined)?.stop();
});

/** Refused, reported, relayed in the same session, refused from the very end of the lease; a stranger is refused all the while. */
async function followLease(client: string, stranger: string, port: number): Promise<void> {
  const session = await host.session(client, port);
  const other = await host.session(stranger, port);
  expect(await session.reply(FOREIGN_RECIPIENT)).toMatch(DENIED);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  const sentAt = Date.now();
  await host.report(daemon.port, client);
  const answeredAt = Date.now();
  expect(await session.mail(FOREIGN_RECIPIENT)).toBe(250);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  expect(await other.reply(FOREIGN_RECIPIENT)).toMatch(DENIED);
  expect(await other.recipient(LOCAL_RECIPIENT)).toBe(250);
  for (;;) {
    const before = Date.now();
    const code = await session.recipient(FOREIGN_RECIPIENT);
    if (code !== 250) {
      expect(code).toBe(550);
      expect(Date.now()).toBeGreaterThanOrEqual(sentAt + LIFETIME_MS - CLOCKS_MS);
      break;
    }
    // Had it been asked after the end of the lease, it would have been refused.
    expect(before).toBeLessThanOrEqual(answeredAt + LIFETIME_MS + CLOCKS_MS);
    await pause(20);
  }
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
}

test('a grant counts from its SUCCESS to its very end', async () => {
  const ports = [UNIX, INET, FEATURE_ALONE];
  await Promise.all(
    ports.flatMap((port, n) => [
      followLease(`203.0.113.${n + 10}`, `203.0.113.${n + 20}`, port),
      followLease(`2001:db8:7::${n + 10}`, `2001:db8:7:2:3:4:5:${n + 20}`, port),
    ]),
  );
});

test('the questions of the page are answered as it says', async () => {
  await host.report(daemon.port, '203.0.113.7');
  const asks = ['203.0.113.7', '203.0.113.8'].map((client) => `/map drac ${client}`);
  expect(await host.test(asks)).toEqual([
    'map_lookup: drac (203.0.113.7) returns OK (0)',
    'map_lookup: drac (203.0.113.8) no match (68)',
  ]);
  expect((await host.test(['.D{client_addr}203.0.113.7', 'Relay_ok x'])).at(-1)).toMatch(/returns: RELAY$/);
  await daemon.stop();
  expect(await host.test(asks.slice(0, 1))).toContain('map_lookup: drac (203.0.113.7) no match (75)');
  await startDracd();
});

describe('a daemon that is away', () => {
  const GRANTED = { 4: '203.0.113.30', 6: '2001:db8:7::30' };
  const STRANGERS = ['203.0.113.31', '2001:db8:7::31'];

  const clients = [GRANTED[4], GRANTED[6], ...STRANGERS];

  const asker = async (client: string, port: number) => ({
    client,
    port,
    session: await host.session(client, port),
  });
  type Asker = Awaited<ReturnType<typeof asker>>;

  /** What relaying is answered, with inbound mail before and after. */
  async function answered(session: Dialogue): Promise<string> {
    expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
    const reply = await session.reply(FOREIGN_RECIPIENT);
    expect(await session.mail(LOCAL_RECIPIENT)).toBe(250);
    return reply;
  }

  test.each([
    ['stopped', [UNIX, INET]],
    // Its socket is left over.
    ['killed', [UNIX]],
  ] as const)('%s', async (how, ports) => {
    await daemon.stop();
    await startDracd('10m');
    await host.report(daemon.port, GRANTED[4], GRANTED[6]);
    const askers = await Promise.all(ports.flatMap((port) => clients.map((client) => asker(client, port))));
    const asDracdSays = ({ client, session }: Asker): Promise<void> =>
      expect(answered(session)).resolves.toMatch(STRANGERS.includes(client) ? DENIED : RELAYED);
    await Promise.all(askers.map(asDracdSays));

    await (how === 'stopped' ? daemon.stop() : daemon.kill());
    await Promise.all(
      askers.map(async ({ client, port, session }) => {
        // Of a connection that breaks Sendmail says so itself.
        expect(await answered(session)).toMatch(/^451 4\.3\.0 /);
        expect(await answered(session)).toMatch(PUT_OFF);
        expect(await answered(await host.session(client, port))).toMatch(PUT_OFF);
      }),
    );
    for (const own of [OWN_CLIENT, ACCESS_CLIENT, '127.0.0.1'])
      expect(await host.reply(own, FOREIGN_RECIPIENT)).toMatch(RELAYED);
    // What the rules are for, and why the tag is not to stand in the feature: an open relay.
    expect(await host.reply(GRANTED[4], FOREIGN_RECIPIENT, FEATURE_ALONE)).toMatch(DENIED);
    for (const client of STRANGERS) expect(await host.ask(client, FOREIGN_RECIPIENT, TRAP)).toBe(250);

    await startDracd('10m');
    await Promise.all(
      askers.map(async ({ client, port, session }) => {
        // Sendmail asks no more in a session that has met nobody.
        expect(await answered(session)).toMatch(PUT_OFF);
        await asDracdSays(await asker(client, port));
      }),
    );
    for (const client of STRANGERS) expect(await host.ask(client, FOREIGN_RECIPIENT, TRAP)).toBe(550);
  });

  test('restarted: an open session is put off once at most', async () => {
    const askers = await Promise.all(
      [UNIX, INET].flatMap((port) => clients.map((client) => asker(client, port))),
    );
    for (const { session } of askers) await answered(session);
    await daemon.stop();
    await startDracd('10m');
    for (const { client, session } of askers) {
      const expected = STRANGERS.includes(client) ? DENIED : RELAYED;
      const first = await answered(session);
      if (!first.startsWith('451')) expect(first).toMatch(expected);
      expect(await answered(session)).toMatch(expected);
    }
  });

  test('hanging: relaying is put off in the end, inbound mail is accepted at once', async () => {
    const askers = await Promise.all([...clients, ACCESS_CLIENT].map((client) => asker(client, IMPATIENT)));
    daemon.signal('SIGSTOP');
    const replies = Promise.all(askers.map(({ session }) => session.reply(FOREIGN_RECIPIENT)));
    expect(await host.ask(STRANGERS[0] ?? '', LOCAL_RECIPIENT)).toBe(250);
    expect(await host.ask(OWN_CLIENT, FOREIGN_RECIPIENT)).toBe(250);
    for (const reply of await replies) expect(reply).toMatch(/^451 4\.3\.0 .*read timeout/);
    for (const { session } of askers) expect(await session.mail(LOCAL_RECIPIENT)).toBe(250);
    daemon.signal('SIGCONT');
    for (const { client, session } of askers)
      expect(await answered(session)).toMatch(STRANGERS.includes(client) ? DENIED : RELAYED);
  });

  test('its socket: whatever its mode, but not in a directory where others could put theirs', async () => {
    await host.shell('chmod 0600 /run/dracd/socketmap');
    expect(await answered(await host.session(GRANTED[4]))).toMatch(RELAYED);
    await host.shell('chmod 0775 /run/dracd');
    expect(await answered(await host.session(GRANTED[4]))).toMatch(PUT_OFF);
    expect((await host.test([`/map drac ${GRANTED[4]}`])).join('\n')).toMatch(
      /local socket name .* unsafe: Group writable directory/,
    );
    await host.shell('chmod 0750 /run/dracd');
    expect(await answered(await host.session(GRANTED[4]))).toMatch(RELAYED);
  });
});

/** Listens at OTHER_PORT on the host; answers with its argument, or hangs up when there is none. */
const SERVER = `
const [bytes] = process.argv.slice(1);
require('node:net').createServer((socket) => {
  socket.on('error', () => undefined);
  if (bytes === undefined) socket.destroy();
  else socket.on('data', () => { if (bytes !== '') socket.write(bytes); });
}).listen(${OTHER_PORT}, '127.0.0.1', () => console.log('ready'));`;

describe('whatever else stands at its place', () => {
  test.each([
    ['hangs up', undefined, 451],
    ['says nothing', '', 451],
    ['sends what is no netstring', 'garbage', 451],
    ['sends half an answer', '5:OK', 451],
    ['cannot tell', '33:TEMP dracd cannot tell at present,', 451],
    ['takes too long itself', '9:TIMEOUT x,', 451],
    ['knows no such map', '16:PERM no such map,', 550],
    ['sends an answer that there is not', '7:MAYBE x,', 550],
    ['knows the client', '5:OK OK,', 250],
  ])('and %s', async (_what, bytes, code) => {
    const words = bytes === undefined ? [] : [bytes];
    const [file = '', ...args] = [...host.prefix, process.execPath, '-e', SERVER, ...words];
    const server = spawn(file, args, { env: childEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = new Promise((resolve) => server.once('exit', resolve));
    try {
      await new Promise((resolve) => server.stdout.once('data', resolve));
      const ask = async (client: string): Promise<void> => {
        const session = await host.session(client, OTHER);
        expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(code);
        expect(await session.mail(LOCAL_RECIPIENT)).toBe(250);
      };
      await Promise.all(['203.0.113.40', '2001:db8:7::40'].map(ask));
    } finally {
      server.kill('SIGKILL');
      await exited;
    }
  });
});
