/**
 * change-queue - changes that wait for their transaction, and which of them one transaction takes
 *
 * A transaction takes changes from the front, in order (and the parts of one change in theirs): several small ones
 * together, a large one in slices, so that none holds up the event loop. A change is answered when its last slice is written.
 *
 * When nothing can be written, those who wait are told so, but what they wanted removed is owed: a
 * client whose time is over must go as soon as that is possible, and one that is denied.
 *
 * Limits: a slice is at most SLICE keys, and ends earlier when the caller has no more time. Changes of
 * at most MAX_OWED keys are owed; what is beyond is lost. How much else may wait is bounded by those
 * who wait for the answers.
 */
import type { Fault } from '../core/fault.js';
import type { Allowed, Denial, MapChange } from '../core/outlets.js';
import type { Permission, Subject } from '../core/subject.js';

export type Done = (fault?: Fault) => void;

/** The keys of one subject that a slice takes: a network may have tens of thousands. */
export interface KeyRun {
  /** Whether the next key was written by an earlier slice. */
  isPast(): boolean;
  /** Whether there is time for the next key. */
  hasRoom(): boolean;
}

/** A status, 0 for done; undefined: there was no time for all keys. */
export type Written = number | undefined;

/** What a transaction does to one subject. */
export interface KeyWriter {
  put(permission: Permission, run: KeyRun): Written;
  remove(client: Subject, run: KeyRun): Written;
  /** Nobody in it may relay, whatever the map says besides. */
  deny(client: Subject, run: KeyRun): Written;
  allow(allowed: Allowed, run: KeyRun): Written;
  /** Takes out whatever would let somebody in it relay. */
  hide(client: Subject, run: KeyRun): Written;
}

/** A change, and what is hidden first, because it is denied and the map had no room to say so. */
export interface Owed extends MapChange {
  readonly hide?: readonly Subject[];
}

interface Waiting {
  readonly change: Owed;
  readonly done: Done;
}

const SLICE = 1_000;
export const MAX_OWED = 1_000_000;
const nobody = (): void => undefined;
/** The clock is asked once in so many keys. */
const CLOCK_EVERY = 32;

const NONE = [] as const;

function keysOf({ allow = NONE, deny = NONE, hide = NONE, put, remove }: Owed): number {
  return hide.length + remove.length + deny.length + allow.length + put.length;
}

/** What of a change must not be lost. */
export function urgent({ deny = NONE, remove }: MapChange): Owed {
  return { hide: deny.map(({ client }) => client), remove, put: [] };
}

/** Makes the part of a change that stands at a place, in their order. */
function write(writer: KeyWriter, change: Owed, { place, run }: { place: number; run: KeyRun }): Written {
  const { allow = NONE, deny = NONE, hide = NONE, put, remove } = change;
  let at = place;
  if (at < hide.length) return writer.hide(hide[at] as Subject, run);
  at -= hide.length;
  if (at < remove.length) return writer.remove(remove[at] as Subject, run);
  at -= remove.length;
  if (at < deny.length) return writer.deny((deny[at] as Denial).client, run);
  at -= deny.length;
  if (at < allow.length) return writer.allow(allow[at] as Allowed, run);
  return writer.put(put[at - allow.length] as Permission, run);
}

/** What one transaction takes: at least one key, SLICE at most, and none when the time is over. */
class Slice implements KeyRun {
  readonly #hasTime: () => boolean;
  #count = 0;
  #past = 0;
  #isTaken = false;
  /** How many keys of the subject under way are behind it. */
  keys = 0;

  constructor(hasTime: () => boolean) {
    this.#hasTime = hasTime;
  }

  /** Goes on to a subject of which so many keys are past; answers whether there is time for it. */
  begin(past: number): boolean {
    if (!this.#take()) return false;
    this.#past = past;
    this.#isTaken = true;
    this.keys = 0;
    return true;
  }

  isPast(): boolean {
    if (this.keys >= this.#past) return false;
    this.keys += 1;
    return true;
  }

  hasRoom(): boolean {
    // The first is counted with its subject.
    if (!this.#isTaken && !this.#take()) return false;
    this.#isTaken = false;
    this.keys += 1;
    return true;
  }

  #take(): boolean {
    if (this.#count === SLICE) return false;
    if (this.#count > 0 && this.#count % CLOCK_EVERY === 0 && !this.#hasTime()) return false;
    this.#count += 1;
    return true;
  }
}

export class ChangeQueue {
  #waiting: Waiting[] = [];
  /** Where the next slice begins: subjects of the first change that are already written, and keys of the next. */
  #from = 0;
  #fromKey = 0;
  /** Where the slice under way ends: changes that it finishes, subjects of the one after those, and keys. */
  #finished = 0;
  #to = 0;
  #toKey = 0;
  /** Subjects of the changes that wait. */
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

  push(change: Owed, done: Done): void {
    this.#keys += keysOf(change);
    this.#waiting.push({ change, done });
  }

  /** A change whose answer was a Fault, but which the map owes to the ledger all the same. */
  owe(change: Owed): void {
    const keys = keysOf(change);
    if (this.#keys + keys > MAX_OWED) this.#lost = true;
    else if (keys > 0) this.push(change, nobody);
  }

  /** Writes the next slice, while `hasTime`; may be asked to write it again. Answers the first status that is not 0. */
  writeSlice(writer: KeyWriter, hasTime: () => boolean): number {
    const run = new Slice(hasTime);
    let past = this.#fromKey;
    this.#to = this.#from;
    for (this.#finished = 0; this.#finished < this.#waiting.length; this.#finished += 1, this.#to = 0) {
      const { change } = this.#waiting[this.#finished] as Waiting;
      for (const end = keysOf(change); this.#to < end; this.#to += 1) {
        this.#toKey = past;
        if (!run.begin(past)) return 0;
        const status = write(writer, change, { place: this.#to, run });
        if (status === undefined) {
          this.#toKey = run.keys;
          return 0;
        }
        if (status !== 0) return status;
        past = 0;
      }
    }
    this.#toKey = 0;
    return 0;
  }

  /** The slice is in the map: answers whom to tell. */
  written(): Done[] {
    const finished = this.#waiting.splice(0, this.#finished);
    for (const { change } of finished) this.#keys -= keysOf(change);
    this.#from = this.#to;
    this.#fromKey = this.#toKey;
    return finished.map((waiting) => waiting.done);
  }

  /** Nothing can be written at present: answers whom to tell; their removals are owed, and that denials hold. */
  fail(): Done[] {
    const all = this.#waiting;
    const told = this.abandon();
    for (const { change } of all) {
      const { hide = NONE, remove } = urgent(change);
      this.owe({ hide: [...(change.hide ?? NONE), ...hide], remove, put: [] });
    }
    return told;
  }

  /** Nothing will be written: empties the queue and answers whom to tell. */
  abandon(): Done[] {
    const all = this.#waiting;
    this.#waiting = [];
    this.#from = 0;
    this.#fromKey = 0;
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
    this.#fromKey = 0;
    return built.map((waiting) => waiting.done);
  }
}
