/** connection - records in, replies out, over real loopback connections and in a time that the test moves */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Connection, IDLE_MS, MAX_IN_FLIGHT, RECORD_MS, STALL_MS } from '../../../src/intake/connection.js';
import { type Peer, RpcProgram } from '../../../src/intake/rpc-program.js';
import { Counters } from '../../../src/runtime/counters.js';
import { silentLog } from '../../../src/runtime/log.js';
import { MAX_FRAGMENTS, MAX_RECORD_BYTES } from '../../../src/wire/record.js';
import { FakeClock } from '../../support/fake-clock.js';
import { until } from '../../support/processes.js';
import { addArgument, record, words } from '../../support/rpc-client.js';
import { at, FakeAuthorizer, message } from './peers.js';
import { PATIENCE_MS, settled, TcpSender } from './sockets.js';

const SENDER = at('127.0.0.1');
const CALL = record(message());
const GRANTED = record(words(0x1122_3344, 1, 0, 0, 0, 0, 0)).toString('hex');
/** A reply of the program that the test plays. */
const REPLY = Buffer.from('11223344', 'hex');

/** One connection: both of its sockets, and the program behind it. */
class World {
  readonly clock = new FakeClock();
  readonly counters = new Counters();
  readonly authorizer = new FakeAuthorizer();
  /** What was taken, in hexadecimal, and by whom it waits to be answered. */
  readonly taken: string[] = [];
  readonly waiting: Peer[] = [];
  /** Instead of the real program. */
  take: ((message: Uint8Array, peer: Peer) => void) | undefined;
  /** The bytes of each write. */
  readonly writes: number[] = [];
  readonly client: TcpSender;
  readonly server: Socket;
  readonly connection: Connection;
  readonly #listener: Server;

  private constructor(listener: Server, server: Socket, client: TcpSender) {
    this.#listener = listener;
    this.server = server;
    this.client = client;
    const program = new RpcProgram({
      authorizer: this.authorizer,
      isOwn: () => false,
      nameOf: () => 'other',
      forwarding: { seen: () => undefined, verdict: () => 'direct' },
      strangers: { tell: () => undefined },
      counters: new Counters(),
      log: silentLog,
    });
    const write = server.write.bind(server);
    server.write = (bytes: Uint8Array): boolean => {
      this.writes.push(bytes.length);
      return write(bytes);
    };
    this.connection = new Connection(server, {
      sender: SENDER,
      program: {
        take: (bytes, peer) => {
          this.taken.push(Buffer.from(bytes).toString('hex'));
          if (this.take === undefined) program.take(bytes, peer);
          else this.take(bytes, peer);
        },
      },
      clock: this.clock,
      counters: this.counters,
    });
  }

  static async open(): Promise<World> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const accepted = once(listener, 'connection') as Promise<[Socket]>;
    const client = await TcpSender.open({ port: (listener.address() as AddressInfo).port });
    const [server] = await accepted;
    const world = new World(listener, server, client);
    worlds.push(world);
    return world;
  }

  /** Leaves what is taken to the test. */
  hold(): void {
    this.take = (_, peer) => this.waiting.push(peer);
  }

  /** Sends bytes and waits until this side has read them. */
  async send(bytes: Uint8Array): Promise<void> {
    const end = this.server.bytesRead + bytes.length;
    await this.client.write(bytes);
    for (let turn = 0; this.server.bytesRead < end; turn += 1) {
      if (turn > 100_000) throw new Error('the bytes do not arrive');
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async took(records: number): Promise<void> {
    await until(`${records} records are taken`, PATIENCE_MS, () => this.taken.length >= records);
  }

  /** What the client has received once there is as much as that; flushes what waits to be sent. */
  async replied(hex: string): Promise<string> {
    this.clock.runSoon();
    await this.client.received(hex.length / 2);
    return this.client.hex;
  }

  count(name: string): number {
    return this.counters.snapshot()[name] ?? 0;
  }

  look(): void {
    this.connection.look(this.clock.mono());
  }

  /** Whether the connection lives on through a look. */
  survives(): boolean {
    this.look();
    return !this.server.destroyed;
  }

  close(): Promise<void> {
    this.client.close();
    this.server.destroy();
    return new Promise((resolve) => {
      this.#listener.close(() => {
        resolve();
      });
    });
  }
}

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

/** The message in fragments of the given sizes. */
function fragments(whole: Uint8Array, sizes: readonly number[]): Buffer {
  let start = 0;
  return Buffer.concat(
    sizes.flatMap((size, i) => {
      const piece = whole.subarray(start, (start += size));
      return [words((i === sizes.length - 1 ? 0x8000_0000 : 0) + size), piece];
    }),
  );
}

describe('the same reply bytes', () => {
  const calls: [string, Buffer][] = [
    ['version 1', message()],
    ['version 2', message({ version: 2, argument: addArgument('2001:db8::b8:9') })],
  ];

  test.each(calls)('wherever the call is cut in two: %s', async (_, call) => {
    const world = await World.open();
    const bytes = record(call);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      await world.send(bytes.subarray(0, cut));
      expect(world.taken).toHaveLength(cut - 1);
      await world.send(bytes.subarray(cut));
      expect(world.taken).toHaveLength(cut);
      world.clock.runSoon();
    }
    const expected = GRANTED.repeat(bytes.length - 1);
    expect(await world.replied(expected)).toBe(expected);
    expect(new Set(world.authorizer.clients).size).toBe(1);
  });

  test('byte by byte', async () => {
    const world = await World.open();
    for (const byte of CALL) await world.send(Uint8Array.of(byte));
    expect(await world.replied(GRANTED)).toBe(GRANTED);
  });

  const sizes = (length: number): number[][] => [
    ...Array.from({ length: length - 1 }, (_, i) => [i + 1, length - 1 - i]),
    [length, 0],
    ...Array.from({ length: MAX_FRAGMENTS }, (_, i) => [...Array<number>(i).fill(1), length - i]),
    ...Array.from({ length: MAX_FRAGMENTS }, (_, i) => [length - i, ...Array<number>(i).fill(1)]),
    [...Array<number>(MAX_FRAGMENTS - 2).fill(1), length - MAX_FRAGMENTS + 2, 0],
  ];

  test.each(calls)('whatever its legal fragments are: %s', async (_, call) => {
    const world = await World.open();
    const all = sizes(call.length);
    for (const one of all) {
      expect(one.reduce((sum, size) => sum + size)).toBe(call.length);
      await world.send(fragments(call, one));
      world.clock.runSoon();
    }
    const expected = GRANTED.repeat(all.length);
    expect(await world.replied(expected)).toBe(expected);
  });

  test('fragments that arrive byte by byte', async () => {
    const world = await World.open();
    for (const byte of fragments(message(), [1, 20, 3, 20, 0])) await world.send(Uint8Array.of(byte));
    expect(await world.replied(GRANTED)).toBe(GRANTED);
  });
});

describe('pipelining', () => {
  test('1,000 calls at once: 1,000 replies in one write for each turn', async () => {
    const world = await World.open();
    const calls = Array.from({ length: 1_000 }, (_, xid) => record(message({ xid })));
    await world.send(Buffer.concat(calls));
    await world.took(1_000);
    expect(world.writes).toEqual([]);
    const replies = Array.from({ length: 1_000 }, (_, xid) => record(words(xid, 1, 0, 0, 0, 0, 0)));
    const expected = Buffer.concat(replies).toString('hex');
    expect(await world.replied(expected)).toBe(expected);
    expect(world.writes).toEqual([32_000]);
  });

  test('replies leave in the order in which they are known', async () => {
    const world = await World.open();
    world.authorizer.decide = () => 'wait';
    await world.send(Buffer.concat([1, 2, 3].map((xid) => record(message({ xid })))));
    for (const [index, outcome] of [
      [2, 'granted'],
      [0, 'stranger'],
      [1, 'failed'],
    ] as const) {
      world.authorizer.reports[index]?.settle(outcome);
      world.clock.runSoon();
    }
    const expected = [
      [3, 0],
      [1, 1],
      [2, 2],
    ].map(([xid = 0, stat = 0]) => record(words(xid, 1, 0, 0, 0, 0, stat)).toString('hex'));
    expect(await world.replied(expected.join(''))).toBe(expected.join(''));
    expect(world.writes).toEqual([32, 32, 32]);
  });
});

describe('a peer that closes its side', () => {
  test('gets its replies, then the connection ends', async () => {
    const world = await World.open();
    world.authorizer.decide = () => 'wait';
    await world.send(Buffer.concat([CALL, CALL]));
    world.client.socket.end();
    await once(world.server, 'end');
    await settled();
    expect(world.server.destroyed).toBe(false);
    for (const report of world.authorizer.reports) report.settle('granted');
    expect(await world.replied(GRANTED.repeat(2))).toBe(GRANTED.repeat(2));
    await world.client.end();
    await until('our side is gone', PATIENCE_MS, () => world.server.destroyed);
  });

  test('in the same breath as its call', async () => {
    const world = await World.open();
    world.client.socket.end(CALL);
    await world.took(1);
    expect(await world.replied(GRANTED)).toBe(GRANTED);
    await world.client.end();
  });

  test('with nothing asked, or within a record: the connection ends at once', async () => {
    for (const bytes of [Buffer.alloc(0), CALL.subarray(0, 10)]) {
      const world = await World.open();
      world.client.socket.end(bytes);
      await world.client.end();
      expect([world.client.hex, world.taken]).toEqual(['', []]);
    }
  });

  test('with a reset: what is settled later harms nobody', async () => {
    const world = await World.open();
    world.authorizer.decide = () => 'wait';
    await world.send(Buffer.concat([CALL, CALL]));
    world.client.socket.resetAndDestroy();
    await until('our side is gone', PATIENCE_MS, () => world.server.destroyed);
    for (const report of world.authorizer.reports) report.settle('granted');
    world.clock.runSoon();
    expect(world.writes).toEqual([]);
    expect(world.count('rpc.tcp.errors')).toBe(1);
  });
});

describe('what breaks record marking', () => {
  const violations: [string, Buffer][] = [
    ['2 GiB in one last fragment', words(0xffff_ffff)],
    ['2 GiB in a fragment with more to come', words(0x7fff_ffff)],
    ['a byte too many', words(0x8000_0000 + MAX_RECORD_BYTES + 1)],
    ['a byte too many in fragments', fragments(Buffer.alloc(MAX_RECORD_BYTES + 1), [MAX_RECORD_BYTES, 1])],
    ['an empty fragment that is not the last', words(0)],
    ['a fragment too many', fragments(message(), [...Array<number>(MAX_FRAGMENTS).fill(1), 28])],
    ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ];

  test.each(violations)('%s: closed without an answer', async (_, bytes) => {
    const world = await World.open();
    await world.client.write(bytes);
    await world.client.end();
    expect([world.client.hex, world.taken, world.count('rpc.tcp.malformed')]).toEqual(['', [], 1]);
    await until('our side is gone', PATIENCE_MS, () => world.server.destroyed);
  });

  test.each(violations)('%s, after whole records: those are answered, then closed', async (_, bytes) => {
    const world = await World.open();
    world.authorizer.decide = () => 'wait';
    await world.send(Buffer.concat([CALL, CALL, bytes]));
    expect([world.taken.length, world.server.destroyed]).toEqual([2, false]);
    for (const report of world.authorizer.reports) report.settle('granted');
    expect(await world.replied(GRANTED.repeat(2))).toBe(GRANTED.repeat(2));
    await world.client.end();
    expect(world.count('rpc.tcp.malformed')).toBe(1);
  });

  test.each(violations)('%s, in a later chunk than whole records: the same', async (_, bytes) => {
    const world = await World.open();
    world.authorizer.decide = () => 'wait';
    await world.send(CALL);
    await world.send(bytes);
    expect([world.taken.length, world.server.destroyed]).toEqual([1, false]);
    for (const report of world.authorizer.reports) report.settle('granted');
    expect(await world.replied(GRANTED)).toBe(GRANTED);
    await world.client.end();
    expect(world.count('rpc.tcp.malformed')).toBe(1);
  });

  test('what follows is not read: a call there is no call', async () => {
    const world = await World.open();
    world.authorizer.decide = () => 'wait';
    await world.send(Buffer.concat([CALL, words(0), CALL, CALL]));
    await world.send(Buffer.concat([CALL, CALL]));
    expect(world.taken).toHaveLength(1);
  });
});

describe('a message that is no call', () => {
  test.each([
    ['a reply', message({ type: 1 })],
    ['a header cut short', message().subarray(0, 24)],
    ['nothing', Buffer.alloc(0)],
    ['a credential of 404 bytes', message({ credential: Buffer.concat([words(0, 404), Buffer.alloc(404)]) })],
  ])('%s closes the connection; what follows is not taken', async (_, bytes) => {
    const world = await World.open();
    await world.client.write(Buffer.concat([record(bytes), CALL]));
    await world.client.end();
    expect([world.client.hex, world.taken.length, world.authorizer.reports]).toEqual(['', 1, []]);
    expect(world.server.destroyed).toBe(true);
  });
});

describe('time', () => {
  test(`a record that is not whole ${RECORD_MS} ms after its first byte, however it trickles in`, async () => {
    const world = await World.open();
    await world.send(CALL.subarray(0, 1));
    for (let second = 1; second < RECORD_MS / 1_000; second += 1) {
      world.clock.advance(1_000);
      await world.send(CALL.subarray(second, second + 1));
      expect(world.survives()).toBe(true);
    }
    world.clock.advance(999);
    expect(world.survives()).toBe(true);
    world.clock.advance(1);
    expect([world.survives(), world.count('rpc.tcp.slow'), world.count('rpc.tcp.idle')]).toEqual([
      false,
      1,
      0,
    ]);
    await world.client.end();
  });

  test('each record has its own time', async () => {
    const world = await World.open();
    let rest = CALL.subarray(0, 0);
    for (let turn = 0; turn < 5; turn += 1) {
      await world.send(Buffer.concat([rest, CALL.subarray(0, 10)]));
      rest = CALL.subarray(10);
      world.clock.advance(RECORD_MS - 1);
      expect(world.survives()).toBe(true);
    }
    await world.send(rest);
    world.clock.advance(RECORD_MS);
    expect([world.survives(), world.taken.length]).toEqual([true, 5]);
  });

  test(`no whole record for ${IDLE_MS} ms, from the beginning and from the last one`, async () => {
    const world = await World.open();
    world.clock.advance(IDLE_MS - 1);
    expect(world.survives()).toBe(true);
    await world.send(CALL);
    await world.replied(GRANTED);
    world.clock.advance(IDLE_MS - 1);
    expect(world.survives()).toBe(true);
    world.clock.advance(1);
    expect([world.survives(), world.count('rpc.tcp.idle'), world.count('rpc.tcp.slow')]).toEqual([
      false,
      1,
      0,
    ]);
  });

  test('who waits for an answer is not idle, and gets it', async () => {
    const world = await World.open();
    world.authorizer.decide = () => 'wait';
    await world.send(CALL);
    world.clock.advance(10 * IDLE_MS);
    expect(world.survives()).toBe(true);
    world.authorizer.reports[0]?.settle('failed');
    // The reply is known and has not left.
    expect(world.survives()).toBe(true);
    const failed = record(words(0x1122_3344, 1, 0, 0, 0, 0, 2)).toString('hex');
    expect(await world.replied(failed)).toBe(failed);
  });
});

describe('a peer that asks more than it may', () => {
  /** So many calls that reading them all would be seen. */
  const FLOOD = Buffer.concat(Array<Buffer>(40 * MAX_IN_FLIGHT).fill(CALL));
  /** One chunk may begin when one call more is allowed. */
  const MOST = MAX_IN_FLIGHT + Math.ceil(65_536 / CALL.length);

  test(`beyond ${MAX_IN_FLIGHT} unanswered calls nothing is read, until half of them are answered`, async () => {
    const world = await World.open();
    world.hold();
    const written = world.client.write(FLOOD);
    await until('it is not read any more', PATIENCE_MS, () => world.server.isPaused());
    await settled();
    const held = world.taken.length;
    expect(held).toBeGreaterThan(MAX_IN_FLIGHT);
    expect(held).toBeLessThanOrEqual(MOST);
    // What Node has read ahead is bounded by the stream's own mark.
    expect(world.server.bytesRead).toBeLessThanOrEqual(MOST * CALL.length + 4 * 65_536);

    const answer = (n: number): void => {
      for (const peer of world.waiting.splice(0, n)) peer.reply(REPLY);
      world.clock.runSoon();
    };
    answer(held - MAX_IN_FLIGHT / 2 - 1);
    expect(world.server.isPaused()).toBe(true);
    answer(1);
    expect(world.server.isPaused()).toBe(false);
    while (world.taken.length < 40 * MAX_IN_FLIGHT) {
      answer(MAX_IN_FLIGHT);
      await new Promise((resolve) => setImmediate(resolve));
      expect(world.waiting.length).toBeLessThanOrEqual(MOST);
    }
    answer(MOST);
    await written;
    await world.client.received(40 * MAX_IN_FLIGHT * 8);
  });

  test('while we do not read, an incomplete record is not the peer’s fault; then it has its whole time', async () => {
    const world = await World.open();
    world.hold();
    const part = CALL.subarray(0, 10);
    // In one chunk of at most 64 KiB: as many calls as keep us from reading, and a part of the next one.
    const calls = Buffer.concat([...Array<Buffer>(MAX_IN_FLIGHT + 1).fill(record(Buffer.alloc(4))), part]);
    await world.send(calls);
    expect([world.server.isPaused(), world.taken.length]).toEqual([true, MAX_IN_FLIGHT + 1]);
    world.clock.advance(2 * RECORD_MS);
    expect(world.survives()).toBe(true);
    for (const peer of world.waiting.splice(0)) peer.reply(REPLY);
    world.clock.runSoon();
    // Before anything can have been read:
    expect([world.server.isPaused(), world.survives()]).toEqual([false, true]);
    world.clock.advance(RECORD_MS - 1);
    expect(world.survives()).toBe(true);
    world.clock.advance(1);
    expect(world.survives()).toBe(false);
  });

  test('a peer that takes no replies: they are bounded, nothing more is read, and it ends', async () => {
    const world = await World.open();
    world.client.socket.pause();
    void world.client.write(FLOOD);
    let stalled = false;
    while (!stalled) {
      world.clock.runSoon();
      await new Promise((resolve) => setImmediate(resolve));
      stalled = world.server.writableLength > 0 && world.server.writableNeedDrain;
      expect(world.server.writableLength).toBeLessThanOrEqual(2 * MOST * 32);
    }
    await settled();
    world.clock.runSoon();
    const read = world.server.bytesRead;
    await settled();
    expect([world.server.bytesRead, world.server.isPaused()]).toEqual([read, true]);
    world.clock.advance(STALL_MS - 1);
    expect(world.survives()).toBe(true);
    world.clock.advance(1);
    expect([world.survives(), world.count('rpc.tcp.slow')]).toEqual([false, 1]);
  });

  test('a peer that takes them after a while has lost none', async () => {
    const world = await World.open();
    world.client.socket.pause();
    const written = world.client.write(FLOOD);
    while (!world.server.writableNeedDrain) {
      world.clock.runSoon();
      await new Promise((resolve) => setImmediate(resolve));
    }
    world.clock.advance(STALL_MS - 1);
    world.client.socket.resume();
    const expected = 40 * MAX_IN_FLIGHT * 32;
    await until('all replies', PATIENCE_MS, () => {
      world.clock.runSoon();
      return world.client.bytes.length >= expected;
    });
    await written;
    expect(world.client.bytes.length).toBe(expected);
    // The time it did not take them is over.
    world.clock.advance(STALL_MS);
    expect(world.survives()).toBe(true);
  });
});

describe('finish', () => {
  test('takes no more calls, answers those taken, and ends', async () => {
    const world = await World.open();
    world.authorizer.decide = () => 'wait';
    await world.send(CALL);
    world.connection.finish();
    await world.send(CALL);
    expect(world.taken).toHaveLength(1);
    world.authorizer.reports[0]?.settle('granted');
    expect(await world.replied(GRANTED)).toBe(GRANTED);
    await world.client.end();
  });

  test('with nothing to answer it ends at once', async () => {
    const world = await World.open();
    world.connection.finish();
    await world.client.end();
    await until('our side is gone', PATIENCE_MS, () => world.server.destroyed);
  });
});

test('is a peer with the sender it was given and the port of its socket', async () => {
  const world = await World.open();
  expect([world.connection.transport, world.connection.sender, world.connection.port]).toEqual([
    'tcp',
    SENDER,
    world.client.socket.localPort,
  ]);
});
