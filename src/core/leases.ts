/**
 * leases - the leases that run, those that ended not long ago, and the time by which they do
 *
 * Knows nothing of stores and maps. Its revision counts with each cut: what was granted or renewed after a cut has a
 * larger one than what was there before.
 */
import { addressToBytes, type ClientAddress, IPV4_BYTES } from './address.js';
import { WIDE_IPV4, WIDE_IPV6 } from './coverage.js';
import { Ended, type EndedLease } from './ended.js';
import type { Entry } from './entry.js';
import { ExpiryIndex } from './expiry-index.js';
import { endSecond } from './grant.js';
import { GrantTable, NOWHERE } from './grant-table.js';
import { type Network, networkOf, overlaps } from './network.js';
import { type Clocks, SteadyTime } from './steady.js';
import { networkOfSubject, type Subject, subjectOf } from './subject.js';

export class Leases {
  readonly time: SteadyTime;
  readonly table = new GrantTable();
  readonly #expiries: ExpiryIndex;
  readonly #ended: Ended;
  #revision = 0;

  constructor(options: { readonly clocks: Clocks; readonly pastMs: number }) {
    this.time = new SteadyTime(options.clocks);
    this.#ended = new Ended({ pastMs: options.pastMs });
    this.#expiries = new ExpiryIndex(this.time.now());
  }

  /** How many ended ones are remembered. */
  get remembered(): number {
    return this.#ended.size;
  }

  isAlive(place: number, now: number): boolean {
    return place !== NOWHERE && !this.table.isEmpty(place) && this.table.deadlineAt(place) > now;
  }

  /** When the subject's last lease ended, wall clock, if that is remembered. `place` is where it is, or NOWHERE. */
  endedAt(subject: Subject, place: number, now: number): number | undefined {
    const deadline = place === NOWHERE ? this.#ended.of(subject, now) : this.table.deadlineAt(place);
    return deadline === undefined || deadline > now ? undefined : Math.round(deadline + this.time.toWall());
  }

  /** Places of what runs now. Safe to step through while it changes. */
  *living(): Generator<number> {
    for (const place of this.table.places()) if (this.table.deadlineAt(place) > this.time.now()) yield place;
  }

  /** All whose end is still to be told: what is over and not yet taken over is among them. As safe as living. */
  *all(): Generator<EndedLease> {
    for (const place of this.table.places()) yield this.at(place);
  }

  /** Puts a durable entry into the table; answers its place. */
  keep(place: number, entry: Entry): number {
    if (place === NOWHERE) {
      const added = this.table.add(entry.subject, entry, entry.deadline);
      this.#expiries.schedule(added, entry.deadline);
      return added;
    }
    // It keeps its old slot; the sweep moves it on when that slot's time is over.
    this.table.set(place, entry, Math.max(this.table.deadlineAt(place), entry.deadline));
    return place;
  }

  /** Whether maps, which tell the end in whole seconds, carry this entry's already: a busy client is renewed many times in one. */
  isShown(place: number, entry: Entry): boolean {
    return place !== NOWHERE && endSecond(this.table.expiresAt(place)) === endSecond(entry.expiresAt);
  }

  /** It was granted or renewed just now. */
  touch(place: number): void {
    this.table.setRevision(place, this.#revision);
  }

  /** The revision of what was granted last; what is granted from now on has a larger one. */
  cut(): number {
    this.#revision += 1;
    return this.#revision - 1;
  }

  at(place: number): EndedLease {
    return { subject: this.table.subjectAt(place), ...this.table.grantAt(place) };
  }

  reporterAt(place: number): ClientAddress {
    return this.table.reporterAt(place);
  }

  /** Whether the lease at a place and the network have an address in common. */
  overlaps(place: number, network: Network): boolean {
    const number = this.table.numberAt(place);
    if (number === undefined) return overlaps(networkOfSubject(this.table.subjectAt(place)), network);
    const { base, mask } = network;
    if (base.length !== IPV4_BYTES) return false;
    for (let i = 0; i < IPV4_BYTES; i += 1)
      if ((((number >>> (24 - 8 * i)) ^ (base[i] ?? 0)) & (mask[i] ?? 0)) !== 0) return false;
    return true;
  }

  /** Ends a lease before its time; answers whose it was. */
  end(place: number): Subject {
    const subject = this.table.subjectAt(place);
    this.#ended.remember(subject, this.time.now());
    this.table.unlink(place);
    return subject;
  }

  /** Looks at one place whose time may be over: its lease, if it is. undefined: there are no more. */
  takeOver(now: number): { readonly place: number | undefined } | undefined {
    const place = this.#expiries.take(now);
    if (place === undefined) return undefined;
    if (this.table.isEmpty(place)) {
      this.table.release(place);
      return { place: undefined };
    }
    const deadline = this.table.deadlineAt(place);
    if (deadline <= now) return { place };
    this.#expiries.schedule(place, deadline);
    return { place: undefined };
  }

  /** Removes a lease that takeOver has given. */
  remove(place: number): void {
    this.#ended.remember(this.table.subjectAt(place), this.table.deadlineAt(place));
    this.table.remove(place);
  }

  /** All that ended by then has been taken over, unless it came later. Steady time. */
  get sweptUntil(): number {
    return this.#expiries.sweptUntil;
  }

  /** Remembers nothing any more of this client's leases that have ended, nor of those that covered it with others. */
  erase(client: ClientAddress): void {
    const bytes = addressToBytes(client);
    const wide = bytes.length === IPV4_BYTES ? WIDE_IPV4 : WIDE_IPV6;
    this.#ended.erase(client);
    this.#ended.erase(subjectOf(networkOf(bytes, wide)));
  }

  /** Lets go of what ended too long ago. */
  forget(): void {
    this.#ended.forget(this.time.now());
  }
}
