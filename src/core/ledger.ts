/**
 * ledger - the set of grants, and its only writer
 *
 * A report becomes a grant in this order: the reporter is believed, the address may be granted, there
 * is room; the grant is on stable storage; the live map says yes; and only then does the report learn
 * its outcome. Reports that come while a group is being written form the next group, so the disk is
 * waited for once a group and never twice at a time. Revocations take their turn between groups.
 *
 * Expiry: a sweep visits only grants whose time may be over (expiry-index) and removes at most SWEEP_STEP
 * before it lets other work run.
 *
 * A jump of the wall clock makes what is stored wrong (it is stored as the wall clock's time), so all live
 * grants are then written again, REWRITE_STEP with each group.
 *
 * Limits: `max` live grants (renewals go on at the cap); MAX_WAITING reports wait for the disk, those
 * beyond fail at once; a group holds at most MAX_GROUP.
 */
import type { ClientAddress } from './address.js';
import type { Coverage } from './coverage.js';
import { Decision, type Verdict } from './decision.js';
import { Entry } from './entry.js';
import type { Fault } from './fault.js';
import { type Grant, leaseEnd } from './grant.js';
import { NOWHERE } from './grant-table.js';
import { Leases } from './leases.js';
import type { NeverGranted } from './never.js';
import type { GrantStore, LedgerObserver, LiveMap } from './outlets.js';
import type { Reporters } from './reporters.js';
import { type LeaseSelection, type Revoked, Revoker, type Turn } from './revoker.js';
import { Shown } from './shown.js';
import type { Standing } from './standing.js';
import type { Clocks } from './steady.js';
import { isNetwork, type Permission, type Subject } from './subject.js';

/** What the ledger says to a report. */
export type Outcome = 'granted' | 'renewed' | 'stranger' | 'unusable' | 'full' | 'failed';

/** A reporter's claim that a client has just authenticated. */
export interface Report {
  readonly client: ClientAddress;
  readonly sender: ClientAddress;
  /** Called exactly once, perhaps before authorize returns. */
  settle(outcome: Outcome): void;
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
  /** What relays without a grant, and what does not. */
  readonly standing: Standing;
  /** How much a lease covers. */
  readonly coverage: Coverage;
  readonly alarms: LedgerAlarms;
  readonly observer: LedgerObserver;
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

const ignore = (): void => undefined;

export class Ledger {
  /** The leases, and the time by which they end. */
  readonly leases: Leases;
  /** All that maps show. */
  readonly shown: Shown;
  readonly #options: LedgerOptions;
  /** Which rule says what of a client. */
  readonly decision: Decision;
  readonly revoker: Revoker;
  #sweeping = false;
  #full = false;

  #waiting: Waiting[] = [];
  #waitingNew = 0;
  #group: Waiting[] = [];
  #groupEntries: Entry[] = [];
  #busy = false;
  /** Revocations that wait, each with how many of the waiting reports came before it. */
  readonly #turns: { readonly turn: Turn; behind: number }[] = [];
  /** The grants still to be written again, and whether to begin anew because some could not be. */
  #rewriting: Iterator<number> | undefined;
  #rewriteDue = false;

  constructor(options: LedgerOptions) {
    const { clock, observer, pastMs } = options;
    this.#options = options;
    this.leases = new Leases({ clocks: clock, pastMs });
    this.shown = new Shown({ leases: this.leases, standing: options.standing });
    this.revoker = new Revoker({
      leases: this.leases,
      ...options,
      enqueue: (turn) => {
        this.#turns.push({ turn, behind: this.#waiting.length });
        this.#work();
      },
      hide: (subjects, done) => {
        const remove = subjects.filter((subject) => !this.shown.hides(subject));
        options.map.apply({ put: this.#shared(remove), remove }, done);
      },
      onRevoked: (place) => {
        if (observer.listens) observer.ended('revoked', this.leases.at(place));
      },
    });
    this.decision = new Decision({
      ...options,
      leases: this.leases,
      dooms: (place) => this.revoker.dooms(place),
      isFull: () => this.#full,
    });
  }

  /** What must be said again when leases go: networks around theirs, of which maps may say so under the same keys. */
  #shared(subjects: readonly Subject[]): Permission[] {
    const { standing } = this.#options;
    if (standing.isBlank) return [];
    const now = this.leases.time.now();
    const all = subjects.filter(isNetwork).flatMap((subject) => standing.shownAround(subject, now));
    return [...new Map(all.map((one) => [one.client, one])).values()];
  }

  /** How many grants there are, those whose time is over but not yet swept included. */
  get size(): number {
    return this.leases.table.size;
  }

  /** How many reports wait for the disk. */
  get waiting(): number {
    return this.#waiting.length + this.#group.length;
  }

  /** Whether new clients are refused for want of room. */
  get isFull(): boolean {
    return this.#full;
  }

  /** What a live look-up is told, at the moment of its question. */
  ask(client: ClientAddress): Verdict {
    return this.decision.on(client).verdict;
  }

  /** Takes leases away. */
  revoke(selection: LeaseSelection, done: Revoked): void {
    this.revoker.revoke(selection, done);
  }

  /** The grants that are alive now. Safe to step through while the ledger changes. */
  *grants(): Generator<Grant> {
    for (const place of this.leases.living()) yield this.leases.table.grantAt(place);
  }

  /**
   * Takes over what the store recovered, except what may not be granted any more; what is left of a grant
   * is never more than a whole lease. What it covers is decided anew.
   */
  restore(grants: Iterable<Grant>): void {
    const { coverage, lifetimeMs, never, standing } = this.#options;
    const toWall = this.leases.time.toWall();
    const now = this.leases.time.now();
    for (const { client, reporter, expiresAt } of grants) {
      if (never.refuses(client, reporter) || standing.denies(client)) continue;
      const deadline = Math.min(expiresAt - toWall, now + lifetimeMs);
      if (deadline <= now) continue;
      const subject = coverage.of(client);
      const place = this.leases.table.find(subject);
      if (place === NOWHERE || this.leases.table.deadlineAt(place) < deadline)
        this.leases.keep(place, new Entry({ client, reporter, subject, place }, deadline, toWall));
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
    const { reporters, never, standing } = this.#options;
    if (!reporters.believes(sender)) return 'stranger';
    if (never.refuses(client, sender) || standing.denies(client)) return 'unusable';
    return this.#waiting.length >= MAX_WAITING ? 'failed' : undefined;
  }

  #admit(report: Report): Outcome | undefined {
    const { coverage, max, alarms } = this.#options;
    const subject = coverage.of(report.client);
    const place = this.leases.table.find(subject);
    if (place !== NOWHERE || this.size + this.#waitingNew < max) {
      if (place === NOWHERE) this.#waitingNew += 1;
      this.#waiting.push({ report, subject, place });
      return undefined;
    }
    if (!this.#full) alarms.full(max);
    this.#full = true;
    return 'full';
  }

  readonly #commitGroup = (): void => {
    const [first] = this.#turns;
    if (first?.behind === 0) {
      this.#turns.shift();
      this.#takeTurn(first.turn);
      return;
    }
    const size = Math.min(this.#waiting.length, MAX_GROUP, first?.behind ?? MAX_GROUP);
    if (size === this.#waiting.length) {
      this.#group = this.#waiting;
      this.#waiting = [];
    } else this.#group = this.#waiting.splice(0, size);
    for (const turn of this.#turns) turn.behind -= size;
    const now = this.leases.time.now();
    const toWall = this.leases.time.toWall();
    const { lifetimeMs } = this.#options;
    this.#groupEntries = this.#group.map(({ report: { client, sender }, subject, place }) => {
      const current = this.leases.table.isAt(place, subject)
        ? this.leases.table.deadlineAt(place)
        : undefined;
      return new Entry(
        { client, reporter: sender, subject, place },
        leaseEnd(now, lifetimeMs, current),
        toWall,
      );
    });
    this.#addRewritten(toWall);
    this.#options.store.commit(this.#groupEntries, this.#groupStored);
  };

  #takeTurn(turn: Turn): void {
    this.#options.store.revoke(turn.records(), (fault) => {
      this.#goOn();
      turn.stored(fault);
    });
  }

  /** After a write: the next one, if anything waits for it. */
  #goOn(): void {
    if (this.#waiting.length > 0 || this.#turns.length > 0 || this.#rewriting !== undefined)
      this.#options.clock.soon(this.#commitGroup);
    else this.#busy = false;
  }

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
      if (this.revoker.dooms(place)) continue;
      const { client, reporter } = this.leases.table.grantAt(place);
      const subject = this.leases.table.subjectAt(place);
      this.#groupEntries.push(
        new Entry({ client, reporter, subject, place }, this.leases.table.deadlineAt(place), toWall),
      );
    }
  }

  readonly #groupStored = (fault?: Fault): void => {
    const { map, observer } = this.#options;
    if (fault !== undefined) {
      if (this.#groupEntries.length > this.#group.length) this.#rewriteDue = true;
      this.#settleGroup(() => 'failed');
      return;
    }
    // Kept before the map is told: a sweep must see the renewal, or it would take the entry out of the
    // map behind us; and if the map cannot say so yet, it is rebuilt from here.
    // What was only written again may have ended meanwhile.
    const { table } = this.leases;
    const reports = this.#group.length;
    const put: Permission[] = [];
    const renewed: boolean[] = [];
    for (const [index, entry] of this.#groupEntries.entries()) {
      const { subject } = entry;
      const place = table.isAt(entry.place, subject) ? entry.place : table.find(subject);
      if (place === NOWHERE && index >= reports) continue;
      if (!this.leases.isShown(place, entry) && this.shown.holds(subject))
        put.push(subject === entry.client ? entry : { client: subject, expiresAt: entry.expiresAt });
      const kept = this.leases.keep(place, entry);
      if (index >= reports) continue;
      this.leases.touch(kept);
      renewed.push(place !== NOWHERE);
      if (observer.listens) observer.leased(place === NOWHERE ? 'granted' : 'renewed', entry);
    }
    map.apply({ put, remove: [] }, (mapFault) => {
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
      (n, { subject, place }) =>
        n + (place === NOWHERE && this.leases.table.find(subject) === NOWHERE ? 1 : 0),
      0,
    );
    this.#goOn();
    for (const [index, { report }] of group.entries()) report.settle(outcome(index));
  }

  /** Removes what is over; to be called a few times a second. Returns at once, works on in small steps. */
  sweep(): void {
    const jumped = this.leases.time.observe();
    if (jumped !== 0) {
      this.#options.standing.moveEnds(this.leases.time.toWall());
      this.#options.alarms.clockJumped(jumped);
      this.#rewriteDue = true;
    }
    this.leases.forget();
    if (this.#rewriteDue) {
      this.#rewriteDue = false;
      this.#rewriting = this.leases.table.places();
      this.#work();
    }
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#sweepStep();
  }

  readonly #sweepStep = (): void => {
    const { map, max, alarms, clock, observer } = this.#options;
    const now = this.leases.time.now();
    const over: Subject[] = [];
    let budget = SWEEP_STEP;
    for (; budget > 0; budget -= 1) {
      const taken = this.leases.takeOver(now);
      if (taken === undefined) break;
      if (taken.place === undefined) continue;
      const subject = this.leases.table.subjectAt(taken.place);
      if (observer.listens) observer.ended('expired', this.leases.at(taken.place));
      this.leases.remove(taken.place);
      if (!this.shown.hides(subject)) over.push(subject);
    }
    if (this.#full && this.size < max) {
      this.#full = false;
      alarms.roomAgain();
    }
    if (over.length > 0) map.apply({ put: [], remove: over }, ignore);
    if (budget === 0) clock.soon(this.#sweepStep);
    else this.#sweeping = false;
  };
}
