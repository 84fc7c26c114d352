/**
 * counters - how often things happened since the start, by name
 *
 * Names are a closed set written in the code (`rpc.udp.oversize`): never an address, a user or any
 * text a peer chose, so that their number cannot grow.
 */
export class Counters {
  readonly #counts = new Map<string, number>();

  add(name: string, n = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + n);
  }

  /** All counts, sorted by name. */
  snapshot(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
