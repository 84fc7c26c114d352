/**
 * operations - what an operator can see and do, as the admin door needs it
 *
 * The door (gRPC) turns messages into these calls and back; whoever stands behind them keeps the promise that
 * goes with each: what changes something is durable, in force for live look-ups and the live map, and told to the
 * audit before it resolves.
 *
 * Times are wall clock, epoch milliseconds. A call that cannot be done rejects with a Fault; which of them
 * are the operator's own mistake (a network that may never relay) is told by its code.
 */
import type { ClientAddress } from '../core/address.js';
import type { Subject } from '../core/subject.js';

/** Why something may relay or not: a lease, or an entry that an operator made. */
export type Kind = 'grant' | 'pin' | 'deny';

/** One row of the allow-list, or of what is denied. */
export interface Row {
  readonly kind: Kind;
  /** The address, or the network that is meant. */
  readonly subject: Subject;
  /** Of a lease that covers a network: the client that was reported last. */
  readonly client?: ClientAddress | undefined;
  /** Undefined: it has no end. */
  readonly expiresAt: number | undefined;
  /** Of a lease: on whose word. */
  readonly reporter?: ClientAddress | undefined;
  /** Of an entry that an operator made. */
  readonly author?: string | undefined;
  readonly reason?: string | undefined;
  readonly user?: string | undefined;
  readonly createdAt?: number | undefined;
}

export type ChangeKind =
  'granted' | 'renewed' | 'revoked' | 'expired' | 'pinned' | 'unpinned' | 'denied' | 'undenied';

/** What has happened to a row. */
export interface Change {
  /** Grows by one with each change; only comparable within one epoch. */
  readonly position: number;
  readonly kind: ChangeKind;
  readonly at: number;
  readonly row: Row;
  /** Who did it and why, when an operator did. */
  readonly author?: string | undefined;
  readonly reason?: string | undefined;
}

/** Which rows; all that are given must fit. */
export interface Filter {
  /** Rows that have an address in common with it. */
  readonly within?: Subject | undefined;
  /** Rows that hold all of it. */
  readonly covering?: Subject | undefined;
  readonly reporter?: ClientAddress | undefined;
  readonly user?: string | undefined;
  readonly kind?: Kind | undefined;
  /** Only rows that end before; rows without an end do not. */
  readonly endsBefore?: number | undefined;
}

/** An operator's wish for an address or network. */
export interface Wish {
  readonly subject: Subject;
  /** Undefined: without an end. A grant always has one. */
  readonly lifetimeMs?: number | undefined;
  readonly user?: string | undefined;
  readonly reason: string;
  readonly author: string;
  /** Checks it and changes nothing: the row is what it would be. */
  readonly validateOnly?: boolean;
  /** Of a pin: a deny of all of it is no reason to refuse it. */
  readonly evenIfDenied?: boolean;
}

/** What is to be taken away: leases and operators' grants in a network, on a reporter's word, or all. */
export type Selection =
  { readonly within: Subject } | { readonly reporter: ClientAddress } | { readonly all: true };

/** Whether an address may relay, and which rule says so. */
export interface Explanation {
  readonly verdict: 'permitted' | 'not' | 'unknown';
  /** never: configured; unusable: no address of a client; deny, pin, site, grant; none: nobody has said anything; full, degraded: cannot tell. */
  readonly rule:
    | 'unusable'
    | 'never'
    | 'deny'
    | 'pin'
    | 'site'
    | 'grant'
    | 'ended'
    | 'none'
    | 'full'
    | 'degraded'
    | 'host';
  /** In words, for a help desk. */
  readonly words: string;
  readonly row?: Row | undefined;
  /** When its last lease ended, if that is remembered. */
  readonly endedAt?: number | undefined;
}

/** One thing that the audit has recorded; docs/audit.md tells of the kinds and what each has. */
export interface PastRecord {
  readonly at: number;
  readonly kind:
    | 'grant'
    | 'renewal'
    | 'refusal'
    | 'use'
    | 'revoke'
    | 'expiry'
    | 'pin'
    | 'unpin'
    | 'deny'
    | 'undeny'
    | 'act'
    | 'head'
    | 'standing'
    | 'start'
    | 'stop'
    | 'gap';
  readonly what?: string | undefined;
  readonly subject?: string | undefined;
  readonly client?: string | undefined;
  readonly reporter?: string | undefined;
  readonly user?: string | undefined;
  readonly author?: string | undefined;
  readonly reason?: string | undefined;
  readonly outcome?: string | undefined;
  /** Of the first of `count` things; the last was at `at`. */
  readonly from?: number | undefined;
  readonly until?: number | undefined;
  readonly count?: number | undefined;
  /** How addresses and users are written; undefined: in full. */
  readonly privacy?: 'full' | 'truncated' | 'hashed' | undefined;
}

/** Whether an address could relay at a time, by the records of that time. */
export interface History {
  /** unknown: records are missing that could say otherwise, or the time is yet to come. */
  readonly verdict: 'permitted' | 'not' | 'unknown';
  /** In words, for an abuse desk. */
  readonly words: string;
  /** The network that is meant, when the records name no address. */
  readonly onlyTo?: string | undefined;
  /** Those that decide, the strongest first, or the last that happened to it; a few. */
  readonly records: readonly PastRecord[];
  /** How many look-ups have been let through. */
  readonly uses: number;
  /** Times of which records are missing; a few. */
  readonly gaps: readonly PastRecord[];
}

/** What there was of an address, and is no more. */
export interface Forgotten {
  /** Leases and operators' grants. */
  readonly grants: number;
  /** Records of the audit. */
  readonly records: number;
}

/** Numbers and names for people and machines (the door adds `watchers`): flat, each name documented in docs/operations.md. */
export type Stats = Readonly<Record<string, number | string | boolean>>;

/** Reports since the start that had one outcome. */
export interface ReportCount {
  /** The name that reports are counted under: of few, from the configuration. */
  readonly reporter: string;
  readonly outcome: string;
  readonly count: number;
}

export interface Watching {
  /** Ends it; idempotent. */
  stop(): void;
}

export interface Operations {
  /** Lets an address or network relay for a while. Resolves with its row. */
  authorize(wish: Wish & { readonly lifetimeMs: number }): Promise<Row>;
  /** Takes leases and operators' grants away; resolves with how many. Pins and denies stay. */
  revoke(selection: Selection, by: { readonly author: string; readonly reason: string }): Promise<number>;
  /** Lets it relay until told otherwise, or an end. */
  pin(wish: Wish): Promise<Row>;
  /** Ends what it has and lets it have nothing more; wins over all. */
  deny(wish: Wish): Promise<Row>;
  /** Takes a pin or deny away; resolves with whether there was one. */
  remove(
    kind: 'pin' | 'deny',
    subject: Subject,
    by: { readonly author: string; readonly reason: string },
  ): Promise<boolean>;
  explain(client: ClientAddress): Explanation;
  /** Whether it could relay at a time. Rejects with Fault CONFIG when there are no files to answer from. */
  history(client: ClientAddress, at: number): Promise<History>;
  /**
   * Takes it out of leases, operators' grants, maps and the audit's files. Pins and denies stay. `reason` is kept, so it must not
   * name the address. Rejects when not all is done; it may be done again.
   */
  forget(client: ClientAddress, by: { readonly author: string; readonly reason: string }): Promise<Forgotten>;
  /**
   * Operators' entries first, then leases; safe to step through while things change. undefined stands for
   * nothing: many rows have been looked at and did not fit, so let other work run before you go on.
   */
  rows(filter: Filter): Iterable<Row | undefined>;
  /** Changes after `position`, those still remembered first. Answers undefined when some are not: the watcher must list anew. */
  watch(position: number | undefined, tell: (change: Change) => void): Watching | undefined;
  /** Which run of changes positions belong to. */
  readonly epoch: string;
  /** The position of the last change. */
  readonly position: number;
  stats(): Stats;
  /** Reports by reporter and outcome since the start; one pair may come more than once. */
  reports(): readonly ReportCount[];
  /** Reads the configuration anew; resolves with what has changed, and what needs a restart. Rejects with Fault CONFIG and changes nothing. */
  reload(
    author: string,
  ): Promise<{ readonly changed: readonly string[]; readonly needsRestart: readonly string[] }>;
  /** Begins a new journal segment. */
  rotate(author: string): Promise<void>;
  /** Stops the daemon as SIGTERM does; resolves when that has begun. */
  shutdown(author: string): Promise<void>;
}
