/**
 * entries - operators' entries in force: how they come and go in decisions, leases and maps
 *
 * An entry that comes: decisions follow at once. What may relay is put into the live map, with who is denied in it.
 * What is denied: maps are told so in place, so that mail servers with the file open see it at their next look-up,
 * and leases in it end (those of wide networks that it touches, too).
 *
 * An entry that goes: what maps said of an address changes in place. When a network goes the map is built anew
 * and put in place as a whole: there may be leases in it that were not shown beside it.
 *
 * Errors: a Fault of the store or the live map. The entries stand all the same, and live look-ups obey them.
 *
 * Limits: mail servers that have a live map's file open keep what it said of a network whose pin or grant goes
 * until they look at the name again (Postfix: at the next connection).
 */
import type { Decision } from './decision.js';
import type { Fault } from './fault.js';
import type { LiveMap } from './outlets.js';
import type { EntryKind, LiveEntry, OperatorEntry } from './operator-entry.js';
import type { LeaseSelection, Revoked } from './revoker.js';
import type { Standing } from './standing.js';
import { isNetwork, type Subject } from './subject.js';

export interface EntriesOptions {
  readonly standing: Standing;
  readonly decision: Pick<Decision, 'on'>;
  readonly map: LiveMap;
  readonly time: { now(): number; toWall(): number };
  readonly revoke: (selection: LeaseSelection, done: Revoked) => void;
  /** An entry has come to its end. */
  readonly onOver: (entry: LiveEntry) => void;
}

export type EntryChange =
  { readonly come: OperatorEntry } | { readonly go: { readonly kind: EntryKind; readonly subject: Subject } };

const ignore = (): void => undefined;

export class Entries {
  readonly #options: EntriesOptions;
  /** The map may hold what it would not show if it were built now, or lack what it would. */
  #hides = false;
  #sweptUntil: number;

  constructor(options: EntriesOptions) {
    this.#options = options;
    this.#sweptUntil = options.time.now();
  }

  /** All that was over by then has been ended. Steady time. */
  get sweptUntil(): number {
    return this.#sweptUntil;
  }

  /** Takes over what was stored; what is left of an entry is never more than it had at first. */
  restore(entries: Iterable<OperatorEntry>): void {
    const { standing, time } = this.#options;
    const now = time.now();
    this.#sweptUntil = now;
    for (const entry of entries) {
      const { createdAt, expiresAt } = entry;
      const deadline = this.#deadlineOf(entry);
      if (deadline <= now) continue;
      const most = expiresAt === undefined ? Infinity : now + (expiresAt - createdAt);
      standing.set({ ...entry, deadline: Math.min(deadline, most) });
    }
  }

  /** Makes changes in order; done when the live map shows them, with the first Fault. */
  change(changes: readonly EntryChange[], done: (fault?: Fault) => void): void {
    let left = 1;
    let failed: Fault | undefined;
    let isStale = false;
    const one = (fault?: Fault, revokeFault?: Fault): void => {
      failed ??= fault ?? revokeFault;
      // Leases that could not be taken away are no longer shown, or still are, whatever else has failed.
      isStale ||= revokeFault?.code === 'STORE';
      left -= 1;
      if (left > 0) return;
      if (!isStale) done(failed);
      else
        this.#renew((mapFault) => {
          done(failed ?? mapFault);
        });
    };
    for (const change of changes) {
      left += 1;
      const needsRenewal = 'come' in change ? this.#come(change.come, one) : this.#go(change.go, one);
      isStale ||= needsRenewal;
    }
    one();
  }

  /** Ends what is over; to be called a few times a second. */
  sweep(): void {
    const { onOver, standing, time } = this.#options;
    let isStale = false;
    const now = time.now();
    this.#sweptUntil = now;
    for (const entry of standing.over(now)) {
      const needsRenewal = this.#go(entry, ignore);
      isStale ||= needsRenewal;
      onOver(entry);
    }
    if (isStale) this.#renew(ignore);
  }

  #renew(done: (fault?: Fault) => void): void {
    // What comes meanwhile may hide something again.
    this.#hides = false;
    this.#options.map.renew((fault) => {
      this.#hides ||= fault !== undefined;
      done(fault);
    });
  }

  #deadlineOf({ expiresAt }: OperatorEntry): number {
    return expiresAt === undefined ? Infinity : expiresAt - this.#options.time.toWall();
  }

  /** Answers whether the map must be built anew. */
  #come(entry: OperatorEntry, done: (fault?: Fault, revokeFault?: Fault) => void): boolean {
    const { map, revoke, standing, time } = this.#options;
    const live = { ...entry, deadline: this.#deadlineOf(entry) };
    const now = time.now();
    if (entry.kind !== 'deny') {
      const before = standing.get(entry.kind, entry.subject);
      standing.set(live);
      this.#hides ||= isNetwork(entry.subject);
      map.apply(standing.shownOf(live, now), done);
      // What it has covered for longer than it does now was not shown beside it.
      return before !== undefined && before.deadline > live.deadline;
    }
    const change = standing.deny(live);
    const remove = isNetwork(entry.subject) ? change.remove : [...change.remove, entry.subject];
    map.apply({ ...change, remove }, (fault) => {
      revoke({ within: entry.subject }, (_, revokeFault) => {
        // Leases that could not be taken away are no longer shown, and would be missed when the deny goes.
        this.#hides ||= revokeFault !== undefined;
        done(fault, revokeFault);
      });
    });
    return this.#hides;
  }

  #go({ kind, subject }: Pick<OperatorEntry, 'kind' | 'subject'>, done: (fault?: Fault) => void): boolean {
    const { decision, map, standing, time } = this.#options;
    if (kind === 'deny') {
      map.apply(standing.allow(subject, time.now()), done);
      return this.#hides;
    }
    standing.delete(kind, subject);
    const judged = isNetwork(subject) ? undefined : decision.on(subject);
    if (
      judged === undefined ||
      judged.rule === 'site' ||
      judged.rule === 'pin' ||
      judged.entry !== undefined
    ) {
      done();
      return true;
    }
    const stays = judged.verdict.verdict === 'permitted' && judged.subject === subject;
    map.apply(
      stays
        ? { put: [{ client: subject, expiresAt: judged.verdict.expiresAt }], remove: [] }
        : { put: [], remove: [subject] },
      done,
    );
    return false;
  }
}
