/**
 * forged - UDP reports with a forged IPv6 source, sent from another host: what the kernel lets pass and we do not
 */
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { LibTirpc } from '../support/libtirpc.js';
import { Namespace } from '../support/namespace.js';
import { dump } from '../support/postmap.js';
import { ROOT, pause, until } from '../support/processes.js';
import { addCall, nextXid } from '../support/rpc-client.js';

const FORGE = path.join(ROOT, 'test/support/forge-udp.py');
const OWN = '2001:db8:9::1';
const ATTACKER = '2001:db8:9::2';
/** A reporter on the same wire, whose address the attacker can forge: the protocol's own limit. */
const REPORTER = '2001:db8:9::77';

const namespaces: Namespace[] = [];
afterAll(async () => {
  await killAll();
  for (const namespace of namespaces) await namespace.stop();
});

test('a mapped IPv4 address and our own address are no reporters; a neighbour that is one can be forged', async () => {
  const inside = await Namespace.create();
  const outside = await Namespace.create();
  namespaces.push(inside, outside);
  await inside.join(outside, '10.77.9.1', '10.77.9.2');
  await inside.run('ip', 'address', 'add', `${OWN}/64`, 'dev', 'cable', 'nodad');
  await outside.run('ip', 'address', 'add', `${ATTACKER}/64`, 'dev', 'cable', 'nodad');
  const allow = ['127.0.0.1', '::1', '10.77.9.1', OWN, REPORTER];
  const daemon = await Daemon.start({ addresses: ['0.0.0.0', '::'], allow, prefix: inside.prefix });
  const forge = (source: string, client: string): Promise<string> =>
    outside.run(
      'python3',
      FORGE,
      source,
      '40000',
      OWN,
      String(daemon.port),
      addCall(nextXid(), client).toString('hex'),
    );

  for (const [source, client] of [
    ['::ffff:127.0.0.1', '203.0.113.1'],
    ['::ffff:10.77.9.1', '203.0.113.2'],
    [OWN, '203.0.113.3'],
    ['::1', '203.0.113.4'],
  ] as const)
    await forge(source, client);
  // Positive control: the same datagram with the neighbour's address arrives and is believed.
  await until('the forged neighbour is believed', 5_000, async () => {
    await forge(REPORTER, '203.0.113.9');
    return (await dump(daemon.mapPath)).has('203.0.113.9');
  });
  await pause(200);
  expect([...(await dump(daemon.mapPath)).keys()]).toEqual(['203.0.113.9']);

  // From here it is another matter: by TCP our own address is believed, by UDP it is told why not.
  const programs = await LibTirpc.build();
  const local = { version: 1, host: OWN, source: OWN, port: daemon.port, prefix: inside.prefix } as const;
  expect(await programs.add({ ...local, transport: 'tcp', address: '203.0.113.10' })).toBe(0);
  expect((await programs.call({ ...local, transport: 'udp', address: '203.0.113.11' })).stderr).toMatch(
    /too weak/i,
  );
});
