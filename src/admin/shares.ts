/**
 * shares - how many streams, or questions, of one kind there may be at once, and how many of them one caller may have
 *
 * One caller has at most half of them, and all viewers together three quarters: nobody keeps the others out, and viewers
 * no operator. A caller is who he is in the audit (caller.ts): the name of a certificate, or what somebody local says he is.
 *
 * Errors: Refusal TOO_MANY, which says whose share is used up and what to do.
 * Limits: somebody local is believed who he says he is: whoever may write to the socket may end the daemon as well.
 */
import type { Caller } from './caller.js';
import { Refusal } from './refusal.js';

const OF_ONE = 1 / 2;
const OF_VIEWERS = 3 / 4;
const CURE = 'end one, or try again when one has ended';

export class Shares {
  readonly #what: string;
  readonly #max: number;
  readonly #held = new Map<string, number>();
  #viewers = 0;
  #size = 0;

  /** Of `max` things called `what`: "lists". */
  constructor(what: string, max: number) {
    this.#what = what;
    this.#max = max;
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Takes one; the answer gives it back, once. Throws a Refusal. */
  take({ author, role }: Caller): () => void {
    const held = this.#held.get(author) ?? 0;
    this.#check(author, held, role === 'viewer');
    this.#add(author, held + 1);
    if (role === 'viewer') this.#viewers += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#add(author, (this.#held.get(author) ?? 1) - 1);
      if (role === 'viewer') this.#viewers -= 1;
    };
  }

  #check(author: string, held: number, isViewer: boolean): void {
    const max = this.#max;
    const all = `of the ${max} ${this.#what} at once`;
    if (held >= max * OF_ONE)
      throw new Refusal('TOO_MANY', `${author} has ${held} ${all}, and nobody may have more: ${CURE}`);
    if (isViewer && this.#viewers >= max * OF_VIEWERS)
      throw new Refusal(
        'TOO_MANY',
        `viewers have ${this.#viewers} ${all}, and the others are for operators: ${CURE}`,
      );
    if (this.#size >= max) throw new Refusal('TOO_MANY', `there are ${max} ${all} already: ${CURE}`);
  }

  #add(author: string, held: number): void {
    this.#size += held - (this.#held.get(author) ?? 0);
    if (held > 0) this.#held.set(author, held);
    else this.#held.delete(author);
  }
}
