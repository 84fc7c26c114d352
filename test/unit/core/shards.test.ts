/** shards - all are used, and few of them are copied in one moment */
import { parseAddress } from '../../../src/core/address.js';
import { SHARDS, shardOf } from '../../../src/core/shards.js';
import { keyOf, type Subject } from '../../../src/core/subject.js';

/** 198.18.0.0, as a signed number. */
const FIRST = -0x39ee_0000;
const COUNT = 200_000;
const STEP = 250;
/** Maps that are smaller are copied in no time. */
const SMALL = 256;

/** The most entries that are copied while STEP neighbours are added, in Maps that double. */
function mostCopied(shard: (key: number) => number): number {
  const sizes = new Array<number>(SHARDS).fill(0);
  let most = 0;
  for (let n = 0; n < COUNT; n += STEP) {
    let copied = 0;
    for (let key = FIRST + n; key < FIRST + n + STEP; key += 1) {
      const size = (sizes[shard(key)] ?? 0) + 1;
      sizes[shard(key)] = size;
      if (size >= SMALL && (size & (size - 1)) === 0) copied += size;
    }
    most = Math.max(most, copied);
  }
  return most;
}

test('neighbours fill all shards, none more than twice as much as another', () => {
  const sizes = new Array<number>(SHARDS).fill(0);
  for (let key = FIRST; key < FIRST + COUNT; key += 1) sizes[shardOf(key)] = (sizes[shardOf(key)] ?? 0) + 1;
  expect(Math.min(...sizes)).toBeGreaterThan(COUNT / SHARDS / 2);
  expect(Math.max(...sizes)).toBeLessThan((COUNT / SHARDS) * 2);
});

test('few are copied at once; of shards of one size all would be', () => {
  const even = (key: number): number => Math.imul(key, 0x9e37_79b1) >>> 26;
  expect(mostCopied(even)).toBeGreaterThan(50_000);
  expect(mostCopied(shardOf)).toBeLessThan(20_000);
});

test.each(['2001:db8::1', '2001:db8::2', '255.255.255.255', '0.0.0.0'])('%s has one', (text) => {
  const shard = shardOf(keyOf(parseAddress(text) as Subject));
  expect(Number.isInteger(shard) && shard >= 0 && shard < SHARDS).toBe(true);
});
