/**
 * outlets - what the ledger needs of others: a store, a live map, and somebody who listens
 */
import type { Entry } from './entry.js';
import type { Fault } from './fault.js';
import type { Grant, Revocation } from './grant.js';
import type { EndedLease } from './ended.js';
import type { Permission, Subject } from './subject.js';

/** A place in a store's sequence of groups. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
}

export interface GrantStore {
  /** Makes grants durable as one group, then calls done once, with a Fault when they are not. One call at a time. */
  commit(grants: readonly Grant[], done: (fault?: Fault) => void): void;
  /** Likewise, that what was committed before for clients in these networks counts no more. */
  revoke(revocations: readonly Revocation[], done: (fault?: Fault) => void): void;
  /** Where in the store the last group ended, if it has such places. */
  readonly settledAt?: Place | undefined;
  /** In words, why grants cannot be made durable at present. */
  readonly degraded: string | undefined;
}

/** Nobody in it may relay, whatever is permitted around it. */
export interface Denial {
  readonly client: Subject;
  /** Whether it lies in a network that may relay. */
  readonly isInside: boolean;
}

/** It is denied no more. */
export interface Allowed {
  readonly client: Subject;
  /** The networks around it that may relay, the one that lasts longest last. */
  readonly around: readonly Permission[];
}

/** Networks are told whole: who is denied in them is told beside them. To be made in this order. */
export interface MapChange {
  readonly remove: readonly Subject[];
  readonly deny?: readonly Denial[];
  readonly allow?: readonly Allowed[];
  readonly put: readonly Permission[];
}

export interface LiveMap {
  /** Makes the map say so, then calls done once, with a Fault when it cannot. Changes are applied in order. */
  apply(change: MapChange, done: (fault?: Fault) => void): void;
  /** Shows what may relay now in place of all that it shows, at once; then calls done once, with a Fault when it cannot. */
  renew(done: (fault?: Fault) => void): void;
}

/** Who hears what happens to leases. Called in the midst of things: it must be quick. */
export interface LedgerObserver {
  /** Whether it listens at all: if not, it is told nothing. */
  readonly listens: boolean;
  leased(change: 'granted' | 'renewed', lease: Entry): void;
  ended(change: 'revoked' | 'expired', lease: EndedLease): void;
}
