/**
 * failures - Postfix before maps that are missing, damaged, or there too late: what a client hears, row by row
 *
 * Every row has three smtpd: with the README's order, the same from a chroot, and with the question asked before it is
 * known whose mail it is. The last is the control: it shows that the row is a failure, and what the order is good for.
 *
 * Not repeated: tcp: and memcache: tables (dracd serves neither) and texthash: (dracd writes none).
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { postfixTable } from '../support/map-readers.js';
import {
  FOREIGN_RECIPIENT,
  LOCAL_RECIPIENT,
  Postfix,
  SmtpSession,
  relayRestrictions,
} from '../support/postfix.js';
import { mustRun, newDirectory, until } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const CLIENT = '192.0.2.7';
const directory = newDirectory('failures');
const GARBAGE = Buffer.from(Array.from({ length: 12_288 }, (_, i) => (i * 131 + (i >> 5) * 89) & 0xff));
const EMPTY = Buffer.alloc(0);

/** A table with this content in its file, or without a file. */
function table(type: string, suffix: string, content?: Buffer): string {
  const name = `${type}-${content === undefined ? 'missing' : content.length}`;
  const file = path.join(directory, `${name}${suffix}`);
  if (content !== undefined) writeFileSync(file, content);
  return suffix === '' ? `${type}:${file}` : postfixTable(type, file);
}

const missing = table('lmdb', '.lmdb');
const unavailable = [
  { what: 'an lmdb that is missing', name: missing },
  { what: 'an lmdb of random bytes', name: table('lmdb', '.lmdb', GARBAGE) },
  { what: 'an lmdb without a byte', name: table('lmdb', '.lmdb', EMPTY) },
  { what: 'an lmdb that is missing, with a default_action', name: `{ ${missing}, default_action=DUNNO }` },
  { what: 'an lmdb that is missing, behind proxy:', name: `proxy:${missing}` },
  { what: 'a btree that is missing', name: table('btree', '.db') },
  { what: 'a btree of random bytes', name: table('btree', '.db', GARBAGE) },
  { what: 'a btree without a byte', name: table('btree', '.db', EMPTY) },
  { what: 'a cdb that is missing', name: table('cdb', '.cdb') },
  { what: 'a cidr list that is missing', name: table('cidr', '') },
  { what: 'a table that says nothing but "fail"', name: 'fail:always' },
] as const;
/** A damaged list is a list of what can be understood in it: of nobody. */
const NOBODY = { first: 3 * unavailable.length, name: table('cidr', '', GARBAGE) };
/** A damaged cdb ends the process that looks into it; one that is too short ends it before its greeting. */
const FATAL = { first: NOBODY.first + 3, name: table('cdb', '.cdb', GARBAGE) };
const NO_START = { smtpd: FATAL.first + 3, name: table('cdb', '.cdb', GARBAGE.subarray(0, 2_047)) };
const MYNETWORKS = NO_START.smtpd + 1;
const LATE = { first: MYNETWORKS + 1, uses: 3, file: path.join(directory, 'late', 'relay.lmdb') };

const asked = (name: string): string =>
  `permit_mynetworks, check_client_access ${name}, reject_unauth_destination`;
const threeFor = (name: string): Parameters<typeof Postfix.start>[0] => [
  relayRestrictions(name),
  { text: relayRestrictions(name), chroot: true },
  asked(name),
];

let postfix: Postfix;

beforeAll(async () => {
  const late = relayRestrictions(postfixTable('lmdb', LATE.file));
  postfix = await Postfix.start(
    [
      ...[...unavailable, NOBODY, FATAL].flatMap(({ name }) => threeFor(name)),
      relayRestrictions(NO_START.name),
      { text: relayRestrictions('cidr:/dev/null'), chroot: false, options: [`mynetworks = ${missing}`] },
      late,
      { text: late, chroot: true, options: [`max_use=${LATE.uses}`] },
    ],
    // A process that dies in its first session, or before it, stops its service for so long; the default is a minute.
    `service_throttle_time = 1s\nproxy_read_maps = proxy:${missing} ${missing}\n`,
  );
});

afterAll(async () => {
  await killAll();
  await (postfix as Postfix | undefined)?.stop();
});

const PUT_OFF = '451 4.3.5 <unknown[192.0.2.7]>: Client host rejected: Server configuration error\r\n';
const ACCEPTED = '250 2.1.5 Ok\r\n';

test.each(unavailable.map((row, index) => ({ ...row, first: 3 * index })))(
  '$what: relaying is put off, inbound mail accepted, unless the question comes first',
  async ({ first }) => {
    for (const [smtpd, inbound] of [ACCEPTED, ACCEPTED, PUT_OFF].entries()) {
      const session = await postfix.session(CLIENT, first + smtpd);
      expect(await session.reply(LOCAL_RECIPIENT)).toBe(inbound);
      expect(await session.reply(FOREIGN_RECIPIENT)).toBe(PUT_OFF);
      expect(await session.reply(LOCAL_RECIPIENT)).toBe(inbound);
      session.close();
    }
  },
);

test('a cidr list of random bytes: a list of nobody', async () => {
  for (const smtpd of [0, 1, 2]) {
    const session = await postfix.session(CLIENT, NOBODY.first + smtpd);
    expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
    expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(554);
    session.close();
  }
  expect(postfix.log()).toMatch(/warning: cidr map \S+, line 1: /);
});

test('a cdb of random bytes: whoever asks to relay is cut off, inbound mail accepted, unless the question comes first', async () => {
  for (const smtpd of [0, 1]) {
    const session = await postfix.session(CLIENT, FATAL.first + smtpd);
    expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
    await expect(session.recipient(FOREIGN_RECIPIENT)).rejects.toThrow('the SMTP session ended');
    // The next one waits until Postfix starts the service again.
    expect(await postfix.ask(CLIENT, LOCAL_RECIPIENT, FATAL.first + smtpd)).toBe(250);
  }
  const session = await postfix.session(CLIENT, FATAL.first + 2);
  await expect(session.recipient(LOCAL_RECIPIENT)).rejects.toThrow('the SMTP session ended');
  expect(postfix.log()).toMatch(/fatal: error reading \S+cdb-12288\.cdb: /);
});

test('a cdb of less than 2 KiB: no mail at all is taken, and none lost: who waits is served when the file is one again', async () => {
  const from = postfix.log().length;
  const opening = SmtpSession.open(postfix.ports[NO_START.smtpd] ?? 0);
  await until('smtpd cannot start', 10_000, () =>
    /fatal: dict_cdb\S*: unable to init[\s\S]*bad command startup -- throttling/.test(
      postfix.log().slice(from),
    ),
  );
  const file = path.join(directory, 'cdb-2047.cdb');
  await mustRun(['cdb', '-c', `${file}.new`], { input: '\n' });
  await mustRun(['mv', `${file}.new`, file]);
  const session = await opening;
  await session.become(CLIENT);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(554);
  session.close();
});

test('a map in mynetworks that is missing puts off everything: the map does not belong there', async () => {
  const session = await postfix.session(CLIENT, MYNETWORKS);
  for (const recipient of [LOCAL_RECIPIENT, FOREIGN_RECIPIENT])
    expect(await session.reply(recipient)).toMatch(/^451 4\.3\.0 .*: Temporary lookup failure\r\n$/);
});

test('a map that comes after Postfix: who asked before it stays with 451 until recycled or reloaded, others do not', async () => {
  const [plain, recycled] = [LATE.first, LATE.first + 1] as const;
  for (const smtpd of [plain, recycled]) {
    expect(await postfix.ask(CLIENT, LOCAL_RECIPIENT, smtpd)).toBe(250);
    expect(await postfix.ask(CLIENT, FOREIGN_RECIPIENT, smtpd)).toBe(451);
  }
  const old = postfix.processes();
  /** A new process finds the map; an old one never does, however often it is asked. */
  const relays = async (smtpd: number): Promise<boolean> => {
    const { code, process } = await postfix.askWhom(CLIENT, FOREIGN_RECIPIENT, smtpd);
    expect(code).toBe(old.has(process) ? 451 : 250);
    return code === 250;
  };
  const daemon = await Daemon.start({ map: LATE.file });
  const client = await UdpClient.open(daemon.port);
  expect(await client.add(CLIENT)).toBe(SUCCESS);
  client.close();
  expect([await relays(plain), await relays(recycled)]).toContain(false);
  await until('the old processes have had their uses', 10_000, () => relays(recycled));
  await mustRun(['postfix', '-c', postfix.directory, 'reload']);
  await until('it relays', 10_000, async () => (await postfix.ask(CLIENT, FOREIGN_RECIPIENT, plain)) === 250);
  expect(await postfix.ask('192.0.2.8', FOREIGN_RECIPIENT, plain)).toBe(554);
});
