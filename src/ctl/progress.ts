/** progress - how far a long command is, in one line on a terminal's standard error; elsewhere nothing */
import type { Clock } from '../runtime/clock.js';

const EVERY_MS = 200;
const CLEAR = '\r\u001b[K';

export class Progress {
  readonly #clock: Pick<Clock, 'mono'>;
  readonly #isShown: boolean;
  #shownAt = -Infinity;

  constructor(clock: Pick<Clock, 'mono'>, isShown: boolean) {
    this.#clock = clock;
    this.#isShown = isShown;
  }

  tell(text: string): void {
    const now = this.#clock.mono();
    if (!this.#isShown || now - this.#shownAt < EVERY_MS) return;
    this.#shownAt = now;
    process.stderr.write(`${CLEAR}${text}`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#shownAt !== -Infinity) process.stderr.write(CLEAR);
    this.#shownAt = -Infinity;
  }
}
