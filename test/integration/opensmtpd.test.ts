/**
 * opensmtpd - a real OpenSMTPD whose table is dracd's list, by the recipe of docs/opensmtpd.md
 *
 * Both are services under a real systemd, dracd in the sandbox of its unit: so what is proved is also that it may
 * ring the bell from there, as the one-shot that expires the list may. The page's commands are what sets it up.
 *
 * Each test finds everything running and nobody granted. The one-shot runs when a test says so, and not by its timer:
 * it would write the list anew in the midst of a test that has taken dracd's place.
 */
import type { Dialogue } from '../support/dialogue.js';
import { OpenSmtpd, SERVER_IPV4, SERVER_IPV6 } from '../support/opensmtpd.js';
import { blocks, section, withNames } from '../support/page.js';
import { type Ended, run, until } from '../support/processes.js';
import { LOG, NODE, TIMER_OFF, TREE } from '../support/systemd-host.js';

const PAGE = 'docs/opensmtpd.md';
/** Of grants that are to end in a test: enough for a busy machine to do what comes before that. */
const LIFETIME_MS = 10_000;
const LONG = '10m';
const CONFIGURATION = '/etc/dracd/dracd.toml';
const FOREIGN = 'somebody@foreign.example';
const LOCAL = 'root@example.org';
const LIST = '/var/lib/dracd/relay.list';
const CLIENT = '203.0.113.7';
const CLIENT_IPV6 = '2001:db8::6';
const STRANGER = '203.0.113.70';
const STRANGER_IPV6 = '2001:db8::7';
const CLIENTS = [CLIENT, CLIENT_IPV6];

const [dracdToml, socket, service, smtpdConf, commands] = blocks(PAGE, 'Recipe').map(({ text }) => text);

let smtpd: OpenSmtpd;

/** Debian's smtpd.conf for the domain example.org, with the page's lines at its end. */
async function smtpdConfiguration(): Promise<string> {
  const inbound = 'match from any for domain "example.org" action "local"';
  const own = withNames(await OpenSmtpd.configuration(), {
    'listen on localhost': `listen on ${SERVER_IPV4}\nlisten on ${SERVER_IPV6}`,
    [`# ${inbound}`]: inbound,
  });
  return own + (smtpdConf ?? '');
}

beforeAll(async () => {
  const directory = '/etc/systemd/system';
  smtpd = await OpenSmtpd.create({
    clients: [...CLIENTS, STRANGER, STRANGER_IPV6],
    files: {
      [CONFIGURATION]: `[rpc]\nport = 4800\nrpcbind = "off"\n[grants]\nlifetime = "${LONG}"\n${dracdToml ?? ''}`,
      [TIMER_OFF.file]: TIMER_OFF.text,
      [`${directory}/dracd-opensmtpd.socket`]: socket ?? '',
      [`${directory}/dracd-opensmtpd.service`]: service ?? '',
      '/etc/smtpd.conf': await smtpdConfiguration(),
    },
  });
  await smtpd.host.run('sh', '-ec', withNames(commands ?? '', { 'sudo ': '' }));
  await until('smtpd listens', 10_000, listens);
});

afterAll(async () => {
  await (smtpd as OpenSmtpd | undefined)?.stop();
});

const grantsLast = (lifetime: string): Promise<string> =>
  smtpd.host.run('sed', '-i', `s/^lifetime = .*/lifetime = "${lifetime}"/`, CONFIGURATION);

/** From now on grants end while a test waits. */
async function grantsEnd(): Promise<void> {
  await grantsLast(`${LIFETIME_MS}ms`);
  await smtpd.host.run('systemctl', 'restart', 'dracd');
}

beforeEach(async () => {
  await smtpd.host.run('systemctl', 'stop', 'dracd');
  await smtpd.host.run('find', '/var/lib/dracd', '-mindepth', '1', '-type', 'f', '-delete');
  await grantsLast(LONG);
  // The list before the one that does not start without it.
  for (const unit of ['dracd-opensmtpd.socket', 'dracd', 'opensmtpd'])
    await smtpd.host.run('systemctl', 'start', unit);
  await until('smtpd listens', 10_000, listens);
  for (const client of [...CLIENTS, STRANGER]) await says(await smtpd.session(client), 550);
});

/** Runs a program on the host; how it ended. */
const tryRun = (...command: readonly string[]): Promise<Ended> => run([...smtpd.host.prefix, ...command]);

const listens = async (): Promise<boolean> => (await smtpd.host.run('ss', '-Hltn', 'sport = :25')) !== '';

const report = (client: string): Promise<string> =>
  smtpd.host.run(NODE, `${TREE}/dist/dracauth.js`, '-q', '-p', '4800', client);

const log = (): Promise<string> => smtpd.host.run('cat', LOG);

const list = async (): Promise<string[]> => (await smtpd.host.run('cat', LIST)).trim().split('\n');

/** Waits until a session says this code for relaying. */
const says = (session: Dialogue, code: number): Promise<void> =>
  until(
    `${code} for relaying`,
    LIFETIME_MS + 10_000,
    async () => (await session.recipient(FOREIGN)) === code,
  );

/** The session of a client that is granted, once it relays. */
async function granted(client: string): Promise<Dialogue> {
  const session = await smtpd.session(client);
  await report(client);
  await says(session, 250);
  return session;
}

/** 550, report, 250 in sessions old and new, 550 when it is over; a stranger is refused all the while. */
async function followLease(client: string, stranger: string): Promise<void> {
  const [session, other] = [await smtpd.session(client), await smtpd.session(stranger)];
  expect(await session.recipient(FOREIGN)).toBe(550);
  const sentAt = Date.now();
  await report(client);
  await says(session, 250);
  expect(await smtpd.ask(client, FOREIGN)).toBe(250);
  expect(await session.recipient(LOCAL)).toBe(250);
  expect(await other.recipient(FOREIGN)).toBe(550);
  expect(await other.recipient(LOCAL)).toBe(250);
  await says(session, 550);
  expect(Date.now()).toBeGreaterThanOrEqual(sentAt + LIFETIME_MS);
  expect(await smtpd.ask(client, FOREIGN)).toBe(550);
  expect(await session.recipient(LOCAL)).toBe(250);
}

test('a grant counts at the next recipient, for that client alone, and ends', async () => {
  await grantsEnd();
  await Promise.all([followLease(CLIENT, STRANGER), followLease(CLIENT_IPV6, STRANGER_IPV6)]);
});

test("the page's check finds a granted client", async () => {
  await granted(CLIENT);
  const [check = ''] = blocks(PAGE, 'Check it').map(({ text }) => text);
  expect(await smtpd.host.run('sh', '-ec', withNames(check, { 'sudo ': '' }))).toBe(
    `${CLIENT}\ncommand succeeded\n`,
  );
  expect(await list()).toEqual([CLIENT, '255.255.255.255']);
});

test('only root can have a table updated, and not without new privileges; only dracd can ring', async () => {
  const update = ['smtpctl', 'update', 'table', 'drac'];
  const as = (user: string): string[] => ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'];
  expect(await tryRun(...as('dracd'), ...update)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('need root') as string,
  });
  expect(await tryRun('setpriv', '--no-new-privs', ...update)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('setgid') as string,
  });
  expect(await tryRun(...update)).toMatchObject({ code: 0 });
  const ring = ['sh', '-c', 'echo > /run/dracd-opensmtpd'];
  expect(await tryRun(...as('opensmtpd'), ...ring)).toMatchObject({
    stderr: expect.stringContaining('Permission denied') as string,
  });
  expect(await tryRun(...as('dracd'), '--no-new-privs', ...ring)).toMatchObject({ code: 0, stderr: '' });
});

test('with nobody granted smtpd starts; with a list that is empty it would not', async () => {
  await smtpd.host.run('systemctl', 'restart', 'opensmtpd');
  await until('smtpd listens', 10_000, listens);
  expect(await smtpd.ask(CLIENT, FOREIGN)).toBe(550);
  expect(await smtpd.ask(CLIENT, LOCAL)).toBe(250);
  const empty = await tryRun(
    'sh',
    '-c',
    `sed 's:${LIST}:/dev/null:' /etc/smtpd.conf > /run/x; smtpd -n -f /run/x`,
  );
  expect(empty.code).toBe(1);
  const [said] = /table "drac" may not.*/.exec(empty.stderr) ?? [];
  expect(section(PAGE, 'Recipe')).toContain(said);
});

test('smtpd finds at its start who was granted while it was stopped', async () => {
  await smtpd.host.run('systemctl', 'stop', 'opensmtpd');
  await report(CLIENT);
  await until('it is in the list', 5_000, async () => (await list()).includes(CLIENT));
  await smtpd.host.run('systemctl', 'start', 'opensmtpd');
  await until('smtpd listens', 10_000, listens);
  expect(await smtpd.ask(CLIENT, FOREIGN)).toBe(250);
});

test('while dracd is stopped grants stay, until dracd-expire.service takes them out of list and table', async () => {
  await grantsEnd();
  const session = await granted(CLIENT);
  const over = Date.now() + LIFETIME_MS;
  await smtpd.host.run('systemctl', 'stop', 'dracd');
  await until('its time is over', LIFETIME_MS + 5_000, () => Date.now() > over);
  // The positive control: nothing that reads the list looks at a clock.
  expect(await session.recipient(FOREIGN)).toBe(250);
  await smtpd.host.run('systemctl', 'start', 'dracd-expire.service');
  await says(session, 550);
  expect(await list()).toEqual(['255.255.255.255']);
});

test.each([
  { what: 'gone', damage: `rm ${LIST}`, updates: false },
  { what: 'not to be read by its user', damage: `chmod 0600 ${LIST}`, updates: false },
  { what: 'empty', damage: `: > ${LIST}`, updates: true },
  { what: 'of other bytes', damage: `head -c 3000 /dev/urandom > ${LIST}`, updates: true },
])(
  'a list that is $what: nobody relays who did not before, and dracd mends it',
  async ({ damage, updates }) => {
    const session = await granted(CLIENT);
    await smtpd.host.run('systemctl', 'stop', 'dracd');
    await smtpd.host.run('sh', '-ec', damage);
    expect((await tryRun('smtpctl', 'update', 'table', 'drac')).code).toBe(updates ? 0 : 1);
    expect(await session.recipient(FOREIGN)).toBe(updates ? 550 : 250);
    for (const stranger of [STRANGER, STRANGER_IPV6]) {
      expect(await smtpd.ask(stranger, FOREIGN)).toBe(550);
      expect(await smtpd.ask(stranger, LOCAL)).toBe(250);
    }
    await smtpd.host.run('systemctl', 'start', 'dracd');
    await report(CLIENT);
    await says(session, 250);
    expect(await list()).toEqual([CLIENT, '255.255.255.255']);
  },
);

test('an update that fails is tried again until it succeeds', async () => {
  await smtpd.host.run('systemctl', 'stop', 'dracd');
  await smtpd.host.run('sh', '-ec', `rm ${LIST}; echo > /run/dracd-opensmtpd`);
  await until('one has failed', 5_000, async () =>
    /─\d+ sleep 5$/m.test((await tryRun('systemctl', 'status', 'dracd-opensmtpd')).stdout),
  );
  await smtpd.host.run('sh', '-ec', `echo ${STRANGER} > ${LIST}`);
  await says(await smtpd.session(STRANGER), 250);
  await smtpd.host.run('systemctl', 'start', 'dracd');
  await says(await smtpd.session(STRANGER), 550);
});

test('without the bell the table stays as it was, and dracd says so until it is back', async () => {
  await grantsEnd();
  const session = await granted(CLIENT);
  await smtpd.host.run('truncate', '-s', '0', LOG);
  await smtpd.host.run('systemctl', 'stop', 'dracd-opensmtpd.socket');
  await until('the list is empty', LIFETIME_MS + 5_000, async () => (await list()).length === 1);
  await until('dracd says so', 5_000, async () => (await log()).includes('"command: failed, trying again"'));
  expect(await session.recipient(FOREIGN)).toBe(250);
  await smtpd.host.run('systemctl', 'start', 'dracd-opensmtpd.socket');
  await until('it is told', 15_000, async () => (await session.recipient(FOREIGN)) === 550);
  await until('dracd says so', 5_000, async () => (await log()).includes('"command: works again"'));
});
