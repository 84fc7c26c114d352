/**
 * many-hosts - several mail servers that ask one dracd over the network, by the recipes of docs/postfix.md
 *
 * Two instances of Postfix on this host, one of them from a chroot; and the page's firewall, before a dracd in a network
 * namespace that others reach through a cable.
 */
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { Namespace } from '../support/namespace.js';
import { blocks } from '../support/page.js';
import { FOREIGN_RECIPIENT, LOCAL_RECIPIENT, Postfix, recipe } from '../support/postfix.js';
import { configurationDirectory } from '../support/postmap.js';
import { type Ended, ROOT, freePort, mustRun, newDirectory, pause, run } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const PAGE = 'docs/postfix.md';
const LIFETIME_MS = 12_000;
/** What the page names. */
const DRACD = '192.0.2.10';
const MAIL_SERVERS = ['192.0.2.20', '192.0.2.21'];
const STRANGER = '192.0.2.22';
const PORT = 4_799;

const hosts: Postfix[] = [];
const namespaces: Namespace[] = [];

afterAll(async () => {
  await killAll();
  for (const host of hosts) await host.stop();
  for (const namespace of namespaces) await namespace.stop();
});

/** What every host says to a client that relays; inbound mail is accepted by all of them. */
async function everywhere(client: string): Promise<number[]> {
  const codes: number[] = [];
  for (const host of hosts) {
    expect(await host.ask(client, LOCAL_RECIPIENT)).toBe(250);
    codes.push(await host.ask(client, FOREIGN_RECIPIENT));
  }
  return codes;
}

test('a client relays through all of them, and through none when its time is over or dracd is down', async () => {
  const own = `127.0.0.1:${await freePort()}`;
  const { toml, mainCf } = recipe('socketmap over TCP', { [`${DRACD}:${PORT}`]: own });
  const directory = newDirectory('many-hosts');
  const options = { directory, lifetime: `${LIFETIME_MS}ms`, more: toml };
  let daemon = await Daemon.start(options);
  for (const chroot of [false, true]) hosts.push(await Postfix.start([{ text: mainCf, chroot }]));

  const add = async (client: string): Promise<number> => {
    const reporter = await UdpClient.open(daemon.port);
    expect(await reporter.add(client)).toBe(SUCCESS);
    reporter.close();
    return performance.now();
  };
  const since = await add('203.0.113.7');
  expect(await everywhere('203.0.113.7')).toEqual([250, 250]);
  expect(await everywhere('203.0.113.8')).toEqual([554, 554]);
  await pause(Math.max(0, since + LIFETIME_MS - performance.now()));
  expect(await everywhere('203.0.113.7')).toEqual([554, 554]);

  await daemon.kill();
  expect(await everywhere('203.0.113.7')).toEqual([451, 451]);
  daemon = await Daemon.start(options);
  await add('203.0.113.9');
  expect(await everywhere('203.0.113.9')).toEqual([250, 250]);
  expect(await everywhere('203.0.113.7')).toEqual([554, 554]);
});

test('the firewall lets in the mail servers that it names and this host, and nobody else', async () => {
  const inside = await Namespace.create();
  const outside = await Namespace.create();
  namespaces.push(inside, outside);
  await inside.join(outside, DRACD, MAIL_SERVERS[0] ?? '');
  for (const address of [...MAIL_SERVERS.slice(1), STRANGER])
    await outside.run('ip', 'address', 'add', `${address}/24`, 'dev', 'cable');
  const { toml } = recipe('socketmap over TCP', {});
  const daemon = await Daemon.start({ more: toml, prefix: inside.prefix });
  const dracauth = path.join(ROOT, 'dist/dracauth.js');
  await inside.run(process.execPath, dracauth, '-q', '-p', String(daemon.port), '203.0.113.7');
  /** The page's check, from there. */
  const asks = (namespace: Namespace): Promise<Ended> => {
    const postmap = ['postmap', '-c', configurationDirectory(), '-q'];
    const table = `socketmap:inet:${DRACD}:${PORT}:relay`;
    return run([...namespace.prefix, 'timeout', '3', ...postmap, '203.0.113.7', table]);
  };
  const asksAs = async (address: string): Promise<Ended> => {
    await outside.run('ip', 'route', 'replace', `${DRACD}/32`, 'dev', 'cable', 'src', address);
    return asks(outside);
  };
  // The control: without the firewall everybody is answered.
  for (const address of [...MAIL_SERVERS, STRANGER]) expect((await asksAs(address)).stdout).toBe('OK\n');

  const ruleset = blocks(PAGE, 'Many mail servers, one dracd').find(({ language }) => language === 'nft');
  await mustRun([...inside.prefix, 'nft', '-f', '-'], { input: ruleset?.text ?? '' });
  for (const address of MAIL_SERVERS) expect((await asksAs(address)).stdout).toBe('OK\n');
  expect((await asks(inside)).stdout).toBe('OK\n');
  const refused = await asksAs(STRANGER);
  expect(refused.stdout).toBe('');
  expect(refused.code).not.toBe(0);
});
