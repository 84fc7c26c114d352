/**
 * ledger - the set of grants, and its only writer
 *
 * A report becomes a grant in this order: the reporter is believed, the address may be granted, there
 * is room; the grant is on stable storage; the live map says yes; and only then does the report learn
 * its outcome. Reports that come while a group is being written form the next group, so the disk is
 * waited for once a group and never twice at a time.
 *
 * Expiry: every grant stands once in a slot of a quarter second. A sweep visits only slots whose time
 * is over and removes at most SWEEP_STEP grants before it lets other work run.
 *
 * A jump of the wall clock makes what is stored wrong (it is stored as the wall clock's time), so all live
 * grants are then written again, REWRITE_STEP with each group.
 *
 * Limits: `max` live grants (renewals go on at the cap); MAX_WAITING reports wait for the disk, those
 * beyond fail at once; a group holds at most MAX_GROUP.
 */
import type { ClientAddress } from './address.js';
import { Ended } from './ended.js';
import type { Fault } from './fault.js';
import type { Grant } from './grant.js';
import type { NeverGranted } from './never.js';
import type { Reporters } from './reporters.js';
import { endSecond, leaseEnd } from './grant.js';
import { type Clocks, SteadyTime } from './steady.js';

/**
 * What the ledger says to whoever asks about a client. Times are wall clock, epoch milliseconds; endedAt is
 * known of grants that ended within the past that the ledger remembers.
 */
export type Verdict =
  | { readonly verdict: 'permitted'; readonly expiresAt: number }
  | { readonly verdict: 'not'; readonly endedAt?: number }
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
  readonly put: readonly Grant[];
  readonly remove: readonly ClientAddress[];
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
  readonly alarms: LedgerAlarms;
  readonly lifetimeMs: number;
  readonly max: number;
  /** For how long an ended grant is remembered; 0 for not at all. */
  readonly pastMs: number;
}

export const MAX_WAITING = 16_384;
export const MAX_GROUP = 2_048;
export const SWEEP_STEP = 1_000;
export const REWRITE_STEP = 1_000;
const SLOT_MS = 250;

/** A grant as the ledger keeps it: with the steady time at which it ends, and the slot it stands in. */
class Entry implements Grant {
  readonly client: ClientAddress;
  reporter: ClientAddress;
  expiresAt: number;
  deadline: number;

  constructor(of: { client: ClientAddress; reporter: ClientAddress }, deadline: number, toWall: number) {
    this.client = of.client;
    this.reporter = of.reporter;
    this.deadline = deadline;
    this.expiresAt = Math.round(deadline + toWall);
  }
}

const NOT_PERMITTED: Verdict = { verdict: 'not' };
const UNKNOWN: Verdict = { verdict: 'unknown' };

const ignore = (): void => undefined;

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #time: SteadyTime;
  readonly #entries = new Map<ClientAddress, Entry>();
  readonly #slots = new Map<number, Entry[]>();
  readonly #ended: Ended;
  #sweptSlot: number;
  #sweeping = false;
  #full = false;

  #waiting: Report[] = [];
  #waitingNew = 0;
  #group: Report[] = [];
  #groupEntries: Entry[] = [];
  #busy = false;
  /** The grants still to be written again, and whether to begin anew because some could not be. */
  #rewriting: Iterator<Entry> | undefined;
  #rewriteDue = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#time = new SteadyTime(options.clock);
    this.#ended = new Ended({ pastMs: options.pastMs });
    this.#sweptSlot = Math.floor(this.#time.now() / SLOT_MS);
  }

  /** How many clients hold a grant, those whose time is over but not yet swept included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Whether a client may relay at this moment. Never touches the disk. */
  permits(client: ClientAddress): boolean {
    const entry = this.#entries.get(client);
    return entry !== undefined && entry.deadline > this.#time.now();
  }

  /**
   * What a live look-up is told, at the moment of its question. While nothing can be granted, a client that
   * has none may well have fetched mail just now: that is not a no.
   */
  ask(client: ClientAddress): Verdict {
    const now = this.#time.now();
    const entry = this.#entries.get(client);
    if (entry !== undefined && entry.deadline > now)
      return { verdict: 'permitted', expiresAt: entry.expiresAt };
    if (this.#options.store.degraded !== undefined) return UNKNOWN;
    const endedAt = entry === undefined ? this.#ended.of(client, now) : entry.deadline;
    if (endedAt === undefined) return NOT_PERMITTED;
    return { verdict: 'not', endedAt: Math.round(endedAt + this.#time.toWall()) };
  }

  /** The grants that are alive now. Safe to step through while the ledger changes. */
  *grants(): Generator<Grant> {
    for (const entry of this.#entries.values()) if (entry.deadline > this.#time.now()) yield entry;
  }

  /**
   * Takes over what the store recovered, except what may not be granted any more; what is left of a grant
   * is never more than a whole lease.
   */
  restore(grants: Iterable<Grant>): void {
    const toWall = this.#time.toWall();
    const now = this.#time.now();
    for (const grant of grants) {
      if (this.#options.never.refuses(grant.client, grant.reporter)) continue;
      const deadline = Math.min(grant.expiresAt - toWall, now + this.#options.lifetimeMs);
      if (deadline > now) this.#insert(new Entry(grant, deadline, toWall));
    }
  }

  /** Decides on a report. The report is settled when the grant is durable and visible, or refused. */
  authorize(report: Report): void {
    const refusal = this.#refusal(report);
    if (refusal !== undefined) {
      report.settle(refusal);
      return;
    }
    if (!this.#entries.has(report.client)) this.#waitingNew += 1;
    this.#waiting.push(report);
    this.#work();
  }

  #work(): void {
    if (this.#busy) return;
    this.#busy = true;
    // Not at once: what has already arrived joins the same group.
    this.#options.clock.soon(this.#commitGroup);
  }

  #refusal({ client, sender }: Report): Outcome | undefined {
    const { reporters, never, max, alarms } = this.#options;
    if (!reporters.believes(sender)) return 'stranger';
    if (never.refuses(client, sender)) return 'unusable';
    if (this.#waiting.length >= MAX_WAITING) return 'failed';
    if (this.#entries.has(client) || this.#entries.size + this.#waitingNew < max) return undefined;
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
    this.#groupEntries = this.#group.map((report) => {
      const deadline = leaseEnd(now, this.#options.lifetimeMs, this.#entries.get(report.client)?.deadline);
      return new Entry({ client: report.client, reporter: report.sender }, deadline, toWall);
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
      this.#groupEntries.push(new Entry(next.value, next.value.deadline, toWall));
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
    const entries = this.#groupEntries.filter((entry, i) => i < reports || this.#entries.has(entry.client));
    const put = entries.filter((entry) => !this.#isShown(entry));
    const renewed = entries.map((entry) => this.#keep(entry));
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
    this.#waitingNew = this.#waiting.reduce((n, report) => n + (this.#entries.has(report.client) ? 0 : 1), 0);
    if (this.#waiting.length > 0 || this.#rewriting !== undefined)
      this.#options.clock.soon(this.#commitGroup);
    else this.#busy = false;
    for (const [index, report] of group.entries()) report.settle(outcome(index));
  }

  /** Whether maps, which tell the end in whole seconds, carry this entry's already: a busy client is renewed many times in one. */
  #isShown(entry: Entry): boolean {
    const current = this.#entries.get(entry.client);
    return current !== undefined && endSecond(current.expiresAt) === endSecond(entry.expiresAt);
  }

  /** Puts a durable entry into the set; answers whether it renewed one. */
  #keep(entry: Entry): boolean {
    const current = this.#entries.get(entry.client);
    if (current === undefined) {
      this.#insert(entry);
      return false;
    }
    // It keeps its old slot; the sweep moves it on when that slot's time is over.
    current.deadline = Math.max(current.deadline, entry.deadline);
    current.expiresAt = entry.expiresAt;
    current.reporter = entry.reporter;
    return true;
  }

  #insert(entry: Entry): void {
    this.#entries.set(entry.client, entry);
    this.#schedule(entry);
  }

  #schedule(entry: Entry): void {
    const slot = Math.max(Math.ceil(entry.deadline / SLOT_MS), this.#sweptSlot + 1);
    const entries = this.#slots.get(slot);
    if (entries === undefined) this.#slots.set(slot, [entry]);
    else entries.push(entry);
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
      this.#rewriting = this.#entries.values();
      this.#work();
    }
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#sweepStep();
  }

  readonly #sweepStep = (): void => {
    const now = this.#time.now();
    const over: ClientAddress[] = [];
    let budget = SWEEP_STEP;
    while (budget > 0 && this.#sweptSlot < Math.floor(now / SLOT_MS)) {
      const entries = this.#slots.get(this.#sweptSlot + 1);
      if (entries === undefined || entries.length === 0) {
        this.#slots.delete(this.#sweptSlot + 1);
        this.#sweptSlot += 1;
        continue;
      }
      budget -= 1;
      this.#expire(entries.pop() as Entry, now, over);
    }
    if (this.#full && this.#entries.size < this.#options.max) {
      this.#full = false;
      this.#options.alarms.roomAgain();
    }
    if (over.length > 0) this.#options.map.apply({ put: [], remove: over }, ignore);
    if (budget === 0) this.#options.clock.soon(this.#sweepStep);
    else this.#sweeping = false;
  };

  #expire(entry: Entry, now: number, over: ClientAddress[]): void {
    if (entry.deadline > now) {
      this.#schedule(entry);
      return;
    }
    this.#entries.delete(entry.client);
    this.#ended.remember(entry.client, entry.deadline);
    over.push(entry.client);
  }
}
