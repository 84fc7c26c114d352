/**
 * in-order - a million grants in the order of a map's keys, without ever holding up the event loop
 *
 * An ordered build writes each page of the map once, an unordered one many times (1 M random
 * addresses: 0.5 s against 3 s, and half the file). Sorting them all at once would take the event loop
 * a second; here a sample splits them into buckets small enough to be sorted in a step.
 *
 * Limits: a step is at most STEP grants of work, plus one sort of a bucket (about BUCKET grants, for up
 * to MAX_BUCKETS x BUCKET grants). Memory: three pointers a grant.
 */
import type { Grant } from '../core/grant.js';

const STEP = 2_000;
const BUCKET = 1_000;
const MAX_BUCKETS = 1_024;
/** Sampled keys a bucket: more make buckets more even. */
const OVERSAMPLING = 8;

function byKey(a: Grant, b: Grant): number {
  return a.client < b.client ? -1 : a.client > b.client ? 1 : 0;
}

/** The keys at which buckets begin, the first bucket excepted. */
function splitters(grants: readonly Grant[]): string[] {
  const buckets = Math.min(MAX_BUCKETS, Math.ceil(grants.length / BUCKET));
  const samples = buckets * OVERSAMPLING;
  const keys: string[] = [];
  for (let i = 0; i < samples; i += 1) {
    const grant = grants[Math.floor((i * grants.length) / samples)];
    if (grant !== undefined) keys.push(grant.client);
  }
  keys.sort();
  return keys.filter((_, i) => i > 0 && i % OVERSAMPLING === 0);
}

/** Which bucket a key belongs to: how many splitters are not greater. */
function bucketOf(key: string, starts: readonly string[]): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] as string) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Yields the grants in runs that follow one another in the order of their clients' text. Many runs are
 * empty: each yield is the end of a step, at which the caller lets other work go on.
 */
export function* inOrder(snapshot: Iterable<Grant>): Generator<readonly Grant[]> {
  const none: readonly Grant[] = [];
  const all: Grant[] = [];
  for (const grant of snapshot) if (all.push(grant) % STEP === 0) yield none;
  const starts = splitters(all);
  yield none;
  const buckets: Grant[][] = Array.from({ length: starts.length + 1 }, () => []);
  for (let i = 0; i < all.length; i += 1) {
    const grant = all[i] as Grant;
    (buckets[bucketOf(grant.client, starts)] as Grant[]).push(grant);
    if (i % STEP === STEP - 1) yield none;
  }
  all.length = 0;
  for (const [i, bucket] of buckets.entries()) {
    buckets[i] = [];
    bucket.sort(byKey);
    for (let at = 0; at < bucket.length; at += STEP) yield bucket.slice(at, at + STEP);
  }
}
