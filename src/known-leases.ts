/**
 * known-leases - the leases that watchers know of, while a start finds out what they are still to be told
 *
 * In columns, as the ledger has its own: there may be a million.
 */
import type { EndedLease } from './core/ended.js';
import { GrantTable, NOWHERE } from './core/grant-table.js';
import type { Subject } from './core/subject.js';

/** Later than whatever else the journal has. */
export const LAST = 2 ** 32 - 1;

/** A lease that watchers know of. */
export interface KnownLease extends EndedLease {
  /** Its place in the order of the journal, at most LAST. */
  readonly order: number;
}

export class KnownLeases {
  readonly #table = new GrantTable();

  get(subject: Subject): KnownLease | undefined {
    const place = this.#table.find(subject);
    return place === NOWHERE ? undefined : this.#at(place);
  }

  /** Of one subject the latest end counts, and otherwise what comes last in the journal. Answers whether it was not known. */
  know(lease: KnownLease): boolean {
    const table = this.#table;
    const { order, subject } = lease;
    const place = table.find(subject);
    if (place === NOWHERE) {
      table.setRevision(table.add(subject, lease, 0), order);
      return true;
    }
    const expiresAt = Math.max(lease.expiresAt, table.expiresAt(place));
    const last = table.revisionAt(place) > order ? this.#at(place) : lease;
    table.set(place, { ...last, expiresAt }, 0);
    table.setRevision(place, last.order);
    return false;
  }

  /** Answers whether it was known. */
  delete(subject: Subject): boolean {
    const place = this.#table.find(subject);
    if (place !== NOWHERE) this.#table.remove(place);
    return place !== NOWHERE;
  }

  /** Safe to step through while they go. */
  *values(): Generator<KnownLease> {
    for (const place of this.#table.places()) yield this.#at(place);
  }

  #at(place: number): KnownLease {
    const grant = this.#table.grantAt(place);
    return { subject: this.#table.subjectAt(place), ...grant, order: this.#table.revisionAt(place) };
  }
}
