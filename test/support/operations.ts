/**
 * operations - an Operations that keeps everything in memory, for tests of the admin door alone
 *
 * It notes each call with its author, remembers HISTORY changes, and tells watchers in the same turn. `many` lists that
 * many leases without having them.
 */
import { Fault } from '../../src/core/fault.js';
import { numberToAddress, parseAddress } from '../../src/core/address.js';
import type { ClientAddress } from '../../src/core/address.js';
import { isWithin } from '../../src/core/network.js';
import { networkOfSubject } from '../../src/core/subject.js';
import type {
  Change,
  ChangeKind,
  Explanation,
  Forgotten,
  History,
  Operations,
  ReportCount,
  Row,
  Watching,
  Wish,
} from '../../src/admin/operations.js';

const HISTORY = 1_000_000;
export const EPOCH = 'a-run';
export const NOW = 1_790_000_000_000;
/** What was before, no record tells of. */
export const FIRST_RECORD = Date.UTC(2001, 0, 1);
export const REPORTER = parseAddress('192.0.2.25') as ClientAddress;

export interface Noted {
  readonly call: string;
  readonly author?: string;
  readonly [field: string]: unknown;
}

/** The n-th of many addresses. */
export function nth(n: number): ClientAddress {
  return numberToAddress((0x0b000000 + n) | 0);
}

export function lease(n: number): Row {
  const subject = nth(n);
  return { kind: 'grant', subject, client: subject, expiresAt: NOW + n, reporter: REPORTER };
}

export class MemoryOperations implements Operations {
  readonly epoch = EPOCH;
  readonly calls: Noted[] = [];
  readonly entries = new Map<string, Row>();
  /** Leases that are listed besides. */
  many = 0;
  /** What the next call that changes something rejects with. */
  fault: Error | undefined;
  /** What wishes for a subject are always refused with. */
  readonly refusals = new Map<string, Error>();
  /** The first position that is not remembered any more. */
  forgotten = 0;
  readonly #history: Change[] = [];
  readonly #watchers = new Set<(change: Change) => void>();

  get position(): number {
    return this.#history.length;
  }

  /** How many are told of changes. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** Makes something change. */
  change(kind: ChangeKind, row: Row, by: { author?: string; reason?: string } = {}): void {
    const change = { position: this.position + 1, kind, at: NOW, row, ...by };
    this.#history.push(change);
    if (this.#history.length > HISTORY) throw new RangeError('more changes than a test needs');
    for (const tell of [...this.#watchers]) tell(change);
  }

  authorize(wish: Wish & { readonly lifetimeMs: number }): Promise<Row> {
    return this.#enter('authorize', 'grant', wish);
  }

  pin(wish: Wish): Promise<Row> {
    return this.#enter('pin', 'pin', wish);
  }

  deny(wish: Wish): Promise<Row> {
    return this.#enter('deny', 'deny', wish);
  }

  revoke(
    selection: Parameters<Operations['revoke']>[0],
    by: { author: string; reason: string },
  ): Promise<number> {
    return this.#done('revoke', { selection, ...by }, () => {
      const within = 'within' in selection ? networkOfSubject(selection.within) : undefined;
      const isSelected = ({ kind, subject }: Row): boolean =>
        kind === 'grant' && (within === undefined || isWithin(networkOfSubject(subject), within));
      const grants = [...this.entries].filter(([, row]) => isSelected(row));
      for (const [key, row] of grants) {
        this.entries.delete(key);
        this.change('revoked', row, by);
      }
      return grants.length;
    });
  }

  remove(
    kind: 'pin' | 'deny',
    subject: Row['subject'],
    by: { author: string; reason: string },
  ): Promise<boolean> {
    return this.#done(`un${kind}`, { subject, ...by }, () => {
      const row = this.entries.get(`${kind} ${subject}`);
      if (row === undefined) return false;
      this.entries.delete(`${kind} ${subject}`);
      this.change(kind === 'pin' ? 'unpinned' : 'undenied', row, by);
      return true;
    });
  }

  explain(client: ClientAddress): Explanation {
    const row = (['deny', 'pin', 'grant'] as const)
      .map((kind) => this.entries.get(`${kind} ${client}`))
      .find((one) => one !== undefined);
    if (row === undefined)
      return { verdict: 'not', rule: 'none', words: `Nobody has said anything of ${client}.` };
    const verdict = row.kind === 'deny' ? 'not' : 'permitted';
    return { verdict, rule: row.kind, words: `${client}: ${row.reason ?? 'a lease'}`, row };
  }

  /** Answers of histories that are held back; call them to go on. */
  readonly held: (() => void)[] = [];
  /** Holds histories back. */
  holds = false;

  async history(client: ClientAddress, at: number): Promise<History> {
    const { fault } = this;
    this.fault = undefined;
    if (this.holds) await new Promise<void>((resolve) => this.held.push(resolve));
    if (fault !== undefined) throw fault;
    const subject = client;
    const none = { records: [], uses: 0, gaps: [] };
    if (at < FIRST_RECORD) {
      const gaps = [{ at, kind: 'gap', from: at - 1, count: 5, reason: 'no room' } as const];
      return { ...none, verdict: 'unknown', words: `It cannot be told of ${client}.`, gaps };
    }
    const row = this.entries.get(`grant ${client}`);
    if (row === undefined) return { ...none, verdict: 'not', words: `${client} could not relay.` };
    const { author, expiresAt: until, reason, user } = row;
    return {
      verdict: 'permitted',
      words: `${client} could relay: ${reason ?? ''}`,
      onlyTo: '192.0.2.0/24',
      records: [
        { at: NOW, kind: 'grant', subject, author, reason, user, until },
        { at: NOW + 2, kind: 'use', subject, from: NOW + 1, count: 3, privacy: 'hashed' },
      ],
      uses: 3,
      gaps: [],
    };
  }

  forget(client: ClientAddress, by: { author: string; reason: string }): Promise<Forgotten> {
    return this.#done('forget', { client, ...by }, () => {
      const was = this.entries.delete(`grant ${client}`);
      return { grants: was ? 1 : 0, records: was ? 7 : 0 };
    });
  }

  *rows(): Iterable<Row | undefined> {
    yield* this.entries.values();
    for (let n = 0; n < this.many; n += 1) yield lease(n);
  }

  watch(position: number | undefined, tell: (change: Change) => void): Watching | undefined {
    const after = position ?? this.position;
    if (after < this.forgotten) return undefined;
    for (const change of this.#history.slice(after)) tell(change);
    this.#watchers.add(tell);
    return { stop: () => void this.#watchers.delete(tell) };
  }

  reports(): readonly ReportCount[] {
    return [];
  }

  stats(): Record<string, number | string | boolean> {
    return { grants: this.entries.size, state: 'well', degraded: false };
  }

  reload(author: string): Promise<{ changed: string[]; needsRestart: string[] }> {
    return this.#done('reload', { author }, () => ({ changed: ['log.level'], needsRestart: ['rpc.port'] }));
  }

  rotate(author: string): Promise<void> {
    return this.#done('rotate', { author }, () => undefined);
  }

  shutdown(author: string): Promise<void> {
    return this.#done('shutdown', { author }, () => undefined);
  }

  #enter(call: 'authorize' | 'pin' | 'deny', kind: Row['kind'], wish: Wish): Promise<Row> {
    const { validateOnly, ...noted } = wish;
    const { subject, lifetimeMs, user, reason, author } = noted;
    const expiresAt = lifetimeMs === undefined ? undefined : NOW + lifetimeMs;
    const row: Row = { kind, subject, expiresAt, user, reason, author, createdAt: NOW };
    const refusal = this.refusals.get(subject);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (validateOnly === true) return Promise.resolve(row);
    return this.#done(call, noted, () => {
      this.entries.set(`${kind} ${subject}`, row);
      this.change(({ authorize: 'granted', pin: 'pinned', deny: 'denied' } as const)[call], row, {
        author,
        reason,
      });
      return row;
    });
  }

  #done<T>(call: string, fields: Omit<Noted, 'call'>, work: () => T): Promise<T> {
    const { fault } = this;
    this.fault = undefined;
    if (fault !== undefined) return Promise.reject(fault);
    this.calls.push({ call, ...fields });
    return Promise.resolve(work());
  }
}

export const diskFault = (): Fault => new Fault('STORE', 'journal: the disk refuses writes: ENOSPC');
