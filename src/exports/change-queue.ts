/**
 * change-queue - changes that wait for their transaction, and which of them one transaction takes
 *
 * A transaction takes changes from the front, in order (of one change, first what is removed): several small ones
 * together, a large one in slices, so that none holds up the event loop. A change is answered when its last slice is written.
 *
 * When nothing can be written, those who wait are told so, but what they wanted removed is owed: a
 * client whose time is over must go as soon as that is possible.
 *
 * Limits: a slice is at most SLICE keys, and ends earlier when the caller has no more time. Changes of
 * at most MAX_OWED keys are owed; what is beyond is lost. How much else may wait is bounded by those
 * who wait for the answers.
 */
import type { Fault } from '../core/fault.js';
import type { MapChange } from '../core/outlets.js';
import type { Permission, Subject } from '../core/subject.js';

export type Done = (fault?: Fault) => void;

/** What a transaction does to one subject; both answer a status, 0 for done. */
export interface KeyWriter {
  put(client: Subject, expiresAt: number): number;
  remove(client: Subject): number;
}

interface Waiting {
  readonly change: MapChange;
  readonly done: Done;
}

const SLICE = 1_000;
export const MAX_OWED = 1_000_000;
const nobody = (): void => undefined;
/** The clock is asked once in so many keys. */
const CLOCK_EVERY = 32;

function keysOf({ put, remove }: MapChange): number {
  return put.length + remove.length;
}

export class ChangeQueue {
  #waiting: Waiting[] = [];
  /** Where the next slice begins: keys of the first change that are already written. */
  #from = 0;
  /** Where the slice under way ends: changes that it finishes, and keys of the one after those. */
  #finished = 0;
  #to = 0;
  /** Of the changes that wait. */
  #keys = 0;
  /** How many changes waited when the build under way began. */
  #marked = 0;
  #lost = false;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Whether something owed was lost since the mark: what was built since does not hold it. */
  get hasLost(): boolean {
    return this.#lost;
  }

  push(change: MapChange, done: Done): void {
    this.#keys += keysOf(change);
    this.#waiting.push({ change, done });
  }

  /** A change whose answer was a Fault, but which the map owes to the ledger all the same. */
  owe(change: MapChange): void {
    const keys = keysOf(change);
    if (this.#keys + keys > MAX_OWED) this.#lost = true;
    else if (keys > 0) this.push(change, nobody);
  }

  /** Writes the next slice, while `hasTime`; may be asked to write it again. Answers the first status that is not 0. */
  writeSlice(writer: KeyWriter, hasTime: () => boolean): number {
    let count = 0;
    this.#to = this.#from;
    for (this.#finished = 0; this.#finished < this.#waiting.length; this.#finished += 1, this.#to = 0) {
      const { change } = this.#waiting[this.#finished] as Waiting;
      const { put, remove } = change;
      for (const end = keysOf(change); this.#to < end; this.#to += 1) {
        if (count === SLICE || (count > 0 && count % CLOCK_EVERY === 0 && !hasTime())) return 0;
        count += 1;
        const gone = remove[this.#to];
        const grant = put[this.#to - remove.length] as Permission;
        const status = gone === undefined ? writer.put(grant.client, grant.expiresAt) : writer.remove(gone);
        if (status !== 0) return status;
      }
    }
    return 0;
  }

  /** The slice is in the map: answers whom to tell. */
  written(): Done[] {
    const finished = this.#waiting.splice(0, this.#finished);
    for (const { change } of finished) this.#keys -= keysOf(change);
    this.#from = this.#to;
    return finished.map((waiting) => waiting.done);
  }

  /** Nothing can be written at present: answers whom to tell; their removals are owed. */
  fail(): Done[] {
    const all = this.#waiting;
    const told = this.abandon();
    for (const { change } of all) this.owe({ put: [], remove: change.remove });
    return told;
  }

  /** Nothing will be written: empties the queue and answers whom to tell. */
  abandon(): Done[] {
    const all = this.#waiting;
    this.#waiting = [];
    this.#from = 0;
    this.#keys = 0;
    return all.map((waiting) => waiting.done);
  }

  /** The map is about to be built from what the ledger holds now. */
  mark(): void {
    this.#marked = this.#waiting.length;
    this.#lost = false;
  }

  /**
   * The map was built. What waited at the mark is in it: the ledger keeps a change before it hands it on,
   * and may have granted anew since what was owed. So a reader that holds every new file's lock cannot
   * hold up the answers for longer than a build. Answers whom to tell.
   */
  restart(): Done[] {
    const built = this.#waiting.splice(0, this.#marked);
    this.#keys = this.#waiting.reduce((keys, { change }) => keys + keysOf(change), 0);
    this.#from = 0;
    return built.map((waiting) => waiting.done);
  }
}
