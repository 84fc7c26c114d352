/**
 * change-text - changes as lines of text: a lease's in its own short form, since there are many, an entry's in JSON
 *
 *   g1790000000000 192.0.2.7  1790001800000 192.0.2.25     letter and time, subject, client when it is another, end, reporter
 *   {"kind":"pinned","at":1790000000000,"row":{...},"author":"ann","reason":"..."}
 *
 * Promise: what decodes is what was encoded. Decoding is total: undefined for what is no such line.
 */
import type { Change, ChangeKind, Row } from './admin/operations.js';
import type { ClientAddress } from './core/address.js';
import type { Subject } from './core/subject.js';

/** A change that has no position yet. */
export type Happened = Omit<Change, 'position'>;

const LETTERS = { granted: 'g', renewed: 'n', revoked: 'r', expired: 'x' } as const;
const KINDS = new Map<string, ChangeKind>([
  ['g', 'granted'],
  ['n', 'renewed'],
  ['r', 'revoked'],
  ['x', 'expired'],
]);
const LEASE = /^([gnrx])(\d+) ([\d.:a-f/]+) ([\d.:a-f]*) (\d+) ([\d.:a-f]+)$/;

/** Whether the row is an entry that an operator made, and no lease. */
export const isEntry = (row: Row): boolean => row.createdAt !== undefined;

export function lineOf({ kind, at, row, author, reason }: Happened): string {
  const { client = '', expiresAt, reporter, subject } = row;
  return kind in LETTERS && !isEntry(row)
    ? `${LETTERS[kind as keyof typeof LETTERS]}${Math.round(at)} ${subject} ${client} ${expiresAt ?? 0} ${reporter ?? ''}`
    : JSON.stringify({ kind, at, row, author, reason });
}

export function changeIn(line: string): Happened | undefined {
  if (line.startsWith('{')) return entryChangeIn(line);
  const [, letter = '', at, subject, client, expiresAt, reporter] = LEASE.exec(line) ?? [];
  const kind = KINDS.get(letter);
  return (
    kind && {
      kind,
      at: Number(at),
      row: {
        kind: 'grant',
        subject: subject as Subject,
        client: client === '' ? undefined : (client as ClientAddress),
        expiresAt: Number(expiresAt),
        reporter: reporter as ClientAddress,
      },
    }
  );
}

function entryChangeIn(line: string): Happened | undefined {
  try {
    const value = JSON.parse(line) as Happened;
    return typeof value.kind === 'string' && typeof value.at === 'number' && typeof value.row === 'object'
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}
