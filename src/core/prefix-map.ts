/**
 * prefix-map - values by network, and which of them meet an address or another network
 *
 * To find the networks that cover an address costs one look per length in use, however many there are; to
 * find those inside a network, a bisection. All networks are prefixes.
 *
 * A key is the address's text of 16-bit units with what lies beyond the prefix set to zero: keys of one
 * family sort as their addresses do.
 */
import { IPV4_BYTES } from './address.js';
import { type Network, prefixLength } from './network.js';

interface Item<T> {
  readonly key: string;
  readonly prefix: number;
  readonly network: Network;
  value: T;
}

function keyOf(address: ArrayLike<number>, prefix: number): string {
  let key = '';
  for (let i = 0; i < address.length; i += 2) {
    const unit = ((address[i] ?? 0) << 8) | (address[i + 1] ?? 0);
    const bits = Math.min(Math.max(prefix - i * 8, 0), 16);
    key += String.fromCharCode(unit & (0xffff << (16 - bits)) & 0xffff);
  }
  return key;
}

/** Networks in the order of their addresses, the larger of those with one first address before the smaller. */
function compare<T>(one: Item<T>, other: Item<T>): number {
  if (one.key !== other.key) return one.key < other.key ? -1 : 1;
  return one.prefix - other.prefix;
}

/** The networks of one address family. */
class Family<T> {
  readonly #byPrefix = new Map<number, Map<string, Item<T>>>();
  /** The lengths in use, the longest first. */
  #lengths: readonly number[] = [];
  /** All in order; made when first asked for, and then kept. */
  #sorted: Item<T>[] | undefined;
  size = 0;

  *values(): Generator<T> {
    for (const some of this.#byPrefix.values()) for (const { value } of some.values()) yield value;
  }

  get(network: Network): Item<T> | undefined {
    const prefix = prefixLength(network);
    return this.#byPrefix.get(prefix)?.get(keyOf(network.base, prefix));
  }

  set(network: Network, value: T): void {
    const prefix = prefixLength(network);
    const key = keyOf(network.base, prefix);
    let some = this.#byPrefix.get(prefix);
    if (some === undefined) {
      some = new Map();
      this.#byPrefix.set(prefix, some);
      this.#lengths = [...this.#byPrefix.keys()].sort((a, b) => b - a);
    }
    const known = some.get(key);
    if (known !== undefined) {
      known.value = value;
      return;
    }
    const item = { key, prefix, network, value };
    some.set(key, item);
    this.size += 1;
    this.#sorted?.splice(this.#find(item), 0, item);
  }

  delete(network: Network): boolean {
    const item = this.get(network);
    if (item === undefined) return false;
    const some = this.#byPrefix.get(item.prefix);
    some?.delete(item.key);
    if (some?.size === 0) {
      this.#byPrefix.delete(item.prefix);
      this.#lengths = this.#lengths.filter((length) => length !== item.prefix);
    }
    this.size -= 1;
    this.#sorted?.splice(this.#find(item), 1);
    return true;
  }

  /** Those of at most `longest` bits that hold the address, the smallest first. */
  *covering(address: ArrayLike<number>, longest: number): Generator<Item<T>, undefined> {
    for (const length of this.#lengths) {
      if (length > longest) continue;
      const item = this.#byPrefix.get(length)?.get(keyOf(address, length));
      if (item !== undefined) yield item;
    }
    return undefined;
  }

  /** Those that lie in the network, itself included, in order. Not to be changed meanwhile. */
  *within({ base }: Network, prefix: number): Generator<Item<T>, undefined> {
    const first = keyOf(base, prefix);
    const sorted = this.#inOrder();
    for (let at = this.#find({ key: first, prefix }); at < sorted.length; at += 1) {
      const item = sorted[at] as Item<T>;
      if (keyOf(item.network.base, prefix) !== first) return undefined;
      yield item;
    }
    return undefined;
  }

  #inOrder(): Item<T>[] {
    this.#sorted ??= [...this.#byPrefix.values()].flatMap((some) => [...some.values()]).sort(compare);
    return this.#sorted;
  }

  /** Where the first stands that is not before this one. */
  #find(sought: Pick<Item<T>, 'key' | 'prefix'>): number {
    const sorted = this.#inOrder();
    let low = 0;
    for (let high = sorted.length; low < high;) {
      const middle = (low + high) >> 1;
      if (compare(sorted[middle] as Item<T>, sought as Item<T>) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class PrefixMap<T> {
  readonly #ipv4 = new Family<T>();
  readonly #ipv6 = new Family<T>();

  get size(): number {
    return this.#ipv4.size + this.#ipv6.size;
  }

  /** All values, in no order that means anything. */
  values(): T[] {
    return [...this.#ipv4.values(), ...this.#ipv6.values()];
  }

  /** The value of exactly this network. */
  get(network: Network): T | undefined {
    return this.#of(network.base).get(network)?.value;
  }

  set(network: Network, value: T): void {
    this.#of(network.base).set(network, value);
  }

  /** Answers whether it was there. */
  delete(network: Network): boolean {
    return this.#of(network.base).delete(network);
  }

  /** The values of the networks that hold the address, the smallest network first. */
  *covering(address: ArrayLike<number>): Generator<T, undefined> {
    for (const { value } of this.#of(address).covering(address, address.length * 8)) yield value;
    return undefined;
  }

  holds(address: ArrayLike<number>): boolean {
    const family = this.#of(address);
    return family.size > 0 && family.covering(address, address.length * 8).next().done !== true;
  }

  /** The values of the networks that hold the whole of this one, itself included, the smallest first. */
  *around(network: Network): Generator<T, undefined> {
    const family = this.#of(network.base);
    for (const { value } of family.covering(network.base, prefixLength(network))) yield value;
    return undefined;
  }

  /** The values of the networks inside this one, itself included; a list, so that the map may change meanwhile. */
  within(network: Network): T[] {
    const family = this.#of(network.base);
    return family.size === 0
      ? []
      : Array.from(family.within(network, prefixLength(network)), ({ value }) => value);
  }

  hasWithin(network: Network): boolean {
    const family = this.#of(network.base);
    return family.size > 0 && family.within(network, prefixLength(network)).next().done !== true;
  }

  /** Whether some address lies in the network and in one of these. */
  touches(network: Network): boolean {
    const family = this.#of(network.base);
    if (family.size === 0) return false;
    const around = family.covering(network.base, prefixLength(network)).next();
    return around.done !== true || this.hasWithin(network);
  }

  #of(address: ArrayLike<number>): Family<T> {
    return address.length === IPV4_BYTES ? this.#ipv4 : this.#ipv6;
  }
}
