/** turnstile - bytes in small pieces, one a turn, one connection after another; nothing lost, nothing left behind */
import { Duplex, PassThrough } from 'node:stream';
import { Passage, PIECE_BYTES, Turnstile } from '../../../src/admin/turnstile.js';

/** A clock whose turns the test makes. */
class Turns {
  readonly #steps: (() => void)[] = [];

  readonly soon = (step: () => void): void => void this.#steps.push(step);

  /** One turn, and whatever it brings about at once; answers whether there was one. */
  async next(): Promise<boolean> {
    await new Promise(setImmediate);
    const step = this.#steps.shift();
    step?.();
    await new Promise(setImmediate);
    return step !== undefined;
  }
}

interface Client {
  readonly socket: PassThrough;
  readonly passage: Passage;
  readonly pieces: Buffer[];
}

function client(turnstile: Turnstile): Client {
  const socket = new PassThrough({ highWaterMark: 1024 * 1024 });
  const passage = new Passage(socket, turnstile);
  const pieces: Buffer[] = [];
  passage.on('data', (piece: Buffer) => pieces.push(piece));
  return { socket, passage, pieces };
}

const bytes = (length: number, seed: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff));

test('without a turnstile all comes at once', async () => {
  const socket = new PassThrough();
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  socket.write(bytes(10_000, 1));
  await new Promise(setImmediate);
  expect(pieces.map(({ length }) => length)).toEqual([10_000]);
});

test('a piece a turn for all together, in turn, and all of it in the end', async () => {
  const turns = new Turns();
  const turnstile = new Turnstile(turns);
  const clients = [1, 2, 3].map(() => client(turnstile));
  const sent = [10 * PIECE_BYTES, 3 * PIECE_BYTES + 1, 10].map(bytes);
  clients.forEach(({ socket }, i) => socket.write(sent[i]));
  const total = (): number =>
    clients.flatMap(({ pieces }) => pieces).reduce((sum, { length }) => sum + length, 0);
  let before = total();
  expect(before).toBe(0);
  const order: number[] = [];
  while (await turns.next()) {
    const now = total();
    expect(now - before).toBeLessThanOrEqual(PIECE_BYTES);
    before = now;
    order.push(clients.findIndex(({ pieces }, i) => pieces.length > order.filter((one) => one === i).length));
  }
  expect(clients.map(({ pieces }) => Buffer.concat(pieces))).toEqual(sent);
  // Who has little is through before who has much.
  expect(order.slice(0, 4).sort()).toEqual([0, 0, 1, 2]);
  expect(order).toHaveLength(10 + 4 + 1);
});

test('the end comes after the last byte', async () => {
  const turns = new Turns();
  const { socket, passage, pieces } = client(new Turnstile(turns));
  let isEnded = false;
  passage.on('end', () => (isEnded = true));
  socket.end(bytes(2 * PIECE_BYTES, 9));
  await turns.next();
  expect(isEnded).toBe(false);
  while (await turns.next());
  expect(Buffer.concat(pieces)).toEqual(bytes(2 * PIECE_BYTES, 9));
  expect(isEnded).toBe(true);
});

test('a pause is kept', async () => {
  const turns = new Turns();
  const { socket, passage, pieces } = client(new Turnstile(turns));
  passage.pause();
  socket.write(bytes(5 * PIECE_BYTES, 3));
  while (await turns.next());
  expect(pieces).toEqual([]);
  passage.resume();
  while (await turns.next());
  expect(Buffer.concat(pieces)).toEqual(bytes(5 * PIECE_BYTES, 3));
});

test('a socket that is destroyed takes its passage with it, and the other way round', async () => {
  const turns = new Turns();
  const [one, other] = [client(new Turnstile(turns)), client(new Turnstile(turns))];
  one.socket.write(bytes(PIECE_BYTES, 1));
  one.socket.destroy();
  other.passage.destroy();
  while (await turns.next());
  expect([one.passage.destroyed, other.socket.destroyed]).toEqual([true, true]);
  expect(one.pieces).toEqual([]);
});

test('what is written goes out at once, whatever the turnstile does', async () => {
  const written: Buffer[] = [];
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk);
      done();
    },
  });
  const passage = new Passage(socket, new Turnstile(new Turns()));
  const sent = bytes(100_000, 5);
  await new Promise((resolve) => passage.write(sent, resolve));
  expect(Buffer.concat(written)).toEqual(sent);
});

test('what is written when the client has ended is no error: HTTP/2 may be about to write', async () => {
  const written: Buffer[] = [];
  const socket = new Duplex({
    read: () => undefined,
    write: (piece: Buffer, _encoding, done) => {
      written.push(piece);
      done();
    },
  });
  const passage = new Passage(socket, new Turnstile({ soon: (step) => void setImmediate(step) }));
  const errors: unknown[] = [];
  passage.on('error', (error) => errors.push(error)).resume();
  const ended = new Promise((resolve) => passage.once('end', resolve));
  socket.push(null);
  await ended;
  await new Promise(setImmediate);
  const answer = await new Promise((resolve) => passage.write('late', resolve));
  expect([answer ?? 'no error', errors, Buffer.concat(written).toString()]).toEqual(['no error', [], 'late']);
});
