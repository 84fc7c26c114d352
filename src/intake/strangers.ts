/**
 * strangers - how often a sender that is no reporter is answered and written about
 *
 * A stranger is answered at most ANSWERS_A_SECOND times a second over UDP, and one log line a minute
 * tells of it, with the number of reports not told of. All lines about strangers together are bounded
 * as well, because a forger has as many addresses as he likes.
 *
 * Limits: MAX_STRANGERS are remembered; the one not heard of for the longest time is forgotten first.
 */
import { LRUCache } from 'lru-cache';
import type { ClientAddress } from '../core/address.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';

export const MAX_STRANGERS = 4_096;
export const ANSWERS_A_SECOND = 10;
export const LINE_EVERY_MS = 60_000;
/** Log lines about all strangers together in LINE_EVERY_MS. */
export const MAX_LINES = 60;
const SECOND_MS = 1_000;

interface Stranger {
  secondEnds: number;
  answers: number;
  nextLine: number;
  suppressed: number;
}

export class Strangers {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #known = new LRUCache<ClientAddress, Stranger>({ max: MAX_STRANGERS });
  #minuteEnds = 0;
  #lines = 0;

  constructor(options: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Whether the rate allows one more UDP reply to a stranger; one that it allows counts. */
  mayAnswer(address: ClientAddress): boolean {
    const now = this.#clock.mono();
    const stranger = this.#remember(address, now);
    if (now >= stranger.secondEnds) {
      stranger.secondEnds = now + SECOND_MS;
      stranger.answers = 0;
    }
    if (stranger.answers >= ANSWERS_A_SECOND) return false;
    stranger.answers += 1;
    return true;
  }

  #remember(address: ClientAddress, now: number): Stranger {
    let stranger = this.#known.get(address);
    if (stranger === undefined) {
      stranger = { secondEnds: now + SECOND_MS, answers: 0, nextLine: now, suppressed: 0 };
      this.#known.set(address, stranger);
    }
    return stranger;
  }

  /** Tells of what a stranger sent and was refused, within the bounds above. */
  tell(address: ClientAddress): void {
    const now = this.#clock.mono();
    const stranger = this.#remember(address, now);
    if (now >= this.#minuteEnds) {
      this.#minuteEnds = now + LINE_EVERY_MS;
      this.#lines = 0;
    }
    if (now < stranger.nextLine || this.#lines >= MAX_LINES) {
      stranger.suppressed += 1;
      return;
    }
    this.#lines += 1;
    this.#log.warn('rpc: a stranger was refused', {
      sender: address,
      suppressed: stranger.suppressed,
    });
    stranger.nextLine = now + LINE_EVERY_MS;
    stranger.suppressed = 0;
  }
}
