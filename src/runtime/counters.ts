/**
 * counters - how often things happened since the start, by name
 *
 * Names are a closed set written in the code (`rpc.udp.oversize`): never an address, a user or any
 * text a peer chose, so that their number cannot grow. The same holds for the labels of those that have some.
 */
/** A count with what it was counted under. */
export interface Labelled {
  readonly labels: readonly string[];
  readonly count: number;
}

/** Stands in no label. */
const SEPARATOR = '\0';

export class Counters {
  readonly #counts = new Map<string, number>();
  readonly #labelled = new Map<string, Map<string, number>>();

  add(name: string, n = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + n);
  }

  /** Counts under labels, always the same kinds of them in the same order. */
  addLabelled(name: string, ...labels: readonly string[]): void {
    let counts = this.#labelled.get(name);
    if (counts === undefined) this.#labelled.set(name, (counts = new Map<string, number>()));
    const key = labels.join(SEPARATOR);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  labelled(name: string): Labelled[] {
    return Array.from(this.#labelled.get(name) ?? [], ([key, count]) => ({
      labels: key.split(SEPARATOR),
      count,
    }));
  }

  /** All counts without labels, sorted by name. */
  snapshot(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
