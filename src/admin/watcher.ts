/**
 * watcher - one client that watches: what it is still to be told, and when it is too slow
 *
 * At first it has a backlog of its own, of changes, sent at its pace; then a queue of messages that it has in common with
 * others. One message is under way at a time: the next is sent when that has left. What it costs when it does
 * not read is references to messages that are there anyway.
 *
 * Limits: MAX_BEHIND changes behind, beyond what it had asked for, and it is cut off. It is told so when it reads
 * what is under way to it.
 */
import type { WatchResponse } from './gen/dracd/admin/v1/WatchResponse.js';
import type { Change, Watching } from './operations.js';
import { Refusal } from './refusal.js';

export const CHANGES_A_MESSAGE = 512;
export const MAX_BEHIND = 32_768;

/** The way to the client. */
export interface WatchStream {
  /** Calls back when the message has left; not at all when the client has gone. */
  send(message: WatchResponse, sent: () => void): void;
  /** Ends it with a status. */
  end(why: Refusal): void;
}

export interface WatcherOptions {
  readonly stream: WatchStream;
  /** The position after which it is told. */
  readonly from: number;
  readonly message: (changes: readonly Change[], position: number) => WatchResponse;
  /** It has ended: cut off, or (undefined) gone. Called once. */
  readonly onEnd: (watcher: Watcher, why: Refusal | undefined) => void;
}

interface Queued {
  readonly message: WatchResponse;
  readonly changes: number;
}

export class Watcher {
  readonly #options: WatcherOptions;
  /** What it was not told yet of its own subscription. */
  #backlog: Change[] = [];
  /** How many of these have been sent already. */
  #sent = 0;
  #allowed = Infinity;
  #queue: Queued[] = [];
  #behind = 0;
  #own: Watching | undefined;
  #isBusy = false;
  #isOver = false;
  #heard: number;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#heard = options.from;
  }

  /** The position of the last change that its own subscription told. */
  get heard(): number {
    return this.#heard;
  }

  /** Whether its backlog is short enough to become a part of its queue. */
  get isClose(): boolean {
    return this.#backlog.length - this.#sent <= MAX_BEHIND / 2;
  }

  /** Takes a change of its own subscription. */
  readonly remember = (change: Change): void => {
    this.#backlog.push(change);
    this.#heard = change.position;
    if (this.#backlog.length - this.#sent > this.#allowed) this.#cut();
  };

  /** Tells that the watch has begun, and then the backlog. */
  begin(own: Watching): void {
    this.#own = own;
    this.#allowed = this.#backlog.length + MAX_BEHIND;
    const { message, from } = this.#options;
    this.#put({ message: message([], from), changes: 0 });
  }

  /** What is left of the backlog goes before what the feed tells from now on. */
  moveOver(): void {
    this.#own?.stop();
    this.#own = undefined;
    while (this.#backlog.length > 0) this.#put(this.#nextOfBacklog());
  }

  /** Takes a message of the feed. */
  tell(message: WatchResponse, changes: number): void {
    this.#put({ message, changes });
  }

  /** Ends it: told why, or (undefined) because the client has gone. */
  end(why: Refusal | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#own?.stop();
    this.#queue = [];
    this.#backlog = [];
    if (why !== undefined) this.#options.stream.end(why);
    this.#options.onEnd(this, why);
  }

  #cut(): void {
    this.end(
      new Refusal(
        'TOO_SLOW',
        `more than ${MAX_BEHIND} changes were not read; watch again from the last position`,
      ),
    );
  }

  #put(queued: Queued): void {
    if (this.#isOver) return;
    this.#queue.push(queued);
    this.#behind += queued.changes;
    if (this.#behind > MAX_BEHIND) this.#cut();
    else if (!this.#isBusy) this.#next();
  }

  #nextOfBacklog(): Queued {
    const changes = this.#backlog.slice(this.#sent, this.#sent + CHANGES_A_MESSAGE);
    this.#sent += changes.length;
    const position = changes.at(-1)?.position ?? this.#options.from;
    if (this.#sent === this.#backlog.length) {
      this.#backlog = [];
      this.#sent = 0;
    }
    return { message: this.#options.message(changes, position), changes: changes.length };
  }

  readonly #next = (): void => {
    this.#isBusy = false;
    if (this.#isOver) return;
    if (this.#queue.length === 0 && this.#backlog.length > 0) {
      const queued = this.#nextOfBacklog();
      this.#queue.push(queued);
      this.#behind += queued.changes;
    }
    const [first] = this.#queue;
    if (first === undefined) return;
    this.#queue.shift();
    this.#behind -= first.changes;
    this.#isBusy = true;
    this.#options.stream.send(first.message, this.#next);
  };
}
