/**
 * network-set - many prefixes, asked for in a time that hardly grows with their number
 *
 * A list of hosting ranges or of reporters may have 100,000 lines, and each report asks several of them: one
 * comparison after the other would take tens of milliseconds. Here they are ranges that neither overlap nor
 * stand out of order, and the one in question is found by halving.
 */
import { IPV4_BYTES } from './address.js';
import type { Network } from './network.js';

/** From the first to the last address. */
interface Range {
  readonly first: Uint8Array;
  last: Uint8Array;
}

function compare(one: Uint8Array, other: Uint8Array): number {
  for (let i = 0; i < one.length; i += 1) {
    const difference = (one[i] ?? 0) - (other[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function lastOf({ base, mask }: Network): Uint8Array {
  return base.map((byte, i) => byte | (~(mask[i] ?? 0) & 0xff));
}

/** The ranges of networks of one family, in order. */
function rangesOf(networks: readonly Network[]): Range[] {
  const ranges: Range[] = [];
  const sorted = networks.map((network) => ({ first: network.base, last: lastOf(network) }));
  for (const range of sorted.sort((one, other) => compare(one.first, other.first))) {
    const before = ranges.at(-1);
    if (before === undefined || compare(before.last, range.first) < 0) ranges.push(range);
    else if (compare(before.last, range.last) < 0) before.last = range.last;
  }
  return ranges;
}

export class NetworkSet {
  readonly #ipv4: readonly Range[];
  readonly #ipv6: readonly Range[];

  /** All are prefixes. */
  constructor(networks: readonly Network[]) {
    this.#ipv4 = rangesOf(networks.filter(({ base }) => base.length === IPV4_BYTES));
    this.#ipv6 = rangesOf(networks.filter(({ base }) => base.length !== IPV4_BYTES));
  }

  /** Whether the bytes of an address lie in one of the networks. */
  holds(address: Uint8Array): boolean {
    return this.#meets(address, address);
  }

  /** Whether some address of a prefix lies in one of the networks. */
  touches(network: Network): boolean {
    return this.#meets(network.base, lastOf(network));
  }

  #meets(first: Uint8Array, last: Uint8Array): boolean {
    const ranges = first.length === IPV4_BYTES ? this.#ipv4 : this.#ipv6;
    let low = 0;
    let high = ranges.length;
    // The first range that does not end before ours begins.
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare((ranges[middle] as Range).last, first) < 0) low = middle + 1;
      else high = middle;
    }
    const range = ranges[low];
    return range !== undefined && compare(range.first, last) <= 0;
  }
}
