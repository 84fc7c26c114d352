/**
 * number-index - finds the place of a number: a hash table in two arrays of numbers
 *
 * A Map takes four times the memory for a million, and looks in three places in memory for one that lies in the next cell
 * here as a rule (open addressing, linear probing, no tombstones: Knuth, TAOCP volume 3, 6.4, algorithms L and R).
 *
 * Where a number lies depends on a secret of the process: whoever chooses the numbers cannot make them meet.
 *
 * Limits: numbers and places are signed 32-bit, places not negative. It is copied as a whole when it grows or shrinks.
 */

const EMPTY = -1;
const SMALLEST_BITS = 4;
/** Nobody is shown what it makes, so that it need not be more random than this. */
const SECRET = Math.floor(Math.random() * 2 ** 32);
/** Multipliers of MurmurHash3's finaliser. */
const FIRST_FACTOR = 0x85eb_ca6b;
const SECOND_FACTOR = 0xc2b2_ae35;

export class NumberIndex {
  #bits = SMALLEST_BITS;
  #numbers = new Int32Array(1 << SMALLEST_BITS);
  #places = new Int32Array(1 << SMALLEST_BITS).fill(EMPTY);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(number: number): number | undefined {
    const place = this.#places[this.#cellOf(number)] as number;
    return place === EMPTY ? undefined : place;
  }

  /** In place of what was there for the number. */
  set(number: number, place: number): void {
    let cell = this.#cellOf(number);
    if (this.#places[cell] === EMPTY) {
      this.#size += 1;
      // Two thirds full at most.
      if (3 * this.#size > 2 * this.#places.length) {
        this.#resize(this.#bits + 1);
        cell = this.#cellOf(number);
      }
    }
    this.#numbers[cell] = number;
    this.#places[cell] = place;
  }

  delete(number: number): void {
    const places = this.#places;
    const mask = places.length - 1;
    let gap = this.#cellOf(number);
    if (places[gap] === EMPTY) return;
    this.#size -= 1;
    // What was put behind its cell because this one was taken moves up.
    for (let cell = (gap + 1) & mask; places[cell] !== EMPTY; cell = (cell + 1) & mask) {
      const first = this.#firstOf(this.#numbers[cell] as number);
      if (((cell - first) & mask) < ((cell - gap) & mask)) continue;
      this.#numbers[gap] = this.#numbers[cell] as number;
      places[gap] = places[cell] as number;
      gap = cell;
    }
    places[gap] = EMPTY;
    if (8 * this.#size < places.length && this.#bits > SMALLEST_BITS) this.#resize(this.#bits - 1);
  }

  /** Where the number is, or the empty cell where it would be put. */
  #cellOf(number: number): number {
    const numbers = this.#numbers;
    const places = this.#places;
    const mask = places.length - 1;
    let cell = this.#firstOf(number);
    while (places[cell] !== EMPTY && numbers[cell] !== number) cell = (cell + 1) & mask;
    return cell;
  }

  /** The cell from which on it is looked for. */
  #firstOf(number: number): number {
    let hash = number ^ SECRET;
    hash = Math.imul(hash ^ (hash >>> 16), FIRST_FACTOR);
    hash = Math.imul(hash ^ (hash >>> 13), SECOND_FACTOR);
    return (hash ^ (hash >>> 16)) & (this.#places.length - 1);
  }

  #resize(bits: number): void {
    const [numbers, places] = [this.#numbers, this.#places];
    this.#bits = bits;
    this.#numbers = new Int32Array(1 << bits);
    this.#places = new Int32Array(1 << bits).fill(EMPTY);
    for (let cell = 0; cell < places.length; cell += 1) {
      const place = places[cell] as number;
      if (place === EMPTY) continue;
      const number = numbers[cell] as number;
      const to = this.#cellOf(number);
      this.#numbers[to] = number;
      this.#places[to] = place;
    }
  }
}
