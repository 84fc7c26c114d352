/**
 * filter - which rows a List means
 *
 * The door looks at every row itself, so that it can pause between them: a search that finds nothing in a million
 * rows must not hold up a report.
 */
import { addressToBytes } from '../core/address.js';
import { isWithin } from '../core/network.js';
import { networkOfSubject, partsOf } from '../core/subject.js';
import type { Filter, Row } from './operations.js';

/** A test of one row; all that the filter names must fit. */
export function matcher(filter: Filter): (row: Row) => boolean {
  const { within, covering, reporter, user, kind, endsBefore } = filter;
  const tests: ((row: Row) => boolean)[] = [];
  if (kind !== undefined) tests.push((row) => row.kind === kind);
  if (reporter !== undefined) tests.push((row) => row.reporter === reporter);
  if (user !== undefined) tests.push((row) => row.user === user);
  if (endsBefore !== undefined)
    tests.push(({ expiresAt }) => expiresAt !== undefined && expiresAt < endsBefore);
  if (within !== undefined) {
    const network = networkOfSubject(within);
    tests.push(({ subject }) => subject === within || isWithin(networkOfSubject(subject), network));
  }
  if (covering !== undefined) {
    const network = networkOfSubject(covering);
    tests.push(({ subject }) => isWithin(network, networkOfSubject(subject)));
  }
  return (row) => tests.every((test) => test(row));
}

const KINDS = { deny: 0, pin: 1, grant: 2 } as const satisfies Record<Row['kind'], number>;

/** A text by which rows sort: kind, family, address by number, length. Each row has its own. */
export function sortKey({ kind, subject }: Row): string {
  const { address, prefix } = partsOf(subject);
  const bytes = addressToBytes(address);
  return String.fromCharCode(KINDS[kind], bytes.length, ...bytes, prefix);
}
