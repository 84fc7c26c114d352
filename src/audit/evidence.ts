/**
 * evidence - what records say of one address at one time, gathered line by line
 *
 * Lines come in the order in which they were written. A record may tell of a time before it (a tally of a minute, a lease found after
 * the start), so what counts is when a thing began. Each file begins with what stands without a lease, between `head`
 * begin and end; that takes the place of all that is known until then.
 *
 * What was truncated cannot be told from its neighbours: that it ended says nothing, and that it is denied neither.
 *
 * Limits: the newest MAX_LEASES leases and MAX_NOTES of all else are kept.
 */
import type { Names } from './privacy.js';
import { type AuditRecord, recordIn, subjectIn } from './record.js';

export const MAX_LEASES = 1_000;
export const MAX_NOTES = 100;
/** The subject of a revocation of all. */
export const ALL = 'all';
/** `{"at":"` and where the time that follows ends. */
const AT_FROM = 7;
const AT_TO = 31;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function keep<T>(list: T[], one: T, most: number): void {
  list.push(one);
  if (list.length > most) list.shift();
}

/** A lease that ran at the time, as far as its own record says. */
export interface Lease {
  readonly record: AuditRecord;
  /** When it was taken away or found ended, later than the time asked for. */
  endedBy?: AuditRecord;
}

export class Evidence {
  readonly leases: Lease[] = [];
  /** Leases that had ended by then, refusals before, acts: newest last. */
  readonly ended: AuditRecord[] = [];
  readonly refusals: AuditRecord[] = [];
  readonly uses: AuditRecord[] = [];
  readonly acts: AuditRecord[] = [];
  readonly gaps: AuditRecord[] = [];
  /** Whether dracd ran at the time, if that is known. */
  isRunning: boolean | undefined;
  /** The first time that any record has, as text. */
  first: string | undefined;
  readonly #names: Names;
  readonly #at: number;
  #standing = new Map<string, AuditRecord>();
  #incoming: Map<string, AuditRecord> | undefined;

  constructor(names: Names, at: number) {
    this.#names = names;
    this.#at = at;
  }

  /** What stood without a lease. */
  get standing(): AuditRecord[] {
    return [...this.#standing.values()].filter(({ until = Infinity }) => until > this.#at);
  }

  /** Whether a record may mean a neighbour of the address. */
  isVague({ privacy, subject }: AuditRecord): boolean {
    return privacy === 'truncated' && subject === this.#names.truncated;
  }

  take(line: string): void {
    const subject = subjectIn(line);
    if (subject === undefined || subject === ALL || this.#names.holding.has(subject)) {
      const record = recordIn(line);
      if (record !== undefined) this.#add(record);
    }
    const at = line.slice(AT_FROM, AT_TO);
    if ((this.first === undefined || at < this.first) && line.startsWith('{"at":"') && TIME.test(at))
      this.first = at;
  }

  #add(record: AuditRecord): void {
    const { at, from = at, kind } = record;
    if (kind === 'gap') keep(this.gaps, record, MAX_NOTES);
    if (from > this.#at) this.#addLater(record);
    else if (kind === 'grant' || kind === 'renewal') this.#addGrant(record);
    else if (kind === 'use') keep(this.uses, record, MAX_NOTES);
    else if (kind === 'refusal') keep(this.refusals, record, MAX_NOTES);
    else if (kind === 'revoke' || kind === 'expiry') this.#end(record);
    else this.#addEvent(record);
  }

  /** What came after the time may still tell of what was there. */
  #addLater(record: AuditRecord): void {
    const { kind, subject, what } = record;
    if (kind === 'use') keep(this.uses, record, MAX_NOTES);
    if (kind === 'act') keep(this.acts, record, MAX_NOTES);
    if ((kind !== 'revoke' && kind !== 'expiry') || what !== undefined || this.isVague(record)) return;
    for (const lease of this.leases) if (lease.record.subject === subject) lease.endedBy ??= record;
  }

  #addGrant(record: AuditRecord): void {
    if (record.author !== undefined) this.#standing.set(`grant ${record.subject ?? ''}`, record);
    else if ((record.until ?? 0) > this.#at) keep(this.leases, { record }, MAX_LEASES);
    else keep(this.ended, record, MAX_NOTES);
  }

  #end(record: AuditRecord): void {
    const { subject, what } = record;
    if (what !== undefined) {
      if (!this.isVague(record)) this.#standing.delete(`${what} ${subject ?? ''}`);
      return;
    }
    if (this.isVague(record)) return;
    keep(this.ended, record, MAX_NOTES);
    this.#dropLeases((one) => one.subject === subject);
  }

  #dropLeases(isMeant: (record: AuditRecord) => boolean): void {
    const left = this.leases.filter(({ record }) => !isMeant(record));
    this.leases.splice(0, this.leases.length, ...left);
  }

  #addEvent(record: AuditRecord): void {
    const { kind, subject = '', what = '' } = record;
    switch (kind) {
      case 'pin':
      case 'deny':
        this.#standing.set(`${kind} ${subject}`, record);
        return;
      case 'unpin':
      case 'undeny':
        if (!this.isVague(record)) this.#standing.delete(`${kind.slice(2)} ${subject}`);
        return;
      case 'standing':
        this.#incoming?.set(`${what} ${subject}`, record);
        return;
      case 'head':
        this.#addHead(what);
        return;
      case 'start':
        this.isRunning = true;
        if (what === 'forgot') this.#dropLeases(() => true);
        return;
      case 'stop':
        this.isRunning = false;
        return;
      case 'act':
        keep(this.acts, record, MAX_NOTES);
        return;
      default:
    }
  }

  #addHead(what: string): void {
    if (what === 'begin') this.#incoming = new Map();
    else if (this.#incoming !== undefined) {
      this.#standing = this.#incoming;
      this.#incoming = undefined;
    }
  }
}
