/**
 * sort-keys - byte strings in one array, sorted by their bytes
 *
 * Three-way radix quicksort after Bentley and Sedgewick: what keys have in common is looked at once, not
 * at each comparison, and no arrangement of addresses makes it slow.
 *
 * Limits: keys that are the same, or differ only in NULs in their middle, should be few.
 */

/** Keys by number: where each begins in `bytes`, and how long it is. */
export interface Keys {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly lengths: Uint16Array;
}

/** So many bytes are compared at once. */
const WORD_BYTES = 4;
/** Below this, shifting neighbours is faster than partitioning. */
const SMALL = 12;

/** Less than 0 when the one key comes first, 0 when they are the same. */
export function compareKeys({ bytes, starts, lengths }: Keys, one: number, other: number): number {
  const first = starts[one] as number;
  const second = starts[other] as number;
  const ours = lengths[one] as number;
  const theirs = lengths[other] as number;
  const common = Math.min(ours, theirs);
  for (let i = 0; i < common; i += 1) {
    const difference = (bytes[first + i] as number) - (bytes[second + i] as number);
    if (difference !== 0) return difference;
  }
  return ours - theirs;
}

/** A piece of the order, whose keys agree before `depth`. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly depth: number;
}

function middleOf(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

class Sorting {
  readonly #keys: Keys;
  readonly #order: Uint32Array;
  /** For each place of the order, the word of its key that is being compared: memory is read in order. */
  readonly #words: Uint32Array;

  constructor(order: Uint32Array, keys: Keys) {
    this.#keys = keys;
    this.#order = order;
    this.#words = new Uint32Array(order.length);
  }

  /** Reads the word of each key of the piece; behind the end of a key are zeros. */
  #read({ from, to, depth }: Piece): void {
    const { bytes, starts, lengths } = this.#keys;
    for (let place = from; place < to; place += 1) {
      const key = this.#order[place] as number;
      const start = starts[key] as number;
      const end = start + (lengths[key] as number);
      let word = 0;
      for (let at = start + depth; at < start + depth + WORD_BYTES; at += 1)
        word = (word << 8) | (at < end ? (bytes[at] as number) : 0);
      this.#words[place] = word;
    }
  }

  #insert({ from, to }: Piece): void {
    const words = this.#words;
    const order = this.#order;
    for (let i = from + 1; i < to; i += 1) {
      const key = order[i] as number;
      const word = words[i] as number;
      let at = i;
      for (; at > from; at -= 1) {
        const before = words[at - 1] as number;
        if (before < word || (before === word && compareKeys(this.#keys, order[at - 1] as number, key) <= 0))
          break;
        words[at] = before;
        order[at] = order[at - 1] as number;
      }
      words[at] = word;
      order[at] = key;
    }
  }

  /** Moves what is less than the pivot before what is the same, and what is more behind. Answers where those begin and end. */
  #partition({ from, to }: Piece, pivot: number): { less: number; more: number } {
    const words = this.#words;
    const order = this.#order;
    let less = from;
    let more = to;
    for (let i = from; i < more;) {
      const word = words[i] as number;
      if (word === pivot) {
        i += 1;
        continue;
      }
      const other = word < pivot ? less++ : --more;
      const key = order[i] as number;
      words[i] = words[other] as number;
      order[i] = order[other] as number;
      words[other] = word;
      order[other] = key;
      if (word < pivot) i += 1;
    }
    return { less, more };
  }

  run(): void {
    const whole: Piece = { from: 0, to: this.#order.length, depth: 0 };
    this.#read(whole);
    const words = this.#words;
    const pending = [whole];
    for (let piece = pending.pop(); piece !== undefined; piece = pending.pop()) {
      const { from, to, depth } = piece;
      if (to - from <= SMALL) {
        this.#insert(piece);
        continue;
      }
      const [first = 0, middle = 0, last = 0] = [words[from], words[(from + to) >> 1], words[to - 1]];
      const pivot = middleOf(first, middle, last);
      const { less, more } = this.#partition(piece, pivot);
      pending.push({ from, to: less, depth }, { from: more, to, depth });
      const same: Piece = { from: less, to: more, depth: depth + WORD_BYTES };
      // A zero at the end of the word: some of these keys end in it, and are all but one key.
      if ((pivot & 0xff) === 0) this.#insert(same);
      else {
        this.#read(same);
        pending.push(same);
      }
    }
  }
}

/** Sorts numbers of keys by the keys, in place. */
export function sortKeys(order: Uint32Array, keys: Keys): void {
  new Sorting(order, keys).run();
}
