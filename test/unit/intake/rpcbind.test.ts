/** rpcbind - what is said through a real unix socket to a server that the test plays, record marking and all */
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { ANSWER_MS, type Entry, Rpcbind } from '../../../src/intake/rpcbind.js';
import { decodeRpcb, encodeDone, encodeList, type Rpcb } from '../../../src/wire/portmap.js';
import { FakeClock } from '../../support/fake-clock.js';
import { newDirectory, until } from '../../support/processes.js';
import { record, words } from '../../support/rpc-client.js';

const UDP: Entry = { version: 1, netid: 'udp' };
const TCP: Entry = { version: 1, netid: 'tcp' };
const UDP6: Entry = { version: 2, netid: 'udp6' };
const TCP6: Entry = { version: 2, netid: 'tcp6' };
const ALL = [UDP, TCP, UDP6, TCP6];

interface Call {
  readonly xid: number;
  readonly procedure: number;
  readonly rpcb: Rpcb;
}

/** What DUMP is asked with. */
const NOTHING: Rpcb = { program: 0, version: 0, netid: '', address: '', owner: '' };

/** The list in which these entries have these addresses, among others'. */
const listOf = (...named: readonly (readonly [Entry, string])[]): Uint8Array =>
  encodeList([
    { program: 100_000, version: 4, netid: 'tcp', address: '0.0.0.0.0.111', owner: 'superuser' },
    { program: 100_003, version: 1, netid: 'udp', address: '0.0.0.0.8.1', owner: 'superuser' },
    ...named.map(([entry, address]) => ({ program: 900_101, ...entry, address, owner: '0' })),
  ]);

/** A server on a unix socket: keeps the calls of each connection and says what the test wants. */
class FakeRpcbind {
  readonly directory = newDirectory('rpcbind');
  readonly path = path.join(this.directory, 'socket');
  readonly clock = new FakeClock();
  readonly rpcbind = new Rpcbind({ clock: this.clock, socket: this.path });
  readonly calls: Call[] = [];
  connections = 0;
  closed = 0;
  /** Called when all calls of a connection are there. */
  answer: (calls: readonly Call[], socket: Socket) => void = () => undefined;
  readonly #server: Server;

  constructor(expected: number) {
    this.#server = createServer((socket) => {
      this.connections += 1;
      let bytes = Buffer.alloc(0);
      const calls: Call[] = [];
      socket.on('error', () => undefined);
      socket.on('close', () => (this.closed += 1));
      socket.on('data', (chunk) => {
        bytes = Buffer.concat([bytes, chunk]);
        while (bytes.length >= 4) {
          const end = 4 + (bytes.readUInt32BE(0) & 0x7fff_ffff);
          if (bytes.length < end) return;
          calls.push(this.#read(bytes.subarray(4, end)));
          bytes = bytes.subarray(end);
        }
        if (calls.length === expected) this.answer(calls.splice(0), socket);
      });
    });
  }

  listen(): Promise<this> {
    return new Promise((resolve) => {
      this.#server.listen(this.path, () => {
        resolve(this);
      });
    });
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.directory, { recursive: true });
  }

  #read(message: Buffer): Call {
    const word = (index: number): number => message.readUInt32BE(4 * index);
    expect([1, 2, 3, 4, 6, 7, 8, 9].map(word)).toEqual([0, 2, 100_000, 4, 0, 0, 0, 0]);
    const argument = message.subarray(40);
    const rpcb = argument.length === 0 ? NOTHING : decodeRpcb(argument);
    const call = { xid: word(0), procedure: word(5), rpcb };
    this.calls.push(call);
    return call;
  }
}

const open: FakeRpcbind[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

/** A server that answers once `expected` calls have come. */
async function serving(expected: number, answer?: FakeRpcbind['answer']): Promise<FakeRpcbind> {
  const server = new FakeRpcbind(expected);
  if (answer !== undefined) server.answer = answer;
  open.push(server);
  return server.listen();
}

const reply = (xid: number, result: Uint8Array): Buffer =>
  record(Buffer.concat([words(xid, 1, 0, 0, 0, 0), result]));

describe('what is asked', () => {
  test('SET: program, version, transport and the universal address of the wildcard', async () => {
    const server = await serving(4, (calls, socket) => {
      socket.write(Buffer.concat(calls.map(({ xid }) => reply(xid, encodeDone(true)))));
    });
    expect(await server.rpcbind.set(ALL, 0x1234)).toEqual([true, true, true, true]);
    expect(server.calls.map(({ procedure }) => procedure)).toEqual([1, 1, 1, 1]);
    expect(server.calls.map(({ rpcb }) => rpcb)).toEqual([
      { program: 900_101, version: 1, netid: 'udp', address: '0.0.0.0.18.52', owner: '' },
      { program: 900_101, version: 1, netid: 'tcp', address: '0.0.0.0.18.52', owner: '' },
      { program: 900_101, version: 2, netid: 'udp6', address: '::.18.52', owner: '' },
      { program: 900_101, version: 2, netid: 'tcp6', address: '::.18.52', owner: '' },
    ]);
  });

  test('UNSET names no address, and DUMP nothing at all', async () => {
    const server = await serving(1, ([call], socket) => {
      socket.write(reply(call?.xid ?? 0, call?.procedure === 2 ? encodeDone(true) : listOf()));
    });
    await server.rpcbind.unset([UDP]);
    await server.rpcbind.ports([UDP6, TCP6]);
    expect(server.calls.map(({ procedure, rpcb }) => [procedure, rpcb.netid, rpcb.address])).toEqual([
      [2, 'udp', ''],
      [4, '', ''],
    ]);
  });

  test('nothing: nobody is asked', async () => {
    const rpcbind = new Rpcbind({ clock: new FakeClock(), socket: '/nonexistent' });
    expect([await rpcbind.set([], 1), await rpcbind.unset([]), await rpcbind.ports([])]).toEqual([
      [],
      [],
      [],
    ]);
  });

  test('each call has an xid of its own, on a connection that is closed afterwards', async () => {
    const server = await serving(2, (calls, socket) => {
      socket.write(Buffer.concat(calls.map(({ xid }) => reply(xid, encodeDone(false)))));
    });
    for (let turn = 0; turn < 3; turn += 1) await server.rpcbind.unset([UDP, TCP]);
    expect(new Set(server.calls.map(({ xid }) => xid)).size).toBe(6);
    await until('the connections are closed', 5_000, () => server.closed === 3);
    expect([server.connections, server.clock.pendingTimers]).toEqual([3, 0]);
  });
});

describe('what is answered', () => {
  test('ports, and undefined where nothing, or no port, is registered', async () => {
    const list = listOf([TCP6, '/run/some.sock'], [UDP6, '::.0.111'], [UDP, '0.0.0.0.18.52']);
    const server = await serving(1, ([call], socket) => {
      socket.write(reply(call?.xid ?? 0, list));
    });
    expect(await server.rpcbind.ports(ALL)).toEqual([0x1234, undefined, 111, undefined]);
  });

  test('a long list is read whole', async () => {
    const many = Array.from(
      { length: 3_000 },
      (_, version) => [{ version, netid: 'udp' }, '::.0.1'] as const,
    );
    const server = await serving(1, ([call], socket) => {
      socket.write(reply(call?.xid ?? 0, listOf(...many, [TCP6, '::.18.52'])));
    });
    expect(await server.rpcbind.ports([TCP6])).toEqual([0x1234]);
  });

  test('results stand in the order of the calls, whatever the order of the answers', async () => {
    const server = await serving(4, (calls, socket) => {
      const replies = calls.map(({ xid }, i) => reply(xid, encodeDone(i % 2 === 0)));
      for (const i of [2, 0, 3, 1]) socket.write(replies[i] ?? '');
    });
    expect(await server.rpcbind.set(ALL, 900)).toEqual([true, false, true, false]);
  });

  test('bytes one by one are the same answers', async () => {
    const server = await serving(1, (calls, socket) => {
      const list = listOf([UDP, '0.0.0.0.3.132'], [TCP, '0.0.0.0.3.133']);
      const bytes = Buffer.concat(calls.map(({ xid }) => reply(xid, list)));
      const next = (at: number): void => {
        if (at < bytes.length) socket.write(bytes.subarray(at, at + 1), () => setImmediate(next, at + 1));
      };
      next(0);
    });
    expect(await server.rpcbind.ports([UDP, TCP])).toEqual([900, 901]);
  });
});

describe('what goes wrong', () => {
  test('nobody listens', async () => {
    const rpcbind = new Rpcbind({ clock: new FakeClock(), socket: '/nonexistent/rpcbind.sock' });
    await expect(rpcbind.ports([UDP])).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('rpcbind at /nonexistent/rpcbind.sock: ') as string,
    });
  });

  test('no answer in time, or not all of them', async () => {
    for (const answered of [0, 1]) {
      const server = await serving(2, (calls, socket) => {
        for (const { xid } of calls.slice(0, answered)) socket.write(reply(xid, encodeDone(true)));
        // What was written is there before the time is over.
        setImmediate(() => server.clock.advance(ANSWER_MS));
      });
      await expect(server.rpcbind.set([UDP, TCP], 900)).rejects.toMatchObject({ code: 'TIMEOUT' });
      await until('the connection is closed', 5_000, () => server.closed === 1);
    }
  });

  test('the time is not over a moment before', async () => {
    const server = await serving(1, ([call], socket) => {
      server.clock.advance(ANSWER_MS - 1);
      socket.write(reply(call?.xid ?? 0, encodeDone(true)));
    });
    expect(await server.rpcbind.unset([UDP])).toEqual([true]);
    expect(server.clock.pendingTimers).toBe(0);
  });

  test('the connection is closed without an answer, or after one of two', async () => {
    for (const answered of [0, 1]) {
      const server = await serving(2, (calls, socket) => {
        socket.end(Buffer.concat(calls.slice(0, answered).map(({ xid }) => reply(xid, encodeDone(true)))));
      });
      await expect(server.rpcbind.set([UDP, TCP], 900)).rejects.toMatchObject({
        code: 'UNREACHABLE',
        message: expect.stringContaining('closed the connection') as string,
      });
      expect(server.clock.pendingTimers).toBe(0);
    }
  });

  test.each<[string, (xid: number) => Buffer, RegExp]>([
    ['no record', () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /record/],
    ['a record of 2 GiB', () => words(0xffff_ffff), /record over its limit/],
    ['an empty record', () => words(0x8000_0000), /ends too early/],
    ['a call', (xid) => record(words(xid, 0, 2, 100_000, 4, 1, 0, 0, 0, 0)), /not a reply/],
    ['a reply cut short', (xid) => record(words(xid, 1, 0, 0, 0)), /ends too early/],
    ['PROG_UNAVAIL', (xid) => record(words(xid, 1, 0, 0, 0, 1)), /refused the call \(accepted 1\)/],
    ['PROG_MISMATCH', (xid) => record(words(xid, 1, 0, 0, 0, 2, 2, 3)), /refused the call \(accepted 2\)/],
    ['AUTH_ERROR', (xid) => record(words(xid, 1, 1, 1, 5)), /refused the call \(denied 1\)/],
    ['no result', (xid) => reply(xid, words()), /ends too early/],
    ['more than a result', (xid) => reply(xid, Buffer.concat([listOf(), words(0)])), /after the end/],
    ['a list without its end', (xid) => reply(xid, listOf().subarray(0, -4)), /ends too early/],
    ['a text of 2^32-1 bytes', (xid) => reply(xid, words(1, 900_101, 1, 0xffff_ffff)), /over its limit/],
    ['the answer to another call', (xid) => reply(xid + 1, listOf()), /not asked/],
    ['the answer to an earlier call', (xid) => reply(xid - 1, listOf()), /not asked/],
  ])('%s is a Fault RPCBIND', async (_, bytes, reason) => {
    const server = await serving(1, ([call], socket) => socket.write(bytes(call?.xid ?? 0)));
    const asking = server.rpcbind.ports([UDP]);
    await expect(asking).rejects.toMatchObject({
      code: 'RPCBIND',
      temporary: true,
      message: expect.stringMatching(reason) as string,
    });
    await expect(asking).rejects.toThrow(`rpcbind at ${server.path}: `);
    await until('the connection is closed', 5_000, () => server.closed === 1);
    expect(server.clock.pendingTimers).toBe(0);
  });

  test.each([words(2), words(), words(1, 0)])('a result of SET that is no bool (%#)', async (result) => {
    const server = await serving(1, ([call], socket) => socket.write(reply(call?.xid ?? 0, result)));
    await expect(server.rpcbind.set([UDP], 900)).rejects.toMatchObject({ code: 'RPCBIND' });
  });
});
