/**
 * live-maps - all configured live maps, as the one map that the ledger knows
 *
 * A change is done when every map has done it; one that cannot makes the whole a Fault, so that no
 * report hears SUCCESS while one of the mail servers would still say no.
 */
import type { Fault } from '../core/fault.js';
import type { LiveMap, MapChange } from '../core/outlets.js';
import type { OpenLiveMap } from './format.js';

export class LiveMaps implements LiveMap {
  readonly #maps: readonly OpenLiveMap[];

  constructor(maps: readonly OpenLiveMap[]) {
    this.#maps = maps;
  }

  apply(change: MapChange, done: (fault?: Fault) => void): void {
    const [first, ...others] = this.#maps;
    if (first === undefined) done();
    else if (others.length === 0) first.apply(change, done);
    else this.#applyToAll(change, done);
  }

  #applyToAll(change: MapChange, done: (fault?: Fault) => void): void {
    this.#all((map, told) => {
      map.apply(change, told);
    }, done);
  }

  renew(done: (fault?: Fault) => void): void {
    if (this.#maps.length === 0) done();
    else
      this.#all((map, told) => {
        map.renew(told);
      }, done);
  }

  #all(ask: (map: OpenLiveMap, told: (fault?: Fault) => void) => void, done: (fault?: Fault) => void): void {
    let left = this.#maps.length;
    let failed: Fault | undefined;
    for (const map of this.#maps)
      ask(map, (fault) => {
        failed ??= fault;
        left -= 1;
        if (left === 0) done(failed);
      });
  }

  /** In words, what is wrong with each map that cannot be changed at present. */
  get degraded(): string[] {
    return this.#maps.map(({ degraded }) => degraded).filter((reason) => reason !== undefined);
  }

  /** In the order of the configuration. */
  list(): readonly OpenLiveMap[] {
    return this.#maps;
  }

  /** Opens one after the other. */
  async open(): Promise<void> {
    for (const map of this.#maps) await map.open();
  }

  tick(): void {
    for (const map of this.#maps) map.tick();
  }

  async close(): Promise<void> {
    await Promise.all(this.#maps.map((map) => map.close()));
  }
}
