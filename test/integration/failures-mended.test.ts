/**
 * failures-mended - the live map damaged under a running Postfix: what clients hear, and how it is again when dracd has mended it
 *
 * dracd looks each second; here it is stopped (SIGSTOP) while clients ask, so that they surely meet the damage. Each
 * row has smtpd of its own: what a process has met it remembers.
 */
import { closeSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { Daemon, killAll } from '../support/daemon.js';
import {
  FOREIGN_RECIPIENT,
  LOCAL_RECIPIENT,
  Postfix,
  type SmtpSession,
  relayRestrictions,
} from '../support/postfix.js';
import { tableName } from '../support/postmap.js';
import { mustRun, until } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const CLIENT = '192.0.2.7';
const LATER = '192.0.2.8';
const STRANGER = '192.0.2.99';

function overwrite(file: string): void {
  const { size } = statSync(file);
  const fd = openSync(file, 'r+');
  writeSync(fd, Buffer.alloc(size, 0xa5));
  closeSync(fd);
}

/** `dies`: what Postfix's log says of a process that has the file open and looks into it. */
const rows = [
  { what: 'deleted', damage: (file: string) => rmSync(file), dies: undefined },
  {
    what: 'overwritten with garbage in place',
    damage: overwrite,
    dies: /smtpd\[\d+\]: fatal: error reading/,
  },
  {
    what: 'truncated in place',
    damage: (file: string) => truncateSync(file, 0),
    dies: /smtpd pid \d+ killed by signal 7/,
  },
] as const;

/** The smtpd of a row: what its index is for. */
const SMTPDS = { busy: 0, chroot: 1, idle: 2, recycled: 3, fresh: 4 };
const USES = 3;

let daemon: Daemon;
let postfix: Postfix;
let client: UdpClient;

beforeAll(async () => {
  daemon = await Daemon.start();
  client = await UdpClient.open(daemon.port);
  const text = relayRestrictions(tableName(daemon.mapPath));
  const smtpds = rows.flatMap(() => [
    text,
    { text, chroot: true },
    text,
    { text, chroot: false, options: [`max_use=${USES}`] },
    text,
  ]);
  // A process that dies in its first session stops its service for so long; the default is a minute.
  postfix = await Postfix.start(smtpds, 'service_throttle_time = 1s\n');
});

afterAll(async () => {
  (client as UdpClient | undefined)?.close();
  await killAll();
  await (postfix as Postfix | undefined)?.stop();
});

/** Relaying is put off and inbound mail accepted, in one session. */
async function putsOff(smtpd: number): Promise<void> {
  const session = await postfix.session(CLIENT, smtpd);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(451);
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  session.close();
}

/** The open session's process ends without an answer. */
async function dies(session: SmtpSession, told: RegExp, from: number): Promise<void> {
  expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
  await expect(session.recipient(FOREIGN_RECIPIENT)).rejects.toThrow('the SMTP session ended');
  await until('Postfix tells of it', 10_000, () => told.test(postfix.log().slice(from)));
}

test.each(rows.map((row, index) => ({ ...row, first: 5 * index })))(
  '$what: nobody relays by it, inbound mail is accepted, and within two seconds it is whole again',
  async ({ first, damage, dies: told }) => {
    expect(await client.add(CLIENT)).toBe(SUCCESS);
    expect(await postfix.ask(CLIENT, FOREIGN_RECIPIENT, first + SMTPDS.idle)).toBe(250);
    const busy = await postfix.session(CLIENT, first + SMTPDS.busy);
    expect(await busy.recipient(FOREIGN_RECIPIENT)).toBe(250);

    daemon.signal('SIGSTOP');
    const from = daemon.logs.length;
    const logFrom = postfix.log().length;
    damage(daemon.mapPath);
    if (told !== undefined) await dies(busy, told, logFrom);
    // A session keeps the file that it has opened, whatever becomes of the name.
    else expect(await busy.recipient(FOREIGN_RECIPIENT)).toBe(250);
    for (const smtpd of [SMTPDS.busy, SMTPDS.chroot, SMTPDS.recycled]) await putsOff(first + smtpd);
    const old = postfix.processes();

    daemon.signal('SIGCONT');
    expect((await daemon.logged('map: building it anew', 5_000, from)).level).toBe('warn');
    await daemon.logged('map: built anew', 5_000, from);
    expect(await client.add(LATER)).toBe(SUCCESS);
    for (const smtpd of [SMTPDS.idle, SMTPDS.fresh]) {
      for (const granted of [CLIENT, LATER])
        expect(await postfix.ask(granted, FOREIGN_RECIPIENT, first + smtpd)).toBe(250);
      expect(await postfix.ask(STRANGER, FOREIGN_RECIPIENT, first + smtpd)).toBe(554);
    }
    // A process that met the damage stays with its 451 until it is recycled; a new one does not know of it.
    const relays = async (smtpd: number): Promise<boolean> => {
      const { code, process } = await postfix.askWhom(LATER, FOREIGN_RECIPIENT, first + smtpd);
      expect(code).toBe(old.has(process) ? 451 : 250);
      return code === 250;
    };
    expect([await relays(SMTPDS.chroot), await relays(SMTPDS.recycled)]).toContain(false);
    await until('the old processes have had their uses', 10_000, () => relays(SMTPDS.recycled));
  },
);

test('postfix reload cures the processes that met the damage', async () => {
  await mustRun(['postfix', '-c', postfix.directory, 'reload']);
  for (const [smtpd] of rows.flatMap(() => Object.keys(SMTPDS)).entries())
    await until(
      'it relays',
      10_000,
      async () => (await postfix.ask(LATER, FOREIGN_RECIPIENT, smtpd)) === 250,
    );
  expect(await postfix.ask(STRANGER, FOREIGN_RECIPIENT)).toBe(554);
});
