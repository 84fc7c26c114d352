/**
 * exim - a real Exim with Debian's configuration relays for a client from its grant to the grant's end, by every recipe of docs/exim.md
 *
 * Live sessions come over a cable from IPv4 and IPv6 clients; `exim4 -bh` plays the others.
 */
import path from 'node:path';
import { type Daemon, killAll } from '../support/daemon.js';
import {
  Exim,
  FOREIGN_RECIPIENT,
  LOCAL_RECIPIENT,
  NETWORKS,
  PAGE,
  SPLIT_MACROS,
  LOCAL_MACROS,
  clientAddress,
  recipe,
  sections,
  unpacked,
} from '../support/exim.js';
import { blocks, withNames } from '../support/page.js';
import { until } from '../support/processes.js';

const LIFETIME_MS = 8_000;
const LONG_S = 600;

let exim: Exim;
let daemon: Daemon;

beforeAll(async () => {
  exim = await Exim.start();
  daemon = await exim.dracd(`${LIFETIME_MS}ms`);
});

afterAll(async () => {
  await killAll();
  await (exim as Exim | undefined)?.stop();
});

async function report(client: string): Promise<void> {
  expect(await exim.shell(`dracauth -p ${daemon.port} ${client}`)).toBe(`${client}: success\n`);
}

/** Refused, reported, relayed at a later connection, refused when the lease is over and not before; a stranger never. */
async function followLease(client: string, stranger: string): Promise<void> {
  expect(await exim.ask(client, FOREIGN_RECIPIENT)).toBe(550);
  expect(await exim.ask(client, LOCAL_RECIPIENT)).toBe(250);
  const sentAt = Date.now();
  await report(client);
  const answeredAt = Date.now();
  await until('it relays', 5_000, async () => (await exim.ask(client, FOREIGN_RECIPIENT)) === 250);
  // One session for mail of both kinds: no answer counts for the other, or beyond its time.
  const session = await exim.live(client);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  const granted = [
    await session.recipient(FOREIGN_RECIPIENT),
    await exim.ask(client, FOREIGN_RECIPIENT, 'played'),
  ];
  // On a busy machine the lease may be over already.
  if (Date.now() < sentAt + LIFETIME_MS) expect(granted).toEqual([250, 250]);
  for (const how of ['live', 'played'] as const) {
    expect(await exim.ask(stranger, FOREIGN_RECIPIENT, how)).toBe(550);
    expect(await exim.ask(stranger, LOCAL_RECIPIENT, how)).toBe(250);
  }
  await until('it is over', LIFETIME_MS + 10_000, async () => {
    const code = await exim.ask(client, FOREIGN_RECIPIENT);
    expect([250, 550]).toContain(code);
    return code === 550;
  });
  expect(Date.now()).toBeGreaterThanOrEqual(sentAt + LIFETIME_MS);
  // A session that has looked into a file goes by what it found there, in whole seconds.
  const endsBy = Math.ceil((answeredAt + LIFETIME_MS) / 1_000) * 1_000;
  await until('its second is over', 2_000, () => Date.now() >= endsBy);
  expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(550);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  expect(await exim.ask(client, FOREIGN_RECIPIENT, 'played')).toBe(550);
}

describe.each(sections)('%s', (section) => {
  beforeAll(() => exim.configure(recipe(section).macros));

  test('a grant counts from its SUCCESS to its end, IPv4 and IPv6', async () => {
    const number = 10 + 2 * sections.indexOf(section);
    await Promise.all(
      (['v4', 'v6'] as const).map((family) =>
        followLease(clientAddress(number, family), clientAddress(number + 1, family)),
      ),
    );
  });
});

describe('with long grants', () => {
  beforeAll(async () => {
    await daemon.stop();
    daemon = await exim.dracd(`${LONG_S}s`);
  });

  test('socketmap over TCP: an IPv6 server in brackets', async () => {
    const { macros } = recipe('socketmap over TCP');
    await exim.write(
      LOCAL_MACROS,
      withNames(macros, { 'inet:192.0.2.10:4799': 'inet:[2001:db8:2::10]:4799' }),
    );
    await exim.shell('update-exim4.conf');
    expect(await exim.ask('203.0.113.20', FOREIGN_RECIPIENT, 'played')).toBe(550);
    await report('203.0.113.20');
    expect(await exim.ask('203.0.113.20', FOREIGN_RECIPIENT, 'played')).toBe(250);
  });

  test('the page’s checks say what they are to say', async () => {
    const [reporting = '', asking = '', playing = ''] = blocks(PAGE, 'Check it').map(({ text }) => text);
    await exim.configure(recipe('cdb').macros);
    const value = (): Promise<string> => exim.shell(asking);
    expect(await value()).toBe('no\n');
    expect(await exim.shell(playing)).toContain('\n550 relay not permitted\r\n');
    const from = Math.floor(Date.now() / 1_000);
    await exim.shell(withNames(reporting, { PORT: String(daemon.port) }));
    await until('it is in the file', 5_000, async () => (await value()) !== 'no\n');
    expect(Number(await value())).toBeGreaterThanOrEqual(from + LONG_S);
    expect(await exim.shell(playing)).toContain('\n250 Accepted\r\n');
  });

  test('port 587 relays as port 25 does, and takes a whole message', async () => {
    const [ports] = blocks(PAGE, 'Submission');
    const client = clientAddress(30, 'v4');
    await expect(exim.live(client, 587)).rejects.toThrow('no greeting');
    await exim.configure(recipe('cdb').macros + (ports?.text ?? ''));
    const stranger = await exim.live(client, 587);
    expect(await stranger.recipient(FOREIGN_RECIPIENT)).toBe(550);
    await report(client);
    await until('it relays', 5_000, async () => (await exim.ask(client, FOREIGN_RECIPIENT)) === 250);
    const session = await exim.live(client, 587);
    await session.say('MAIL FROM:<somebody@local.test>');
    expect((await session.say(`RCPT TO:<${FOREIGN_RECIPIENT}>`)).code).toBe(250);
    await session.say('DATA');
    expect((await session.say('From: somebody@local.test\r\n\r\nText\r\n.')).text).toMatch(/^250 OK id=/);
    expect(await exim.inside.run('exim4', '-bp')).toContain(FOREIGN_RECIPIENT);
  });

  test('exim4-daemon-light can do all of it', async () => {
    const light = await unpacked('exim-light', 'exim4-daemon-light');
    await exim.inside.run('mount', '--bind', path.join(light, 'usr/sbin/exim4'), '/usr/sbin/exim4');
    expect(await exim.inside.run('exim4', '-bV')).not.toContain('pgsql');
    await report('203.0.113.30');
    for (const section of sections) {
      await exim.prepare(recipe(section).macros);
      const ask = (client: string): Promise<number> => exim.ask(client, FOREIGN_RECIPIENT, 'played');
      await until(`${section} permits`, 5_000, async () => (await ask('203.0.113.30')) === 250);
      expect(await ask('203.0.113.31')).toBe(550);
    }
    await exim.inside.run('umount', '/usr/sbin/exim4');
  });

  describe('where leases cover networks', () => {
    beforeAll(async () => {
      await daemon.stop();
      daemon = await exim.dracdOfNetworks(
        'ipv6_prefix = 64\nipv4_prefix = 24\nalways = ["198.18.0.64/26", "2001:db8:a::/60"]',
      );
      await report('203.0.113.50');
      await report('2001:db8:7::50');
    });

    afterAll(async () => {
      await daemon.stop();
      daemon = await exim.dracd(`${LONG_S}s`);
    });

    const rows: [string, number][] = [
      ['203.0.113.50', 250],
      ['203.0.113.51', 250],
      ['203.0.114.50', 550],
      ['2001:db8:7::50', 250],
      ['2001:db8:7:0:1:2:3:4', 250],
      ['2001:db8:7:1::50', 550],
      ['198.18.0.65', 250],
      ['198.18.0.1', 550],
      ['2001:db8:a:f::1', 250],
      ['2001:db8:a:10::1', 550],
    ];

    test.each([
      ['cdb', (): string => blocks(PAGE, NETWORKS)[0]?.text ?? ''],
      ['list', (): string => recipe('list').macros],
    ] as const)('%s: all of a network relay, and nobody else', async (_, macros) => {
      await exim.prepare(macros());
      const ask = (client: string): Promise<number> => exim.ask(client, FOREIGN_RECIPIENT, 'played');
      await until('it is published', 10_000, async () => (await ask('2001:db8:7::50')) === 250);
      const answers: [string, number][] = [];
      for (const [client] of rows) answers.push([client, await ask(client)]);
      expect(answers).toEqual(rows);
    });
  });

  describe('where the lines go', () => {
    const networks = '203.0.113.0/25';

    test('networks of dc_relay_nets count no longer, those of MAIN_RELAY_NETS do', async () => {
      await exim.shell(
        `sed -i "s,^dc_relay_nets=.*,dc_relay_nets='${networks}'," /etc/exim4/update-exim4.conf.conf`,
      );
      const { macros } = recipe('cdb');
      const answers: number[] = [];
      for (const text of [
        '',
        macros,
        withNames(macros, { '+dracd_clients': `${networks} : +dracd_clients` }),
      ]) {
        await exim.prepare(text);
        answers.push(await exim.ask('203.0.113.1', FOREIGN_RECIPIENT, 'played'));
      }
      expect(answers).toEqual([250, 550, 250]);
    });

    test('CHECK_RCPT_LOCAL_ACL_FILE comes too late to permit relaying', async () => {
      await exim.write('/etc/exim4/local-acl', 'accept\n');
      await exim.prepare('CHECK_RCPT_LOCAL_ACL_FILE = /etc/exim4/local-acl\n');
      const session = await exim.played('203.0.113.144');
      expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(550);
      expect(session.explained).not.toContain('local-acl');
    });

    test('the split configuration has a file of its own for them', async () => {
      await report('203.0.113.140');
      await exim.prepare('');
      expect(await exim.ask('203.0.113.140', FOREIGN_RECIPIENT, 'played')).toBe(550);
      await exim.shell(
        `sed -i "s,^dc_use_split_config=.*,dc_use_split_config='true'," /etc/exim4/update-exim4.conf.conf`,
      );
      await exim.prepare(recipe('socketmap over TCP').macros, SPLIT_MACROS);
      expect(await exim.ask('203.0.113.140', FOREIGN_RECIPIENT, 'played')).toBe(250);
      expect(await exim.ask('203.0.113.141', FOREIGN_RECIPIENT, 'played')).toBe(550);
    });

    test('Exim’s own default configuration, and an ACL of one’s own', async () => {
      const [list = '', statement = ''] = blocks(PAGE, 'Other configurations').map(({ text }) => text);
      const [dracdClients = ''] = recipe('socketmap over TCP').macros.split(/^(?=MAIN_RELAY_NETS)/m);
      const example = await exim.inside.run('cat', '/usr/share/doc/exim4-base/examples/example.conf');
      const words = (text: string): string => text.replace(/\s+/g, ' ');
      expect(words(example)).toContain(words(statement));
      const theirs = example.replace(/^hostlist +relay_from_hosts = localhost$/m, dracdClients + list);
      expect(theirs).not.toBe(example);
      const own = `${dracdClients}${list}
domainlist local_domains = @ : local.test
domainlist relay_to_domains =
acl_smtp_rcpt = own
begin acl
own:
${statement}
  require domains = +local_domains
          message = relay not permitted
  accept
`;
      await report('203.0.113.142');
      for (const [name, text] of Object.entries({ theirs, own })) {
        await exim.write(`/etc/exim4/${name}`, text);
        const codes: number[] = [];
        for (const client of ['203.0.113.142', '203.0.113.143']) {
          const session = await exim.played(client, '-C', `/etc/exim4/${name}`);
          codes.push(await session.recipient(FOREIGN_RECIPIENT));
        }
        expect([name, ...codes]).toEqual([name, 250, 550]);
      }
    });
  });
});
