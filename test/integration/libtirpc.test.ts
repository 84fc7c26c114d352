/**
 * libtirpc - real C clients of proto/drac.x against the daemon, and the attack on what libtirpc leaves in its buffer
 *
 * The clients that ask rpcbind for the port are in rpcbind.test.ts.
 */
import { Daemon, killAll } from '../support/daemon.js';
import { LibTirpc } from '../support/libtirpc.js';
import { dump, lookup } from '../support/postmap.js';
import { until } from '../support/processes.js';
import {
  PERM,
  SUCCESS,
  UdpClient,
  addCall,
  callHeader,
  nextXid,
  statusOf,
  words,
} from '../support/rpc-client.js';

let programs: LibTirpc;
let daemon: Daemon;

beforeAll(async () => {
  programs = await LibTirpc.build();
  // 127.0.0.2 is an address of this host that is not believed.
  daemon = await Daemon.start({ allow: ['127.0.0.1', '::1'] });
});
afterAll(killAll);

const transports = ['udp', 'tcp'] as const;
const hosts = ['127.0.0.1', '::1'] as const;
const everyWay = transports.flatMap((transport) => hosts.map((host) => ({ transport, host })));

describe.each(everyWay)('a C client over $transport to $host', ({ transport, host }) => {
  test('version 1: ADD of an IPv4 address is in the map when the client hears of success', async () => {
    const address = `192.0.2.${String(10 + everyWay.findIndex((way) => way.transport === transport && way.host === host))}`;
    const sentAt = Date.now();
    expect(await programs.add({ host, version: 1, transport, address, port: daemon.port })).toBe(SUCCESS);
    const value = Number(await lookup(daemon.mapPath, address));
    expect(value).toBeGreaterThanOrEqual(Math.floor(sentAt / 1_000) + 30 * 60);
    expect(value).toBeLessThanOrEqual(Math.ceil(Date.now() / 1_000) + 30 * 60);
  });

  test('version 2: ADD of an IPv6 address, sign-extended as C clients do', async () => {
    const address = `2001:db8:ffff:80::${String(10 + everyWay.findIndex((way) => way.transport === transport && way.host === host))}`;
    expect(await programs.add({ host, version: 2, transport, address, port: daemon.port })).toBe(SUCCESS);
    expect(await lookup(daemon.mapPath, address)).toMatch(/^\d+$/);
  });

  test('an address nobody may be granted is refused', async () => {
    expect(await programs.add({ host, version: 1, transport, address: '127.0.0.1', port: daemon.port })).toBe(
      PERM,
    );
    expect(await programs.add({ host, version: 2, transport, address: '::1', port: daemon.port })).toBe(PERM);
  });

  test('procedure 0 answers in both versions', async () => {
    for (const version of [1, 2] as const) {
      expect(
        (await programs.call({ host, version, transport, address: 'null', port: daemon.port })).stdout,
      ).toBe('null\n');
    }
  });
});

test('version 2 with an IPv4-mapped address grants the IPv4 address', async () => {
  const options = {
    version: 2,
    transport: 'udp',
    address: '::ffff:198.51.100.4',
    port: daemon.port,
  } as const;
  expect(await programs.add(options)).toBe(SUCCESS);
  const map = await dump(daemon.mapPath);
  expect(map.has('198.51.100.4')).toBe(true);
  expect([...map.keys()].filter((key) => key.includes('ffff:198') || key.includes('ffff:c633'))).toEqual([]);
});

test.each(transports)(
  'a stranger gets permission denied over %s, and nothing is granted',
  async (transport) => {
    const options = {
      version: 1,
      transport,
      address: '203.0.113.50',
      port: daemon.port,
      source: '127.0.0.2',
    } as const;
    expect(await programs.add(options)).toBe(PERM);
    expect(await lookup(daemon.mapPath, '203.0.113.50')).toBeUndefined();
  },
);

/** A stranger plants an address; then a believed host sends a call without an argument. */
async function staleDatagramAttack(
  port: number,
  planted: string,
): Promise<{ planting: number; short: Buffer | undefined }> {
  const stranger = await UdpClient.open(port, '127.0.0.1', '127.0.0.2');
  const believed = await UdpClient.open(port, '127.0.0.1', '127.0.0.1');
  const answer = await stranger.call(addCall(nextXid(), planted));
  const short = await believed.call(callHeader(nextXid(), 1, 1));
  stranger.close();
  believed.close();
  return { planting: answer === undefined ? -1 : statusOf(answer), short };
}

describe('the stale-datagram attack', () => {
  test('positive control: a server as rpcgen makes it grants the planted address', async () => {
    const naive = await programs.naive();
    try {
      const { planting, short } = await staleDatagramAttack(naive.port, '203.0.113.66');
      expect(planting).toBe(PERM);
      expect(statusOf(short ?? Buffer.alloc(0))).toBe(SUCCESS);
      await until('the naive server has granted it', 2_000, () => naive.granted().includes('203.0.113.66'));
    } finally {
      naive.stop();
    }
  });

  test('dracd answers GARBAGE_ARGS and grants nothing', async () => {
    // A stranger is answered ten times a second; some of them went to the tests above.
    for (let time = 0; time < 5; time += 1) {
      const { planting, short } = await staleDatagramAttack(daemon.port, '203.0.113.66');
      expect(planting).toBe(PERM);
      // MSG_ACCEPTED, verifier AUTH_NONE, GARBAGE_ARGS.
      expect(short?.subarray(4).toString('hex')).toBe(words(1, 0, 0, 0, 4).toString('hex'));
    }
    expect(await lookup(daemon.mapPath, '203.0.113.66')).toBeUndefined();
  });
});
