/**
 * operations - what operators see and do, made of the ledger, their entries and the audit
 *
 * Promise: what changes something resolves when it is durable, in force and told to the audit; what cannot be
 * done rejects with a Fault, and that is told too. When the live map cannot show a change, or leases could not be
 * ended, the call rejects, the entry stands all the same, and live look-ups obey it: the Fault says so.
 *
 * Revoking an address that a lease or grant for a network covers ends that: nobody in it relays on it any more.
 */
import type {
  Change,
  Explanation,
  Filter,
  Forgotten,
  History,
  Operations,
  ReportCount,
  Row,
  Selection,
  Stats,
  Watching,
  Wish,
} from './admin/operations.js';
import { type Changes, rowOfEntry, rowOfLease } from './changes.js';
import { NO_FILE } from './ask-audit.js';
import type { Act, Audit } from './audit/audit.js';
import { MAX_TOLD } from './audit/who.js';
import type { ClientAddress } from './core/address.js';
import { Fault, reasonOf, toFault } from './core/fault.js';
import type { Ledger } from './core/ledger.js';
import type { NeverGranted } from './core/never.js';
import { isWithin, overlaps } from './core/network.js';
import type { EntryKind, OperatorEntry } from './core/operator-entry.js';
import type { Standing } from './core/standing.js';
import { networkOfSubject, type Subject } from './core/subject.js';
import type { Booked, By, EntryBook } from './entry-book.js';
import { explain } from './explain.js';
import { forget } from './forget.js';
import { entryOfWish } from './wish.js';

/** What an operator did, or tried to. */
export interface AdministrativeAct extends Act {
  readonly what:
    'authorize' | 'revoke' | 'pin' | 'deny' | 'unpin' | 'undeny' | 'reload' | 'rotate' | 'shutdown';
}

/** What a reload did. */
export interface Reloaded {
  readonly changed: readonly string[];
  readonly needsRestart: readonly string[];
}

export interface OperationsOptions {
  readonly ledger: Ledger;
  readonly standing: Standing;
  readonly never: NeverGranted;
  readonly book: EntryBook;
  readonly changes: Changes;
  readonly audit: Pick<Audit, 'act' | 'forget' | 'who'>;
  readonly clock: { wall(): number };
  readonly lifetimeMs: number;
  /** In words, which map has no words for the subject; undefined when all have. */
  readonly unsaid: (subject: Subject) => string | undefined;
  stats(): Stats;
  reports(): readonly ReportCount[];
  /** Throws Fault CONFIG, and has changed nothing then. */
  reload(): Reloaded;
  rotate(): void;
  shutdown(author: string): void;
}

/** What a change of an entry is called in the audit. */
const COMING = { grant: 'authorize', pin: 'pin', deny: 'deny' } as const;
const GOING = { pin: 'unpin', deny: 'undeny' } as const;
/** Rows looked at and not fitting before others are let run. */
const BREATH = 1_000;

export class LedgerOperations implements Operations {
  readonly #options: OperationsOptions;

  constructor(options: OperationsOptions) {
    this.#options = options;
  }

  authorize(wish: Wish & { readonly lifetimeMs: number }): Promise<Row> {
    return this.#come('grant', wish);
  }

  pin(wish: Wish): Promise<Row> {
    return this.#come('pin', wish);
  }

  deny(wish: Wish): Promise<Row> {
    return this.#come('deny', wish);
  }

  /** Ends operators' grants of which all is denied: they must not come back when the deny goes. */
  async #endGrants({ subject }: OperatorEntry, by: By): Promise<Fault | undefined> {
    const booked = await this.#remove(this.#grantsIn({ within: subject }), by);
    return booked.find(({ fault }) => fault !== undefined)?.fault;
  }

  #remove(entries: readonly OperatorEntry[], by: By): Promise<Booked[]> {
    return Promise.all(
      entries.map(({ kind, subject }) => this.#options.book.change({ go: { kind, subject } }, by)),
    );
  }

  #come(kind: EntryKind, wish: Wish): Promise<Row> {
    const { book, clock, never, standing, unsaid } = this.#options;
    const { author, reason, subject, user } = wish;
    const what = COMING[kind];
    if (wish.validateOnly === true) return this.#validate(kind, wish);
    return this.#audited({ what, subject, author, reason, user }, async () => {
      const entry = entryOfWish(kind, wish, { never, standing, unsaid, now: clock.wall() });
      const { fault } = await book.change({ come: entry }, { author, reason });
      const ended = kind === 'deny' ? await this.#endGrants(entry, { author, reason }) : undefined;
      throwStanding(fault ?? ended, `the ${kind} of ${subject} stands`);
      return { result: rowOfEntry(entry) };
    });
  }

  /** The row that a wish would become. Rejects as the wish would; the audit is not told, because nothing has happened. */
  #validate(kind: EntryKind, wish: Wish): Promise<Row> {
    const { book, clock, never, standing, unsaid } = this.#options;
    return new Promise((resolve) => {
      const entry = entryOfWish(kind, wish, { never, standing, unsaid, now: clock.wall() });
      book.check(entry);
      resolve(rowOfEntry(entry));
    });
  }

  remove(kind: 'pin' | 'deny', subject: Subject, by: By): Promise<boolean> {
    const what = GOING[kind];
    return this.#audited({ what, subject, ...by }, async () => {
      const { before, fault } = await this.#options.book.change({ go: { kind, subject } }, by);
      throwStanding(fault, `the ${kind} of ${subject} is gone`);
      return { result: before !== undefined, outcome: before === undefined ? 'there was none' : undefined };
    });
  }

  revoke(selection: Selection, by: By): Promise<number> {
    const subject =
      'within' in selection ? selection.within : 'reporter' in selection ? selection.reporter : 'all';
    return this.#audited({ what: 'revoke', subject, ...by }, async () => {
      const count = await this.#takeAway(selection, by);
      return { result: count, count };
    });
  }

  async #takeAway(selection: Selection, by: By): Promise<number> {
    const entries = 'reporter' in selection ? [] : this.#grantsIn(selection);
    const booked = await this.#remove(entries, by);
    const gone = booked.filter(({ before }) => before !== undefined).length;
    const { count, fault } = await new Promise<{ count: number; fault: Fault | undefined }>((resolve) => {
      this.#options.ledger.revoke(selection, (leases, problem) => {
        resolve({ count: leases + gone, fault: problem });
      });
    });
    if (fault?.code === 'STORE')
      throw new Fault(
        'STORE',
        `${count} were taken away and stay so, the others were not: ${fault.message}`,
        fault,
      );
    throwStanding(fault ?? booked.find((one) => one.fault !== undefined)?.fault, `${count} were taken away`);
    return count;
  }

  /** Operators' grants that a revocation is about: not those of networks around it, whose other clients nobody has named. */
  #grantsIn(selection: { readonly within: Subject } | { readonly all: true }): OperatorEntry[] {
    const grants = [...this.#options.standing.entries()].filter(({ kind }) => kind === 'grant');
    if ('all' in selection) return grants;
    const network = networkOfSubject(selection.within);
    return grants.filter(({ subject }) => isWithin(networkOfSubject(subject), network));
  }

  explain(client: ClientAddress): Explanation {
    const { clock, ledger, lifetimeMs } = this.#options;
    const decide = (one: ClientAddress) => ledger.decision.on(one);
    return explain(client, { decide, leases: ledger.leases, clock, lifetimeMs });
  }

  async history(client: ClientAddress, at: number): Promise<History> {
    const answer = await this.#options.audit.who(client, at);
    if (answer === undefined) throw new Fault('CONFIG', NO_FILE);
    const { gaps, records } = answer;
    return { ...answer, records: records.slice(0, MAX_TOLD), gaps: gaps.slice(0, MAX_TOLD) };
  }

  forget(client: ClientAddress, by: By): Promise<Forgotten> {
    const { audit, changes, clock, ledger } = this.#options;
    const revoke = (within: ClientAddress): Promise<number> => this.#takeAway({ within }, by);
    const erase = async (one: ClientAddress): Promise<void> => {
      ledger.leases.erase(one);
      await changes.forget(one);
    };
    return forget(client, by, { revoke, erase, audit, clock });
  }

  *rows(filter: Filter): Generator<Row | undefined> {
    const fits = fitting(filter);
    let budget = BREATH;
    for (const row of this.#allRows(filter)) {
      if (row !== undefined && fits(row)) yield row;
      else if ((budget -= 1) === 0) {
        yield undefined;
        budget = BREATH;
      }
    }
  }

  *#allRows({ kind, reporter, user, within }: Filter): Generator<Row | undefined> {
    const { ledger, standing } = this.#options;
    if (reporter === undefined) for (const entry of standing.entries()) yield rowOfEntry(entry);
    // No lease has a user, a pin or a deny.
    if (user !== undefined || (kind ?? 'grant') !== 'grant') return;
    const { leases } = ledger;
    const network = within === undefined ? undefined : networkOfSubject(within);
    for (const place of leases.living()) {
      if (reporter !== undefined && leases.reporterAt(place) !== reporter) yield undefined;
      else if (network !== undefined && !leases.overlaps(place, network)) yield undefined;
      else yield rowOfLease(leases.at(place));
    }
  }

  watch(position: number | undefined, tell: (change: Change) => void): Watching | undefined {
    return this.#options.changes.watch(position, tell);
  }

  get epoch(): string {
    return this.#options.changes.epoch;
  }

  get position(): number {
    return this.#options.changes.position;
  }

  stats(): Stats {
    return this.#options.stats();
  }

  reports(): readonly ReportCount[] {
    return this.#options.reports();
  }

  reload(author: string): Promise<Reloaded> {
    return this.#audited({ what: 'reload', author }, () => ({ result: this.#options.reload() }));
  }

  rotate(author: string): Promise<void> {
    return this.#audited({ what: 'rotate', author }, () => {
      this.#options.rotate();
      return { result: undefined };
    });
  }

  shutdown(author: string): Promise<void> {
    return this.#audited({ what: 'shutdown', author }, () => {
      this.#options.shutdown(author);
      return { result: undefined };
    });
  }

  /** Does it, and tells the audit what became of it. */
  async #audited<T>(
    act: Omit<AdministrativeAct, 'at' | 'outcome' | 'count'>,
    work: () => Done<T> | Promise<Done<T>>,
  ): Promise<T> {
    const { audit, clock } = this.#options;
    try {
      const { count, outcome = 'done', result } = await work();
      audit.act({ ...act, at: clock.wall(), outcome, count });
      return result;
    } catch (thrown) {
      audit.act({ ...act, at: clock.wall(), outcome: reasonOf(thrown) });
      throw toFault(thrown, 'STORE');
    }
  }
}

interface Done<T> {
  readonly result: T;
  readonly outcome?: string | undefined;
  readonly count?: number | undefined;
}

/** Throws a Fault that says what holds all the same. */
function throwStanding(fault: Fault | undefined, what: string): void {
  if (fault === undefined) return;
  throw new Fault(
    fault.code,
    `${what}, and live look-ups obey it; but not all is done: ${fault.message}`,
    fault,
  );
}

function fitting({ endsBefore, kind, reporter, user, within }: Filter): (row: Row) => boolean {
  const network = within === undefined ? undefined : networkOfSubject(within);
  return (row) =>
    (kind === undefined || row.kind === kind) &&
    (reporter === undefined || row.reporter === reporter) &&
    (user === undefined || row.user === user) &&
    (endsBefore === undefined || (row.expiresAt ?? Infinity) < endsBefore) &&
    (network === undefined || overlaps(networkOfSubject(row.subject), network));
}
