/**
 * changes - what has happened to leases and entries, for those who follow it
 *
 * Each change has a position. The last REMEMBERED, less an eighth, are kept while anybody watches, has asked for the position
 * or the last ones within IDLE_MS, or watched within it; otherwise nothing is kept and an ADD costs nothing here. A watcher
 * who names a position that is no longer remembered must list anew.
 *
 * Where they are kept in a log that survives the process (keepIn), nobody is told of a change before it is written there, so
 * that after a restart the positions go on: no gap, and nothing told twice.
 *
 * A watcher is told in order: first what is remembered, in steps, between which other work goes on; then each
 * change as it is written, or at once where no log is kept. It must be quick, and keep what it cannot pass on.
 */
import type { Change, ChangeKind, Row, Watching } from './admin/operations.js';
import { type Happened, lineOf } from './change-text.js';
import { namesAny } from './audit/forget.js';
import type { ClientAddress } from './core/address.js';
import type { Entry } from './core/entry.js';
import type { EndedLease } from './core/ended.js';
import type { OperatorEntry } from './core/operator-entry.js';
import type { LedgerObserver } from './core/outlets.js';
import type { By } from './entry-book.js';

export const REMEMBERED = 65_536;
/** For so long after the last interest changes are kept. */
const IDLE_MS = 600_000;
/** More than can happen between two turns of the event loop, so that a watcher catches up. */
const STEP = 4_096;

export interface ChangesOptions {
  readonly clock: { wall(): number; mono(): number; soon(fn: () => void): void };
  /** Which run positions belong to, unless an earlier one goes on. */
  readonly epoch: string;
  /** Hears of entries, whether anybody watches or not. */
  readonly onEntry?: (change: ChangeKind, entry: OperatorEntry, by?: By) => void;
  /** How many are kept; default REMEMBERED, a power of two. */
  readonly remembered?: number;
}

/** Where changes survive the process. */
export interface Keeper {
  /** Whether changes must be added, and may be told only when it says so. */
  readonly holds: boolean;
  /** Begins after a position, if it can and does not hold already. */
  begin(since: number): void;
  add(position: number, line: string): void;
  /** Nobody is interested: lets go of all, and resolves when it holds no more. */
  end(): Promise<void>;
  /** Forgets what it has, and goes on. */
  restart(): Promise<void>;
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
  readonly #options: ChangesOptions;
  /** Without those that were to be forgotten. */
  readonly #ring: (Change | undefined)[] = [];
  readonly #size: number;
  readonly #watchers = new Set<Watcher>();
  #epoch: string;
  #keeper: Keeper | undefined;
  #last = 0;
  /** The last position that watchers may be told of. */
  #told = 0;
  /** Changes after this position are remembered, as far as the ring goes back. */
  #since = 0;
  #interestUntil = -Infinity;

  constructor(options: ChangesOptions) {
    this.#options = options;
    this.#size = options.remembered ?? REMEMBERED;
    this.#epoch = options.epoch;
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** From now on changes are told when they are in the keeper's log, who says so by `written`. */
  keepIn(keeper: Keeper): void {
    this.#keeper = keeper;
  }

  /** Goes on where an earlier run has ended: what came after `since`. To be called before anybody watches. */
  goOn(epoch: string, since: number, changes: readonly Happened[]): void {
    this.#epoch = epoch;
    this.#since = since;
    this.#last = since;
    for (const change of changes) {
      this.#last += 1;
      this.#ring[this.#last % this.#size] = { ...change, position: this.#last };
    }
    this.#told = this.#last;
    this.#interestUntil = this.#options.clock.mono() + IDLE_MS;
  }

  /** All up to this position is in the keeper's log. */
  readonly written = (position: number): void => {
    while (this.#told < position) {
      this.#told += 1;
      const change = this.#ring[this.#told % this.#size];
      for (const watcher of this.#watchers)
        if (watcher.isLive) {
          watcher.position = this.#told;
          if (change !== undefined) watcher.tell(change);
        }
    }
  };

  /** To be called each second: lets go of the log when nobody is interested any more. */
  tick(): void {
    const keeper = this.#keeper;
    if (this.#isOfInterest) keeper?.begin(this.#last);
    else if (keeper?.holds === true) void keeper.end();
  }

  /** The position of the last change that watchers may know. Whoever asks may watch from it for a while. */
  get position(): number {
    this.#wake();
    return this.#told;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  get listens(): boolean {
    return this.#isOfInterest || this.#keeper?.holds === true;
  }

  get #isOfInterest(): boolean {
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
    const from = position ?? this.#told;
    if (!Number.isSafeInteger(from) || from > this.#told || from < this.#oldest) return undefined;
    const watcher: Watcher = { position: from, isLive: from === this.#told, isOver: false, tell };
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

  /**
   * Tells nobody any more of changes that name this address; their positions are passed over. The log begins anew.
   * Rejects with the system's error when it cannot be removed.
   */
  async forget(client: ClientAddress): Promise<void> {
    await this.#keeper?.restart();
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
    this.#keeper?.begin(this.#last);
  }

  #add(kind: ChangeKind, row: Row, by?: By): void {
    this.#last += 1;
    const change: Change = { position: this.#last, kind, at: this.#options.clock.wall(), row, ...by };
    this.#ring[this.#last % this.#size] = change;
    if (this.#keeper?.holds === true) this.#keeper.add(this.#last, lineOf(change));
    else this.written(this.#last);
  }

  #catchUp(watcher: Watcher): void {
    this.#options.clock.soon(() => {
      for (let budget = STEP; budget > 0 && watcher.position < this.#told && !watcher.isOver; budget -= 1) {
        watcher.position += 1;
        const change = this.#ring[watcher.position % this.#size];
        if (change !== undefined) watcher.tell(change);
      }
      if (watcher.isOver) return;
      if (watcher.position < this.#told) this.#catchUp(watcher);
      else watcher.isLive = true;
    });
  }
}
