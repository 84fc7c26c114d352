/**
 * intake - what every way in for reports has in common
 *
 * An intake turns what arrives on its doors into Reports and hands them to an Authorizer (the
 * Ledger). It never decides whose word counts. start resolves when reports are taken; stop is
 * idempotent, bounded in time, and lets the reports already taken be answered.
 */
import type { Report } from '../core/ledger.js';

/** What the ledger is to an intake. */
export interface Authorizer {
  /** Decides on a report and settles it exactly once, perhaps before this returns. */
  authorize(report: Report): void;
}

export interface Intake {
  /** Opens the doors. Rejects with a Fault (LISTEN, RPCBIND) and leaves nothing open. */
  start(): Promise<void>;
  /** Closes the doors. Never rejects. */
  stop(): Promise<void>;
}
