/**
 * tail - what the journal tells after a place in it, beside what recovery collects
 *
 * For whoever has told others of what was committed up to there, and goes on after a restart. Revocations that had been
 * committed before, and were not carried out when the place was noted (`cuts`, by where their groups end), are told apart.
 */
import type { Grant } from '../core/grant.js';
import type { Place } from '../core/outlets.js';
import { subjectOf, type Subject } from '../core/subject.js';
import type { GrantCollector, HeldGrant } from './collector.js';
import { entriesIn, FIRST_FRAME_AT } from './frame.js';

export interface Since {
  readonly place: Place;
  readonly cuts: readonly Place[];
  /** Grants that ended before are of no interest, wall clock. */
  readonly until: number;
}

export type Told = { readonly grant: Grant } | { readonly revoked: Subject };

export interface TailFound {
  /** Those that stood at the place. */
  readonly grants: Iterable<HeldGrant>;
  /** Revocations that were not carried out, with their place in the order of grants. */
  readonly cuts: readonly { readonly subject: Subject; readonly order: number }[];
  /** What follows, in order. */
  readonly told: readonly Told[];
}

export class Tail {
  readonly #since: Since;
  readonly #collector: GrantCollector;
  #segment = 0;
  #found: { grants: Iterable<HeldGrant>; cuts: TailFound['cuts'] } | undefined;
  readonly #told: Told[] = [];
  /** The place is where a group ends. */
  #isThere = false;

  constructor(since: Since, collector: GrantCollector) {
    this.#since = since;
    this.#collector = collector;
    // Nothing stands before the first frame, so the segment may have gone with all that was never in it.
    this.#isThere = since.place.offset === FIRST_FRAME_AT;
  }

  begin(segment: number): void {
    this.#segment = segment;
    if (segment > this.#since.place.segment) this.#arrive();
  }

  take(bytes: Buffer, start: number, end: number): number {
    this.#pass(start);
    if (this.#found !== undefined) this.#told.push(...entriesIn(bytes, start, end));
    const isCut = this.#since.cuts.some((cut) => cut.segment === this.#segment && cut.offset === end);
    return isCut && this.#found === undefined
      ? this.#collector.takeLater(bytes, start, end)
      : this.#collector.take(bytes, start, end);
  }

  /** The last good frame of the segment ends here. */
  end(offset: number): void {
    this.#pass(offset);
  }

  /** undefined when the place is not in the journal. To be asked when all has been read. */
  found(): TailFound | undefined {
    this.#arrive();
    return this.#isThere && this.#found !== undefined ? { ...this.#found, told: this.#told } : undefined;
  }

  #pass(offset: number): void {
    const { place } = this.#since;
    if (this.#segment !== place.segment) return;
    if (offset === place.offset) this.#isThere = true;
    if (offset >= place.offset) this.#arrive();
  }

  #arrive(): void {
    if (this.#found !== undefined) return;
    const grants = this.#collector.held();
    const cuts = this.#collector.applyLater();
    this.#found = {
      grants,
      cuts: cuts.map(({ network, order }) => ({ subject: subjectOf(network), order })),
    };
  }
}
