/**
 * crowd - counts what comes from whom, so that one does not take the places of all
 *
 * Promise: it remembers nobody of whom there is nothing.
 */

/** Something that ends. */
export interface Guest {
  once(event: 'close', listener: () => void): unknown;
}

export class Crowd {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  /** `max` of one name. */
  constructor(max: number) {
    this.#max = max;
  }

  /** How many names there are. */
  get size(): number {
    return this.#counts.size;
  }

  /** Counts it under a name until it closes; answers whether there was room for it. */
  admits(name: string, guest: Guest): boolean {
    const count = this.#counts.get(name) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(name, count + 1);
    guest.once('close', () => {
      const left = (this.#counts.get(name) ?? 1) - 1;
      if (left > 0) this.#counts.set(name, left);
      else this.#counts.delete(name);
    });
    return true;
  }
}
