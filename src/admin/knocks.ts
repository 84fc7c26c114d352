/**
 * knocks - tells of connections that were refused, one line for many: whoever can reach a port can knock
 *
 * Limits: a line in TELL_EVERY_MS, with the reason of the last.
 */
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';

const TELL_EVERY_MS = 10_000;

export class Knocks {
  readonly #clock: Pick<Clock, 'mono'>;
  readonly #log: Log;
  #count = 0;
  #toldAt = -Infinity;

  constructor({ clock, log }: { readonly clock: Pick<Clock, 'mono'>; readonly log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  readonly refused = (reason: string, peer?: string): void => {
    this.#count += 1;
    if (this.#clock.mono() - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = this.#clock.mono();
    this.#log.warn('admin: connections were refused', {
      count: this.#count,
      lastFrom: peer,
      lastReason: reason,
    });
    this.#count = 0;
  };
}
