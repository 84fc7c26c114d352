/**
 * sealed - segments that are only kept until nothing in them can be alive
 *
 * They go one after the other, in the order in which they were written: a revocation must outlast the grants that
 * it took away. One that cannot be removed is told of and tried again later; those after it wait with it.
 */
import { reasonOf } from '../core/fault.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import { codeOf, type Files, settle } from './files.js';
import { damagedName } from './segment.js';

const RETRY_MS = 60_000;

export interface SealedSegment {
  readonly file: string;
  /** It is damaged: put aside instead of deleted. */
  readonly keep: boolean;
  /** Monotonic milliseconds. */
  readonly deadline: number;
}

export class Sealed {
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #segments: SealedSegment[] = [];
  #deleting = false;

  constructor(options: { readonly files: Files; readonly clock: Clock; readonly log: Log }) {
    this.#files = options.files;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  get count(): number {
    return this.#segments.length;
  }

  /** One that was written after all that are here. */
  add(segment: SealedSegment): void {
    this.#segments.push(segment);
  }

  /** Removes what is dead; undefined when there is nothing to do. Never rejects. */
  deleteDead(): Promise<void> | undefined {
    if (this.#deleting) return undefined;
    const mono = this.#clock.mono();
    const alive = this.#segments.findIndex(({ deadline }) => deadline > mono);
    const dead = this.#segments.splice(0, alive < 0 ? this.#segments.length : alive);
    if (dead.length === 0) return undefined;
    this.#deleting = true;
    return this.#delete(dead).finally(() => {
      this.#deleting = false;
    });
  }

  async #delete(dead: readonly SealedSegment[]): Promise<void> {
    for (const [index, { file, keep }] of dead.entries()) {
      try {
        await settle((done) => {
          if (keep) this.#files.rename(file, damagedName(file), done);
          else this.#files.unlink(file, done);
        });
      } catch (error) {
        if (codeOf(error) === 'ENOENT') continue;
        this.#log.warn('journal: cannot remove a segment', { segment: file, error: reasonOf(error) });
        const deadline = this.#clock.mono() + RETRY_MS;
        this.#segments.unshift({ file, keep, deadline }, ...dead.slice(index + 1));
        return;
      }
    }
  }
}
