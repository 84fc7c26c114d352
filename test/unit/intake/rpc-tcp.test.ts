/** rpc-tcp - who may hold a connection, over the loopback interface and in a time that the test moves */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ClientAddress } from '../../../src/core/address.js';
import { IDLE_MS, RECORD_MS } from '../../../src/intake/connection.js';
import type { Door } from '../../../src/intake/doors.js';
import type { Peer } from '../../../src/intake/rpc-program.js';
import { MAX_CONNECTIONS, MAX_PER_ADDRESS, MAX_STRANGERS, RpcTcp } from '../../../src/intake/rpc-tcp.js';
import { Counters } from '../../../src/runtime/counters.js';
import { FakeClock } from '../../support/fake-clock.js';
import { freePort, until } from '../../support/processes.js';
import { record, words } from '../../support/rpc-client.js';
import { PATIENCE_MS, settled, TcpSender } from './sockets.js';

const CALL = record(words(1, 2, 3));
const REPLY = Buffer.from('a reply!');
const REPLIED = record(REPLY).toString('hex');

/** An RpcTcp in front of a program that answers, or keeps the peers for the test to answer. */
class World {
  readonly clock = new FakeClock({ soon: 'microtask' });
  readonly counters = new Counters();
  readonly senders: ClientAddress[] = [];
  readonly waiting: Peer[] = [];
  does: 'reply' | 'wait' = 'reply';
  believes: (sender: ClientAddress) => boolean = () => true;
  readonly tcp: RpcTcp;
  readonly #doors: Door[] = [];
  readonly #clients: TcpSender[] = [];

  constructor() {
    this.tcp = new RpcTcp({
      program: {
        take: (_, peer) => {
          this.senders.push(peer.sender);
          if (this.does === 'reply') peer.reply(REPLY);
          else this.waiting.push(peer);
        },
      },
      believes: (sender) => this.believes(sender),
      counters: this.counters,
      clock: this.clock,
    });
  }

  async open(address = '127.0.0.1', port = 0): Promise<Door> {
    const door = await this.tcp.open(address, port);
    this.#doors.push(door);
    return door;
  }

  async connect(port: number, from?: string, address = '127.0.0.1'): Promise<TcpSender> {
    const client = await TcpSender.open({ port, address, ...(from === undefined ? {} : { from }) });
    this.#clients.push(client);
    return client;
  }

  /** n connections, MAX_PER_ADDRESS from each of as many addresses as it takes. */
  async crowd(port: number, n: number, first = 1): Promise<TcpSender[]> {
    const crowd: TcpSender[] = [];
    while (crowd.length < n) {
      const from = `127.0.9.${first + Math.floor(crowd.length / MAX_PER_ADDRESS)}`;
      crowd.push(await this.connect(port, from));
    }
    return crowd;
  }

  count(name: string): number {
    return this.counters.snapshot()[name] ?? 0;
  }

  /** Waits until each connection so far has been accepted or refused. */
  async met(connections: number): Promise<void> {
    await until(`${connections} connections are met`, PATIENCE_MS, () => {
      return this.count('rpc.tcp.connections') + this.count('rpc.tcp.refused') >= connections;
    });
  }

  async holds(n: number): Promise<void> {
    await until(`${n} connections are held`, PATIENCE_MS, () => this.tcp.size === n);
  }

  /** Stops it; the clock moves until it has. */
  async stop(): Promise<void> {
    for (const door of this.#doors) door.close();
    let stopped = false;
    void this.tcp.stop().then(() => (stopped = true));
    await until('it stops', PATIENCE_MS, () => {
      this.clock.advance(10);
      return stopped;
    });
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.stop();
  }
}

const worlds: World[] = [];
function world(): World {
  const created = new World();
  worlds.push(created);
  return created;
}
afterEach(async () => {
  for (const one of worlds.splice(0)) await one.close();
});

/** Whether the connection is served. */
async function served(client: TcpSender): Promise<boolean> {
  await client.write(CALL);
  await until('a reply, or the end', PATIENCE_MS, () => client.ended || client.hex !== '');
  return client.hex === REPLIED;
}

describe('a door', () => {
  test('serves connections on its address', async () => {
    const all = world();
    const door = await all.open();
    expect([door.transport, door.address, door.port > 0]).toEqual(['tcp', '127.0.0.1', true]);
    expect(await served(await all.connect(door.port))).toBe(true);
    expect(all.senders).toEqual(['127.0.0.1']);
  });

  test('on each family, with one port; an IPv6 door takes no IPv4', async () => {
    const all = world();
    const port = await freePort();
    await all.open('::', port);
    await all.open('0.0.0.0', port);
    expect(await served(await all.connect(port, undefined, '::1'))).toBe(true);
    expect(await served(await all.connect(port, '127.0.0.7'))).toBe(true);
    expect(all.senders).toEqual(['::1', '127.0.0.7']);
  });

  test.each(['EADDRINUSE', 'EADDRNOTAVAIL'])('that cannot be had: %s', async (code) => {
    const all = world();
    const { port } = await all.open();
    const address = code === 'EADDRINUSE' ? '127.0.0.1' : '203.0.113.77';
    await expect(all.open(address, port)).rejects.toMatchObject({ code });
  });

  test('that is closed takes no connections, and leaves those there are', async () => {
    const all = world();
    const door = await all.open();
    const client = await all.connect(door.port);
    await all.holds(1);
    door.close();
    door.close();
    await expect(all.connect(door.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await served(client)).toBe(true);
  });
});

describe('how many connections', () => {
  test(`${MAX_PER_ADDRESS} from one address; when one ends there is room again`, async () => {
    const all = world();
    const { port } = await all.open();
    const clients = await all.crowd(port, MAX_PER_ADDRESS);
    await all.met(MAX_PER_ADDRESS);
    const beyond = await all.connect(port, '127.0.9.1');
    await beyond.end();
    expect([all.tcp.size, all.count('rpc.tcp.refused')]).toEqual([MAX_PER_ADDRESS, 1]);
    // Another address has room.
    expect(await served(await all.connect(port, '127.0.9.2'))).toBe(true);
    clients[0]?.close();
    await all.holds(MAX_PER_ADDRESS);
    expect(await served(await all.connect(port, '127.0.9.1'))).toBe(true);
    await (await all.connect(port, '127.0.9.1')).end();
    expect(all.count('rpc.tcp.refused')).toBe(2);
  });

  test(`${MAX_CONNECTIONS} in all; when they end there is room again`, async () => {
    const all = world();
    const { port } = await all.open();
    const clients = await all.crowd(port, MAX_CONNECTIONS);
    await all.met(MAX_CONNECTIONS);
    expect([all.tcp.size, all.count('rpc.tcp.refused')]).toEqual([MAX_CONNECTIONS, 0]);
    await (await all.connect(port, '127.0.10.1')).end();
    expect([all.tcp.size, all.count('rpc.tcp.refused')]).toEqual([MAX_CONNECTIONS, 1]);
    expect(await served(clients[0] as TcpSender)).toBe(true);
    for (const client of clients.slice(0, 100)) client.close();
    await all.holds(MAX_CONNECTIONS - 100);
    expect(await served(await all.connect(port, '127.0.10.1'))).toBe(true);
  });

  test(`${MAX_STRANGERS} from strangers; reporters have their places, and the strangers’ are free again`, async () => {
    const all = world();
    all.believes = (sender) => sender.startsWith('127.0.0.');
    const { port } = await all.open();
    const strangers = await all.crowd(port, MAX_STRANGERS);
    await all.met(MAX_STRANGERS);
    await (await all.connect(port, '127.0.10.1')).end();
    expect([all.tcp.size, all.count('rpc.tcp.refused')]).toEqual([MAX_STRANGERS, 1]);
    expect(await served(await all.connect(port, '127.0.0.1'))).toBe(true);
    strangers[0]?.close();
    await all.holds(MAX_STRANGERS);
    // A stranger is served: the program answers it that it is one.
    expect(await served(await all.connect(port, '127.0.10.1'))).toBe(true);
    await (await all.connect(port, '127.0.10.2')).end();
  });

  test('positive control: as many reporters are not refused', async () => {
    const all = world();
    const { port } = await all.open();
    await all.crowd(port, MAX_STRANGERS + 1);
    await all.met(MAX_STRANGERS + 1);
    expect([all.tcp.size, all.count('rpc.tcp.refused')]).toEqual([MAX_STRANGERS + 1, 0]);
  });

  test('who became a stranger meanwhile frees the place that it took', async () => {
    const all = world();
    const { port } = await all.open();
    const clients = await all.crowd(port, 3);
    await all.holds(3);
    all.believes = () => false;
    for (const client of clients) client.close();
    await all.holds(0);
    await all.crowd(port, MAX_STRANGERS);
    await all.met(3 + MAX_STRANGERS);
    expect([all.tcp.size, all.count('rpc.tcp.refused')]).toEqual([MAX_STRANGERS, 0]);
    await (await all.connect(port, '127.0.10.2')).end();
    expect(all.count('rpc.tcp.refused')).toBe(1);
  });
});

describe('times are looked after', () => {
  test('a slow record and an idle connection end, a busy one does not', async () => {
    const all = world();
    const { port } = await all.open();
    const [slow, idle, busy] = [await all.connect(port), await all.connect(port), await all.connect(port)];
    await all.holds(3);
    await slow.write(CALL.subarray(0, 5));
    await settled();
    all.clock.advance(RECORD_MS);
    await slow.end();
    expect([idle.ended, busy.ended]).toEqual([false, false]);
    all.clock.advance(IDLE_MS - RECORD_MS - 1_000);
    expect(await served(busy)).toBe(true);
    all.clock.advance(1_000);
    await idle.end();
    expect([busy.ended, all.tcp.size]).toEqual([false, 1]);
    expect([all.count('rpc.tcp.slow'), all.count('rpc.tcp.idle')]).toEqual([1, 1]);
  });

  test('with one timer however many doors there are, and none after the stop', async () => {
    const all = world();
    expect(all.clock.pendingTimers).toBe(0);
    await all.open();
    await all.open();
    expect(all.clock.pendingTimers).toBe(1);
    await all.stop();
    expect(all.clock.pendingTimers).toBe(0);
  });

  test('also of an intake that was stopped and started again', async () => {
    const all = world();
    await all.open();
    await all.stop();
    const { port } = await all.open();
    const client = await all.connect(port);
    await all.holds(1);
    all.clock.advance(IDLE_MS + 1_000);
    await client.end();
  });
});

describe('stop', () => {
  test('lets what was taken be answered', async () => {
    const all = world();
    const { port } = await all.open();
    all.does = 'wait';
    const client = await all.connect(port);
    await client.write(CALL);
    await until('it is taken', PATIENCE_MS, () => all.waiting.length === 1);
    const stopping = all.stop();
    all.waiting[0]?.reply(REPLY);
    await stopping;
    await client.end();
    expect([client.hex, all.tcp.size]).toEqual([REPLIED, 0]);
  });

  test('is not held up by what is never answered, nor by a peer that says nothing', async () => {
    const all = world();
    const { port } = await all.open();
    all.does = 'wait';
    const [asking, silent] = [await all.connect(port), await all.connect(port)];
    await asking.write(CALL);
    await until('it is taken', PATIENCE_MS, () => all.waiting.length === 1);
    await all.holds(2);
    await all.stop();
    await Promise.all([asking.end(), silent.end()]);
    await all.holds(0);
    all.waiting[0]?.reply(REPLY);
    await settled();
    expect(asking.hex).toBe('');
  });

  test('without anything, and twice', async () => {
    const all = world();
    await all.stop();
    await all.stop();
    expect(all.clock.pendingTimers).toBe(0);
  });
});

describe('connections that announce 2 GiB', () => {
  const COUNT = 1_000;
  /** So few at a time that none is refused for their number. */
  const AT_ONCE = 250;

  /** Memory after a collection, bytes. */
  function memory(): { rss: number; buffers: number } {
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    const { rss, arrayBuffers } = process.memoryUsage();
    return { rss, buffers: arrayBuffers };
  }

  test(`${COUNT} of them are closed, and memory does not grow`, async () => {
    const all = world();
    const { port } = await all.open();
    let most = 0;
    const wave = async (): Promise<void> => {
      const crowd = await all.crowd(port, AT_ONCE);
      for (const client of crowd) void client.write(words(0x7fff_ffff));
      for (const client of crowd) {
        most = Math.max(most, process.memoryUsage().arrayBuffers);
        await client.end();
        client.close();
      }
      await all.holds(0);
    };
    await wave();
    const before = memory();
    most = 0;
    for (let n = 0; n < COUNT; n += AT_ONCE) await wave();
    const after = memory();
    expect([all.count('rpc.tcp.malformed'), all.count('rpc.tcp.refused')]).toEqual([COUNT + AT_ONCE, 0]);
    // Nothing of what was announced was allocated, not even for a moment.
    expect(most - before.buffers).toBeLessThan(8 * 2 ** 20);
    expect(after.rss - before.rss).toBeLessThan(8 * 2 ** 20);
  });
});
