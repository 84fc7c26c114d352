/** speaker - what a client sends passes the turnstile: without a turn nothing of it is read */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { Duplex } from 'node:stream';
import { localCaller } from '../../../src/admin/caller.js';
import { Extras } from '../../../src/admin/extras.js';
import { Feed } from '../../../src/admin/feed.js';
import { nothingUnderWay } from '../../../src/admin/service.js';
import { Speaker } from '../../../src/admin/speaker.js';
import { PIECE_BYTES, Turnstile } from '../../../src/admin/turnstile.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { MemoryOperations } from '../../support/operations.js';
import { until } from '../../support/processes.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
const PING = Buffer.from('\0\0\x08\x06\0\0\0\0\0pingping', 'latin1');
const SENT = Buffer.concat([PREFACE, ...Array<Buffer>(40).fill(PING)]);

/** A connection whose client has sent all that already. */
function connection(): Duplex {
  const socket = new Duplex({
    readableHighWaterMark: 64 * 1024,
    read: () => undefined,
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  socket.push(SENT);
  return socket;
}

/** Lets everything run that only waits for the event loop. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i += 1) await new Promise(setImmediate);
}

test('a server without a turnstile reads all of it at once', async () => {
  const server = new Server();
  const socket = connection();
  server.createConnectionInjector(ServerCredentials.createInsecure()).injectConnection(socket);
  await until('all is read', 20_000, () => socket.readableLength === 0);
  server.forceShutdown();
  socket.destroy();
});

test('a speaker reads a piece for each turn, and nothing without one', async () => {
  const turns: (() => void)[] = [];
  const operations = new MemoryOperations();
  const socket = connection();
  const speaker = new Speaker(socket, {
    operations,
    lifetimeMs: 1,
    identify: localCaller,
    feed: new Feed({ operations, clock: systemClock, onEnd: () => undefined }),
    underWay: nothingUnderWay(),
    ending: { ended: undefined },
    clock: systemClock,
    onRefused: () => undefined,
    extras: new Extras(),
    turnstile: new Turnstile({ soon: (turn) => void turns.push(turn) }),
  });
  const read: number[] = [];
  const left = (): number => SENT.length - read.reduce((sum, bytes) => sum + bytes, 0);
  while (left() > 0) {
    await until('it waits for its turn', 20_000, () => turns.length === 1);
    await settle();
    expect(socket.readableLength).toBe(left());
    turns.shift()?.();
    read.push(left() - socket.readableLength);
  }
  expect(Math.max(...read)).toBe(PIECE_BYTES);
  expect(read).toHaveLength(Math.ceil(SENT.length / PIECE_BYTES));
  speaker.end();
});
