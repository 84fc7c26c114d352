/**
 * sendmail - Debian's Sendmail relays by the stock FEATURE(`drac') on the exported Berkeley DB file, as docs/sendmail.md has it
 *
 * The daemon, the permissions, the paths and the commands are those of the page. Inbound mail is accepted throughout.
 */
import { Daemon, killAll } from '../support/daemon.js';
import { blocks, section, withNames } from '../support/page.js';
import { until } from '../support/processes.js';
import {
  FOREIGN_RECIPIENT,
  LOCAL_RECIPIENT,
  MailHost,
  OWN_CLIENT,
  ACCESS_CLIENT,
} from '../support/sendmail.js';

const PAGE = 'docs/sendmail.md';
const SECTION = 'The map as a file';
const LIFETIME_MS = 12_000;
const FILE = '/var/lib/dracd/relay.db';
const SUBMISSION = 587;

const recipe = (language: string): string => {
  const [one = { text: '' }, ...more] = blocks(PAGE, SECTION).filter((block) => block.language === language);
  if (one.text === '' || more.length > 0)
    throw new Error(`"${SECTION}" should have one block of ${language}`);
  return one.text;
};
const feature = recipe('m4');

let host: MailHost;
let daemon: Daemon;

/** Starts dracd with the page's export; the grants are those of the journal. */
async function startDracd(lifetimeMs = LIFETIME_MS): Promise<void> {
  daemon = await host.dracd({ lifetime: `${lifetimeMs}ms`, more: recipe('toml') });
}

beforeAll(async () => {
  host = await MailHost.create();
  await startDracd();
  const [make = '', restart, ...more] = recipe('sh').trim().split('\n');
  expect(restart).toBe('systemctl restart dracd sendmail');
  expect(more).toEqual([]);
  await host.configure(feature, make);
  await host.sendmail();
});

afterAll(async () => {
  await killAll();
  await (host as MailHost | undefined)?.stop();
});

/** Waits until a grant that was reported is in the file. */
async function relays(client: string): Promise<void> {
  await until(`${client} relays`, 10_000, async () => (await host.ask(client, FOREIGN_RECIPIENT)) === 250);
}

/** Refused, reported, relayed from the next connection on, refused when the lease is over; a stranger is refused all the while. */
async function followLease(client: string, stranger: string): Promise<void> {
  const early = await host.session(client);
  expect(await early.reply(FOREIGN_RECIPIENT)).toMatch(/^550 5\.7\.1 .*Relaying denied/);
  expect(await early.recipient(LOCAL_RECIPIENT)).toBe(250);
  const sentAt = Date.now();
  await host.report(daemon.port, client);
  await relays(client);
  const session = await host.session(client);
  expect(await session.mail(FOREIGN_RECIPIENT)).toBe(250);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  expect(await host.ask(stranger, FOREIGN_RECIPIENT)).toBe(550);
  expect(await host.ask(stranger, LOCAL_RECIPIENT)).toBe(250);

  await until('the lease is over', 20_000, async () => (await host.ask(client, FOREIGN_RECIPIENT)) === 550);
  expect(Date.now()).toBeGreaterThanOrEqual(sentAt + LIFETIME_MS);
  expect(await host.ask(client, LOCAL_RECIPIENT)).toBe(250);
}

describe('a grant', () => {
  test('counts from the next connection until the lease is over', async () => {
    await Promise.all([
      followLease('203.0.113.7', '203.0.113.77'),
      followLease('2001:db8:7::6', '2001:db8:7::7'),
      followLease('2001:db8:7:2:3:4:5:6', '2001:db8:7:2:3:4:5:7'),
    ]);
  });

  test('does not open the port that asks for a password, nor is it needed by those who may relay anyway', async () => {
    await host.report(daemon.port, '203.0.113.9');
    await relays('203.0.113.9');
    const session = await host.session('203.0.113.9', SUBMISSION);
    expect(await session.say('MAIL FROM:<sender@foreign.example>')).toMatch(
      /^530 5\.7\.0 Authentication required/,
    );
    for (const own of [OWN_CLIENT, ACCESS_CLIENT, '127.0.0.1'])
      expect(await host.ask(own, FOREIGN_RECIPIENT)).toBe(250);
  });
});

describe('the questions of the page', () => {
  const [commands = '', answers = '', ruleset = ''] = blocks(PAGE, 'Check it').map(({ text }) => text);

  test('are answered as it says', async () => {
    const [report = '', ...asks] = commands.trim().split('\n');
    expect(report).toMatch(/^dracauth 203\.0\.113\.7$/);
    await host.shell(report.replace('dracauth', host.dracauth(daemon.port).join(' ')));
    await relays('203.0.113.7');
    const said = await Promise.all(asks.map((ask) => host.shell(ask)));
    const expected = answers.trim().split('\n');
    expect(said).toHaveLength(expected.length);
    for (const [n, line] of expected.entries())
      expect(said[n]?.replace(/returns \d{10}/, 'returns 1795571821')).toContain(line);
    expect(await host.shell(ruleset)).toMatch(/returns: RELAY\n/);
    expect(await host.shell(ruleset.replace('203.0.113.7', '203.0.113.8'))).not.toMatch(/returns: RELAY\n/);
  });

  test('find every spelling of IPv6 that Sendmail has', async () => {
    const clients = {
      '2001:db8:0:1::': '2001:db8:0:1:0:0:0:0',
      '2001:db8::1:0:0:1': '2001:db8:0:0:1:0:0:1',
      '2001:db8:abcd:ef01:2345:6789:abcd:ef01': '2001:db8:abcd:ef01:2345:6789:abcd:ef01',
      'fd00::1': 'fd00:0:0:0:0:0:0:1',
    };
    await host.report(daemon.port, ...Object.keys(clients), '198.51.100.0');
    const keys = [...Object.values(clients), '198.51.100.0'];
    const asks = keys.flatMap((key) => [
      `.D{client_addr}${key.includes(':') ? 'IPv6:' : ''}${key}`,
      'Relay_ok x',
    ]);
    await until('all relay', 10_000, async () => {
      const said = await host.test(asks);
      return said.filter((line) => /^Relay_ok +returns: RELAY$/.test(line)).length === keys.length;
    });
    // A neighbour, and what Sendmail does not say.
    const others = ['2001:db8:0:1:0:0:0:1', '2001:db8:0:1::', '198.51.100'].map((key) => `/map drac ${key}`);
    expect((await host.test(others)).filter((line) => !line.includes('no match'))).toEqual([]);
  });
});

test('dracd stopped: the file stays as it is, until what is over has been taken out', async () => {
  const clients = ['203.0.113.20', '2001:db8:7::20'];
  await host.report(daemon.port, ...clients);
  const overAt = Date.now() + LIFETIME_MS;
  for (const client of clients) await relays(client);
  await daemon.stop();
  await until('the lease is over', 15_000, () => Date.now() > overAt);
  for (const client of clients) expect(await host.ask(client, FOREIGN_RECIPIENT)).toBe(250);
  expect(await host.dracdOnce('--expire-map')).toMatchObject({ code: 0 });
  for (const client of clients) {
    expect(await host.ask(client, FOREIGN_RECIPIENT)).toBe(550);
    expect(await host.ask(client, LOCAL_RECIPIENT)).toBe(250);
  }
  await startDracd();
});

describe('a file that is not as it should be', () => {
  const GRANTED = '203.0.113.30';

  beforeAll(async () => {
    await daemon.stop();
    await startDracd(600_000);
    await host.report(daemon.port, GRANTED);
    await relays(GRANTED);
    // It would mend the file.
    await daemon.stop();
    await host.shell(`cp -a ${FILE} /run/good.db`);
  });

  afterEach(async () => {
    await host.shell(`chmod 0755 /var/lib/dracd; cp -a --remove-destination /run/good.db ${FILE}`);
    // Without a restart.
    expect(await host.ask(GRANTED, FOREIGN_RECIPIENT)).toBe(250);
  });

  const DENIED = /^550 5\.7\.1 .*Relaying denied/;

  test.each([
    ['missing', `rm ${FILE}`, DENIED],
    ['empty', `: >${FILE}`, DENIED],
    ['some bytes', `yes garbage | head -c 20000 >${FILE}`, DENIED],
    ['damaged at its head', `printf garbage | dd of=${FILE} bs=1 seek=12 conv=notrunc status=none`, DENIED],
    ['cut off', `truncate -s 4096 ${FILE}`, /^451 4\.0\.0 db_map_lookup/],
    [
      'a hash',
      `echo '${GRANTED} 1' | makemap hash /run/hash.db && chown dracd /run/hash.db && mv /run/hash.db ${FILE}`,
      DENIED,
    ],
    ['in a directory that others may write to', 'chmod 0775 /var/lib/dracd', DENIED],
    ['in a directory that others cannot search', 'chmod 0750 /var/lib/dracd', DENIED],
    ['for the group only', `chmod 0640 ${FILE}`, DENIED],
    ['for dracd only', `chmod 0600 ${FILE}`, DENIED],
  ])('%s: nobody relays by it, inbound mail is accepted', async (_what, damage, reply) => {
    await host.shell(damage);
    for (const client of [GRANTED, '2001:db8:7::31']) {
      const session = await host.session(client);
      expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
      expect(await session.reply(FOREIGN_RECIPIENT)).toMatch(reply);
      expect(await session.mail(LOCAL_RECIPIENT)).toBe(250);
    }
    expect(await host.ask(OWN_CLIENT, FOREIGN_RECIPIENT)).toBe(250);
    // Whom the access map lets relay is asked about before.
    expect(await host.ask(ACCESS_CLIENT, FOREIGN_RECIPIENT)).toBe(reply === DENIED ? 250 : 451);
  });

  test('sendmail -bt tells why', async () => {
    await host.shell('chmod 0775 /var/lib/dracd');
    const [why] = await host.test([`/map drac ${GRANTED}`]);
    expect(section(PAGE, 'Permissions')).toContain(
      `\`${why?.replace(/^btree map "drac": /, '') ?? 'nothing'}\``,
    );
  });

  test('as optional it is read all the same, and nothing is told', async () => {
    const optional = await host.variant('optional', withNames(feature, { 'btree ': 'btree -o ' }));
    const ask = [`/map drac ${GRANTED}`];
    expect(await host.test(ask, optional)).toEqual([expect.stringMatching(/ returns \d{10} \(0\)$/)]);
    await host.shell('chmod 0775 /var/lib/dracd');
    expect(await host.test(ask, optional)).toEqual(['Map named "drac" not open']);
  });

  test('nor does a type that is not its own open it', async () => {
    const hash = await host.variant('hash', withNames(feature, { btree: 'hash' }));
    expect(await host.test([`/map drac ${GRANTED}`], hash)).toContain(
      `map_lookup: drac (${GRANTED}) no match (75)`,
    );
    const dbm = await host.variant('dbm', withNames(feature, { btree: 'dbm' }));
    expect((await host.test([`/map drac ${GRANTED}`], dbm)).join()).toContain('Map named "drac" not found');
  });
});
