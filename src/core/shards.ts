/**
 * shards - in which part of an index a key is, so that no two parts must be copied in one moment
 *
 * A Map, or a NumberIndex, is copied as a whole when it has doubled or halved. Parts of one size would all be copied at once, the more exactly
 * so the more evenly keys are spread; these are of different sizes, the last twice as large as the first.
 */
import type { SubjectKey } from './subject.js';

export const SHARDS = 64;
const SLOT_BITS = 12;
const SLOTS = 1 << SLOT_BITS;
/** Each shard has a few slots more than the one before. */
const SHARD_OF_SLOT = Uint8Array.from({ length: SLOTS }, (_, slot) => SHARDS * Math.log2(1 + slot / SLOTS));
/** Fibonacci hashing. */
const GOLDEN = 0x9e37_79b1;
const FACTOR = 31;

/** From 0 to SHARDS - 1. */
export function shardOf(key: SubjectKey): number {
  let hash = 0;
  if (typeof key === 'number') hash = key;
  else for (let i = 0; i < key.length; i += 1) hash = (Math.imul(hash, FACTOR) + key.charCodeAt(i)) | 0;
  return SHARD_OF_SLOT[Math.imul(hash, GOLDEN) >>> (32 - SLOT_BITS)] as number;
}
