/** rpc - the whole intake over the loopback interface, without rpcbind (test/integration has a real one) */
import type { NetworkInterfaceInfo } from 'node:os';
import type { ClientAddress } from '../../../src/core/address.js';
import { HostAddresses } from '../../../src/intake/host-addresses.js';
import { RpcIntake, type RpcIntakeOptions } from '../../../src/intake/rpc.js';
import { Counters } from '../../../src/runtime/counters.js';
import { FakeClock } from '../../support/fake-clock.js';
import { recordingLog } from '../../support/live-map.js';
import { freePort, pause, until } from '../../support/processes.js';
import {
  addCall,
  nullCall,
  PERM,
  statusOf,
  SUCCESS,
  TcpClient,
  UdpClient,
} from '../../support/rpc-client.js';
import { FakeAuthorizer } from './peers.js';
import { PATIENCE_MS } from './sockets.js';

const LOOK_MS = 5_000;

/** An intake on a host whose addresses the test sets. */
class World {
  readonly clock = new FakeClock({ soon: 'microtask' });
  readonly counters = new Counters();
  readonly recorded = recordingLog();
  readonly authorizer = new FakeAuthorizer();
  believes: (sender: ClientAddress) => boolean = () => true;
  /** Thrown instead of telling the addresses. */
  failure: Error | undefined;
  own: readonly string[] = ['127.0.0.1', '::1'];
  readonly intake: RpcIntake;
  readonly #clients: { close: () => void }[] = [];

  constructor(options: Partial<RpcIntakeOptions> = {}) {
    this.intake = new RpcIntake({
      addresses: ['0.0.0.0', '::'],
      udp: true,
      tcp: true,
      port: 0,
      rpcbind: 'off',
      strangers: 'answer',
      authorizer: this.authorizer,
      believes: (sender) => this.believes(sender),
      nameOf: () => 'other',
      host: new HostAddresses({ interfaces: () => this.#interfaces() }),
      counters: this.counters,
      clock: this.clock,
      log: this.recorded.log,
      ...options,
    });
  }

  #interfaces(): NodeJS.Dict<NetworkInterfaceInfo[]> {
    if (this.failure !== undefined) throw this.failure;
    const rest = { netmask: '', mac: '', internal: true, cidr: null };
    return {
      lo: this.own.map((address) =>
        address.includes(':')
          ? { ...rest, address, family: 'IPv6', scopeid: 0 }
          : { ...rest, address, family: 'IPv4' },
      ),
    };
  }

  async udp(host?: string): Promise<UdpClient> {
    const client = await UdpClient.open(this.intake.port, host);
    this.#clients.push(client);
    return client;
  }

  async tcp(host?: string): Promise<TcpClient> {
    const client = await TcpClient.open(this.intake.port, host);
    this.#clients.push(client);
    return client;
  }

  /** Starts it; the clock moves until it has, because this host may have an rpcbind that is waited for. */
  start(): Promise<void> {
    return this.#moving('it starts', this.intake.start());
  }

  stop(): Promise<void> {
    return this.#moving('it stops', this.intake.stop());
  }

  /** Resolves or rejects as the promise does; the clock moves until then. */
  async #moving(what: string, promise: Promise<void>): Promise<void> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    promise.then(settle, settle);
    await until(what, PATIENCE_MS, () => {
      if (!settled) this.clock.advance(10);
      return settled;
    });
    await promise;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.stop();
  }
}

const worlds: World[] = [];
function world(options?: Partial<RpcIntakeOptions>): World {
  const created = new World(options);
  worlds.push(created);
  return created;
}
afterEach(async () => {
  for (const one of worlds.splice(0)) await one.close();
});

describe('start', () => {
  test('opens both transports on every address, on one port, and takes reports', async () => {
    const all = world();
    await all.start();
    expect(all.intake.addresses).toEqual(['127.0.0.1', '::1']);
    expect(all.intake.registration).toBe('off');
    for (const host of ['127.0.0.1', '::1']) {
      expect(await (await all.udp(host)).add('192.0.2.1')).toBe(SUCCESS);
      expect(await (await all.tcp(host)).add('2001:db8::1')).toBe(SUCCESS);
    }
    expect(all.authorizer.reports.map(({ client, sender }) => `${sender} ${client}`)).toEqual([
      '127.0.0.1 192.0.2.1',
      '127.0.0.1 2001:db8::1',
      '::1 192.0.2.1',
      '::1 2001:db8::1',
    ]);
  });

  test('with one transport off, the other is there', async () => {
    const all = world({ udp: false, addresses: ['127.0.0.1'] });
    await all.start();
    expect(await (await all.tcp()).add('192.0.2.1')).toBe(SUCCESS);
    const other = world({ tcp: false, addresses: ['127.0.0.1'], port: all.intake.port });
    await other.start();
    expect(await (await other.udp()).add('192.0.2.1')).toBe(SUCCESS);
  });

  test('that fails leaves nothing open and no timer', async () => {
    const port = await freePort();
    const taken = world({ udp: false, addresses: ['::1'], port });
    await taken.start();
    const all = world({ addresses: ['127.0.0.1', '::1'], port });
    await expect(all.start()).rejects.toMatchObject({
      code: 'LISTEN',
      message: expect.stringContaining(`tcp ::1 port ${port}`) as string,
    });
    expect([all.intake.addresses, all.clock.pendingTimers]).toEqual([[], 0]);
    const next = world({ addresses: ['127.0.0.1'], port });
    await next.start();
    expect(await (await next.udp()).add('192.0.2.1')).toBe(SUCCESS);
  });
});

describe('stop', () => {
  test('closes everything, twice as once, and leaves no timer', async () => {
    const all = world({ addresses: ['127.0.0.1'] });
    await all.start();
    const { port } = all.intake;
    await all.stop();
    await all.stop();
    expect([all.intake.addresses, all.clock.pendingTimers]).toEqual([[], 0]);
    const next = world({ addresses: ['127.0.0.1'], port });
    await next.start();
    expect(next.intake.port).toBe(port);
  });

  test('before the start does nothing', async () => {
    const all = world();
    await all.stop();
    expect(all.clock.pendingTimers).toBe(0);
  });

  test('during the start: that rejects, nothing stays open and no timer', async () => {
    const port = await freePort();
    // At each of the turns that a start takes, until one is over before it is stopped.
    for (let turns = 0, over = false; !over; turns += 1) {
      const all = world({ addresses: ['127.0.0.1', '127.0.0.2'], port });
      let result: string | undefined;
      const starting = all.intake.start().then(
        () => (result = 'started'),
        (error: unknown) => (result = (error as { code: string }).code),
      );
      for (let turn = 0; turn < turns; turn += 1) {
        // Where there is an rpcbind the start waits for it, by this clock.
        all.clock.advance(1);
        await new Promise((resolve) => setImmediate(resolve));
      }
      over = result !== undefined;
      await all.stop();
      await starting;
      expect([turns, result]).toEqual([turns, over ? 'started' : 'LISTEN']);
      expect([all.intake.addresses, all.clock.pendingTimers]).toEqual([[], 0]);
    }
  });
});

describe('the host’s addresses', () => {
  test('are followed', async () => {
    const all = world();
    await all.start();
    all.own = ['127.0.0.1', '127.0.0.2'];
    all.clock.advance(LOOK_MS);
    await until('a door on the new address', PATIENCE_MS, () => all.intake.addresses.includes('127.0.0.2'));
    await until('none on the old one', PATIENCE_MS, () => !all.intake.addresses.includes('::1'));
    const client = await all.udp('127.0.0.2');
    expect(await client.add('192.0.2.1')).toBe(SUCCESS);
    expect(await (await all.tcp('127.0.0.2')).add('192.0.2.1')).toBe(SUCCESS);
  });

  // getifaddrs needs a descriptor: it fails when there is none left.
  test('that cannot be read stay as they were; it is told of once, and followed again when they can', async () => {
    const all = world();
    await all.start();
    all.failure = Object.assign(new Error('uv_interface_addresses returned 24'), {
      code: 'ERR_SYSTEM_ERROR',
    });
    all.own = ['127.0.0.1', '127.0.0.2', '::1'];
    for (let look = 0; look < 3; look += 1) all.clock.advance(LOOK_MS);
    await pause(0);
    expect(all.intake.addresses).toEqual(['127.0.0.1', '::1']);
    expect(await (await all.udp()).add('192.0.2.1')).toBe(SUCCESS);
    expect(all.recorded.said.filter(({ level }) => level === 'error')).toMatchObject([
      { fields: { error: 'uv_interface_addresses returned 24' } },
    ]);
    all.failure = undefined;
    all.clock.advance(LOOK_MS);
    await until('a door on the new address', PATIENCE_MS, () => all.intake.addresses.includes('127.0.0.2'));
    all.failure = new Error('again');
    all.clock.advance(LOOK_MS);
    expect(all.recorded.said.filter(({ level }) => level === 'error')).toHaveLength(2);
  });
});

describe('strangers', () => {
  test.each(['answer', 'silent'] as const)(
    '%s: on this host they are answered, however often',
    async (mode) => {
      const all = world({ strangers: mode, addresses: ['127.0.0.1'] });
      all.believes = () => false;
      all.authorizer.decide = () => 'stranger';
      await all.start();
      const client = await all.udp();
      const replies = await Promise.all(
        Array.from({ length: 30 }, (_, xid) => client.call(addCall(xid, '192.0.2.1'), 500)),
      );
      const answered = replies.filter((reply) => reply !== undefined);
      expect(answered.map(statusOf)).toEqual(Array(30).fill(PERM));
      expect(all.recorded.said.filter(({ level }) => level === 'warn')).toHaveLength(1);
      // Over TCP a stranger is answered.
      expect(await (await all.tcp()).add('192.0.2.1')).toBe(PERM);
    },
  );
});

test('NULL is answered over both transports, to whom it may concern', async () => {
  const all = world({ addresses: ['127.0.0.1'] });
  all.believes = () => false;
  await all.start();
  for (const version of [1, 2]) {
    const reply = '000000010000000000000000000000000000000000000000'.slice(0, 40);
    const xid = `0000000${version}`;
    expect((await (await all.udp()).call(nullCall(version, version)))?.toString('hex')).toBe(xid + reply);
    expect((await (await all.tcp()).call(nullCall(version, version)))?.toString('hex')).toBe(xid + reply);
  }
});
