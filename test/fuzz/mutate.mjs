/**
 * mutate - random numbers that can be had again, and bytes that are almost right
 *
 * Every message is made from (seed, stream, iteration) alone, so that one iteration can be repeated without those
 * before it.
 */

/** Numbers at which length fields, counts, enums and record marks turn from right to wrong. */
const WORDS = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 19, 20, 21, 44, 63, 64, 65, 255, 256, 257, 399, 400, 401, 404, 1023,
  2047, 2048, 2049, 0x7fff, 0x8000, 0xffff, 0x1_0000, 100_000, 900_101, 0x7fff_fffc, 0x7fff_ffff, 0x8000_0000,
  0x8000_0001, 0x8000_0018, 0x8000_002c, 0x8000_0800, 0x8000_0801, 0xffff_fffc, 0xffff_fffd, 0xffff_ffff,
];
const BYTES = [0, 1, 0x20, 0x25, 0x2e, 0x30, 0x39, 0x3a, 0x66, 0x7f, 0x80, 0xfe, 0xff];
/** No message grows over this; twice the largest record. */
const LONGEST = 4096;
/** Bytes in which most length fields stand. */
const HEADERS = 64;

/** sfc32: small, fast, and good enough that no decoder sees its pattern. */
export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 1;

  /** @param {number} a @param {number} b @param {number} c */
  restart(a, b, c) {
    this.#a = a | 0;
    this.#b = b | 0;
    this.#c = c | 0;
    this.#counter = 1;
    for (let round = 0; round < 12; round += 1) this.next();
  }

  /** 0 to 2^32 - 1. */
  next() {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** 0 to `end` - 1. @param {number} end */
  below(end) {
    return Math.floor((this.next() / 0x1_0000_0000) * end);
  }

  /** Mostly small numbers, sometimes up to `end` - 1. @param {number} end */
  small(end) {
    return this.below(this.below(end) + 1);
  }

  /** @template T @param {readonly T[]} list @returns {T} */
  pick(list) {
    return list[this.below(list.length)];
  }
}

/** A stream number from a name (FNV-1a). @param {string} name */
export function streamOf(name) {
  let hash = 0x811c_9dc5;
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x0100_0193);
  return hash >>> 0;
}

/** Changes one message in place, in memory that is used again for the next. */
export class Mutator {
  #random;
  #bytes = new Uint8Array(2 * LONGEST);
  #length = 0;

  /** @param {Random} random */
  constructor(random) {
    this.#random = random;
  }

  /** `original` after up to six changes (now and then none), in memory of its own. @param {Uint8Array} original @param {readonly Uint8Array[]} corpus */
  mutate(original, corpus) {
    this.#length = Math.min(original.length, LONGEST);
    this.#bytes.set(original.subarray(0, this.#length));
    for (let change = this.#random.small(7); change > 0; change -= 1) this.#change(corpus);
    return this.#bytes.slice(0, this.#length);
  }

  /** @param {readonly Uint8Array[]} corpus */
  #change(corpus) {
    const random = this.#random;
    switch (random.below(12)) {
      case 0:
        return this.#setByte((byte) => byte ^ (1 << random.below(8)));
      case 1:
        return this.#setByte(() => random.pick(BYTES));
      case 2:
      case 3:
      case 4:
        return this.#setWord(random.pick(WORDS));
      case 5:
        return this.#setWord(random.next());
      case 6:
        this.#length = random.below(this.#length + 1);
        return;
      case 7:
        return this.#insert(this.#length, 1 + random.small(64));
      case 8:
        return this.#remove();
      case 9:
        return this.#insert(this.#place(), 1 + random.small(16));
      case 10:
        return this.#repeat();
      default:
        return this.#splice(random.pick(corpus));
    }
  }

  /** A place in the message, mostly at a whole word, and often where headers are. */
  #place() {
    const end = this.#random.below(2) === 0 ? Math.min(this.#length, HEADERS) : this.#length;
    const place = this.#random.below(end + 1);
    return this.#random.below(8) === 0 ? place : place & ~3;
  }

  /** @param {(byte: number) => number} change */
  #setByte(change) {
    if (this.#length === 0) return;
    const at = this.#random.below(this.#length);
    this.#bytes[at] = change(this.#bytes[at] ?? 0);
  }

  /** @param {number} word */
  #setWord(word) {
    const at = this.#place();
    if (at + 4 > this.#length) return;
    for (let byte = 0; byte < 4; byte += 1) this.#bytes[at + byte] = word >>> (24 - 8 * byte);
  }

  /** Makes room for `count` bytes at `at` and fills it. @param {number} at @param {number} count */
  #insert(at, count) {
    if (this.#length + count > LONGEST) return;
    this.#bytes.copyWithin(at + count, at, this.#length);
    const filling = this.#random.below(3);
    for (let byte = at; byte < at + count; byte += 1)
      this.#bytes[byte] = filling === 0 ? 0 : this.#random.next();
    this.#length += count;
  }

  #remove() {
    const at = this.#place();
    const count = Math.min(this.#length - at, 1 + this.#random.small(32));
    this.#bytes.copyWithin(at, at + count, this.#length);
    this.#length -= count;
  }

  /** Puts a piece of the message into it once more. */
  #repeat() {
    const from = this.#place();
    const count = Math.min(this.#length - from, 4 * (1 + this.#random.small(32)));
    if (this.#length + count > LONGEST) return;
    this.#bytes.copyWithin(from + count, from, this.#length);
    this.#length += count;
  }

  /** The rest of another message instead of its own. @param {Uint8Array} other */
  #splice(other) {
    const at = this.#place();
    const from = Math.min(
      other.length,
      this.#random.below(2) === 0 ? at : this.#random.below(other.length + 1),
    );
    const tail = other.subarray(from, from + LONGEST - at);
    this.#bytes.set(tail, at);
    this.#length = at + tail.length;
  }
}
