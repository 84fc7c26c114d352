/**
 * ended - which clients held a grant not long ago, and when it ended
 *
 * Kept so that a client who was here can be told more than a stranger. Nothing of it is stored: a restart
 * forgets it.
 *
 * Limits: ENDED_MAX clients, those whose grants ended longest ago forgotten first, and together with their
 * neighbours: memory is a row of generations, each a share of the time and of the number, and the oldest goes
 * as a whole. With a past of 0 nothing is kept.
 *
 * An object for each would live for a while and then be garbage, whose collection would be felt when a million end at
 * once: an IPv4 client is a number here, and times are in a column.
 */
import type { Grant } from './grant.js';
import { keyOf, type Subject, type SubjectKey } from './subject.js';

export const ENDED_MAX = 131_072;
const GENERATIONS = 8;

/** A lease that is no more. */
export interface EndedLease extends Grant {
  readonly subject: Subject;
}

interface Generation {
  readonly began: number;
  /** Where each client's ending is. */
  readonly places: Map<SubjectKey, number>;
  readonly endings: number[];
  /** The last ending that it holds. */
  last: number;
}

export class Ended {
  readonly #pastMs: number;
  readonly #max: number;
  /** The newest first. */
  readonly #generations: Generation[] = [];

  constructor(options: { readonly pastMs: number; readonly max?: number }) {
    this.#pastMs = options.pastMs;
    this.#max = options.max ?? ENDED_MAX;
  }

  /** How many are held; a client whose grants ended again and again may count more than once. */
  get size(): number {
    return this.#generations.reduce((sum, { places }) => sum + places.size, 0);
  }

  /** Remembers that this subject's grant ended at `endedAt`. Times are steady milliseconds. */
  remember(subject: Subject, endedAt: number): void {
    if (this.#pastMs <= 0) return;
    const generation = this.#current(endedAt);
    const key = keyOf(subject);
    const place = generation.places.get(key) ?? generation.endings.length;
    generation.places.set(key, place);
    generation.endings[place] = endedAt;
    generation.last = Math.max(generation.last, endedAt);
  }

  /** When this subject's last grant ended, if that was within the past. */
  of(subject: Subject, now: number): number | undefined {
    const key = keyOf(subject);
    for (const { endings, places } of this.#generations) {
      const place = places.get(key);
      if (place === undefined) continue;
      const endedAt = endings[place] as number;
      return now - endedAt <= this.#pastMs ? endedAt : undefined;
    }
    return undefined;
  }

  /** As if this subject had never had a grant. */
  erase(subject: Subject): void {
    for (const { places } of this.#generations) places.delete(keyOf(subject));
  }

  /** Lets go of what is over; to be called now and then. */
  forget(now: number): void {
    while (now - (this.#generations.at(-1)?.last ?? Infinity) > this.#pastMs) this.#generations.pop();
  }

  #current(now: number): Generation {
    const newest = this.#generations[0];
    const room = newest !== undefined && newest.endings.length < Math.ceil(this.#max / GENERATIONS);
    // One share less than there are generations, so that the oldest is over before it must go.
    if (room && now - newest.began < this.#pastMs / (GENERATIONS - 1)) return newest;
    const generation = { began: now, places: new Map<SubjectKey, number>(), endings: [], last: now };
    this.#generations.unshift(generation);
    if (this.#generations.length > GENERATIONS) this.#generations.pop();
    return generation;
  }
}
