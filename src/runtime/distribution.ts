/**
 * distribution - how values were spread since the start: a histogram with fixed bounds
 *
 * What it costs to note a value is a short walk over the bounds; nothing grows.
 */
export interface Spread {
  /** Upper bounds, ascending; what is beyond the last counts in `count` alone. */
  readonly bounds: readonly number[];
  /** How many values were at most the bound of the same index. */
  readonly atMost: readonly number[];
  readonly count: number;
  readonly sum: number;
}

export class Distribution {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #beyond = 0;
  #sum = 0;

  /** Bounds ascend. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  note(value: number): void {
    this.#sum += value;
    const index = this.#bounds.findIndex((bound) => value <= bound);
    if (index < 0) this.#beyond += 1;
    else this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  spread(): Spread {
    let count = 0;
    const atMost = this.#counts.map((one) => (count += one));
    return { bounds: this.#bounds, atMost, count: count + this.#beyond, sum: this.#sum };
  }
}
