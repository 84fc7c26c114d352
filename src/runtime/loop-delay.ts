/**
 * loop-delay - how late the event loop comes to what is due
 *
 * A timer every EVERY_MS, and how much later than due it is called: what stalls the loop for longer than that is
 * seen in any case. It costs fifty short calls a second.
 */
import type { Clock, Timer } from './clock.js';
import { Distribution, type Spread } from './distribution.js';

const EVERY_MS = 20;
const BOUNDS = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export class LoopDelay {
  readonly #seconds = new Distribution(BOUNDS);
  readonly #timer: Timer;

  constructor(clock: Pick<Clock, 'mono' | 'every'>) {
    let last = clock.mono();
    this.#timer = clock.every(EVERY_MS, () => {
      const now = clock.mono();
      this.#seconds.note(Math.max(0, now - last - EVERY_MS) / 1_000);
      last = now;
    });
  }

  /** Seconds. */
  spread(): Spread {
    return this.#seconds.spread();
  }

  stop(): void {
    this.#timer.stop();
  }
}
