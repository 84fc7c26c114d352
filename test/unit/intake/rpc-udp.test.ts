/** rpc-udp - datagrams over the loopback interface: who is heard, who is answered, and from where */
import type { ClientAddress } from '../../../src/core/address.js';
import type { Door } from '../../../src/intake/doors.js';
import type { Peer } from '../../../src/intake/rpc-program.js';
import { REFLECTING_PORTS, RpcUdp } from '../../../src/intake/rpc-udp.js';
import { ANSWERS_A_SECOND, Strangers } from '../../../src/intake/strangers.js';
import { Counters } from '../../../src/runtime/counters.js';
import { MAX_RECORD_BYTES } from '../../../src/wire/record.js';
import { FakeClock } from '../../support/fake-clock.js';
import { recordingLog } from '../../support/live-map.js';
import { freePort, until } from '../../support/processes.js';
import { PATIENCE_MS, UdpSender, settled } from './sockets.js';

const REPLY = Buffer.from('a reply');
const CALL = Buffer.from('a call');

interface Taken {
  readonly hex: string;
  readonly sender: ClientAddress;
  readonly port: number;
  readonly transport: string;
}

/** An RpcUdp in front of a program that answers everything, or keeps the peers for the test to answer. */
class World {
  readonly clock = new FakeClock();
  readonly counters = new Counters();
  readonly recorded = recordingLog();
  readonly taken: Taken[] = [];
  readonly waiting: Peer[] = [];
  /** 'reply', 'refuse', or 'wait' for the test. */
  does: 'reply' | 'refuse' | 'wait' = 'reply';
  believes: (sender: ClientAddress) => boolean = () => true;
  isOwn: (sender: ClientAddress) => boolean = () => false;
  readonly #udp: RpcUdp;
  readonly #doors: Door[] = [];
  readonly #senders: UdpSender[] = [];

  constructor(answerStrangers = true) {
    this.#udp = new RpcUdp({
      program: {
        take: (message, peer) => {
          const { sender, port, transport } = peer;
          this.taken.push({ hex: Buffer.from(message).toString('hex'), sender, port, transport });
          if (this.does === 'reply') peer.reply(REPLY);
          else if (this.does === 'refuse') peer.refuse();
          else this.waiting.push(peer);
        },
      },
      believes: (sender) => this.believes(sender),
      isOwn: (sender) => this.isOwn(sender),
      strangers: new Strangers({ clock: this.clock, log: this.recorded.log }),
      answerStrangers,
      counters: this.counters,
      clock: this.clock,
    });
  }

  async open(address = '127.0.0.1', port = 0): Promise<Door> {
    const door = await this.#udp.open(address, port);
    this.#doors.push(door);
    return door;
  }

  async sender(address?: string, port?: number): Promise<UdpSender> {
    const sender = await UdpSender.open(address, port);
    this.#senders.push(sender);
    return sender;
  }

  /** Stops it; the clock moves until it has. */
  async stop(): Promise<void> {
    let stopped = false;
    void this.#udp.stop().then(() => (stopped = true));
    await until('it stops', PATIENCE_MS, () => {
      this.clock.advance(10);
      return stopped;
    });
  }

  count(name: string): number {
    return this.counters.snapshot()[name] ?? 0;
  }

  async heard(datagrams: number): Promise<void> {
    await until(
      `${datagrams} datagrams are heard`,
      PATIENCE_MS,
      () => this.count('rpc.udp.datagrams') >= datagrams,
    );
  }

  async close(): Promise<void> {
    for (const door of this.#doors) door.close();
    for (const sender of this.#senders) sender.close();
    await this.stop();
  }
}

const worlds: World[] = [];
function world(answerStrangers?: boolean): World {
  const created = new World(answerStrangers);
  worlds.push(created);
  return created;
}
afterEach(async () => {
  for (const one of worlds.splice(0)) await one.close();
});

describe('a datagram', () => {
  test('reaches the program with its sender, and its reply the sender', async () => {
    const all = world();
    const { port, transport, address } = await all.open();
    const sender = await all.sender();
    await sender.send(CALL, { port });
    expect(await sender.received(1)).toEqual([{ hex: REPLY.toString('hex'), from: `127.0.0.1 ${port}` }]);
    expect(all.taken).toEqual([
      { hex: CALL.toString('hex'), sender: '127.0.0.1', port: sender.port, transport: 'udp' },
    ]);
    expect([transport, address]).toEqual(['udp', '127.0.0.1']);
  });

  test('that the program refuses gets silence', async () => {
    const all = world();
    const { port } = await all.open();
    const sender = await all.sender();
    all.does = 'refuse';
    await sender.send(CALL, { port });
    await all.heard(1);
    all.does = 'reply';
    await sender.send(CALL, { port });
    await sender.received(1);
    await settled();
    expect([sender.got.length, all.taken.length]).toEqual([1, 2]);
  });

  test('may be answered later, and in another order', async () => {
    const all = world();
    const { port } = await all.open();
    all.does = 'wait';
    const senders = [await all.sender(), await all.sender()];
    for (const sender of senders) await sender.send(CALL, { port });
    await all.heard(2);
    const ports = all.waiting.map((peer) => peer.port);
    all.waiting[1]?.reply(Buffer.from([1]));
    all.waiting[0]?.reply(Buffer.from([0]));
    for (const sender of senders) {
      expect((await sender.received(1))[0]?.hex).toBe(`0${ports.indexOf(sender.port)}`);
    }
  });

  test.each([
    [0, true],
    [1, true],
    [MAX_RECORD_BYTES, true],
    [MAX_RECORD_BYTES + 1, false],
    [65_507, false],
  ])('of %d bytes is taken: %s', async (length, isTaken) => {
    const all = world();
    const { port } = await all.open();
    const sender = await all.sender();
    await sender.send(Buffer.alloc(length, 7), { port });
    await all.heard(1);
    expect(all.taken.map(({ hex }) => hex.length / 2)).toEqual(isTaken ? [length] : []);
    expect(all.count('rpc.udp.oversize')).toBe(isTaken ? 0 : 1);
    // Nothing is amplified either.
    await settled();
    expect(sender.got).toHaveLength(isTaken ? 1 : 0);
  });

  test('512 at once are all taken', async () => {
    const all = world();
    const { port } = await all.open();
    const sender = await all.sender();
    await Promise.all(Array.from({ length: 512 }, () => sender.send(Buffer.alloc(104), { port })));
    expect(await sender.received(512)).toHaveLength(512);
  });
});

describe('the reply leaves from the address that was asked', () => {
  const ADDRESSES = ['127.0.0.1', '127.0.0.2', '::1'];

  test('whichever it is, with one port for all', async () => {
    const all = world();
    const port = await freePort();
    for (const address of ADDRESSES) await all.open(address, port);
    for (const address of ADDRESSES) {
      const sender = await all.sender(address.includes(':') ? '::1' : '127.0.0.1');
      await sender.send(CALL, { port, address });
      expect((await sender.received(1)).map(({ from }) => from)).toEqual([`${address} ${port}`]);
    }
    expect(all.taken.map(({ sender }) => sender)).toEqual(['127.0.0.1', '127.0.0.1', '::1']);
  });

  test('positive control: a socket for all addresses answers from another one', async () => {
    const all = world();
    const { port } = await all.open('0.0.0.0');
    const sender = await all.sender();
    await sender.send(CALL, { port, address: '127.0.0.2' });
    expect((await sender.received(1)).map(({ from }) => from)).toEqual([`127.0.0.1 ${port}`]);
  });

  test('an IPv6 door takes no IPv4', async () => {
    const all = world();
    const { port } = await all.open('::');
    // Were :: to hold IPv4 too, this would fail with EADDRINUSE.
    await all.open('0.0.0.0', port);
    const sender = await all.sender('::1');
    await sender.send(CALL, { port, address: '::1' });
    expect((await sender.received(1)).map(({ from }) => from)).toEqual([`::1 ${port}`]);
  });
});

describe('a door', () => {
  test.each(['EADDRINUSE', 'EADDRNOTAVAIL'])('that cannot be had: %s', async (code) => {
    const all = world();
    const { port } = await all.open();
    const address = code === 'EADDRINUSE' ? '127.0.0.1' : '203.0.113.77';
    await expect(all.open(address, port)).rejects.toMatchObject({ code });
  });

  test('that is closed takes nothing, and its port is free again', async () => {
    const all = world();
    const door = await all.open();
    door.close();
    door.close();
    await all.stop();
    const { port } = await all.open('127.0.0.1', door.port);
    expect(port).toBe(door.port);
  });

  test('that is closed answers what was taken, takes nothing more, and is then gone', async () => {
    const all = world();
    const door = await all.open();
    const sender = await all.sender();
    all.does = 'wait';
    await sender.send(CALL, { port: door.port });
    await sender.send(CALL, { port: door.port });
    await all.heard(2);
    door.close();
    await sender.send(Buffer.from('too late'), { port: door.port });
    await settled();
    for (const peer of all.waiting) peer.reply(REPLY);
    await sender.received(2);
    expect([all.taken.length, sender.got.length]).toEqual([2, 2]);
    // Without any stop: an address may vanish while the others stay.
    await all.open('127.0.0.1', door.port);
  });

  test('that is closed waits for those that get no answer, too', async () => {
    const all = world();
    const door = await all.open();
    const sender = await all.sender();
    all.does = 'wait';
    await sender.send(CALL, { port: door.port });
    await all.heard(1);
    door.close();
    await expect(all.open('127.0.0.1', door.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    for (const peer of all.waiting) peer.refuse();
    await all.open('127.0.0.1', door.port);
  });

  test('is not waited for for ever; what is then answered harms nobody', async () => {
    const all = world();
    const door = await all.open();
    const sender = await all.sender();
    all.does = 'wait';
    await sender.send(CALL, { port: door.port });
    await all.heard(1);
    door.close();
    await all.stop();
    await all.open('127.0.0.1', door.port);
    all.waiting[0]?.reply(REPLY);
    await settled();
    expect(sender.got).toEqual([]);
    expect(all.clock.pendingTimers).toBe(0);
  });

  test('survives a reply that cannot be sent', async () => {
    const all = world();
    const { port } = await all.open();
    const sender = await all.sender();
    all.does = 'wait';
    await sender.send(CALL, { port });
    await all.heard(1);
    all.waiting[0]?.reply(Buffer.alloc(70_000));
    all.does = 'reply';
    await sender.send(CALL, { port });
    expect(await sender.received(1)).toEqual([{ hex: REPLY.toString('hex'), from: `127.0.0.1 ${port}` }]);
  });
});

describe('two servers cannot be set to talk to each other', () => {
  test('the ports of services that answer whatever they are sent', () => {
    expect([...REFLECTING_PORTS].sort((a, b) => a - b)).toEqual([0, 7, 13, 19, 53, 111, 123]);
  });

  // These ports need root. The others of the list may be in use on the machine that runs the test.
  test.each([7, 13, 19])('what comes from port %d is neither taken nor answered', async (reflecting) => {
    const all = world();
    const { port } = await all.open();
    const sender = await all.sender('127.0.0.9', reflecting);
    await sender.send(CALL, { port });
    await all.heard(1);
    await settled();
    expect([all.taken, sender.got]).toEqual([[], []]);
    expect(all.count('rpc.udp.unanswerable')).toBe(1);
  });

  test('positive control: what comes from another low port is answered', async () => {
    const all = world();
    const { port } = await all.open();
    const sender = await all.sender('127.0.0.9', 9);
    await sender.send(CALL, { port });
    await sender.received(1);
    expect(all.count('rpc.udp.unanswerable')).toBe(0);
  });

  test('our own port on an own address is neither taken nor answered', async () => {
    const all = world();
    all.isOwn = (sender) => sender.startsWith('127.');
    const { port } = await all.open();
    const ours = await all.sender('127.0.0.2', port);
    await ours.send(CALL, { port });
    await all.heard(1);
    await settled();
    expect([all.taken, ours.got, all.count('rpc.udp.unanswerable')]).toEqual([[], [], 1]);
    // Another port of the same address is a client of this host.
    const client = await all.sender('127.0.0.2');
    await client.send(CALL, { port });
    await client.received(1);
  });

  test('positive control: the same port of somebody else’s address is answered', async () => {
    const all = world();
    all.isOwn = () => false;
    const { port } = await all.open();
    const other = await all.sender('127.0.0.2', port);
    await other.send(CALL, { port });
    await other.received(1);
    expect(all.count('rpc.udp.unanswerable')).toBe(0);
  });
});

describe('strangers', () => {
  test(`are answered ${ANSWERS_A_SECOND} times a second; the rest is told of`, async () => {
    const all = world();
    all.believes = () => false;
    const { port } = await all.open();
    const sender = await all.sender();
    for (let n = 0; n < 50; n += 1) await sender.send(CALL, { port });
    await all.heard(50);
    expect(all.taken).toHaveLength(ANSWERS_A_SECOND);
    expect(all.count('rpc.udp.strangers-unanswered')).toBe(50 - ANSWERS_A_SECOND);
    expect(all.recorded.said).toMatchObject([{ level: 'warn', fields: { sender: '127.0.0.1' } }]);
    all.clock.advance(1_000);
    await sender.send(CALL, { port });
    await sender.received(ANSWERS_A_SECOND + 1);
  });

  test('positive control: a reporter is not counted', async () => {
    const all = world();
    const { port } = await all.open();
    const sender = await all.sender();
    for (let n = 0; n < 50; n += 1) await sender.send(CALL, { port });
    await sender.received(50);
    expect(all.recorded.said).toEqual([]);
  });

  test('are known by their address, whatever port they use', async () => {
    const all = world();
    all.believes = (sender) => sender === '127.0.0.3';
    const { port } = await all.open();
    for (let n = 0; n < 30; n += 1) {
      const sender = await all.sender();
      await sender.send(CALL, { port });
    }
    const reporter = await all.sender('127.0.0.3');
    await reporter.send(CALL, { port });
    await reporter.received(1);
    expect(all.taken).toHaveLength(ANSWERS_A_SECOND + 1);
  });

  test('get silence where they are not to be answered; those on this host are answered, however often', async () => {
    const all = world(false);
    all.believes = () => false;
    const { port } = await all.open();
    const sender = await all.sender();
    for (let n = 0; n < 5; n += 1) await sender.send(CALL, { port });
    await all.heard(5);
    await settled();
    expect([all.taken, sender.got, all.count('rpc.udp.strangers-unanswered')]).toEqual([[], [], 5]);
    expect(all.recorded.said).toHaveLength(1);
    all.isOwn = () => true;
    for (let n = 0; n < 50; n += 1) await sender.send(CALL, { port });
    await sender.received(50);
    expect(all.taken).toHaveLength(50);
  });

  test('silence is for strangers: a reporter is answered', async () => {
    const all = world(false);
    const { port } = await all.open();
    const sender = await all.sender();
    await sender.send(CALL, { port });
    await sender.received(1);
  });
});
