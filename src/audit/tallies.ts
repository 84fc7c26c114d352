/**
 * tallies - things that happen often, as one record for all of a minute
 *
 * A tally begins with the first of its things and is recorded WINDOW_MS later, or when it is ended: what it is about is
 * over, or something of it is not the same any more. So nothing is recorded twice, and each thing counts in
 * exactly one record.
 *
 * Limits: MAX_TALLIES; one more, and the oldest is recorded early.
 */

export const WINDOW_MS = 60_000;
export const MAX_TALLIES = 16_384;

/** Times are wall clock, epoch milliseconds; `since` is monotonic. */
export interface Tally<T> {
  readonly since: number;
  readonly from: number;
  at: number;
  count: number;
  /** The last of what was counted. */
  of: T;
}

export interface TalliesOptions<T> {
  readonly clock: { wall(): number; mono(): number };
  /** Whether a thing may be counted with what is there. */
  readonly isLike: (one: T, other: T) => boolean;
  readonly record: (tally: Tally<T>) => void;
  readonly max?: number;
}

type Place<T> = readonly [key: string, tally: Tally<T>];

export class Tallies<T> {
  readonly #options: TalliesOptions<T>;
  /** In the order in which they began. */
  readonly #tallies = new Map<string, Tally<T>>();
  /** Goes through them once and for all: from the beginning, a map would show all that were there again. */
  #places: Iterator<Place<T>, undefined>;
  #first: Place<T> | undefined;

  constructor(options: TalliesOptions<T>) {
    this.#options = options;
    this.#places = this.#tallies.entries();
  }

  get size(): number {
    return this.#tallies.size;
  }

  has(key: string): boolean {
    return this.#tallies.has(key);
  }

  count(key: string, of: T): void {
    const { clock, isLike, max = MAX_TALLIES } = this.#options;
    const known = this.#tallies.get(key);
    if (known !== undefined && isLike(known.of, of)) {
      known.at = clock.wall();
      known.count += 1;
      known.of = of;
      return;
    }
    if (known !== undefined) this.end(key);
    if (this.#tallies.size >= max) this.endSome(1);
    const at = clock.wall();
    this.#tallies.set(key, { since: clock.mono(), from: at, at, count: 1, of });
  }

  /** What it is about is over: records it now, if there is one. */
  end(key: string): void {
    const tally = this.#tallies.get(key);
    if (tally === undefined) return;
    this.#tallies.delete(key);
    this.#options.record(tally);
  }

  /** Records those whose time has come, at most `most`; to be called many times a second. */
  tick(most: number): void {
    const due = this.#options.clock.mono() - WINDOW_MS;
    for (let left = most; left > 0; left -= 1) {
      const first = this.#oldest();
      if (first === undefined || first[1].since > due) return;
      this.end(first[0]);
    }
  }

  /** Records the oldest, at most `most`. */
  endSome(most: number): void {
    for (let left = most; left > 0; left -= 1) {
      const first = this.#oldest();
      if (first === undefined) return;
      this.end(first[0]);
    }
  }

  #oldest(): Place<T> | undefined {
    const isThere = ([key, tally]: Place<T>): boolean => this.#tallies.get(key) === tally;
    if (this.#first !== undefined && isThere(this.#first)) return this.#first;
    if (this.#tallies.size === 0) return undefined;
    let next = this.#places.next();
    if (next.done === true) {
      this.#places = this.#tallies.entries();
      next = this.#places.next();
    }
    this.#first = next.value;
    return this.#first;
  }
}
