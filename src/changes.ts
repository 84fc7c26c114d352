/**
 * changes - what has happened to leases and entries, for those who follow it
 *
 * Each change has a position. The last REMEMBERED, less an eighth, are kept while anybody watches, has asked for the position
 * or the last ones within IDLE_MS, or watched within it; otherwise nothing is kept and an ADD costs nothing here. A watcher
 * who names a position that is no longer remembered must list anew.
 *
 * A watcher is told in order: first what is remembered, in steps, between which other work goes on; then each
 * change at once, in the midst of an ADD. It must be quick, and keep what it cannot pass on.
 */
import type { Change, ChangeKind, Row, Watching } from './admin/operations.js';
import { namesAny } from './audit/forget.js';
import type { ClientAddress } from './core/address.js';
import type { Entry } from './core/entry.js';
import type { EndedLease } from './core/leases.js';
import type { OperatorEntry } from './core/operator-entry.js';
import type { LedgerObserver } from './core/outlets.js';

export const REMEMBERED = 65_536;
/** For so long after the last interest changes are kept. */
const IDLE_MS = 600_000;
/** More than can happen between two turns of the event loop, so that a watcher catches up. */
const STEP = 4_096;

export interface ChangesOptions {
  readonly clock: { wall(): number; mono(): number; soon(fn: () => void): void };
  /** Which run positions belong to. */
  readonly epoch: string;
  /** Hears of entries, whether anybody watches or not. */
  readonly onEntry?: (change: ChangeKind, entry: OperatorEntry, by?: By) => void;
  /** How many are kept; default REMEMBERED, a power of two. */
  readonly remembered?: number;
}

/** Who did it and why. */
export interface By {
  readonly author: string;
  readonly reason: string;
}

interface Watcher {
  /** The last position that it was told of. */
  position: number;
  /** It has been told all there is, and is told of each change as it happens. */
  isLive: boolean;
  isOver: boolean;
  readonly tell: (change: Change) => void;
}

/** The row that an entry is. */
export function rowOfEntry(entry: OperatorEntry): Row {
  const { kind, subject, reason, author, user, createdAt, expiresAt } = entry;
  return { kind, subject, expiresAt, author, reason, user, createdAt };
}

/** The row that a lease is. */
export function rowOfLease({ subject, client, reporter, expiresAt }: EndedLease): Row {
  return { kind: 'grant', subject, client: client === subject ? undefined : client, expiresAt, reporter };
}

export class Changes implements LedgerObserver {
  readonly epoch: string;
  readonly #options: ChangesOptions;
  /** Without those that were to be forgotten. */
  readonly #ring: (Change | undefined)[] = [];
  readonly #size: number;
  readonly #watchers = new Set<Watcher>();
  #last = 0;
  /** Changes after this position are remembered, as far as the ring goes back. */
  #since = 0;
  #interestUntil = -Infinity;

  constructor(options: ChangesOptions) {
    this.#options = options;
    this.#size = options.remembered ?? REMEMBERED;
    this.epoch = options.epoch;
  }

  /** The position of the last change. Whoever asks may watch from it for a while. */
  get position(): number {
    this.#wake();
    return this.#last;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  get listens(): boolean {
    return this.#watchers.size > 0 || this.#options.clock.mono() < this.#interestUntil;
  }

  leased(change: 'granted' | 'renewed', lease: Entry): void {
    this.#add(change, rowOfLease(lease));
  }

  ended(change: 'revoked' | 'expired', lease: EndedLease): void {
    this.#add(change, rowOfLease(lease));
  }

  entry(change: ChangeKind, entry: OperatorEntry, by?: By): void {
    this.#options.onEntry?.(change, entry, by);
    if (this.listens) this.#add(change, rowOfEntry(entry), by);
  }

  /** Tells of the changes after `position`, or of those to come; undefined when some are not remembered. */
  watch(position: number | undefined, tell: (change: Change) => void): Watching | undefined {
    this.#wake();
    const from = position ?? this.#last;
    if (!Number.isSafeInteger(from) || from > this.#last || from < this.#oldest) return undefined;
    const watcher: Watcher = { position: from, isLive: from === this.#last, isOver: false, tell };
    this.#watchers.add(watcher);
    if (!watcher.isLive) this.#catchUp(watcher);
    return {
      stop: () => {
        if (watcher.isOver) return;
        watcher.isOver = true;
        this.#watchers.delete(watcher);
        this.#wake();
      },
    };
  }

  /** The last that are remembered, the latest first. */
  recent(count: number): Change[] {
    this.#wake();
    return Array.from(
      { length: Math.min(count, this.#last - this.#oldest) },
      (_, back) => this.#ring[(this.#last - back) % this.#size],
    ).filter((change) => change !== undefined);
  }

  /** Tells nobody any more of changes that name this address; their positions are passed over. */
  forget(client: ClientAddress): void {
    const names = namesAny([client]);
    for (const [i, change] of this.#ring.entries()) {
      const { reason, row } = change ?? {};
      if (names(`${row?.subject} ${row?.client} ${row?.reason} ${reason}`)) this.#ring[i] = undefined;
    }
  }

  /** The position before the first change that is remembered. */
  get #oldest(): number {
    // What would be overwritten while a watcher catches up does not count.
    return Math.max(this.#since, this.#last - this.#size + (this.#size >> 3));
  }

  /** Keeps changes from now on, if it did not. */
  #wake(): void {
    if (!this.listens) this.#since = this.#last;
    this.#interestUntil = this.#options.clock.mono() + IDLE_MS;
  }

  #add(kind: ChangeKind, row: Row, by?: By): void {
    this.#last += 1;
    const change: Change = { position: this.#last, kind, at: this.#options.clock.wall(), row, ...by };
    this.#ring[this.#last % this.#size] = change;
    for (const watcher of this.#watchers)
      if (watcher.isLive) {
        watcher.position = this.#last;
        watcher.tell(change);
      }
  }

  #catchUp(watcher: Watcher): void {
    this.#options.clock.soon(() => {
      for (let budget = STEP; budget > 0 && watcher.position < this.#last && !watcher.isOver; budget -= 1) {
        watcher.position += 1;
        const change = this.#ring[watcher.position % this.#size];
        if (change !== undefined) watcher.tell(change);
      }
      if (watcher.isOver) return;
      if (watcher.position < this.#last) this.#catchUp(watcher);
      else watcher.isLive = true;
    });
  }
}
