/**
 * marks - says at any moment up to where the truth has been told: in the journal, in time, and in what operators do
 *
 * A mark is sound when a restart can tell the rest from it. It is not while a revocation goes on that began before the log,
 * for the time of a lease after the clock was set (ends in the journal are by the clock as it was), and from the time at which
 * what a lease covers may have changed, where leases cover more than an address.
 */
import type { Entries } from './core/entries.js';
import type { Ledger } from './core/ledger.js';
import type { Place } from './core/outlets.js';
import { FUZZ_MS, type Mark, type Swept } from './told.js';

/** Longer than a sweep lags behind. */
const MARGIN_MS = 60_000;
/** Of what ends so long after the time that was told, some may have been told already. */
export const SLOT_MS = 250;
const NOWHERE: Place = { segment: 0, offset: 0 };

export interface MarksOptions {
  readonly journal: { readonly place: Place | undefined };
  readonly ledger: Pick<Ledger, 'leases' | 'revoker'>;
  readonly entries: Pick<Entries, 'sweptUntil'>;
  readonly clock: { wall(): number; mono(): number };
  /** The wall clock less the machine's monotonic one. */
  readonly base: () => number;
  readonly lifetimeMs: number;
  /** Whether leases may cover more than an address. */
  readonly isWide: boolean;
}

export class Marks {
  readonly #options: MarksOptions;
  #resolved = 0;
  #skew = 0;
  #steadyFrom = -Infinity;
  #coverageMoved = false;
  /** Operators' acts are under way, and perhaps not in the log. */
  #acting = false;
  #unlogged = false;
  /** Revocations that began before the log. */
  #older = new Set<object>();
  #began: Swept = { leases: 0, entries: 0 };
  /** How far leases' time was told, and the position by which that was so; what the last mark needs, first. */
  #steps: { readonly until: number; readonly position: number }[] = [];
  /** The position by which no revocation went on. */
  #whole = 0;
  #last: Mark | undefined;

  constructor(options: MarksOptions) {
    this.#options = options;
  }

  /** Acts are about to be done; whether they are in the log. */
  acting(isLogged: boolean): void {
    this.#acting = true;
    this.#unlogged = !isLogged;
  }

  /** They were done, or not. */
  acted(id: number): void {
    this.#resolved = id;
    this.#acting = false;
    this.#unlogged = false;
  }

  /** What a lease covers may be another thing from now on. */
  coverageMoved(): void {
    this.#coverageMoved = this.#options.isWide;
  }

  /** Looks at the clocks; to be called each second. */
  observe(): void {
    const { clock, ledger, lifetimeMs } = this.#options;
    const skew = ledger.leases.time.toWall();
    if (Math.abs(skew - this.#skew) <= FUZZ_MS) return;
    this.#skew = skew;
    this.#steadyFrom = clock.mono() + lifetimeMs + MARGIN_MS;
  }

  /** A log begins after a position. */
  begin(position: number): void {
    this.observe();
    this.#unlogged = this.#acting;
    this.#older = new Set(this.#options.ledger.revoker.unfinished);
    this.#began = this.#swept;
    this.#steps = [{ until: this.#began.leases, position }];
    this.#whole = position;
  }

  /** A log goes on that began in an earlier run. */
  goOn(began: Swept, position: number): void {
    this.begin(position);
    this.#began = began;
  }

  get began(): Swept {
    return this.#began;
  }

  /** For a frame after the last position that is written. */
  mark(written: number): Mark {
    const { base, clock, journal, ledger } = this.#options;
    this.observe();
    const { unfinished } = ledger.revoker;
    if (unfinished.length === 0) this.#whole = written;
    const until = this.#swept;
    this.#last = {
      at: clock.wall(),
      place: journal.place ?? NOWHERE,
      until,
      cuts: unfinished.map(({ storedAt }) => storedAt ?? NOWHERE),
      needs: Math.min(this.#need(until.leases, written), this.#whole),
      base: base(),
      sound: this.#isSound,
      resolved: this.#resolved,
    };
    return this.#last;
  }

  /** Whether a mark of now would say so much more than the last one that it is worth a frame. */
  get isStale(): boolean {
    if (this.#last === undefined) return false;
    const { place, sound, until } = this.#last;
    const isClear = this.#began.leases + SLOT_MS + FUZZ_MS;
    return (
      this.#options.journal.place?.segment !== place.segment ||
      this.#isSound !== sound ||
      (until.leases <= isClear && this.#swept.leases > isClear)
    );
  }

  get #swept(): Swept {
    const { entries, ledger } = this.#options;
    return {
      leases: ledger.leases.sweptUntil + this.#skew,
      entries: entries.sweptUntil + this.#skew,
    };
  }

  get #isSound(): boolean {
    const { clock, journal, ledger } = this.#options;
    return (
      journal.place !== undefined &&
      clock.mono() >= this.#steadyFrom &&
      !this.#coverageMoved &&
      !this.#unlogged &&
      ledger.revoker.unfinished.every((cut) => cut.storedAt !== undefined && !this.#older.has(cut))
    );
  }

  /** The position after which all must be known of what ended after `until`. */
  #need(until: number, written: number): number {
    const last = this.#steps.at(-1);
    if (last === undefined || until > last.until) this.#steps.push({ until, position: written });
    // What ended a moment before may have been told after it: the times' resolution.
    while ((this.#steps[1]?.until ?? Infinity) <= until - SLOT_MS) this.#steps.shift();
    return this.#steps[0]?.position ?? 0;
  }
}
