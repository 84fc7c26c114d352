/**
 * import-row - a record of a file as what is to be done, or everything that is wrong with it
 *
 * The readers of fields are the daemon's own, so that a file is refused before anything is done, in the words in which
 * the daemon would refuse its rows one by one.
 */
import {
  optional,
  readEntryLifetime,
  readGrantLifetime,
  readReason,
  readRelayable,
  readSubject,
  readUser,
} from '../admin/fields.js';
import type { Subject } from '../core/subject.js';
import { readTimeText } from '../runtime/time-text.js';
import type { Fields } from './records.js';

export type Kind = 'deny' | 'pin' | 'grant';

export interface Entry {
  readonly line: number;
  readonly kind: Kind;
  readonly subject: Subject;
  /** Epoch milliseconds; undefined: without an end. */
  readonly expiresAt: number | undefined;
  readonly user: string | undefined;
  readonly reason: string;
}

export interface Checked {
  readonly entry?: Entry;
  /** Its time has passed: right, and nothing to do. */
  readonly isOver?: true;
  readonly wrong: readonly string[];
}

export interface CheckOptions {
  readonly line: number;
  readonly now: number;
  /** For rows that say none: leases of reporters have none. */
  readonly reason: string;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
const kinds: readonly string[] = ['deny', 'pin', 'grant'] satisfies Kind[];

const isKind = (text: string): text is Kind => kinds.includes(text);

type Read<T> = { readonly value: T } | { readonly wrong: string };

function readKind(text: string): Read<Kind> {
  return isKind(text) ? { value: text } : { wrong: 'must be grant, pin or deny' };
}

function readEnd(text: string, kind: Kind, now: number): Read<number | undefined> {
  if (text === '') return kind === 'grant' ? { wrong: 'a grant must have an end' } : { value: undefined };
  const end = TIME.test(text) ? readTimeText(text) : undefined;
  if (end === undefined) return { wrong: 'must be a time such as 2027-01-31T12:00:00Z' };
  // What is over, or nearly, is no mistake of the file.
  if (end - now < 1_000) return { value: end };
  const seconds = Math.floor((end - now) / 1_000);
  const read = (kind === 'grant' ? readGrantLifetime : readEntryLifetime)({ seconds, nanos: 0 });
  return 'wrong' in read ? { wrong: `${read.wrong} from now` } : { value: end };
}

export function checkRow(fields: Fields, { line, now, reason: spare }: CheckOptions): Checked {
  const kind = readKind(fields.kind ?? '');
  const likely = 'wrong' in kind ? 'deny' : kind.value;
  const subject = (likely === 'deny' ? readSubject : readRelayable)(fields.address ?? '');
  const expiresAt = readEnd(fields.expiresAt ?? '', likely, now);
  const user = optional(readUser, fields.user ?? '');
  const reason = readReason(fields.reason === undefined || fields.reason === '' ? spare : fields.reason);
  if ('wrong' in kind || 'wrong' in subject || 'wrong' in expiresAt || 'wrong' in user || 'wrong' in reason) {
    const reads = { address: subject, kind, expiresAt, user, reason };
    const wrong = Object.entries(reads).flatMap(([name, read]) =>
      'wrong' in read ? [`${name}: ${read.wrong}`] : [],
    );
    return { wrong };
  }
  if (expiresAt.value !== undefined && expiresAt.value - now < 1_000) return { isOver: true, wrong: [] };
  const entry = {
    line,
    kind: kind.value,
    subject: subject.value,
    expiresAt: expiresAt.value,
    user: user.value,
    reason: reason.value,
  };
  return { entry, wrong: [] };
}
