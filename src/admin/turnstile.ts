/**
 * turnstile - lets through what clients send in small pieces, one a turn of the event loop, one connection after another
 *
 * A call costs a good part of a millisecond, and 28 bytes are enough to make one and to take it back (HTTP/2 rapid
 * reset): what fits into a socket's buffer would hold up reports and look-ups for seconds. What operators send is
 * little, and does not notice.
 *
 * Limits: PIECE_BYTES a turn, for all connections together. What is not let through yet waits in the sockets, and then
 * with the clients. What the daemon sends is not held back; after an HTTP/2 error (farewell.ts) the connection ends.
 */
import { Duplex } from 'node:stream';
import type { Clock } from '../runtime/clock.js';
import { Farewell } from './farewell.js';

export const PIECE_BYTES = 128;

export class Turnstile {
  readonly #clock: Pick<Clock, 'soon'>;
  /** In the order in which they have come. */
  readonly #waiting = new Set<() => void>();
  #isTurning = false;

  constructor(clock: Pick<Clock, 'soon'>) {
    this.#clock = clock;
  }

  /** Runs a step when it is its turn; one that waits already waits on. */
  wait(step: () => void): void {
    this.#waiting.add(step);
    this.#next();
  }

  #next(): void {
    if (this.#isTurning || this.#waiting.size === 0) return;
    this.#isTurning = true;
    this.#clock.soon(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isTurning = false;
    for (const step of this.#waiting) {
      this.#waiting.delete(step);
      step();
      break;
    }
    this.#next();
  };
}

/** A connection behind the turnstile. */
export class Passage extends Duplex {
  readonly #socket: Duplex;
  readonly #turnstile: Turnstile;
  readonly #farewell = new Farewell();
  #isWanted = false;

  constructor(socket: Duplex, turnstile: Turnstile) {
    // What is still written when the client has ended must be no error here: Node.js ends itself on that (an assertion of
    // js_stream_socket), and the daemon with it. The socket closes, and takes this passage with it.
    super({ readableHighWaterMark: PIECE_BYTES, allowHalfOpen: true });
    this.#socket = socket;
    this.#turnstile = turnstile;
    socket.on('readable', this.#ask);
    socket.once('end', () => this.push(null));
    socket.once('close', () => this.destroy());
  }

  override _read(): void {
    this.#isWanted = true;
    this.#ask();
  }

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    // A socket that is closed takes this passage with it: its error says nothing more.
    const isOver = this.#farewell.isIn(bytes);
    this.#socket.write(bytes, () => {
      done();
      if (isOver) this.destroy();
    });
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  readonly #ask = (): void => {
    // The end shows itself only to who reads.
    if (this.#socket.readableLength === 0) this.#socket.read();
    else if (this.#isWanted) this.#turnstile.wait(this.#step);
  };

  readonly #step = (): void => {
    const { readableLength } = this.#socket;
    const piece: unknown = this.#socket.read(Math.min(PIECE_BYTES, readableLength));
    if (piece === null || this.destroyed) return;
    this.#isWanted = false;
    this.push(piece);
  };
}
