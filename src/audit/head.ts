/**
 * head - what stands without a lease, as the lines that a file begins with
 *
 * Operators' entries, and what the configuration says of `always` and `never`: with them each file can be understood alone, and a
 * pin of years ago is still answered for when the file in which it was made is gone. What is incomplete (a crash)
 * lacks its end, and is not believed.
 */
import type { Network } from '../core/network.js';
import type { OperatorEntry } from '../core/operator-entry.js';
import { subjectOf } from '../core/subject.js';
import type { Privacy } from './privacy.js';
import { type AuditRecord, LineMaker } from './record.js';

export interface HeadOptions {
  readonly entries: () => Iterable<OperatorEntry>;
  readonly always: readonly Network[];
  readonly never: readonly Network[];
  readonly privacy: Privacy;
  readonly clock: { wall(): number };
}

/** The lines, made one by one; of the entries that there are now. */
export function headOf(options: HeadOptions): Iterator<string, undefined> {
  return lines([...options.entries()], options);
}

function* lines(entries: readonly OperatorEntry[], options: HeadOptions): Generator<string, undefined> {
  const { always, clock, never, privacy } = options;
  const at = clock.wall();
  const maker = new LineMaker();
  const line = (record: Omit<AuditRecord, 'at' | 'privacy'>): string =>
    maker.line({ at, ...record, privacy: privacy.mode });
  yield line({ kind: 'head', what: 'begin' });
  for (const network of never)
    yield line({ kind: 'standing', what: 'never', subject: privacy.subject(subjectOf(network)) });
  for (const network of always)
    yield line({ kind: 'standing', what: 'always', subject: privacy.subject(subjectOf(network)) });
  for (const { author, createdAt, expiresAt, kind, reason, subject, user } of entries)
    yield line({
      kind: 'standing',
      what: kind,
      subject: privacy.subject(subject),
      user: privacy.user(user),
      author,
      reason,
      from: createdAt,
      until: expiresAt,
    });
  yield line({ kind: 'head', what: 'end' });
  return undefined;
}
