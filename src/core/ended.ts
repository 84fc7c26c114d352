/**
 * ended - which clients held a grant not long ago, and when it ended
 *
 * Kept so that a client who was here can be told more than a stranger. Nothing of it is stored: a restart
 * forgets it.
 *
 * Limits: ENDED_MAX clients, those whose grants ended longest ago forgotten first, and together with their
 * neighbours: memory is a row of generations, each a share of the time and of the number, and the oldest goes
 * as a whole. With a past of 0 nothing is kept.
 */
import type { Subject } from './subject.js';

export const ENDED_MAX = 131_072;
const GENERATIONS = 8;

interface Generation {
  readonly began: number;
  readonly endings: Map<Subject, number>;
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
    return this.#generations.reduce((sum, { endings }) => sum + endings.size, 0);
  }

  /** Remembers that this subject's grant ended at `endedAt`. Times are steady milliseconds. */
  remember(subject: Subject, endedAt: number): void {
    if (this.#pastMs <= 0) return;
    const generation = this.#current(endedAt);
    generation.endings.set(subject, endedAt);
    generation.last = Math.max(generation.last, endedAt);
  }

  /** When this subject's last grant ended, if that was within the past. */
  of(subject: Subject, now: number): number | undefined {
    for (const { endings } of this.#generations) {
      const endedAt = endings.get(subject);
      if (endedAt !== undefined) return now - endedAt <= this.#pastMs ? endedAt : undefined;
    }
    return undefined;
  }

  /** As if this subject had never had a grant. */
  erase(subject: Subject): void {
    for (const { endings } of this.#generations) endings.delete(subject);
  }

  /** Lets go of what is over; to be called now and then. */
  forget(now: number): void {
    while (now - (this.#generations.at(-1)?.last ?? Infinity) > this.#pastMs) this.#generations.pop();
  }

  #current(now: number): Generation {
    const newest = this.#generations[0];
    const room = newest !== undefined && newest.endings.size < Math.ceil(this.#max / GENERATIONS);
    // One share less than there are generations, so that the oldest is over before it must go.
    if (room && now - newest.began < this.#pastMs / (GENERATIONS - 1)) return newest;
    const generation = { began: now, endings: new Map<Subject, number>(), last: now };
    this.#generations.unshift(generation);
    if (this.#generations.length > GENERATIONS) this.#generations.pop();
    return generation;
  }
}
