/**
 * lookup - what every live answering service has in common
 *
 * A look-up answers mail servers from memory: it asks the Permits (the Ledger) at the moment of the question, so
 * it never says yes a moment too long, and it says that it cannot tell rather than no when it is not sure.
 * start resolves when the doors are open; stop is idempotent, bounded in time, and takes the doors away.
 */
import type { ClientAddress } from '../core/address.js';
import type { Verdict } from '../core/decision.js';
import type { Clock } from '../runtime/clock.js';
import type { Counters } from '../runtime/counters.js';
import type { Log } from '../runtime/log.js';
import type { Place } from '../runtime/place.js';

/** What the ledger is to a look-up. */
export interface Permits {
  /** Whether this client may relay at this moment. */
  ask(client: ClientAddress): Verdict;
}

/** What a client that may not relay is told. */
export interface OnMiss {
  /** 'dunno': nothing, Postfix goes on to its next restriction. */
  readonly answer: 'dunno' | 'explain';
  /** Text with {client}, {minutes}, {url} and {ended}. */
  readonly text: string;
  /** What {ended} stands for when the client's grant ended within `pastMs`; with {ago}. Nothing otherwise. */
  readonly ended: string;
  readonly url: string;
  readonly pastMs: number;
  /** For so long after its grant has ended a client is put off (451), not refused. */
  readonly graceMs: number;
}

/** What any look-up is made of; each kind takes what it needs. */
export interface LookupOptions {
  readonly listen: readonly Place[];
  /** Permission bits of unix sockets. */
  readonly mode: number;
  /** Name of the group that owns unix sockets; without one, what the system gives. */
  readonly group?: string | undefined;
  /** What a socketmap says of a grant: that there is one, or when it ends (epoch seconds). */
  readonly hit: 'OK' | 'expiry';
  readonly miss: OnMiss;
  /** How long a lease is. */
  readonly lifetimeMs: number;
  readonly permits: Permits;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Lookup {
  /** Where it listens, as the configuration writes it; a port 0 is the port that was got. */
  readonly doors: readonly string[];
  /** Opens the doors. Rejects with a Fault LISTEN and leaves nothing open. */
  start(): Promise<void>;
  /** Closes the doors. Never rejects. */
  stop(): Promise<void>;
}
