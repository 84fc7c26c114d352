/**
 * networks - leases for a /64 and a /24 and the site's own networks, in every map and look-up of the running daemon
 *
 * A private Postfix asks the live map (smtpd 0), a btree snapshot (1) and the socketmap (2). The daemon is
 * killed and started again; its maps are tidied while it is down.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { postfixTable, tcpRule } from '../support/map-readers.js';
import { FOREIGN_RECIPIENT, LOCAL_RECIPIENT, Postfix, relayRestrictions } from '../support/postfix.js';
import { MAIN, mustRun, newDirectory, until } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const INTERVAL_MS = 200;
const directory = newDirectory('networks');
const file = (name: string): string => path.join(directory, name);
const socket = file('socketmap');

const MORE = `
[[exports]]
format = "bdb"
dialect = ["postfix", "exim"]
path = "${file('relay.db')}"
interval = "${INTERVAL_MS}ms"
[[exports]]
format = "list"
path = "${file('relay.list')}"
interval = "${INTERVAL_MS}ms"
[[exports]]
format = "tcprules"
path = "${file('tcp.cdb')}"
interval = "${INTERVAL_MS}ms"
[[lookups]]
kind = "socketmap"
listen = ["unix:${socket}"]
mode = "0666"
`;

const GRANTS = `
ipv6_prefix = 64
access_networks = ["198.18.5.0/24"]
hosting_networks = ["2001:db8:b::/48"]
always = ["198.51.100.0/23", "2001:db8:a::/48"]
never = ["198.51.100.128/25", "2001:db8:a:1::/64"]
`;

let daemon: Daemon;
let postfix: Postfix;

const start = (): Promise<Daemon> => Daemon.start({ directory, grants: GRANTS, more: MORE });

/** Whether each of the three would relay for the client. */
async function relays(client: string): Promise<boolean[]> {
  const codes = await Promise.all([0, 1, 2].map((smtpd) => postfix.ask(client, FOREIGN_RECIPIENT, smtpd)));
  for (const code of codes) expect([250, 554]).toContain(code);
  return codes.map((code) => code === 250);
}

const YES = [true, true, true];
const NO = [false, false, false];

beforeAll(async () => {
  daemon = await start();
  postfix = await Postfix.start([
    relayRestrictions(`lmdb:${file('relay')}`),
    relayRestrictions(postfixTable('btree', file('relay.db'))),
    relayRestrictions(`socketmap:unix:${socket}:relay`),
  ]);
});

afterAll(async () => {
  await postfix.stop();
  await killAll();
});

async function grant(...clients: string[]): Promise<void> {
  const client = await UdpClient.open(daemon.port);
  for (const one of clients) expect(await client.add(one)).toBe(SUCCESS);
  client.close();
}

const listed = (): string[] => readFileSync(file('relay.list'), 'utf8').split('\n').slice(0, -1);

test.each([
  ['198.51.101.7', YES],
  ['198.51.100.7', YES],
  ['198.51.100.200', NO],
  ['2001:db8:a:2::6', YES],
  ['2001:db8:a::6', YES],
  ['2001:db8:a:1::6', NO],
  ['2001:db8:c::6', NO],
])('without any login: %s is of the site: %j', async (client, expected) => {
  expect([client, await relays(client)]).toEqual([client, expected]);
});

test('a login opens its /64 or /24 in access networks, and one address in hosting ranges', async () => {
  await grant('2001:db8:1:2::6', '198.18.5.7', '2001:db8:b:1::6', '203.0.113.7');
  await until(
    'the snapshots say so',
    10_000,
    async () => listed().includes('203.0.113.7') && (await relays('203.0.113.7')).every(Boolean),
  );
  for (const [client, expected] of [
    ['2001:db8:1:2::6', YES],
    ['2001:db8:1:2:ffff:1:2:3', YES],
    ['2001:db8:1:3::6', NO],
    ['198.18.5.99', YES],
    ['198.18.6.7', NO],
    ['2001:db8:b:1::6', YES],
    ['2001:db8:b:1:1::7', NO],
    ['203.0.113.7', YES],
    ['203.0.113.8', NO],
  ] as const)
    expect([client, await relays(client)]).toEqual([client, expected]);
  expect(await postfix.ask('203.0.113.8', LOCAL_RECIPIENT)).toBe(250);
});

test('a list says networks as they are; tcpserver gets the IPv4 ones', async () => {
  const lines = listed();
  for (const line of [
    '2001:db8:1:2::/64',
    '198.18.5.0/24',
    '198.51.101.0/24',
    '198.51.100.0/25',
    '203.0.113.7',
  ])
    expect(lines).toContain(line);
  expect(lines.filter((line) => line.startsWith('2001:db8:a'))).toHaveLength(16);
  expect(await tcpRule(file('tcp.cdb'), '198.18.5.99')).toMatch(/RELAYCLIENT/);
  expect(await tcpRule(file('tcp.cdb'), '198.51.101.7')).toMatch(/RELAYCLIENT/);
  expect(await tcpRule(file('tcp.cdb'), '198.51.100.200')).not.toMatch(/RELAYCLIENT/);
});

test('killed and tidied while it is down, the maps say the same; a restart too', async () => {
  await daemon.kill();
  await mustRun(['node', MAIN, '--config', daemon.configFile, '--expire-map']);
  const files = async (client: string): Promise<boolean[]> => {
    const codes = await Promise.all([0, 1].map((smtpd) => postfix.ask(client, FOREIGN_RECIPIENT, smtpd)));
    return codes.map((code) => code === 250);
  };
  for (const [client, expected] of [
    ['2001:db8:1:2:ffff::9', [true, true]],
    ['198.18.5.99', [true, true]],
    ['198.51.101.7', [true, true]],
    ['198.51.100.200', [false, false]],
    ['2001:db8:1:3::6', [false, false]],
  ] as const)
    expect([client, await files(client)]).toEqual([client, expected]);
  daemon = await start();
  expect(await relays('2001:db8:1:2:ffff::9')).toEqual(YES);
  expect(await relays('2001:db8:b:1:1::7')).toEqual(NO);
});
