/** client - against servers that the test plays, byte by byte (asking rpcbind: test/integration) */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { parseAddress, type ClientAddress } from '../../../src/core/address.js';
import { type ClientOptions, ReportClient } from '../../../src/report/client.js';
import { FakeClock } from '../../support/fake-clock.js';
import { freePort, until } from '../../support/processes.js';
import { record, words } from '../../support/rpc-client.js';

const PATIENCE_MS = 20_000;
const TIMEOUT_MS = 5_000;
const RETRANSMIT_MS = 1_000;
const at = (text: string): ClientAddress => parseAddress(text) as ClientAddress;
const CLIENT = at('192.0.2.9');
const CLIENT_6 = at('2001:db8::b8:9');

const xidOf = (message: Buffer): number => message.readUInt32BE(0);
/** An accepted reply with an addstat. */
const stat = (message: Buffer, addstat: number): Buffer => words(xidOf(message), 1, 0, 0, 0, 0, addstat);

/** What the test's server has received and how it answers; the same for both transports. */
abstract class World {
  readonly clock = new FakeClock();
  readonly messages: Buffer[] = [];
  /** Sends what is to be sent in answer to a message. */
  answer: (message: Buffer, send: (bytes: Buffer) => void) => void = (message, send) => {
    send(this.framed(stat(message, 0)));
  };
  abstract readonly transport: 'udp' | 'tcp';
  abstract get port(): number;
  /** A reply as this transport carries it. */
  abstract framed(reply: Buffer): Buffer;
  abstract close(): Promise<void>;

  client(options: Partial<ClientOptions> = {}): ReportClient {
    const { clock, port, transport } = this;
    return new ReportClient({ host: '127.0.0.1', port, transport, timeoutMs: TIMEOUT_MS, clock, ...options });
  }

  async asked(n: number): Promise<void> {
    await until(`${n} messages`, PATIENCE_MS, () => this.messages.length >= n);
  }
}

class UdpWorld extends World {
  readonly transport = 'udp';
  /** The port that the last message came from. */
  from = 0;
  readonly #socket: UdpSocket;

  private constructor(socket: UdpSocket) {
    super();
    this.#socket = socket;
    socket.on('message', (message, remote: RemoteInfo) => {
      this.from = remote.port;
      this.messages.push(message);
      this.answer(message, (bytes) => {
        socket.send(bytes, remote.port, remote.address);
      });
    });
  }

  static async open(address = '127.0.0.1'): Promise<UdpWorld> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    return new UdpWorld(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  framed(reply: Buffer): Buffer {
    return reply;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.close(() => {
        resolve();
      });
    });
  }
}

class TcpWorld extends World {
  readonly transport = 'tcp';
  readonly sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(server: Server) {
    super();
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      let bytes = Buffer.alloc(0);
      socket.on('error', () => undefined);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('data', (chunk) => {
        bytes = Buffer.concat([bytes, chunk]);
        while (bytes.length >= 4) {
          const end = 4 + (bytes.readUInt32BE(0) & 0x7fff_ffff);
          if (bytes.length < end) return;
          const message = Buffer.from(bytes.subarray(4, end));
          bytes = bytes.subarray(end);
          this.messages.push(message);
          this.answer(message, (reply) => socket.write(reply));
        }
      });
    });
  }

  static async open(address = '127.0.0.1'): Promise<TcpWorld> {
    const server = createServer();
    server.listen(0, address);
    await once(server, 'listening');
    return new TcpWorld(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  framed(reply: Buffer): Buffer {
    return record(reply);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const worlds: World[] = [];
async function opened<W extends World>(opening: Promise<W>): Promise<W> {
  const created = await opening;
  worlds.push(created);
  return created;
}
const world = (transport: 'udp' | 'tcp', address?: string): Promise<World> =>
  opened<World>(transport === 'udp' ? UdpWorld.open(address) : TcpWorld.open(address));

afterEach(async () => {
  for (const one of worlds.splice(0)) await one.close();
});

describe.each(['udp', 'tcp'] as const)('%s', (transport) => {
  test('an IPv4 address: ADD of version 1, with AUTH_NONE', async () => {
    const all = await world(transport);
    expect(await all.client().report(CLIENT)).toBe(0);
    const xid = xidOf(all.messages[0] ?? Buffer.alloc(4));
    const header = words(xid, 0, 2, 900_101, 1, 1, 0, 0, 0, 0).toString('hex');
    expect(all.messages.map((message) => message.toString('hex'))).toEqual([`${header}c0000209`]);
    expect(all.clock.pendingTimers).toBe(0);
  });

  test('an IPv6 address: ADD of version 2, a word for each byte', async () => {
    const all = await world(transport);
    expect(await all.client().report(CLIENT_6)).toBe(0);
    const [message = Buffer.alloc(4)] = all.messages;
    const header = words(xidOf(message), 0, 2, 900_101, 2, 1, 0, 0, 0, 0);
    const argument = words(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xb8, 0, 9);
    expect(message.toString('hex')).toBe(Buffer.concat([header, argument]).toString('hex'));
  });

  test.each([0, 1, 2, 3])('addstat %d is the answer', async (addstat) => {
    const all = await world(transport);
    all.answer = (message, send) => {
      send(all.framed(stat(message, addstat)));
    };
    expect(await all.client().report(CLIENT)).toBe(addstat);
  });

  test('several addresses, one after the other and at once, each with an xid of its own', async () => {
    const all = await world(transport);
    const client = all.client();
    await client.report(CLIENT);
    await Promise.all([client.report(CLIENT_6), client.report(CLIENT), client.report(at('192.0.2.10'))]);
    expect(new Set(all.messages.map(xidOf)).size).toBe(4);
  });

  test('ping: NULL of version 1', async () => {
    const all = await world(transport);
    all.answer = (message, send) => send(all.framed(words(xidOf(message), 1, 0, 0, 0, 0)));
    await all.client().ping();
    const [message = Buffer.alloc(4)] = all.messages;
    expect(message.toString('hex')).toBe(
      words(xidOf(message), 0, 2, 900_101, 1, 0, 0, 0, 0, 0).toString('hex'),
    );
  });

  test('a server on IPv6', async () => {
    const all = await world(transport, '::1');
    expect(await all.client({ host: '::1' }).report(CLIENT)).toBe(0);
  });

  test('the reply to another call is passed over', async () => {
    const all = await world(transport);
    all.answer = (message, send) => {
      for (const xid of [xidOf(message) + 1, xidOf(message) ^ 0x8000_0000]) {
        send(all.framed(words(xid, 1, 0, 0, 0, 0, 1)));
      }
      send(all.framed(stat(message, 0)));
    };
    expect(await all.client().report(CLIENT)).toBe(0);
  });

  test(`no answer: TIMEOUT after ${TIMEOUT_MS} ms, and not before; nothing is left`, async () => {
    const all = await world(transport);
    all.answer = () => undefined;
    let ended: unknown;
    const reporting = all.client().report(CLIENT);
    void reporting.catch((error: unknown) => (ended = error));
    await all.asked(1);
    all.clock.advance(TIMEOUT_MS - 1);
    await all.asked(transport === 'udp' ? 5 : 1);
    expect(ended).toBeUndefined();
    all.clock.advance(1);
    await expect(reporting).rejects.toMatchObject({
      code: 'TIMEOUT',
      temporary: true,
      message: `127.0.0.1 port ${all.port}: no answer in time`,
    });
    expect(all.clock.pendingTimers).toBe(0);
  });

  test('the time is one for everything: what a first report took the second has no more', async () => {
    const all = await world(transport);
    const client = all.client();
    all.answer = (message, send) => {
      if (all.messages.length === 1) all.clock.advance(TIMEOUT_MS - 1);
      send(all.framed(stat(message, 0)));
    };
    expect(await client.report(CLIENT)).toBe(0);
    all.answer = () => undefined;
    const second = client.report(CLIENT);
    await until('the second call', PATIENCE_MS, () => all.clock.pendingTimers > 0);
    all.clock.advance(1);
    await expect(second).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(all.clock.pendingTimers).toBe(0);
  });

  test.each<[string, readonly number[], RegExp]>([
    ['PROG_UNAVAIL', [1, 0, 0, 0, 1], /accepted 1.*is it a dracd/],
    ['PROG_MISMATCH', [1, 0, 0, 0, 2, 1, 1], /accepted 2/],
    ['PROC_UNAVAIL', [1, 0, 0, 0, 3], /accepted 3/],
    ['GARBAGE_ARGS', [1, 0, 0, 0, 4], /accepted 4/],
    ['SYSTEM_ERR', [1, 0, 0, 0, 5], /accepted 5/],
    ['RPC_MISMATCH', [1, 1, 0, 2, 2], /denied 0/],
    ['AUTH_ERROR', [1, 1, 1, 5], /authentication error.*TCP/],
  ])('a server that answers %s is no dracd for us', async (_, rest, reason) => {
    const all = await world(transport);
    all.answer = (message, send) => send(all.framed(words(xidOf(message), ...rest)));
    const reporting = all.client().report(CLIENT);
    await expect(reporting).rejects.toMatchObject({
      code: 'UNREACHABLE',
      temporary: true,
      message: expect.stringMatching(reason) as string,
    });
    await expect(reporting).rejects.toThrow(`127.0.0.1 port ${all.port}: `);
    await expect(all.client().ping()).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(all.clock.pendingTimers).toBe(0);
  });

  // To the broadcast address no socket of ours may connect: the kernel refuses it at once.
  test('no way there', async () => {
    const clock = new FakeClock();
    const options = { host: '255.255.255.255', port: 9, transport, timeoutMs: TIMEOUT_MS, clock };
    await expect(new ReportClient(options).report(CLIENT)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringMatching(/EACCES|ENETUNREACH/) as string,
    });
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([
    ['an addstat that is none', [4]],
    ['no addstat', []],
    ['more than an addstat', [0, 0]],
  ])('%s is an answer of something else', async (_, result) => {
    const all = await world(transport);
    all.answer = (message, send) => {
      send(all.framed(words(xidOf(message), 1, 0, 0, 0, 0, ...result)));
    };
    await expect(all.client().report(CLIENT)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(all.clock.pendingTimers).toBe(0);
  });

  test('nobody listens', async () => {
    const clock = new FakeClock();
    const port = await freePort();
    const client = new ReportClient({ host: '127.0.0.1', port, transport, timeoutMs: TIMEOUT_MS, clock });
    await expect(client.report(CLIENT)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
    expect(clock.pendingTimers).toBe(0);
  });

  test('no such host', async () => {
    const host = 'x'.repeat(300);
    const clock = new FakeClock();
    const client = new ReportClient({ host, port: 1, transport, timeoutMs: TIMEOUT_MS, clock });
    await expect(client.report(CLIENT)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining(host) as string,
    });
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('over UDP', () => {
  test('a call that gets no answer is sent again every second, the same to the byte', async () => {
    const all = await world('udp');
    all.answer = (message, send) => {
      if (all.messages.length === 4) send(stat(message, 0));
    };
    const reporting = all.client().report(CLIENT);
    for (let sent = 1; sent < 4; sent += 1) {
      await all.asked(sent);
      all.clock.advance(RETRANSMIT_MS - 1);
      all.clock.advance(1);
    }
    expect(await reporting).toBe(0);
    expect(new Set(all.messages.map((message) => message.toString('hex'))).size).toBe(1);
    expect([all.messages.length, all.clock.pendingTimers]).toEqual([4, 0]);
  });

  test('what is no reply is passed over', async () => {
    const all = await world('udp');
    all.answer = (message, send) => {
      const right = stat(message, 0);
      for (const wrong of [Buffer.alloc(0), right.subarray(0, 12), message, Buffer.alloc(2_000, 0xff)])
        send(wrong);
      send(right);
    };
    expect(await all.client().report(CLIENT)).toBe(0);
  });

  test('what comes from anybody else is passed over', async () => {
    const all = await opened(UdpWorld.open());
    const other = createSocket('udp4');
    other.bind(0, '127.0.0.1');
    await once(other, 'listening');
    all.answer = () => undefined;
    const reporting = all.client().report(CLIENT);
    await all.asked(1);
    const forged = stat(all.messages[0] ?? Buffer.alloc(4), 1);
    await new Promise((resolve) => other.send(forged, all.from, '127.0.0.1', resolve));
    other.close();
    all.answer = (message, send) => {
      send(stat(message, 0));
    };
    all.clock.advance(RETRANSMIT_MS);
    expect(await reporting).toBe(0);
  });

  test('a reply that comes twice is one', async () => {
    const all = await world('udp');
    all.answer = (message, send) => {
      send(stat(message, 0));
      send(stat(message, 1));
    };
    expect(await all.client().report(CLIENT)).toBe(0);
  });
});

describe('over TCP', () => {
  test('a call is sent once, whatever the time', async () => {
    const all = await world('tcp');
    let reply: (() => void) | undefined;
    all.answer = (message, send) => {
      reply = () => {
        send(record(stat(message, 0)));
      };
    };
    const reporting = all.client().report(CLIENT);
    await all.asked(1);
    all.clock.advance(TIMEOUT_MS - 1);
    reply?.();
    expect([await reporting, all.messages.length]).toEqual([0, 1]);
  });

  test('a reply in fragments, byte by byte', async () => {
    const all = await world('tcp');
    all.answer = (message, send) => {
      const reply = stat(message, 2);
      const bytes = Buffer.concat([words(10), reply.subarray(0, 10), words(0x8000_0012), reply.subarray(10)]);
      for (const byte of bytes) send(Buffer.from([byte]));
    };
    expect(await all.client().report(CLIENT)).toBe(2);
  });

  test.each<[string, (message: Buffer) => Buffer]>([
    ['text', () => Buffer.from('220 mail.example.com ESMTP\r\n')],
    ['2 GiB', () => words(0xffff_ffff)],
    ['an empty record', () => words(0x8000_0000)],
    ['a call', (message) => record(message)],
    ['a reply cut short', (message) => record(stat(message, 0).subarray(0, 20))],
  ])('%s is no RPC reply', async (_, bytes) => {
    const all = await world('tcp');
    all.answer = (message, send) => send(bytes(message));
    await expect(all.client().report(CLIENT)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('not an RPC reply') as string,
    });
    expect(all.clock.pendingTimers).toBe(0);
  });

  test('the server closes the connection instead of answering', async () => {
    const all = await opened(TcpWorld.open());
    all.answer = () => {
      for (const socket of all.sockets) socket.destroy();
    };
    await expect(all.client().report(CLIENT)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(all.clock.pendingTimers).toBe(0);
  });

  test('the connection is closed after the answer', async () => {
    const all = await opened(TcpWorld.open());
    await all.client().report(CLIENT);
    await until('it is closed', PATIENCE_MS, () => all.sockets.size === 0);
    expect(all.messages).toHaveLength(1);
  });
});
