/**
 * lookups - a real Postfix that asks the running daemon, by every recipe of docs/postfix.md
 *
 * One smtpd for each recipe, chrooted where Debian's would be. What holds for all: a grant counts from its
 * SUCCESS to its very end; a daemon that is away, hangs or cannot tell makes relaying wait and never refuses or
 * permits it; inbound mail is accepted throughout.
 */
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:net';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { CallJournal, load } from '../support/load.js';
import { FOREIGN_RECIPIENT, LOCAL_RECIPIENT, Postfix, type SmtpSession, recipe } from '../support/postfix.js';
import { freePort, mustRun, newDirectory, pause, run, until } from '../support/processes.js';
import { SUCCESS, SYSERR, UdpClient } from '../support/rpc-client.js';

const LIFETIME_MS = 10_000;
/** By what the daemon's rounding and ours may differ. */
const CLOCKS_MS = 2;
/** The index of each smtpd. */
const INET = 0;
const UNIX = 1;
const CHROOT = 2;
const POLICY = 3;
const DUNNO = 4;
const everySmtpd = [
  { what: 'socketmap over TCP', smtpd: INET, miss: 554 },
  { what: 'socketmap through a unix socket', smtpd: UNIX, miss: 554 },
  { what: 'socketmap from a chroot', smtpd: CHROOT, miss: 554 },
  { what: 'policy that explains, from a chroot', smtpd: POLICY, miss: 550 },
  { what: 'policy that does not', smtpd: DUNNO, miss: 554 },
] as const;

type Recipe = (typeof everySmtpd)[number];

let postfix: Postfix;
let daemon: Daemon;
let configuration: string;
let inetPort: number;
const mounts: string[] = [];

/** The recipes of the page, for a Postfix in this directory. */
function recipes(directory: string): {
  readonly more: string;
  readonly restrictions: Parameters<typeof Postfix.start>[0];
} {
  const queue = { '/var/spool/postfix': path.join(directory, 'queue') };
  const unix = recipe('socketmap through a unix socket', queue);
  const inet = recipe('socketmap over TCP', { '192.0.2.10:4799': `127.0.0.1:${inetPort}` });
  const policy = recipe('Policy service', queue);
  const dunno = recipe('Policy service', {
    ...queue,
    'dracd/policy': 'dracd/dunno',
    'on_miss = "explain"': 'on_miss = "dunno"',
  });
  return {
    more: [unix.toml, inet.toml, policy.toml, 'grace = "6s"\n', dunno.toml].join(''),
    restrictions: [
      inet.mainCf,
      unix.mainCf,
      { text: unix.mainCf, chroot: true },
      { text: policy.mainCf, chroot: true },
      dunno.mainCf,
    ],
  };
}

beforeAll(async () => {
  inetPort = await freePort();
  // What the smtpd are told does not depend on where the instance is.
  postfix = await Postfix.start(recipes('').restrictions);
  configuration = recipes(postfix.directory).more;
  daemon = await Daemon.start({ lifetime: `${LIFETIME_MS}ms`, more: configuration });
});

afterAll(async () => {
  await killAll();
  await (postfix as Postfix | undefined)?.stop();
  for (const directory of mounts) await run(['umount', directory]);
});

async function add(client: string): Promise<void> {
  const reporter = await UdpClient.open(daemon.port);
  expect(await reporter.add(client)).toBe(SUCCESS);
  reporter.close();
}

async function restart(): Promise<void> {
  daemon = await Daemon.start({
    directory: daemon.directory,
    lifetime: `${LIFETIME_MS}ms`,
    more: configuration,
  });
}

/** Refused, ADD, relayed in the same session, refused from the very end of its lease; a stranger all the while refused. */
async function followLease(client: string, stranger: string, { smtpd, miss }: Recipe): Promise<void> {
  const session = await postfix.session(client, smtpd);
  const other = await postfix.session(stranger, smtpd);
  expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(miss);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);

  const sentAt = Date.now();
  await add(client);
  const answeredAt = Date.now();
  expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(250);
  expect(await postfix.ask(client, FOREIGN_RECIPIENT, smtpd)).toBe(250);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  expect(await other.recipient(FOREIGN_RECIPIENT)).toBe(miss);
  expect(await other.recipient(LOCAL_RECIPIENT)).toBe(250);

  for (;;) {
    const before = Date.now();
    const code = await session.recipient(FOREIGN_RECIPIENT);
    const after = Date.now();
    if (code !== 250) {
      // With grace the refusal is a temporary one at first.
      expect(code).toBe(smtpd === POLICY ? 451 : miss);
      expect(after).toBeGreaterThanOrEqual(sentAt + LIFETIME_MS - CLOCKS_MS);
      break;
    }
    // Had it been asked after the end of the lease, it would have been refused.
    expect(before).toBeLessThanOrEqual(answeredAt + LIFETIME_MS + CLOCKS_MS);
    await pause(50);
  }
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
}

test.each([
  { kind: 'socketmap', smtpds: everySmtpd.slice(0, POLICY) },
  { kind: 'policy', smtpds: everySmtpd.slice(POLICY) },
])('every recipe with $kind: a grant counts from its SUCCESS to its very end', async ({ smtpds }) => {
  await Promise.all(
    smtpds.flatMap((one) => [
      followLease(`192.0.2.${10 + one.smtpd}`, `192.0.2.${20 + one.smtpd}`, one),
      followLease(`2001:db8::${10 + one.smtpd}`, `2001:db8:1:2:3:4:5:${20 + one.smtpd}`, one),
    ]),
  );
});

describe('a refusal that explains', () => {
  test('says to a stranger what to do and no more', async () => {
    const session = await postfix.session('192.0.2.30', POLICY);
    expect(await session.reply(FOREIGN_RECIPIENT)).toBe(
      `550 5.7.1 <${FOREIGN_RECIPIENT}>: Recipient address rejected: No mailbox login from 192.0.2.30 was seen in the last 1 minutes. ` +
        'Receive mail first, then send; or send through port 587 with a password. https://example.org/mail-help\r\n',
    );
  });

  test('says more to one who was granted, puts it off for the grace, and permits after the next login', async () => {
    const session = await postfix.session('2001:db8::30', POLICY);
    await add('2001:db8::30');
    expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(250);
    await until(
      'the lease is over',
      LIFETIME_MS + 10_000,
      async () => (await session.recipient(FOREIGN_RECIPIENT)) !== 250,
    );
    const text =
      ' No mailbox login from 2001:db8::30 was seen in the last 1 minutes. The permission from your last login ended 1 minutes ago. ';
    const putOff = await session.reply(FOREIGN_RECIPIENT);
    expect(putOff).toMatch(/^451 4\.7\.1 </);
    expect(putOff).toContain(text);
    await until(
      'the grace is over',
      10_000,
      async () => (await session.recipient(FOREIGN_RECIPIENT)) !== 451,
    );
    const refused = await session.reply(FOREIGN_RECIPIENT);
    expect(refused).toMatch(/^550 5\.7\.1 </);
    expect(refused).toContain(text);
    await add('2001:db8::30');
    expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(250);
  });
});

/** Relaying waits and inbound mail goes on, in this session and in a new one. */
async function putsOff(session: SmtpSession, client: string, smtpd: number): Promise<void> {
  for (const one of [session, await postfix.session(client, smtpd)]) {
    expect(await one.recipient(LOCAL_RECIPIENT)).toBe(250);
    expect(await one.recipient(FOREIGN_RECIPIENT)).toBe(451);
    expect(await one.recipient(LOCAL_RECIPIENT)).toBe(250);
  }
}

describe('a daemon that is away', () => {
  test.each([
    {
      how: 'stopped',
      client: '192.0.2.40',
      end: async () => {
        await daemon.stop();
      },
    },
    { how: 'killed', client: '192.0.2.41', end: () => daemon.kill() },
  ])(
    '$how: relaying is put off, inbound mail accepted; back, it answers the same sessions',
    async ({ client, end }) => {
      const sessions = await Promise.all(everySmtpd.map(({ smtpd }) => postfix.session(client, smtpd)));
      for (const [smtpd, session] of sessions.entries())
        expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(everySmtpd[smtpd]?.miss);
      await end();
      await Promise.all(sessions.map((session, smtpd) => putsOff(session, client, smtpd)));
      await restart();
      for (const [smtpd, session] of sessions.entries()) {
        // Postfix waits a second before it turns again to a policy service that had gone.
        expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
        await until(
          'it is asked again',
          10_000,
          async () => (await session.recipient(FOREIGN_RECIPIENT)) !== 451,
        );
        await add(client);
        expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(250);
        expect(await postfix.ask('192.0.2.49', FOREIGN_RECIPIENT, smtpd)).toBe(everySmtpd[smtpd]?.miss);
      }
    },
  );

  test('hanging: relaying waits, inbound mail does not, and a late answer is the right one', async () => {
    const sessions = await Promise.all(everySmtpd.map(({ smtpd }) => postfix.session('192.0.2.42', smtpd)));
    daemon.signal('SIGSTOP');
    const answers: (number | undefined)[] = everySmtpd.map(() => undefined);
    const waiting = sessions.map(async (session, smtpd) => {
      answers[smtpd] = await session.recipient(FOREIGN_RECIPIENT);
    });
    for (const { smtpd } of everySmtpd)
      expect(await postfix.ask('192.0.2.43', LOCAL_RECIPIENT, smtpd)).toBe(250);
    await pause(500);
    expect(answers).toEqual(everySmtpd.map(() => undefined));
    daemon.signal('SIGCONT');
    await Promise.all(waiting);
    expect(answers).toEqual(everySmtpd.map(({ miss }) => miss));
  });
});

/** Adds until the journal has used up the space it had set aside. */
async function fillJournal(client: UdpClient): Promise<void> {
  const journal = new CallJournal(path.join(newDirectory('full-calls'), 'calls'));
  let number = 0;
  let refused = false;
  const next = (): string => `198.18.${((number += 1) >> 8) & 0xff}.${number & 0xff}`;
  const onReply = (status: number): void => {
    refused ||= status === SYSERR;
  };
  await load({ client, journal, next, window: 64, stopped: () => refused || number >= 60_000, onReply });
  expect(refused).toBe(true);
}

test('a disk that fails: whoever has a grant relays, others are put off, and refused again when the disk is well', async () => {
  const directory = newDirectory('full');
  const journal = newDirectory('full-journal');
  await mustRun(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', journal]);
  mounts.push(journal);
  await daemon.stop();
  const { directory: usual } = daemon;
  daemon = await Daemon.start({
    directory,
    journal: path.join(journal, 'j'),
    lifetime: '10m',
    more: configuration,
  });
  const reporter = await UdpClient.open(daemon.port);
  expect(await reporter.add('192.0.2.50')).toBe(SUCCESS);
  const ballast = path.join(journal, 'ballast');
  const { bavail, bsize } = statfsSync(journal);
  writeFileSync(ballast, Buffer.alloc(bavail * bsize));
  await fillJournal(reporter);
  for (const { smtpd, what } of everySmtpd) {
    const granted = await postfix.session('192.0.2.50', smtpd);
    const other = await postfix.session('192.0.2.51', smtpd);
    expect(await granted.recipient(FOREIGN_RECIPIENT)).toBe(250);
    // Postfix's access_map_defer_code, for a policy service.
    expect(await other.recipient(FOREIGN_RECIPIENT)).toBe(what.startsWith('policy') ? 450 : 451);
    expect(await other.recipient(LOCAL_RECIPIENT)).toBe(250);
  }
  rmSync(ballast);
  await until('it recovers', 10_000, async () => (await reporter.add('192.0.2.52')) === SUCCESS);
  for (const { smtpd, miss } of everySmtpd) {
    expect(await postfix.ask('192.0.2.52', FOREIGN_RECIPIENT, smtpd)).toBe(250);
    expect(await postfix.ask('192.0.2.51', FOREIGN_RECIPIENT, smtpd)).toBe(miss);
  }
  reporter.close();
  await daemon.stop();
  daemon = await Daemon.start({ directory: usual, lifetime: `${LIFETIME_MS}ms`, more: configuration });
});

describe('whatever else stands at its place', () => {
  const answers = {
    'closes at once': undefined,
    'sends what is no netstring': 'garbage',
    'sends half an answer': '5:OK',
    'sends another answer': '7:MAYBE x,',
    'sends an empty hit': '3:OK ,',
  };

  test.each(Object.entries(answers))(
    'and %s: relaying is put off, inbound mail accepted',
    async (_what, bytes) => {
      await daemon.stop();
      const server: Server = createServer((socket) => {
        socket.on('error', () => undefined);
        if (bytes === undefined) socket.destroy();
        else socket.once('data', () => socket.end(bytes, () => socket.destroy()));
      });
      await new Promise<void>((resolve) => server.listen(inetPort, '127.0.0.1', resolve));
      try {
        await putsOff(await postfix.session('192.0.2.60', INET), '192.0.2.60', INET);
      } finally {
        await new Promise((resolve) => server.close(resolve));
        await restart();
      }
    },
  );
});
