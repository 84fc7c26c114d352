/**
 * connection - one mail server's connection: questions in, answers out
 *
 * Every answer comes from memory, so questions are answered in their order as they come, and all answers of one
 * turn of the event loop leave in one write. A peer that has closed its side still gets its answers. What a peer
 * has sent ahead is worked off in steps, so that it does not make the others wait.
 *
 * Limits: a question must be whole QUESTION_MS after its first byte; without a whole question for IDLE_MS the
 * connection is closed; so it is when the peer takes no answers for STALL_MS. While answers are not taken, or
 * questions are left to be worked off, nothing is read, and what is held meanwhile comes out of a budget that all
 * connections share: one that finds it spent is closed. A violation of the protocol ends the connection.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../runtime/clock.js';
import { Malformed } from '../wire/xdr.js';

export const QUESTION_MS = 10_000;
/** Longer than Postfix keeps a connection that it does not use: 10 s for a socketmap, 300 s for a policy service. */
export const IDLE_MS = 310_000;
export const STALL_MS = 10_000;
/** Bytes of questions that are answered before other connections have their turn. An MTA asks one question at a time. */
export const STEP_BYTES = 2_048;

/** Cuts what arrives into questions; see wire/netstring and wire/policy. */
export interface QuestionReader<Question> {
  push(chunk: Uint8Array): Question[];
  readonly partial: boolean;
  readonly broken: Malformed | undefined;
}

/** Why a connection was ended by us. */
export type Ending = 'malformed' | 'slow' | 'idle' | 'flooding';

export interface ConnectionOptions<Question> {
  readonly reader: QuestionReader<Question>;
  /** The answer, ready to be sent. Throws Malformed for a question that makes no sense. */
  readonly answer: (question: Question) => Uint8Array;
  /** Takes bytes out of the shared budget (or gives them back, when negative); false when there are none left. */
  readonly hold: (bytes: number) => boolean;
  /** Runs fn when it is this connection's turn again. */
  readonly later: (fn: () => void) => void;
  readonly onEnd: (why: Ending) => void;
  readonly onError: () => void;
  readonly clock: Pick<Clock, 'mono'>;
}

const NOTHING = new Uint8Array(0);

export class Connection<Question> {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions<Question>;
  /** Questions sent ahead, not worked off yet. */
  #ahead: Uint8Array = NOTHING;
  /** What they take in memory, which is let go of as a whole. */
  #aheadBytes = 0;
  #held = 0;
  #ending = false;
  /** The peer has broken the protocol. */
  #senseless = false;
  #lastQuestion: number;
  /** The peer has closed its side. */
  #halfClosed = false;
  /** Since when a question has been incomplete, and since when answers have not been taken. */
  #partialSince: number | undefined;
  #stalledSince: number | undefined;

  constructor(socket: Socket, options: ConnectionOptions<Question>) {
    this.#socket = socket;
    this.#options = options;
    this.#lastQuestion = options.clock.mono();
    socket.on('data', (chunk) => {
      this.#ahead = chunk;
      this.#aheadBytes = chunk.length;
      this.#step();
    });
    socket.on('end', () => {
      this.#halfClosed = true;
      // It comes while we pause, too: what has been read and not yet answered is answered first.
      if (this.#ahead.length === 0) this.finish();
    });
    socket.on('drain', () => {
      this.#stalledSince = undefined;
      this.#step();
    });
    socket.on('error', options.onError);
    socket.on('close', () => {
      this.#ahead = NOTHING;
      options.hold(-this.#held);
      this.#held = 0;
    });
  }

  /** Takes no more questions; ends when the answers given have left. */
  finish(): void {
    this.#ending = true;
    this.#ahead = NOTHING;
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Ends the connection when one of its times is over. `now`: monotonic milliseconds. */
  look(now: number): void {
    if (this.#socket.destroyed) return;
    const stalled = this.#stalledSince !== undefined && now - this.#stalledSince >= STALL_MS;
    // While we do not read, an incomplete question is not the peer's fault.
    const slow =
      this.#partialSince !== undefined && !this.#socket.isPaused() && now - this.#partialSince >= QUESTION_MS;
    if (stalled || slow) this.#end('slow');
    else if (now - this.#lastQuestion >= IDLE_MS) this.#end('idle');
  }

  #end(why: Ending): void {
    this.#options.onEnd(why);
    this.destroy();
  }

  /** Answers a part of what has come; goes on when the others have had their turn, and answers are taken. */
  readonly #step = (): void => {
    if (this.#ending || this.#socket.destroyed) return;
    const whole = this.#ahead.length <= STEP_BYTES;
    const piece = whole ? this.#ahead : this.#ahead.subarray(0, STEP_BYTES);
    this.#ahead = whole ? NOTHING : this.#ahead.subarray(STEP_BYTES);
    const answers = this.#answers(piece);
    if (answers.length > 0) {
      const bytes = answers.length === 1 ? (answers[0] as Uint8Array) : Buffer.concat(answers);
      if (!this.#socket.write(bytes)) this.#stalledSince ??= this.#options.clock.mono();
    }
    if (this.#senseless) this.finish();
    else this.#goOn();
  };

  #answers(piece: Uint8Array): Uint8Array[] {
    const { answer, clock, onEnd, reader } = this.#options;
    const answers: Uint8Array[] = [];
    try {
      for (const question of reader.push(piece)) answers.push(answer(question));
      if (reader.broken !== undefined) throw reader.broken;
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      onEnd('malformed');
      this.#senseless = true;
    }
    const now = clock.mono();
    if (answers.length > 0) this.#lastQuestion = now;
    if (!reader.partial) this.#partialSince = undefined;
    else if (answers.length > 0 || this.#partialSince === undefined) this.#partialSince = now;
    return answers;
  }

  #goOn(): void {
    const stalled = this.#stalledSince !== undefined;
    const ahead = this.#ahead.length > 0 ? this.#aheadBytes : 0;
    if (ahead === 0) this.#ahead = NOTHING;
    if (ahead === 0 && this.#halfClosed) {
      this.finish();
      return;
    }
    const held = ahead + (stalled ? this.#socket.writableLength : 0);
    const { hold, later } = this.#options;
    const more = held - this.#held;
    this.#held = held;
    if (!hold(more) && more > 0) {
      this.#end('flooding');
      return;
    }
    if (held === 0) {
      if (this.#socket.isPaused()) this.#socket.resume();
      return;
    }
    this.#socket.pause();
    if (!stalled) later(this.#step);
  }
}
