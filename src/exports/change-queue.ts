/**
 * change-queue - changes that wait for their transaction, and which of them one transaction takes
 *
 * A transaction takes changes from the front, in order: several small ones together, a large one in
 * slices, so that none holds up the event loop. A change is answered when its last slice is written.
 *
 * Limits: a slice is at most SLICE keys, and ends earlier when the caller has no more time. How much
 * may wait is bounded by those who wait for the answers.
 */
import type { Fault } from '../core/fault.js';
import type { MapChange } from '../core/ledger.js';

export type Done = (fault?: Fault) => void;

/** What a transaction does to one key; both answer a status, 0 for done. */
export interface KeyWriter {
  put(client: string, expiresAt: number): number;
  remove(client: string): number;
}

interface Waiting {
  readonly change: MapChange;
  readonly done: Done;
}

const SLICE = 1_000;
/** The clock is asked once in so many keys. */
const CLOCK_EVERY = 32;

export class ChangeQueue {
  #waiting: Waiting[] = [];
  /** Where the next slice begins: keys of the first change that are already written. */
  #from = 0;
  /** Where the slice under way ends: changes that it finishes, and keys of the one after those. */
  #finished = 0;
  #to = 0;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  push(change: MapChange, done: Done): void {
    this.#waiting.push({ change, done });
  }

  /** Writes the next slice, while `hasTime`; may be asked to write it again. Answers the first status that is not 0. */
  writeSlice(writer: KeyWriter, hasTime: () => boolean): number {
    let count = 0;
    this.#to = this.#from;
    for (this.#finished = 0; this.#finished < this.#waiting.length; this.#finished += 1, this.#to = 0) {
      const { put, remove } = (this.#waiting[this.#finished] as Waiting).change;
      for (const end = put.length + remove.length; this.#to < end; this.#to += 1) {
        if (count === SLICE || (count > 0 && count % CLOCK_EVERY === 0 && !hasTime())) return 0;
        count += 1;
        const grant = put[this.#to];
        const status =
          grant === undefined
            ? writer.remove(remove[this.#to - put.length] as string)
            : writer.put(grant.client, grant.expiresAt);
        if (status !== 0) return status;
      }
    }
    return 0;
  }

  /** The slice is in the map: answers whom to tell. */
  written(): Done[] {
    const finished = this.#waiting.splice(0, this.#finished);
    this.#from = this.#to;
    return finished.map((waiting) => waiting.done);
  }

  /** Nothing can be written: empties the queue and answers whom to tell. */
  abandon(): Done[] {
    const all = this.#waiting;
    this.#waiting = [];
    this.#from = 0;
    return all.map((waiting) => waiting.done);
  }

  /** The map was rebuilt: what was written of the first change is written again, to be sure. */
  restart(): void {
    this.#from = 0;
  }
}
