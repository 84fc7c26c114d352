/**
 * failures-lookups - Postfix before look-ups that are away, out of reach, or answered by something else than dracd
 *
 * The peer is Postfix, so what stands in dracd's place may be anything; a dracd that is stopped, killed or hanging is in
 * lookups.test.ts. All smtpd have the order of docs/postfix.md.
 *
 * Not repeated: a socketmap that never answers, for which Postfix waits 100 seconds before it says 451, whatever its
 * configuration.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { type Server, type Socket, createServer } from 'node:net';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { FOREIGN_RECIPIENT, LOCAL_RECIPIENT, Postfix, recipe } from '../support/postfix.js';
import { freePort, mustRun, newDirectory, until } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const CLIENT = '192.0.2.7';
const SERVER_ERROR = /^451 4\.3\.5 (?:.*: )?Server configuration (?:error|problem)\r\n$/;
const directory = newDirectory('hostile');

/** The index of each smtpd. */
const SOCKETMAP = 0;
const POLICY = 1;
const POLICY_DUNNO = 2;
const UNIX = 3;
const OUTSIDE = 4;
const DRACD = 5;
const DRACD_CHROOT = 6;
const DRACD_POLICY = 7;
/** So much further is one like it that nobody has asked yet: processes keep the connections that they have. */
const FRESH = 3;
const DRACD_LATER = 11;

let postfix: Postfix;
let mapPort: number;
let policyPort: number;
const servers: Server[] = [];
const sockets = new Set<Socket>();

beforeAll(async () => {
  mapPort = await freePort();
  policyPort = await freePort();
  const inet = recipe('socketmap over TCP', { '192.0.2.10:4799': `127.0.0.1:${mapPort}` });
  const unix = recipe('socketmap through a unix socket', {});
  const policy = recipe('Policy service', {});
  const elsewhere = unix.mainCf.replace('unix:dracd/', `unix:${directory}/`);
  const named = `inet:127.0.0.1:${policyPort}`;
  const patient = `{ ${named}, timeout=1s }`;
  const soft = `{ ${named}, timeout=1s, default_action=DUNNO }`;
  const dracd = [unix.mainCf, { text: unix.mainCf, chroot: true }, { text: policy.mainCf, chroot: true }];
  postfix = await Postfix.start([
    inet.mainCf,
    policy.mainCf.replace('unix:dracd/policy', patient),
    policy.mainCf.replace('unix:dracd/policy', soft),
    { text: unix.mainCf.replace('dracd/', 'other/'), chroot: true },
    { text: elsewhere, chroot: true },
    ...dracd,
    ...dracd,
    unix.mainCf,
  ]);
});

async function endServers(): Promise<void> {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
}

afterEach(endServers);

afterAll(async () => {
  await killAll();
  await (postfix as Postfix | undefined)?.stop();
});

/** Something that says this to whatever is asked; nothing at all, when it is not given. */
async function serve(at: number | string, says?: Buffer | string): Promise<void> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', () => {
      if (says !== undefined) socket.write(says);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    if (typeof at === 'string') server.listen(at, resolve);
    else server.listen(at, '127.0.0.1', resolve);
  });
}

/** Relaying is put off with Postfix's words for trouble, inbound mail accepted. */
async function putsOff(smtpd: number): Promise<void> {
  const session = await postfix.session(CLIENT, smtpd);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  expect(await session.reply(FOREIGN_RECIPIENT)).toMatch(SERVER_ERROR);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  session.close();
}

const netstring = (text: string): string => `${text.length}:${text},`;

describe('a socketmap', () => {
  test.each(Object.entries({ 'OK OK': 250, 'OK 1790000000': 250, OK: 554, 'NOTFOUND ': 554, NOTFOUND: 554 }))(
    'that says %j: %i (the control)',
    async (says, code) => {
      await serve(mapPort, netstring(says));
      expect(await postfix.ask(CLIENT, FOREIGN_RECIPIENT, SOCKETMAP)).toBe(code);
    },
  );

  test.each([
    ['TEMP', netstring('TEMP overloaded')],
    ['TIMEOUT', netstring('TIMEOUT elsewhere')],
    ['PERM', netstring('PERM no such map')],
    ['another word', netstring('YES OK')],
    ['a hit with an empty value', netstring('OK ')],
    ['nothing', netstring('')],
    ['more than 100,000 bytes', netstring(`OK ${'x'.repeat(100_001)}`)],
    ['a length that is none', 'OK OK\n'],
    ['a length below zero', '-5:OK OK,'],
    ['a length beyond all numbers', '99999999999999999999:OK OK,'],
    ['no comma at the end', '5:OK OK;'],
    ['zeros', Buffer.alloc(64)],
  ])('that says %s: relaying is put off, inbound mail accepted', async (_, says) => {
    await serve(mapPort, says);
    await putsOff(SOCKETMAP);
  });

  test('that nobody listens for: relaying is put off, inbound mail accepted', async () => {
    await putsOff(SOCKETMAP);
    expect(existsSync(path.join(postfix.directory, 'queue/other'))).toBe(false);
    await putsOff(UNIX);
  });

  test('whose socket user postfix may not use; one that he may use is asked at once, without a reload', async () => {
    const at = path.join(postfix.directory, 'queue/other');
    mkdirSync(at);
    await serve(path.join(at, 'socketmap'), netstring('OK OK'));
    chmodSync(path.join(at, 'socketmap'), 0o600);
    await putsOff(UNIX);
    chmodSync(path.join(at, 'socketmap'), 0o660);
    const gid = Number(await mustRun(['id', '-g', 'postfix']));
    chownSync(path.join(at, 'socketmap'), 0, gid);
    expect(await postfix.ask(CLIENT, FOREIGN_RECIPIENT, UNIX)).toBe(250);
  });

  test('whose socket is outside of the chroot', async () => {
    await serve(path.join(directory, 'socketmap'), netstring('OK OK'));
    chmodSync(path.join(directory, 'socketmap'), 0o666);
    await putsOff(OUTSIDE);
  });
});

describe('a policy service', () => {
  test.each([
    ['OK', 'OK', 250],
    ['digits', '1790000000', 250],
    ['DUNNO', 'DUNNO', 554],
  ])('that says %s (the control)', async (_, says, code) => {
    await serve(policyPort, `action=${says}\n\n`);
    expect(await postfix.ask(CLIENT, FOREIGN_RECIPIENT, POLICY)).toBe(code);
  });

  test.each([
    ['an action that there is not', 'action=PERHAPS\n\n'],
    ['no action', 'permit=yes\n\n'],
    ['what is no attribute', 'OK\n\n'],
    ['zeros', Buffer.alloc(64)],
  ])('that says %s: relaying is put off, inbound mail accepted', async (_, says) => {
    await serve(policyPort, says);
    await putsOff(POLICY);
  });

  test.each([
    ['that nobody listens for', false],
    ['that never answers', true],
  ])(
    '%s: put off, or refused where default_action says so; never relayed, inbound mail accepted',
    async (_, listens) => {
      if (listens) await serve(policyPort);
      await putsOff(POLICY);
      const session = await postfix.session(CLIENT, POLICY_DUNNO);
      expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
      expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(554);
      expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
    },
  );
});

describe('the sockets of a dracd that runs', () => {
  let daemon: Daemon;
  let sockets: readonly string[];
  const smtpds = [DRACD, DRACD_CHROOT, DRACD_POLICY];

  beforeAll(async () => {
    const queue = { '/var/spool/postfix': path.join(postfix.directory, 'queue') };
    const more = ['socketmap through a unix socket', 'Policy service'].map((one) => recipe(one, queue).toml);
    daemon = await Daemon.start({ more: more.join('') });
    sockets = ['socketmap', 'policy'].map((name) => path.join(postfix.directory, 'queue/dracd', name));
    const client = await UdpClient.open(daemon.port);
    expect(await client.add(CLIENT)).toBe(SUCCESS);
    client.close();
  });

  async function answersAgain(smtpd: number): Promise<void> {
    await until(
      'Postfix asks again',
      10_000,
      async () => (await postfix.ask(CLIENT, FOREIGN_RECIPIENT, smtpd)) === 250,
    );
    const isPolicy = (smtpd - DRACD) % FRESH === DRACD_POLICY - DRACD;
    expect(await postfix.ask('192.0.2.99', FOREIGN_RECIPIENT, smtpd)).toBe(isPolicy ? 550 : 554);
  }

  const told = (event: string, socket: string, from: number): number =>
    daemon.logs.slice(from).filter((line) => line.event === event && line['path'] === socket).length;

  test.each([
    ['deleted', (socket: string) => rmSync(socket)],
    ['renamed', (socket: string) => renameSync(socket, `${socket}.elsewhere`)],
    [
      'deleted with their directory',
      (socket: string) => rmSync(path.dirname(socket), { recursive: true, force: true }),
    ],
  ])('%s: inbound mail is accepted, and soon they are there again, loudly', async (_, take) => {
    const from = daemon.logs.length;
    for (const socket of sockets) take(socket);
    for (const smtpd of smtpds) {
      const session = await postfix.session(CLIENT, smtpd);
      expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
      // Whether it meets the gap is a matter of luck.
      expect([250, 451]).toContain(await session.recipient(FOREIGN_RECIPIENT));
      expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
      session.close();
    }
    for (const socket of sockets) {
      const anew = (): number => told('look-up: opening its socket anew', socket, from);
      await until('it is told', 5_000, () => anew() > 0);
      await until('it is there again', 5_000, () => existsSync(socket));
      expect(anew()).toBe(1);
    }
    for (const smtpd of smtpds) await answersAgain(smtpd);
  });

  test('with something else in their places: relaying is put off until that is gone, and needs no reload then', async () => {
    const from = daemon.logs.length;
    for (const socket of sockets) {
      rmSync(socket);
      mkdirSync(socket);
    }
    for (const smtpd of smtpds) await putsOff(smtpd + FRESH);
    for (const socket of sockets) {
      const trouble = (): number => told('look-up: out of reach, trying again', socket, from);
      await until('it is told', 5_000, () => trouble() > 0);
      rmSync(socket, { recursive: true });
      await until('it is there again', 5_000, () => existsSync(socket));
      expect(trouble()).toBe(1);
    }
    for (const smtpd of smtpds) await answersAgain(smtpd + FRESH);
  });

  test("with another program's socket in the place of one: left alone and told of, taken back when that program ends", async () => {
    const [socket = ''] = sockets;
    const from = daemon.logs.length;
    rmSync(socket);
    await serve(socket, netstring('TEMP not dracd'));
    chmodSync(socket, 0o666);
    const trouble = await daemon.logged('look-up: out of reach, trying again', 5_000, from);
    expect(trouble.level).toBe('error');
    expect(trouble['reason']).toContain('another program answers there; stop that program');
    await putsOff(DRACD_LATER);
    await endServers();
    await daemon.logged('look-up: within reach again', 10_000, from);
    await answersAgain(DRACD_LATER);
    expect((await daemon.stop()).code).toBe(0);
    for (const one of sockets) expect(existsSync(one)).toBe(false);
  });
});

test('a directory that is read-only for dracd stops its start, and it says what to do', async () => {
  const own = newDirectory('read-only');
  const readOnly = `mount --bind ${own} ${own}; mount -o remount,bind,ro ${own}; exec "$@"`;
  const refused = Daemon.launch({
    more: `[[lookups]]\nkind = "socketmap"\nlisten = ["unix:${own}/socketmap"]\n`,
    prefix: ['unshare', '--mount', 'sh', '-ec', readOnly, 'sh'],
  });
  expect(await refused.exited).toEqual({ code: 1, signal: null });
  expect(refused.noise.join('\n')).toContain(
    `${own} is read-only for the daemon; under systemd, name it in ReadWritePaths= (systemctl edit dracd)`,
  );
});
