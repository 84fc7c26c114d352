/**
 * steady - the time by which grants end: both clocks, and neither one's jumps
 *
 * Steady time runs with the monotonic clock and follows small forward corrections of the wall clock,
 * so a grant ends when either clock says so. A jump of the wall clock (more than five seconds between
 * two observations, or any step backwards) moves it not at all: a jump forward ends no grant early,
 * a jump backward extends none.
 *
 * Bugs: a machine that is suspended as a whole looks like a jump forward; its grants keep what was
 * left of their time.
 */

/** The two clocks this is made of, milliseconds. */
export interface Clocks {
  wall(): number;
  mono(): number;
}

/** A larger difference between the clocks than this, milliseconds, is a jump and not a correction. */
export const MAX_CORRECTION_MS = 5_000;
/** Differences below this, milliseconds, are the resolution of the clocks. */
const NOISE_MS = 2;

export class SteadyTime {
  readonly #clocks: Clocks;
  #offset: number;
  #lastDifference: number;

  constructor(clocks: Clocks) {
    this.#clocks = clocks;
    this.#offset = clocks.wall() - clocks.mono();
    this.#lastDifference = 0;
  }

  /** Steady epoch milliseconds. */
  now(): number {
    return this.#clocks.mono() + this.#offset;
  }

  /** What to add to a steady time to say it as the wall clock does now. */
  toWall(): number {
    return this.#clocks.wall() - this.now();
  }

  /**
   * Compares the clocks; to be called a few times a second. Answers by how many milliseconds the
   * wall clock has jumped since the last call, or 0.
   */
  observe(): number {
    const difference = this.toWall();
    const step = difference - this.#lastDifference;
    if (Math.abs(step) > MAX_CORRECTION_MS) {
      this.#lastDifference = difference;
      return step;
    }
    if (step > NOISE_MS) {
      this.#offset += step;
      this.#lastDifference = difference - step;
    } else if (step < -NOISE_MS) this.#lastDifference = difference;
    return 0;
  }
}
