/**
 * decision - whether a client may relay at this moment, and which rule says so
 *
 * In this order: what is of no use or never; what is denied; what is always, pinned or granted by an operator;
 * leases. While nothing can be granted, a client that has no lease may well have fetched mail just now: that
 * is not a no.
 */
import type { ClientAddress } from './address.js';
import type { Coverage } from './coverage.js';
import { NOWHERE } from './grant-table.js';
import type { Leases } from './leases.js';
import type { NeverGranted } from './never.js';
import type { LiveEntry } from './operator-entry.js';
import type { Standing } from './standing.js';
import type { Subject } from './subject.js';

/**
 * What the ledger says to whoever asks about a client. Times are wall clock, epoch milliseconds; endedAt is
 * known of grants that ended within the past that the ledger remembers; `never`: no report will help.
 */
export type Verdict =
  | { readonly verdict: 'permitted'; readonly expiresAt: number }
  | { readonly verdict: 'not'; readonly endedAt?: number; readonly never?: true }
  | { readonly verdict: 'unknown' };

export type Rule =
  'unusable' | 'never' | 'deny' | 'pin' | 'site' | 'grant' | 'ended' | 'none' | 'full' | 'degraded' | 'host';

export interface Judgement {
  readonly verdict: Verdict;
  readonly rule: Rule;
  /** The operator's entry that decides. */
  readonly entry?: LiveEntry | undefined;
  /** What decides, when it is an address or network: of the site, or with a lease. */
  readonly subject?: Subject | undefined;
  /** Where the lease is that decides. */
  readonly place?: number | undefined;
}

export interface DecisionOptions {
  readonly leases: Leases;
  readonly never: NeverGranted;
  readonly standing: Standing;
  readonly coverage: Coverage;
  readonly store: { readonly degraded: string | undefined };
  /** Whether the lease at a place is being taken away. */
  readonly dooms: (place: number) => boolean;
  /** Whether there is no room for new leases. */
  readonly isFull: () => boolean;
}

const NOT_PERMITTED: Verdict = { verdict: 'not' };
const NEVER: Verdict = { verdict: 'not', never: true };
const UNKNOWN: Verdict = { verdict: 'unknown' };

const endOf = (past?: Judgement): number =>
  past?.verdict.verdict === 'not' ? (past.verdict.endedAt ?? 0) : 0;

export class Decision {
  readonly #options: DecisionOptions;

  constructor(options: DecisionOptions) {
    this.#options = options;
  }

  on(client: ClientAddress): Judgement {
    const { coverage, leases, never, standing } = this.#options;
    const reason = never.reason(client);
    if (reason !== undefined) return { verdict: NEVER, rule: reason };
    const now = leases.time.now();
    const denial = standing.denial(client, now);
    if (denial !== undefined) return { verdict: NEVER, rule: 'deny', entry: denial };
    const allowance = standing.allowance(client, now);
    if (allowance !== undefined) {
      const { entry, expiresAt, rule, subject } = allowance;
      return { verdict: { verdict: 'permitted', expiresAt }, rule, entry, subject };
    }
    const exact = this.#lease(client, now);
    if (exact?.rule === 'grant') return exact;
    const around = never.isHost(client) ? undefined : coverage.around(client);
    const covering = around && this.#lease(around, now);
    if (covering?.rule === 'grant') return covering;
    return this.#without(client, endOf(covering) > endOf(exact) ? covering : exact);
  }

  /** What the lease of this subject alone says, of one that has ended not long ago too. */
  #lease(subject: Subject, now: number): Judgement | undefined {
    const { dooms, leases } = this.#options;
    const place = leases.table.find(subject);
    if (place !== NOWHERE && leases.table.deadlineAt(place) > now && !dooms(place)) {
      const expiresAt = leases.table.expiresAt(place);
      return { verdict: { verdict: 'permitted', expiresAt }, rule: 'grant', subject, place };
    }
    const endedAt = leases.endedAt(subject, place, now);
    return endedAt === undefined
      ? undefined
      : { verdict: { verdict: 'not', endedAt }, rule: 'ended', subject };
  }

  #without(client: ClientAddress, ended: Judgement | undefined): Judgement {
    const { isFull, never, store } = this.#options;
    if (store.degraded !== undefined) return { verdict: UNKNOWN, rule: 'degraded' };
    if (isFull()) return { verdict: UNKNOWN, rule: 'full' };
    if (ended !== undefined) return ended;
    return { verdict: NOT_PERMITTED, rule: never.isHost(client) ? 'host' : 'none' };
  }
}
