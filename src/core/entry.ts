/**
 * entry - a grant on its way into the table
 */
import type { ClientAddress } from './address.js';
import type { Grant } from './grant.js';
import type { Subject } from './subject.js';

export class Entry implements Grant {
  readonly client: ClientAddress;
  readonly reporter: ClientAddress;
  readonly expiresAt: number;
  /** What it covers. */
  readonly subject: Subject;
  /** The steady time at which it ends. */
  readonly deadline: number;
  /** Where the subject's grant was when it was looked for. */
  readonly place: number;

  constructor(
    of: { client: ClientAddress; reporter: ClientAddress; subject: Subject; place: number },
    deadline: number,
    toWall: number,
  ) {
    this.client = of.client;
    this.reporter = of.reporter;
    this.subject = of.subject;
    this.place = of.place;
    this.deadline = deadline;
    this.expiresAt = Math.round(deadline + toWall);
  }
}
