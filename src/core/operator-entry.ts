/**
 * operator-entry - what an operator has said of an address or network: it may relay for a while, always, or never
 */
import type { Subject } from './subject.js';

export type EntryKind = 'grant' | 'pin' | 'deny';

export interface OperatorEntry {
  readonly kind: EntryKind;
  readonly subject: Subject;
  readonly reason: string;
  readonly author: string;
  /** For whom it was made. */
  readonly user?: string | undefined;
  /** Wall clock, epoch milliseconds. */
  readonly createdAt: number;
  /** Likewise; undefined: it has no end. A grant has one. */
  readonly expiresAt?: number | undefined;
}

/** An entry in force. */
export interface LiveEntry extends OperatorEntry {
  /** The steady time at which it ends; Infinity when it does not. */
  readonly deadline: number;
}

/** There is one entry of a kind for a subject. */
export function idOf({ kind, subject }: Pick<OperatorEntry, 'kind' | 'subject'>): string {
  return `${kind} ${subject}`;
}

/** How many entries operators may make; they are few, and written as a whole. */
export const MAX_ENTRIES = 10_000;
/** As many times more when the next is a deny: whoever must be stopped can be, however many may relay. */
export const DENY_ROOM = 2;
/** Whether one more of a kind has room beside `all` entries, of which so many are no denies. */
export function hasRoom(
  kind: EntryKind,
  { all, allowing }: { readonly all: number; readonly allowing: number },
  max = MAX_ENTRIES,
): boolean {
  return all < DENY_ROOM * max && (kind === 'deny' || allowing < max);
}
/** Longest texts of an entry, in characters. */
export const MAX_REASON = 1_000;
export const MAX_NAME = 256;
