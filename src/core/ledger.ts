/**
 * ledger - the set of grants, and its only writer
 *
 * A report becomes a grant in this order: the reporter is believed, the address may be granted, there is room; the grant
 * is on stable storage; the live map says yes; and only then does the report learn its outcome. Reports that come while
 * a group is being written form the next group, so the disk is waited for once a group and never twice at a time.
 * Expiry: a sweep visits only grants whose time may be over, and removes at most SWEEP_STEP before it lets other work run.
 * A jump of the wall clock makes what is stored wrong, so all live grants are then written again, REWRITE_STEP with each group.
 * Limits: `max` live grants (renewals go on at the cap); MAX_WAITING reports wait for the disk, those
 * beyond fail at once; a group holds at most MAX_GROUP.
 */
import type { ClientAddress } from './address.js';
import type { Coverage } from './coverage.js';
import { Entry } from './entry.js';
import { Ended } from './ended.js';
import { ExpiryIndex } from './expiry-index.js';
import type { Fault } from './fault.js';
import { endSecond, type Grant, leaseEnd } from './grant.js';
import { GrantTable, NOWHERE } from './grant-table.js';
import type { NeverGranted } from './never.js';
import type { Reporters } from './reporters.js';
import { FOREVER, type SiteNetworks } from './site.js';
import { type Clocks, SteadyTime } from './steady.js';
import { isNetwork, type LeanPermission, type Permission, type Subject } from './subject.js';

/**
 * What the ledger says to whoever asks about a client. Times are wall clock, epoch milliseconds; endedAt is
 * known of grants that ended within the past that the ledger remembers.
 */
export type Verdict =
  | { readonly verdict: 'permitted'; readonly expiresAt: number }
  | { readonly verdict: 'not'; readonly endedAt?: number; readonly never?: true }
  | { readonly verdict: 'unknown' };

/** What the ledger says to a report. */
export type Outcome = 'granted' | 'renewed' | 'stranger' | 'unusable' | 'full' | 'failed';

/** A reporter's claim that a client has just authenticated. */
export interface Report {
  readonly client: ClientAddress;
  readonly sender: ClientAddress;
  /** Called exactly once, perhaps before authorize returns. */
  settle(outcome: Outcome): void;
}

export interface GrantStore {
  /** Makes grants durable as one group, then calls done once, with a Fault when they are not. One call at a time. */
  commit(grants: readonly Grant[], done: (fault?: Fault) => void): void;
  /** In words, why grants cannot be made durable at present. */
  readonly degraded: string | undefined;
}

export interface MapChange {
  readonly put: readonly Permission[];
  readonly remove: readonly Subject[];
}

export interface LiveMap {
  /** Makes the map say so, then calls done once, with a Fault when it cannot. Changes are applied in order. */
  apply(change: MapChange, done: (fault?: Fault) => void): void;
}

export interface LedgerClock extends Clocks {
  soon(fn: () => void): void;
}

/** What the ledger tells of itself; each at most once a change of state. */
export interface LedgerAlarms {
  full(max: number): void;
  roomAgain(): void;
  clockJumped(byMs: number): void;
}

export interface LedgerOptions {
  readonly store: GrantStore;
  readonly map: LiveMap;
  readonly clock: LedgerClock;
  readonly reporters: Reporters;
  readonly never: NeverGranted;
  /** What relays without a grant. */
  readonly site: SiteNetworks;
  /** How much a lease covers. */
  readonly coverage: Coverage;
  readonly alarms: LedgerAlarms;
  readonly lifetimeMs: number;
  readonly max: number;
  /** For how long an ended grant is remembered; 0 for not at all. */
  readonly pastMs: number;
}

export const MAX_WAITING = 16_384;
export const MAX_GROUP = 2_048;
export const SWEEP_STEP = 250;
export const REWRITE_STEP = 1_000;

/** A report that waits for the disk. `place` saves looking again, which is what many grants make dear. */
interface Waiting {
  readonly report: Report;
  readonly subject: Subject;
  readonly place: number;
}

const NOT_PERMITTED: Verdict = { verdict: 'not' };
const NEVER: Verdict = { verdict: 'not', never: true };
const UNKNOWN: Verdict = { verdict: 'unknown' };
const PERMITTED_FOREVER: Verdict = { verdict: 'permitted', expiresAt: FOREVER };

const endOf = (past?: Verdict): number => (past?.verdict === 'not' ? (past.endedAt ?? 0) : 0);

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #time: SteadyTime;
  readonly #table = new GrantTable();
  readonly #expiries: ExpiryIndex;
  readonly #ended: Ended;
  #sweeping = false;
  #full = false;

  #waiting: Waiting[] = [];
  #waitingNew = 0;
  #group: Waiting[] = [];
  #groupEntries: Entry[] = [];
  #busy = false;
  /** The grants still to be written again, and whether to begin anew because some could not be. */
  #rewriting: Iterator<number> | undefined;
  #rewriteDue = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#time = new SteadyTime(options.clock);
    this.#ended = new Ended({ pastMs: options.pastMs });
    this.#expiries = new ExpiryIndex(this.#time.now());
  }

  /** How many grants there are, those whose time is over but not yet swept included. */
  get size(): number {
    return this.#table.size;
  }

  /** Whether new clients are refused for want of room. */
  get isFull(): boolean {
    return this.#full;
  }

  /**
   * What a live look-up is told, at the moment of its question; never touches the disk. While nothing can be granted, a client that
   * has none may well have fetched mail just now: that is not a no.
   */
  ask(client: ClientAddress): Verdict {
    const { never, site, coverage, store } = this.#options;
    if (never.forbids(client)) return NEVER;
    if (site.holds(client)) return PERMITTED_FOREVER;
    const now = this.#time.now();
    const exact = this.#verdictOn(client, now);
    if (exact?.verdict === 'permitted') return exact;
    const around = never.isHost(client) ? undefined : coverage.around(client);
    const covering = around && this.#verdictOn(around, now);
    if (covering?.verdict === 'permitted') return covering;
    if (store.degraded !== undefined || this.#full) return UNKNOWN;
    return (endOf(covering) > endOf(exact) ? covering : exact) ?? NOT_PERMITTED;
  }

  /** What the grant of this subject alone says, of one that has ended not long ago too. */
  #verdictOn(subject: Subject, now: number): Verdict | undefined {
    const place = this.#table.find(subject);
    const deadline = place === NOWHERE ? this.#ended.of(subject, now) : this.#table.deadlineAt(place);
    if (deadline === undefined) return undefined;
    if (place !== NOWHERE && deadline > now)
      return { verdict: 'permitted', expiresAt: this.#table.expiresAt(place) };
    return { verdict: 'not', endedAt: Math.round(deadline + this.#time.toWall()) };
  }

  /** The grants that are alive now. Safe to step through while the ledger changes. */
  *grants(): Generator<Grant> {
    for (const place of this.#living()) yield this.#table.grantAt(place);
  }

  /** All that maps show: the site's own networks, and the grants of others. Safe to step through like grants(). */
  *permissions(): Generator<Permission> {
    yield* this.#options.site.permissions;
    for (const place of this.#living()) {
      const client = this.#table.subjectAt(place);
      if (this.#isForMaps(client)) yield { client, expiresAt: this.#table.expiresAt(place) };
    }
  }

  /** The same at a third of the work, for snapshots. */
  lean(): Iterable<LeanPermission> {
    const { site } = this.#options;
    return site.permissions.length > 0 ? this.permissions() : this.#table.lean(this.#time.now());
  }

  *#living(): Generator<number> {
    for (const place of this.#table.places())
      if (this.#table.deadlineAt(place) > this.#time.now()) yield place;
  }

  /** Whether maps carry this subject's grant: they say already that the site's own may relay. */
  #isForMaps(subject: Subject): boolean {
    return isNetwork(subject) || !this.#options.site.holds(subject);
  }

  /**
   * Takes over what the store recovered, except what may not be granted any more; what is left of a grant
   * is never more than a whole lease. What it covers is decided anew.
   */
  restore(grants: Iterable<Grant>): void {
    const toWall = this.#time.toWall();
    const now = this.#time.now();
    for (const { client, reporter, expiresAt } of grants) {
      if (this.#options.never.refuses(client, reporter)) continue;
      const deadline = Math.min(expiresAt - toWall, now + this.#options.lifetimeMs);
      if (deadline <= now) continue;
      const subject = this.#options.coverage.of(client);
      const place = this.#table.find(subject);
      if (place === NOWHERE || this.#table.deadlineAt(place) < deadline)
        this.#keep(place, new Entry({ client, reporter, subject, place }, deadline, toWall));
    }
  }

  /** Decides on a report. The report is settled when the grant is durable and visible, or refused. */
  authorize(report: Report): void {
    const refusal = this.#refusal(report) ?? this.#admit(report);
    if (refusal !== undefined) report.settle(refusal);
    else this.#work();
  }

  #work(): void {
    if (this.#busy) return;
    this.#busy = true;
    // Not at once: what has already arrived joins the same group.
    this.#options.clock.soon(this.#commitGroup);
  }

  #refusal({ client, sender }: Report): Outcome | undefined {
    const { reporters, never } = this.#options;
    if (!reporters.believes(sender)) return 'stranger';
    if (never.refuses(client, sender)) return 'unusable';
    return this.#waiting.length >= MAX_WAITING ? 'failed' : undefined;
  }

  #admit(report: Report): Outcome | undefined {
    const { coverage, max, alarms } = this.#options;
    const subject = coverage.of(report.client);
    const place = this.#table.find(subject);
    if (place !== NOWHERE || this.#table.size + this.#waitingNew < max) {
      if (place === NOWHERE) this.#waitingNew += 1;
      this.#waiting.push({ report, subject, place });
      return undefined;
    }
    if (!this.#full) alarms.full(max);
    this.#full = true;
    return 'full';
  }

  readonly #commitGroup = (): void => {
    if (this.#waiting.length <= MAX_GROUP) {
      this.#group = this.#waiting;
      this.#waiting = [];
    } else this.#group = this.#waiting.splice(0, MAX_GROUP);
    const now = this.#time.now();
    const toWall = this.#time.toWall();
    const { lifetimeMs } = this.#options;
    this.#groupEntries = this.#group.map(({ report: { client, sender }, subject, place }) => {
      const current = this.#table.isAt(place, subject) ? this.#table.deadlineAt(place) : undefined;
      return new Entry(
        { client, reporter: sender, subject, place },
        leaseEnd(now, lifetimeMs, current),
        toWall,
      );
    });
    this.#addRewritten(toWall);
    this.#options.store.commit(this.#groupEntries, this.#groupStored);
  };

  /** Lets some of the grants that must be written again join the group. */
  #addRewritten(toWall: number): void {
    if (this.#rewriting === undefined) return;
    for (let budget = REWRITE_STEP; budget > 0; budget -= 1) {
      const next = this.#rewriting.next();
      if (next.done === true) {
        this.#rewriting = undefined;
        return;
      }
      const place = next.value;
      const { client, reporter } = this.#table.grantAt(place);
      const subject = this.#table.subjectAt(place);
      this.#groupEntries.push(
        new Entry({ client, reporter, subject, place }, this.#table.deadlineAt(place), toWall),
      );
    }
  }

  readonly #groupStored = (fault?: Fault): void => {
    if (fault !== undefined) {
      if (this.#groupEntries.length > this.#group.length) this.#rewriteDue = true;
      this.#settleGroup(() => 'failed');
      return;
    }
    // Kept before the map is told: a sweep must see the renewal, or it would take the entry out of the
    // map behind us; and if the map cannot say so yet, it is rebuilt from here.
    // What was only written again may have ended meanwhile.
    const reports = this.#group.length;
    const put: Permission[] = [];
    const renewed: boolean[] = [];
    for (const [index, entry] of this.#groupEntries.entries()) {
      const { subject } = entry;
      const place = this.#table.isAt(entry.place, subject) ? entry.place : this.#table.find(subject);
      if (place === NOWHERE && index >= reports) continue;
      if (!this.#isShown(place, entry) && this.#isForMaps(subject))
        put.push(subject === entry.client ? entry : { client: subject, expiresAt: entry.expiresAt });
      this.#keep(place, entry);
      renewed.push(place !== NOWHERE);
    }
    this.#options.map.apply({ put, remove: [] }, (mapFault) => {
      this.#settleGroup((i) =>
        mapFault !== undefined ? 'failed' : renewed[i] === true ? 'renewed' : 'granted',
      );
    });
  };

  #settleGroup(outcome: (index: number) => Outcome): void {
    const group = this.#group;
    this.#group = [];
    this.#groupEntries = [];
    // Only reports that still wait stand for entries to be.
    this.#waitingNew = this.#waiting.reduce(
      (n, { subject, place }) => n + (place === NOWHERE && this.#table.find(subject) === NOWHERE ? 1 : 0),
      0,
    );
    if (this.#waiting.length > 0 || this.#rewriting !== undefined)
      this.#options.clock.soon(this.#commitGroup);
    else this.#busy = false;
    for (const [index, { report }] of group.entries()) report.settle(outcome(index));
  }

  /** Whether maps, which tell the end in whole seconds, carry this entry's already: a busy client is renewed many times in one. */
  #isShown(place: number, entry: Entry): boolean {
    return place !== NOWHERE && endSecond(this.#table.expiresAt(place)) === endSecond(entry.expiresAt);
  }

  /** Puts a durable entry into the table. */
  #keep(place: number, entry: Entry): void {
    if (place === NOWHERE) this.#insert(entry);
    // It keeps its old slot; the sweep moves it on when that slot's time is over.
    else this.#table.set(place, entry, Math.max(this.#table.deadlineAt(place), entry.deadline));
  }

  #insert(entry: Entry): void {
    this.#expiries.schedule(this.#table.add(entry.subject, entry, entry.deadline), entry.deadline);
  }

  /** Removes what is over; to be called a few times a second. Returns at once, works on in small steps. */
  sweep(): void {
    const jumped = this.#time.observe();
    if (jumped !== 0) {
      this.#options.alarms.clockJumped(jumped);
      this.#rewriteDue = true;
    }
    this.#ended.forget(this.#time.now());
    if (this.#rewriteDue) {
      this.#rewriteDue = false;
      this.#rewriting = this.#table.places();
      this.#work();
    }
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#sweepStep();
  }

  readonly #sweepStep = (): void => {
    const now = this.#time.now();
    const over: Subject[] = [];
    let budget = SWEEP_STEP;
    for (; budget > 0; budget -= 1) {
      const place = this.#expiries.take(now);
      if (place === undefined) break;
      this.#expire(place, now, over);
    }
    if (this.#full && this.#table.size < this.#options.max) {
      this.#full = false;
      this.#options.alarms.roomAgain();
    }
    if (over.length > 0) this.#options.map.apply({ put: [], remove: over }, () => undefined);
    if (budget === 0) this.#options.clock.soon(this.#sweepStep);
    else this.#sweeping = false;
  };

  #expire(place: number, now: number, over: Subject[]): void {
    const deadline = this.#table.deadlineAt(place);
    if (deadline > now) {
      this.#expiries.schedule(place, deadline);
      return;
    }
    const subject = this.#table.subjectAt(place);
    this.#table.remove(place);
    this.#ended.remember(subject, deadline);
    if (this.#isForMaps(subject)) over.push(subject);
  }
}
