/**
 * doctor-postfix - `dracctl doctor` between dracd and a real Postfix: all is well, and faults planted one by one
 *
 * Each is found, with its cure; where it keeps clients out, the running Postfix shows that it does.
 */
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { configured, doctor, troubles, within } from '../support/doctor.js';
import { Namespace } from '../support/namespace.js';
import { FOREIGN_RECIPIENT, Postfix, recipe, relayRestrictions } from '../support/postfix.js';
import { newDirectory } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const CLIENT = '203.0.113.7';

const namespaces: Namespace[] = [];

async function namespace(): Promise<Namespace> {
  const created = await Namespace.create();
  namespaces.push(created);
  return created;
}

const postfixes: Postfix[] = [];

async function postfix(...restrictions: Parameters<typeof Postfix.start>[0]): Promise<Postfix> {
  const started = await Postfix.start(restrictions);
  postfixes.push(started);
  return started;
}

afterEach(async () => {
  await killAll();
  for (const one of postfixes.splice(0)) await one.stop();
  for (const one of namespaces.splice(0)) await one.stop();
});

describe('a machine that is well', () => {
  test('nothing to do, exit status 0; every check has said something', async () => {
    const inside = await namespace();
    await inside.rpcbind();
    const directory = newDirectory('well');
    const { mainCf } = recipe('socketmap through a unix socket', {});
    const server = await postfix(relayRestrictions(`lmdb:${path.join(directory, 'relay')}`), {
      text: mainCf,
      chroot: true,
    });
    const { toml } = recipe('socketmap through a unix socket', {
      '/var/spool/postfix': path.join(server.directory, 'queue'),
    });
    const daemon = await Daemon.start({
      directory,
      rpcbind: 'required',
      addresses: ['0.0.0.0', '::'],
      prefix: inside.prefix,
      more: toml,
    });
    const only = ['--config', daemon.configFile, '--postfix', server.directory];
    const { code, found } = await doctor(only, within(inside));
    expect(troubles(found)).toEqual([]);
    expect(code).toBe(0);
    const told = new Set(found.map(({ check }) => check));
    expect([...told]).toEqual([
      'config',
      'daemon',
      'rpcbind',
      'maps',
      'sockets',
      'postfix',
      'certificates',
      'clock',
      'space',
      'descriptors',
      'expiry',
      'permissions',
    ]);
    const fine = found.filter(({ severity }) => severity === 'ok').map(({ what }) => what);
    expect(fine).toEqual(
      expect.arrayContaining([
        'reporters are answered',
        'rpcbind tells POP3 servers the port',
        'rpcbind forwards no calls',
        'it answers',
        'user postfix may connect',
        'these ask dracd, and at the right place',
        'there are descriptors left',
      ]),
    );
  });
});

describe('sockets', () => {
  const NAME = 'socketmap:unix:dracd/socketmap:relay';
  const lookup = (door: string, mode: string, group = 'postfix'): string =>
    `[[lookups]]\nkind = "socketmap"\nlisten = ["unix:${door}"]\nmode = "${mode}"\ngroup = "${group}"\n`;

  test("the mode keeps Postfix's user out, and Postfix puts off whom it should let relay", async () => {
    const server = await postfix(relayRestrictions(NAME));
    const door = path.join(server.directory, 'queue/dracd/socketmap');
    const daemon = await Daemon.start({ more: lookup(door, '0600') });
    const args = ['--config', daemon.configFile, '--postfix', server.directory, '--only', 'sockets'];
    expect(await server.ask(CLIENT, FOREIGN_RECIPIENT)).toBe(451);
    const { code, found } = await doctor(args);
    expect(code).toBe(2);
    expect(troubles(found)).toEqual([
      expect.objectContaining({
        what: expect.stringContaining("Postfix's user postfix is kept out") as string,
        value: expect.stringContaining('0600, owner 0') as string,
        cure: expect.stringContaining('mode = "0660"') as string,
      }),
    ]);
    chmodSync(door, 0o660);
    expect((await doctor(args)).code).toBe(0);
    expect(await server.ask(CLIENT, FOREIGN_RECIPIENT)).toBe(554);
    // The way there is closed as well; a smtpd that is connected already would not notice.
    chmodSync(path.dirname(door), 0o700);
    const [closed] = troubles((await doctor(args)).found);
    expect(closed?.value).toContain(`${path.dirname(door)}: 0700`);
  });

  test('outside of the chroot', async () => {
    const directory = newDirectory('outside');
    const door = path.join(directory, 'socketmap');
    const server = await postfix({ text: relayRestrictions(`socketmap:unix:${door}:relay`), chroot: true });
    const daemon = await Daemon.start({ more: lookup(door, '0666') });
    const only = ['--postfix', server.directory, '--only', 'sockets', 'postfix'];
    expect(await server.ask(CLIENT, FOREIGN_RECIPIENT)).toBe(451);
    const outside = await doctor(['--config', daemon.configFile, ...only]);
    expect(outside.code).toBe(2);
    expect(troubles(outside.found)).toEqual([
      expect.objectContaining({
        check: 'sockets',
        what: expect.stringContaining('outside of the chroot') as string,
        value: expect.stringContaining(path.join(server.directory, 'master.cf')) as string,
        cure: expect.stringContaining(`unix:${server.directory}/queue/dracd/socketmap`) as string,
      }),
    ]);
  });

  test('inside of the chroot, by a name from outside', async () => {
    const inner = await postfix({ text: relayRestrictions(NAME), chroot: true });
    const innerDoor = path.join(inner.directory, 'queue/dracd/socketmap');
    const other = await Daemon.start({ more: lookup(innerDoor, '0666') });
    const masterCf = path.join(inner.directory, 'master.cf');
    const absolute = NAME.replace('dracd/socketmap', innerDoor);
    writeFileSync(masterCf, readFileSync(masterCf, 'utf8').replace(NAME, absolute));
    const named = await doctor([
      '--config',
      other.configFile,
      '--postfix',
      inner.directory,
      '--only',
      'sockets',
      'postfix',
    ]);
    expect(troubles(named.found)).toEqual([
      expect.objectContaining({
        check: 'postfix',
        what: expect.stringContaining('runs in a chroot') as string,
        cure: expect.stringContaining('unix:dracd/socketmap') as string,
      }),
    ]);
  });

  test('a socket that nobody answers, and none at all', async () => {
    const directory = newDirectory('dead');
    const door = path.join(directory, 'policy');
    const daemon = await Daemon.start({
      more: `[[lookups]]\nkind = "policy"\nlisten = ["unix:${door}"]\nmode = "0666"\n`,
    });
    const args = ['--config', daemon.configFile, '--only', 'sockets', '--postfix', '/nonexistent'];
    expect((await doctor(args)).code).toBe(0);
    await daemon.kill();
    expect(troubles((await doctor(args)).found)[0]?.what).toMatch(/^it does not answer: .*ECONNREFUSED/);
    rmSync(door);
    expect(troubles((await doctor(args)).found)[0]?.what).toBe('the socket is not there');
  });
});

describe('main.cf', () => {
  test('where dracd is asked too late, not at all, or otherwise than it is written: found, and Postfix refuses', async () => {
    const directory = newDirectory('order');
    const table = `check_client_access lmdb:${path.join(directory, 'relay')}`;
    const daemon = await Daemon.start({ directory });
    const server = await postfix(
      relayRestrictions(`lmdb:${path.join(directory, 'relay')}`),
      `permit_mynetworks, reject_unauth_destination, ${table}, reject`,
      'permit_mynetworks, reject_unauth_destination',
      `permit_mynetworks, ${table}, reject_unauth_destination`,
    );
    const [good, late, missing, dependent] = server.ports.map((port) => `127.0.0.1:${port}/inet`);
    const client = await UdpClient.open(daemon.port);
    expect(await client.add(CLIENT, 30_000)).toBe(SUCCESS);
    client.close();
    const relays = await Promise.all(
      server.ports.map((_, smtpd) => server.ask(CLIENT, FOREIGN_RECIPIENT, smtpd)),
    );
    expect(relays).toEqual([250, 554, 554, 250]);
    const { code, found } = await doctor([
      '--config',
      daemon.configFile,
      '--postfix',
      server.directory,
      '--only',
      'postfix',
    ]);
    expect(code).toBe(2);
    const key = 'smtpd_relay_restrictions';
    const file = path.join(server.directory, 'main.cf');
    expect(found).toEqual([
      expect.objectContaining({
        severity: 'error',
        file,
        key,
        value: late,
        what: expect.stringContaining('reject_unauth_destination stands before it') as string,
        cure: expect.stringContaining('move reject_unauth_destination behind check_client_access') as string,
      }),
      expect.objectContaining({
        severity: 'warning',
        file,
        key,
        value: dependent,
        what: expect.stringContaining('inbound mail depends on dracd') as string,
        cure: expect.stringContaining('put permit_auth_destination before') as string,
      }),
      expect.objectContaining({ severity: 'ok', value: good }),
      expect.objectContaining({
        severity: 'note',
        value: missing,
        what: expect.stringContaining('these do not ask dracd') as string,
      }),
    ]);
  });

  test('names another map than the one that is written', async () => {
    const { directory, file } = configured();
    const server = await postfix(relayRestrictions(`hash:${path.join(directory, 'relay')}`));
    const { code, found } = await doctor([
      '--config',
      file,
      '--postfix',
      server.directory,
      '--only',
      'postfix',
    ]);
    expect(code).toBe(2);
    expect(found).toEqual([
      expect.objectContaining({
        severity: 'error',
        what: expect.stringContaining('type and name of the map') as string,
        value: `check_client_access hash:${directory}/relay`,
        cure: expect.stringContaining(`dracd offers lmdb:${directory}/relay`) as string,
      }),
    ]);
  });

  test('names the map in mynetworks, or asks it for what a stranger says: found, and Postfix does let relay', async () => {
    const directory = newDirectory('misused');
    const table = `lmdb:${path.join(directory, 'relay')}`;
    const daemon = await Daemon.start({
      directory,
      grants: 'always = ["203.0.113.0/24"]\nnever = ["203.0.113.7"]',
    });
    const server = await postfix(
      relayRestrictions(table),
      { text: relayRestrictions(table), chroot: false, options: [`mynetworks = 127.0.0.0/8 ${table}`] },
      {
        text: relayRestrictions(table),
        chroot: false,
        options: [`smtpd_sender_restrictions = check_sender_access ${table}`],
      },
    );
    const [good, listed, asked] = server.ports.map((port) => `127.0.0.1:${port}/inet`);
    // Who is never permitted relays where any key is a match.
    expect(await server.ask(CLIENT, FOREIGN_RECIPIENT, 0)).toBe(554);
    expect(await server.ask(CLIENT, FOREIGN_RECIPIENT, 1)).toBe(250);
    const only = ['--config', daemon.configFile, '--postfix', server.directory, '--only', 'postfix'];
    const { code, found } = await doctor(only);
    expect(code).toBe(2);
    const file = path.join(server.directory, 'main.cf');
    expect(found).toEqual([
      expect.objectContaining({
        severity: 'error',
        what: expect.stringContaining('those who are denied, too') as string,
        file,
        key: 'mynetworks',
        value: `${table} (${listed ?? ''})`,
        cure: expect.stringContaining(`take ${table} out of mynetworks`) as string,
      }),
      expect.objectContaining({
        severity: 'error',
        what: expect.stringContaining('check_sender_access asks for what a stranger says') as string,
        file,
        key: 'smtpd_sender_restrictions',
        value: `check_sender_access ${table} (${asked ?? ''})`,
        cure: expect.stringContaining(`say check_client_access ${table} instead`) as string,
      }),
      expect.objectContaining({ severity: 'ok', value: good }),
    ]);
  });
});
