/**
 * denied - who is denied inside of what may relay, in every map that Postfix alone reads, as the real Postfix reads it
 *
 * Its smtpds ask the live map, a btree and a cdb snapshot, each from a chroot and without one, a btree that Exim shares
 * (which has no word for a denial), a hash table that postmap has made of the same keys, and the socketmap, which is exact.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { postfixTable, postmapDump, postmapQuery } from '../support/map-readers.js';
import { Operated } from '../support/operated.js';
import { FOREIGN_RECIPIENT, LOCAL_RECIPIENT, Postfix, relayRestrictions } from '../support/postfix.js';
import { blocks } from '../support/page.js';
import { configurationDirectory } from '../support/postmap.js';
import { mustRun, newDirectory, until } from '../support/processes.js';
import { SUCCESS, TcpClient } from '../support/rpc-client.js';

const directory = newDirectory('denied');
const file = (name: string): string => path.join(directory, name);
const wish = (subject: string): object => ({ subject, author: 'ann', reason: 'abuse' });
const socket = file('socketmap');

const LMDB = `lmdb:${file('relay')}`;
const TABLES = [
  LMDB,
  postfixTable('btree', file('relay.db')),
  postfixTable('cdb', file('snapshot.cdb')),
] as const;
const SHARED = postfixTable('btree', file('shared.db'));
const SOCKETMAP = `socketmap:unix:${socket}:relay`;
/** Of the smtpds. */
const [LIVE, SHARED_TABLE, EXACT] = [0, 6, 7];
const ALL = 8;

const exported = (format: string, name: string, dialects: string): string => `
[[exports]]
format = "${format}"
path = "${file(name)}"
dialect = [${dialects}]
interval = "100ms"
`;

let daemon: Operated;
let postfix: Postfix;

beforeAll(async () => {
  daemon = await Operated.start({
    directory,
    grants:
      'always = ["198.51.100.0/24", "2001:db8:a::/48"]\nnever = ["198.51.100.128/25", "2001:db8:a:f::/64"]',
    more: [
      exported('bdb', 'relay.db', '"postfix"'),
      exported('cdb', 'snapshot.cdb', '"postfix"'),
      exported('bdb', 'shared.db', '"postfix", "exim"'),
      `[[lookups]]\nkind = "socketmap"\nlisten = ["unix:${socket}"]\nmode = "0666"\n`,
    ].join(''),
  });
  postfix = await Postfix.start([
    ...TABLES.flatMap((table) => [
      relayRestrictions(table),
      { text: relayRestrictions(table), chroot: true },
    ]),
    relayRestrictions(SHARED),
    relayRestrictions(SOCKETMAP),
  ]);
});

afterAll(async () => {
  await postfix.stop();
  await Operated.killAll();
});

async function report(client: string): Promise<void> {
  const tcp = await TcpClient.open(daemon.port);
  expect(await tcp.add(client)).toBe(SUCCESS);
  tcp.close();
}

async function relays(client: string, smtpd: number): Promise<boolean> {
  const code = await postfix.ask(client, FOREIGN_RECIPIENT, smtpd);
  expect([250, 554]).toContain(code);
  return code === 250;
}

/** The live map and the socketmap at once, the snapshots soon. */
async function expectRelay(client: string, expected: boolean): Promise<void> {
  for (const smtpd of [LIVE, EXACT])
    expect([client, smtpd, await relays(client, smtpd)]).toEqual([client, smtpd, expected]);
  for (let smtpd = 0; smtpd < ALL; smtpd += 1)
    await until(
      `smtpd ${smtpd} says ${String(expected)} of ${client}`,
      20_000,
      async () => (await relays(client, smtpd)) === expected,
    );
}

test('never inside of always: hosts and networks, IPv4 and IPv6', async () => {
  for (const [client, expected] of [
    ['198.51.100.7', true],
    ['198.51.100.200', false],
    ['2001:db8:a:1::6', true],
    ['2001:db8:a:f::6', false],
    ['2001:db8:a:f:1:2:3:4', false],
    ['2001:db8:a::6', true],
  ] as const)
    await expectRelay(client, expected);
});

test.each([
  ['198.51.100.9', '198.51.100.9', '198.51.100.10'],
  ['198.51.100.32/30', '198.51.100.33', '198.51.100.36'],
  ['2001:db8:a:b::6', '2001:db8:a:b::6', '2001:db8:a:b::7'],
  ['2001:db8:a:c::/64', '2001:db8:a:c:1::6', '2001:db8:a:d::6'],
  ['2001:db8:a::/64', '2001:db8:a::6', '2001:db8:a:1::6'],
  ['2001:db8:a:e00::/56', '2001:db8:a:e77::6', '2001:db8:a:d77::6'],
])(
  'a deny of %s: %s is refused in a session that is open, %s is not; and it is undone',
  async (denied, inside, beside) => {
    const session = await postfix.session(inside, LIVE);
    expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(250);
    await daemon.call('deny', wish(denied));
    expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(554);
    expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
    expect(await relays(beside, LIVE)).toBe(true);
    await expectRelay(inside, false);
    // The others have no words for an IPv6 address without its neighbours.
    for (let smtpd = 0; smtpd < ALL; smtpd += 1)
      if (smtpd !== SHARED_TABLE || !beside.includes(':'))
        await until(`smtpd ${smtpd} lets ${beside} relay`, 20_000, () => relays(beside, smtpd));
    await daemon.call('remove', 'deny', denied, { author: 'ann', reason: 'sorry' });
    expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(250);
    session.close();
    await expectRelay(inside, true);
  },
);

test('a denied address that is written like a permitted one, and longer', async () => {
  await report('2001:db8::6');
  await daemon.call('deny', wish('2001:db8::6:1'));
  await expectRelay('2001:db8::6', true);
  for (const smtpd of [0, 1, 2, 3, 4, 5, EXACT])
    expect([smtpd, await relays('2001:db8::6:1', smtpd)]).toEqual([smtpd, false]);
  // Who is not denied is met there as before: a limit of every indexed table, and of no socketmap.
  expect([await relays('2001:db8::6:2', LIVE), await relays('2001:db8::6:2', EXACT)]).toEqual([true, false]);
});

test('postmap -q prints DUNNO for who is denied, and where others read the file too there is no such key', async () => {
  await daemon.call('deny', wish('198.51.100.11'));
  for (const table of TABLES)
    await until(
      `${table} says so`,
      20_000,
      async () => (await postmapQuery(table, '198.51.100.11')) === 'DUNNO',
    );
  await until(
    'the shared map says so',
    20_000,
    async () => (await postmapQuery(SHARED, '198.51.100.11')) === undefined,
  );
  expect([...(await postmapDump(SHARED)).values()]).not.toContain('DUNNO');
  expect(await postmapQuery(LMDB, '198.51.100')).toBe('4294967295');
});

test('what the page shows of postmap -q is what it says', async () => {
  await daemon.call('deny', wish('2001:db8:a:b::6'));
  const text = blocks('docs/postfix.md', 'Who is denied')[0]?.text ?? '';
  const shown = [...text.matchAll(/^\$ postmap -q (\S+) (\S+) .*\n(.*)\n/gm)];
  expect(shown).toHaveLength(2);
  for (const [, key = '', table = '', answer] of shown)
    expect([key, await postmapQuery(table.replace('lmdb:/var/lib/dracd/relay', LMDB), key)]).toEqual([
      key,
      answer,
    ]);
});

test('a hash table of the same keys says the same; in mynetworks a key lets relay whatever its value', async () => {
  const text = file('made');
  const keys = [...(await postmapDump(LMDB))].map(([key, value]) => `${key} ${value}\n`);
  writeFileSync(text, keys.join(''));
  await mustRun(['postmap', '-c', configurationDirectory(), `hash:${text}`]);
  const strict = await Postfix.start([
    relayRestrictions(`hash:${text}`),
    { text: relayRestrictions('static:DUNNO'), chroot: false, options: [`mynetworks = ${LMDB}`] },
  ]);
  try {
    const codes = (client: string): Promise<number[]> =>
      Promise.all([0, 1].map((smtpd) => strict.ask(client, FOREIGN_RECIPIENT, smtpd)));
    expect((await codes('198.51.100.7'))[0]).toBe(250);
    // The reason why docs and doctor warn of mynetworks.
    expect(await codes('198.51.100.11')).toEqual([554, 250]);
    expect((await codes('2001:db8:a:f::6'))[0]).toBe(554);
  } finally {
    await strict.stop();
  }
});
