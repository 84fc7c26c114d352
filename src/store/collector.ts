/**
 * collector - the grants of the journal, as a start reads them
 *
 * Of each client the latest end, unless it was revoked afterwards. A million of them lie in columns and not in objects, which
 * would take three times the memory, and the garbage collector's time.
 */
import { addressToBytes, type ClientAddress, IPV4_BYTES, numberToAddress } from '../core/address.js';
import type { Grant } from '../core/grant.js';
import { type Network, networkOf } from '../core/network.js';
import { NumberIndex } from '../core/number-index.js';
import { PrefixMap } from '../core/prefix-map.js';
import { AddressReader, FRAME_HEADER_BYTES, KIND_REVOCATION, TIME_BYTES, timeAt } from './frame.js';

/** A grant with its place in the order of all entries. */
export interface HeldGrant extends Grant {
  readonly order: number;
}

/** The revocation of a network, with its place in that order. */
interface Later {
  readonly network: Network;
  readonly order: number;
}

/** An end that no grant has, and before that of any: it was revoked. */
const GONE = -1;
const SMALLEST = 1_024;

/** Grants, each at a place. */
class Columns {
  /** An IPv4 client as a signed number. Places are never given to others, so that copies have these in common. */
  readonly keys: (number | ClientAddress)[];
  readonly reporters: ClientAddress[];
  ends: Float64Array;
  orders: Float64Array;

  constructor(of?: Columns) {
    this.keys = of?.keys ?? [];
    this.reporters = of?.reporters.slice() ?? [];
    this.ends = of?.ends.slice() ?? new Float64Array(SMALLEST);
    this.orders = of?.orders.slice() ?? new Float64Array(SMALLEST);
  }

  get size(): number {
    return this.reporters.length;
  }

  /** Answers the place. */
  add(key: number | ClientAddress): number {
    const place = this.keys.length;
    this.keys.push(key);
    if (place === this.ends.length) {
      this.ends = grown(this.ends);
      this.orders = grown(this.orders);
    }
    return place;
  }

  clientAt(place: number): ClientAddress {
    const key = this.keys[place] as number | ClientAddress;
    return typeof key === 'number' ? numberToAddress(key) : key;
  }

  at(place: number): Grant {
    const [expiresAt, reporter] = [this.ends[place] as number, this.reporters[place] as ClientAddress];
    return { client: this.clientAt(place), expiresAt, reporter };
  }

  heldAt(place: number): HeldGrant {
    const { client, expiresAt, reporter } = this.at(place);
    return { client, expiresAt, reporter, order: this.orders[place] as number };
  }

  /** The places of those that end after a time. */
  *after(time: number): Generator<number> {
    for (let place = 0; place < this.size; place += 1) if ((this.ends[place] as number) > time) yield place;
  }
}

/** Whether a network that holds the client was revoked after this grant; `revoked` has the order of each one's last revocation. */
function isRevoked(columns: Columns, place: number, revoked: PrefixMap<number>): boolean {
  if (revoked.size === 0) return false;
  const order = columns.orders[place] as number;
  for (const last of revoked.covering(addressToBytes(columns.clientAt(place)))) if (last > order) return true;
  return false;
}

function grown(column: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * column.length);
  larger.set(column);
  return larger;
}

/**
 * Collects grants from whole frames: those that end after `now` and were not revoked afterwards, the latest end
 * of each client, and none that would outlast a lease taken now (a clock that was ahead when it was written,
 * or a lifetime that has been shortened since).
 */
export class GrantCollector {
  readonly #now: number;
  readonly #latest: number;
  readonly #addresses = new AddressReader();
  /** Places of clients that are numbers, and of others. */
  readonly #numbers = new NumberIndex();
  readonly #texts = new Map<ClientAddress, number>();
  readonly #columns = new Columns();
  /** The order of the last revocation of each network. */
  readonly #revoked = new PrefixMap<number>();
  /** Revocations of networks that are yet to be taken, while some are put off. */
  #later: Later[] = [];
  #putsOff = false;
  #order = 0;

  constructor(now: number, lifetimeMs: number) {
    this.#now = now;
    this.#latest = now + lifetimeMs;
  }

  /** Takes the entries of a frame that frameEnd has accepted; answers the largest expiresAt in it. */
  take(bytes: Buffer, start: number, end: number): number {
    let newest = 0;
    let at = start + FRAME_HEADER_BYTES;
    while (at < end) {
      this.#order += 1;
      const length = bytes[at + 1] ?? 0;
      const next = at + 2 + length;
      if (bytes[at] === KIND_REVOCATION) {
        this.#revoke(bytes, at);
        at = next + 1 + TIME_BYTES;
        continue;
      }
      const endsAt = next + 1 + (bytes[next] ?? 0);
      const expiresAt = timeAt(bytes, endsAt);
      if (expiresAt > newest) newest = expiresAt;
      if (expiresAt > this.#now) this.#collect(bytes, at, Math.min(expiresAt, this.#latest));
      at = endsAt + TIME_BYTES;
    }
    return newest;
  }

  /** The same, but what networks it revokes is put off until applyLater. */
  takeLater(bytes: Buffer, start: number, end: number): number {
    this.#putsOff = true;
    const newest = this.take(bytes, start, end);
    this.#putsOff = false;
    return newest;
  }

  /** Revokes what was put off, and answers it. */
  applyLater(): readonly Later[] {
    const later = this.#later;
    this.#later = [];
    for (const { network, order } of later)
      this.#revoked.set(network, Math.max(order, this.#revoked.get(network) ?? 0));
    return later;
  }

  #collect(bytes: Buffer, at: number, expiresAt: number): void {
    const reporterAt = at + 2 + (bytes[at + 1] ?? 0);
    const key = this.#keyAt(bytes, at);
    const columns = this.#columns;
    const known = this.#placeOf(key);
    if (
      known !== undefined &&
      (columns.ends[known] as number) > expiresAt &&
      !isRevoked(columns, known, this.#revoked)
    )
      return;
    const reporter = this.#addresses.shared(bytes, reporterAt + 1, bytes[reporterAt] ?? 0);
    const place = known ?? columns.add(key);
    if (known === undefined) {
      if (typeof key === 'number') this.#numbers.set(key, place);
      else this.#texts.set(key, place);
    }
    columns.ends[place] = expiresAt;
    columns.orders[place] = this.#order;
    columns.reporters[place] = reporter;
  }

  #placeOf(key: number | ClientAddress): number | undefined {
    return typeof key === 'number' ? this.#numbers.get(key) : this.#texts.get(key);
  }

  /** A number costs less than a string, to make and to look up. */
  #keyAt(bytes: Buffer, at: number): number | ClientAddress {
    const length = bytes[at + 1] ?? 0;
    return length === IPV4_BYTES ? bytes.readInt32BE(at + 2) : this.#addresses.fresh(bytes, at + 2, length);
  }

  #revoke(bytes: Buffer, at: number): void {
    const length = bytes[at + 1] ?? 0;
    const prefix = bytes[at + 2 + length] ?? 0;
    if (prefix === length * 8) {
      const place = this.#placeOf(this.#keyAt(bytes, at));
      if (place !== undefined) this.#columns.ends[place] = GONE;
      return;
    }
    const network = networkOf(Uint8Array.from(bytes.subarray(at + 2, at + 2 + length)), prefix);
    if (this.#putsOff) this.#later.push({ network, order: this.#order });
    else this.#revoked.set(network, this.#order);
  }

  /** Those that stand by now, whatever is taken later. */
  held(): Iterable<HeldGrant> {
    const copy = new Columns(this.#columns);
    for (let place = 0; place < copy.size; place += 1)
      if (isRevoked(copy, place, this.#revoked)) copy.ends[place] = GONE;
    return again(function* () {
      for (const place of copy.after(GONE)) yield copy.heldAt(place);
    });
  }

  /** Those that end after a time. To be stepped through when all is taken. */
  grants(time = this.#now): Iterable<Grant> {
    // Who steps through them does not need what they were collected with.
    const [columns, revoked] = [this.#columns, this.#revoked];
    return again(function* () {
      for (const place of columns.after(time))
        if (!isRevoked(columns, place, revoked)) yield columns.at(place);
    });
  }
}

/** What can be stepped through more than once. */
function again<T>(steps: () => Iterator<T>): Iterable<T> {
  return { [Symbol.iterator]: steps };
}
