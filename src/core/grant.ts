/**
 * grant - the accepted fact that a client may relay for a while, and the rule that says how long
 */
import type { ClientAddress } from './address.js';
import type { Subject } from './subject.js';

/** A client that may relay until expiresAt, on a reporter's word. */
export interface Grant {
  readonly client: ClientAddress;
  /** Wall clock, epoch milliseconds; what is stored and what maps carry. */
  readonly expiresAt: number;
  readonly reporter: ClientAddress;
}

/** The fact that all leases of clients in an address or network were taken away. */
export interface Revocation {
  readonly subject: Subject;
  /** Wall clock, epoch milliseconds. */
  readonly at: number;
}

/** Bounds of a lease, milliseconds: shorter than a second is a mistake, longer than a week is not "just fetched mail". */
export const MIN_LIFETIME_MS = 1_000;
export const MAX_LIFETIME_MS = 7 * 24 * 3_600_000;

/** When a lease taken or renewed now ends: a renewal may lengthen, never shorten. */
export function leaseEnd(now: number, lifetimeMs: number, current = 0): number {
  return Math.max(now + lifetimeMs, current);
}

/** The epoch second (rounded up) that maps carry for an end in epoch milliseconds: never before it. */
export function endSecond(expiresAt: number): number {
  return Math.ceil(expiresAt / 1_000);
}
