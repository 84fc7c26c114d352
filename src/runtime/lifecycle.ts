/**
 * lifecycle - starts things in order and stops them in reverse
 *
 * What was started is stopped, even when a later start fails. Each stop is bounded in time: a thing
 * that does not stop is told of and left behind. Stopping twice is stopping once.
 */
import type { Clock } from './clock.js';
import type { Log } from './log.js';

interface Started {
  readonly name: string;
  readonly stop: () => Promise<void> | void;
}

export class Lifecycle {
  readonly #started: Started[] = [];
  readonly #clock: Clock;
  readonly #log: Log;
  #stopping: Promise<void> | undefined;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Records how to stop what has just been started. */
  onStop(name: string, stop: () => Promise<void> | void): void {
    this.#started.push({ name, stop });
  }

  /** Stops everything, the last started first; each at most boundMs milliseconds. */
  stop(boundMs: number): Promise<void> {
    this.#stopping ??= this.#stopAll(boundMs);
    return this.#stopping;
  }

  async #stopAll(boundMs: number): Promise<void> {
    for (const { name, stop } of this.#started.reverse()) {
      let expire: (why: 'late') => void = () => undefined;
      const late = new Promise<'late'>((resolve) => (expire = resolve));
      const timer = this.#clock.after(boundMs, () => {
        expire('late');
      });
      try {
        const result = await Promise.race([Promise.resolve(stop()).then(() => 'stopped' as const), late]);
        if (result === 'late') this.#log.error('did not stop in time', { what: name, boundMs });
      } catch (error) {
        this.#log.error('did not stop cleanly', { what: name, error: String(error) });
      }
      timer.stop();
    }
  }
}
