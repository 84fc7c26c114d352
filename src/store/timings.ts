/**
 * timings - how large the groups were that became durable, and how long that took
 *
 * For whoever watches the daemon; the journal itself decides nothing by it. What failed is not noted.
 */
import { Distribution, type Spread } from '../runtime/distribution.js';

const GROUP_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048];
const SECONDS_BOUNDS = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

export class Timings {
  readonly #groups = new Distribution(GROUP_BOUNDS);
  readonly #seconds = new Distribution(SECONDS_BOUNDS);
  #grants = 0;
  #since = 0;

  /** A group is on its way, at this monotonic millisecond. */
  begin(grants: number, now: number): void {
    this.#grants = grants;
    this.#since = now;
  }

  /** It is on stable storage. */
  durable(now: number): void {
    this.#groups.note(this.#grants);
    this.#seconds.note((now - this.#since) / 1_000);
  }

  spreads(): { readonly groups: Spread; readonly seconds: Spread } {
    return { groups: this.#groups.spread(), seconds: this.#seconds.spread() };
  }
}
