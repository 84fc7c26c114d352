/**
 * feed - what changes, told to all who watch
 *
 * One subscription serves all watchers. Changes are gathered for GATHER_MS and sent in messages of CHANGES_A_MESSAGE, one
 * message a turn of the event loop; every watcher is given the same message object, which is encoded once. A new
 * watcher is first told what it has missed, at its own pace, through a subscription of its own, and moves over to
 * the common one when both have come to the same change: nothing is missed, nothing told twice.
 *
 * Limits: a watcher that is too many changes behind is cut off (watcher.ts).
 */
import type { Clock, Timer } from '../runtime/clock.js';
import type { WatchResponse } from './gen/dracd/admin/v1/WatchResponse.js';
import { changeMessage } from './messages.js';
import type { Change, Operations, Watching } from './operations.js';
import { Refusal } from './refusal.js';
import { CHANGES_A_MESSAGE, Watcher, type WatchStream } from './watcher.js';

export const GATHER_MS = 20;

export type Watched = Pick<Operations, 'watch' | 'epoch' | 'position'>;

export interface FeedOptions {
  readonly operations: Watched;
  readonly clock: Clock;
  /** A watcher was cut off, or has ended; why. */
  readonly onEnd: (why: Refusal | undefined) => void;
}

export class Feed {
  readonly #options: FeedOptions;
  /** Those who are told what is new. */
  readonly #members = new Set<Watcher>();
  /** Those who are still told what was before. */
  readonly #joining = new Set<Watcher>();
  #common: Watching | undefined;
  #pending: Change[] = [];
  /** How many of these the members were given. */
  #given = 0;
  /** The position of the last change that was given to the members. */
  #told = 0;
  #timer: Timer | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#members.size + this.#joining.size;
  }

  /** Begins to tell what comes after a position. Throws a Refusal when that is not remembered. */
  join(stream: WatchStream, after: number | undefined): Watcher {
    const { operations } = this.#options;
    const from = after ?? operations.position;
    this.#start();
    const watcher = new Watcher({ stream, from, message: this.#message, onEnd: this.#leave });
    const own = operations.watch(from, watcher.remember);
    if (own === undefined) {
      this.#rest();
      throw new Refusal(
        'HISTORY_GONE',
        'changes after this position are not remembered; list anew, and watch from the position that comes with it',
      );
    }
    this.#joining.add(watcher);
    watcher.begin(own);
    this.#merge();
    return watcher;
  }

  /** Ends every watch. */
  end(why: Refusal): void {
    for (const watcher of [...this.#members, ...this.#joining]) watcher.end(why);
  }

  #start(): void {
    if (this.#common !== undefined) return;
    const { operations } = this.#options;
    this.#told = operations.position;
    this.#common = operations.watch(operations.position, this.#take);
  }

  /** Without anybody who watches nothing is gathered. */
  #rest(): void {
    if (this.size > 0) return;
    this.#common?.stop();
    this.#common = undefined;
    this.#timer?.stop();
    this.#timer = undefined;
    this.#pending = [];
    this.#given = 0;
  }

  readonly #leave = (watcher: Watcher, why: Refusal | undefined): void => {
    this.#members.delete(watcher);
    this.#joining.delete(watcher);
    this.#rest();
    this.#options.onEnd(why);
  };

  readonly #message = (changes: readonly Change[], position: number): WatchResponse => ({
    changes: changes.map(changeMessage),
    position: { epoch: this.#options.operations.epoch, number: position },
  });

  readonly #take = (change: Change): void => {
    this.#pending.push(change);
    this.#timer ??= this.#options.clock.after(GATHER_MS, this.#tell);
  };

  readonly #tell = (): void => {
    this.#timer = undefined;
    const changes = this.#pending.slice(this.#given, this.#given + CHANGES_A_MESSAGE);
    this.#given += changes.length;
    // Cut off seldom: each cut copies what is left, and a burst may be a million changes.
    if (this.#given * 2 >= this.#pending.length) {
      this.#pending = this.#pending.slice(this.#given);
      this.#given = 0;
    }
    const last = changes.at(-1);
    if (last === undefined) return;
    this.#told = last.position;
    if (this.#members.size > 0) {
      const message = this.#message(changes, last.position);
      for (const watcher of this.#members) watcher.tell(message, changes.length);
    }
    this.#merge();
    if (this.#pending.length > 0) this.#options.clock.soon(this.#tell);
  };

  /** Moves over those who have been told, or have before them, exactly what the members have been given. */
  #merge(): void {
    for (const watcher of this.#joining) {
      if (watcher.heard !== this.#told || !watcher.isClose) continue;
      this.#joining.delete(watcher);
      this.#members.add(watcher);
      watcher.moveOver();
    }
  }
}
