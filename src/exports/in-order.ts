/**
 * in-order - a million grants in the order of a map's keys, without ever holding up the event loop
 *
 * An ordered build writes each page of the map once, an unordered one many times (1 M random
 * addresses: 0.5 s against 3 s, and half the file). Sorting them all at once would take the event loop
 * a second; here a sample splits them into buckets small enough to be sorted in a step.
 *
 * Comparisons are of numbers: two ranks say what a key's first 2 x RANKED characters say. That is the
 * whole of an IPv4 address; keys of equal ranks are compared as text. What is worked with lies in typed
 * arrays, which the garbage collector does not carry about.
 *
 * Limits: a step is at most STEP grants of work, plus one sort of a bucket (about BUCKET grants, for up
 * to MAX_BUCKETS x BUCKET grants). Memory: four words a grant. Keys are addresses: others come out,
 * but not always in their place.
 */
import { numberToAddress } from '../core/address.js';

/** A key of the map, and when its grant ends. */
export interface Row {
  readonly client: string;
  readonly expiresAt: number;
}

/** The same, where an IPv4 client may be the signed number of addressToNumber. Good until the next, which may be the same object. */
export interface LeanRow {
  readonly client: string | number;
  readonly expiresAt: number;
}

const STEP = 2_000;
const BUCKET = 1_000;
const MAX_BUCKETS = 1_024;
/** Sampled keys a bucket: more make buckets more even. */
const OVERSAMPLING = 4;

/** What addresses are written with, in the order of the characters. */
const ALPHABET = '.0123456789:abcdef';
/** One more than there are characters: the end of a key comes before them all. */
const RADIX = ALPHABET.length + 1;
/** As many as a double holds exactly: 19 ^ 12 < 2 ^ 53. */
const RANKED = 12;
const ASCII = 128;
const digits = Uint8Array.from(
  { length: ASCII },
  (_, code) => ALPHABET.indexOf(String.fromCharCode(code)) + 1,
);

/** The end of a step that has no grants to show yet. */
const none: readonly Row[] = [];

/** A number that orders keys as RANKED of their characters do. */
function rankOf(key: string, from: number): number {
  let rank = 0;
  for (let i = from; i < from + RANKED; i += 1)
    rank = rank * RADIX + (i < key.length ? (digits[key.charCodeAt(i)] ?? 0) : 0);
  return rank;
}

/** A part of the snapshot, in columns. */
interface Chunk {
  readonly keys: (string | number)[];
  readonly ends: Float64Array;
}

/** The snapshot, in chunks of STEP: one array would be copied as a whole whenever it grows. */
class Collected {
  readonly #chunks: Chunk[] = [];
  size = 0;

  keyAt(index: number): string {
    const key = this.#chunkOf(index).keys[index % STEP] as string | number;
    return typeof key === 'number' ? numberToAddress(key) : key;
  }

  at(index: number): Row {
    return { client: this.keyAt(index), expiresAt: this.#chunkOf(index).ends[index % STEP] as number };
  }

  #chunkOf(index: number): Chunk {
    return this.#chunks[Math.floor(index / STEP)] as Chunk;
  }

  *collect(snapshot: Iterable<LeanRow>): Generator<readonly Row[]> {
    let chunk: Chunk | undefined;
    for (const { client, expiresAt } of snapshot) {
      if (chunk === undefined) this.#chunks.push((chunk = { keys: [], ends: new Float64Array(STEP) }));
      chunk.ends[chunk.keys.length] = expiresAt;
      chunk.keys.push(client);
      this.size += 1;
      if (chunk.keys.length < STEP) continue;
      chunk = undefined;
      yield none;
    }
  }
}

/** Keys and their ranks, side by side. */
class Ranked {
  readonly keyAt: (index: number) => string;
  readonly first: Float64Array;
  readonly second: Float64Array;

  constructor(size: number, keyAt: (index: number) => string) {
    this.keyAt = keyAt;
    this.first = new Float64Array(size);
    this.second = new Float64Array(size);
  }

  rank(index: number, key: string): void {
    this.first[index] = rankOf(key, 0);
    this.second[index] = rankOf(key, RANKED);
  }

  /** Less than 0 when our key comes before another's, 0 when they are the same. */
  compare(index: number, other: Ranked, at: number): number {
    const first = (this.first[index] as number) - (other.first[at] as number);
    if (first !== 0) return first;
    const second = (this.second[index] as number) - (other.second[at] as number);
    if (second !== 0) return second;
    const [ours, theirs] = [this.keyAt(index), other.keyAt(at)];
    return ours < theirs ? -1 : ours > theirs ? 1 : 0;
  }

  /** Sorts indices by their keys, in place. */
  sort(indices: Uint32Array): void {
    indices.sort((a, b) => this.compare(a, this, b));
  }
}

function rankAll(keys: readonly string[]): Ranked {
  const ranked = new Ranked(keys.length, (index) => keys[index] as string);
  for (const [index, key] of keys.entries()) ranked.rank(index, key);
  return ranked;
}

/** A sample of the grants. It is random, so that nobody can arrange for a bad one. */
function sampleOf(all: Collected): string[] {
  const count = Math.min(MAX_BUCKETS, Math.ceil(all.size / BUCKET)) * OVERSAMPLING;
  return Array.from({ length: count }, (_, i) =>
    all.keyAt(Math.floor(((i + Math.random()) * all.size) / count)),
  );
}

/** The keys at which the buckets begin, the first bucket excepted. */
function startsOf(keys: readonly string[]): Ranked {
  const indices = Uint32Array.from(keys.keys());
  rankAll(keys).sort(indices);
  const starts = indices.filter((_, i) => i > 0 && i % OVERSAMPLING === 0);
  return rankAll(Array.from(starts, (i) => keys[i] as string));
}

/** Which bucket a key belongs to: how many starts are not greater. */
function bucketOf(keys: Ranked, index: number, starts: Ranked): number {
  let low = 0;
  let high = starts.first.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys.compare(index, starts, middle) < 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Yields the grants in runs that follow one another in the order of their clients' text. Many runs are
 * empty: each yield is the end of a step, at which the caller lets other work go on.
 */
export function* inOrder(snapshot: Iterable<LeanRow>): Generator<readonly Row[]> {
  const all = new Collected();
  yield* all.collect(snapshot);
  const sample = sampleOf(all);
  yield none;
  const starts = startsOf(sample);
  yield none;

  const keys = new Ranked(all.size, (i) => all.keyAt(i));
  const buckets = new Uint16Array(all.size);
  const sizes = new Uint32Array(starts.first.length + 1);
  for (let index = 0; index < all.size; index += 1) {
    keys.rank(index, all.keyAt(index));
    const bucket = bucketOf(keys, index, starts);
    buckets[index] = bucket;
    sizes[bucket] = (sizes[bucket] as number) + 1;
    if (index % STEP === STEP - 1) yield none;
  }

  let total = 0;
  /** Where the next grant of each bucket goes; in the end, where each bucket ends. */
  const ends = sizes.map((size) => (total += size) - size);
  const order = new Uint32Array(all.size);
  for (let i = 0; i < all.size; i += 1) {
    const bucket = buckets[i] as number;
    const end = ends[bucket] as number;
    order[end] = i;
    ends[bucket] = end + 1;
    if (i % (STEP * 10) === 0) yield none;
  }

  const grantAt = (i: number): Row => all.at(i);
  let from = 0;
  for (const to of ends) {
    keys.sort(order.subarray(from, to));
    for (; from < to; from = Math.min(from + STEP, to))
      yield Array.from(order.subarray(from, Math.min(from + STEP, to)), grantAt);
  }
}
