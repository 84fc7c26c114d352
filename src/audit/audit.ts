/**
 * audit - what has happened to whom on whose word, told to the log and to files
 *
 * Hears of grants, renewals, ends and revocations from the ledger (it is a LedgerObserver), of operators' entries and acts from
 * the operations, of refusals and uses through what stands between the doors and the ledger (`authorizer`,
 * `permits`). Each is one record; renewals, refusals and uses of one minute are one together (tallies.ts). A
 * use that is recorded belongs to one grant: with its end the count ends.
 *
 * Everything is quick and nothing waits for a disk. Acts of operators are always said in the log, all else as far as
 * the log can bear it (log-lines.ts); files, where there are any, have all.
 *
 * After kill -9 the last records may be missing. What the ledger recovers is compared with when the last record was made:
 * leases of a minute before that, or later, are recorded again (`restored`), so that the files answer for them.
 */
import type { ClientAddress } from '../core/address.js';
import type { Judgement, Verdict } from '../core/decision.js';
import type { Entry } from '../core/entry.js';
import type { EndedLease } from '../core/ended.js';
import type { Report } from '../core/ledger.js';
import type { OperatorEntry } from '../core/operator-entry.js';
import type { LedgerObserver } from '../core/outlets.js';
import { parseNetwork } from '../core/network.js';
import { type Subject, subjectOf } from '../core/subject.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import { forgetIn } from './forget.js';
import { lastKnown } from './lines.js';
import { LogLines } from './log-lines.js';
import type { Privacy } from './privacy.js';
import { type AuditRecord, LineMaker, type RecordKind } from './record.js';
import { Refusals } from './refusals.js';
import { Tallies, WINDOW_MS } from './tallies.js';
import { type Answer, who } from './who.js';
import type { Writer } from './writer.js';

export { type Answer } from './who.js';

const TICK_MS = 50;
/** Tallies recorded before other work goes on; in all more than begin at 20,000 reports a second. */
const TICK_STEP = 2_048;
/** Leases looked at after the start before other work goes on, and how long the files are waited for. */
const RESTORE_STEP = 500;
const RESTORE_WAIT_MS = 50;
/** What was recorded so long before the last record may not all be in the files. */
const UNSURE_MS = WINDOW_MS + 5_000;
/** An operator's act, as the operations tell it. */
export interface Act {
  readonly what: string;
  /** An address, a network, a reporter or `all`; undefined when it is about the daemon itself. */
  readonly subject?: string | undefined;
  readonly author: string;
  readonly reason?: string | undefined;
  readonly user?: string | undefined;
  /** Wall clock, epoch milliseconds. */
  readonly at: number;
  /** `done`, or why not. */
  readonly outcome: string;
  /** How many leases, grants or records were taken away. */
  readonly count?: number | undefined;
}

/** How the feed calls what happens to an operator's entry. */
export type EntryEvent =
  'granted' | 'renewed' | 'revoked' | 'expired' | 'pinned' | 'unpinned' | 'denied' | 'undenied';

const KIND_OF: Readonly<Record<EntryEvent, RecordKind>> = {
  granted: 'grant',
  renewed: 'grant',
  pinned: 'pin',
  denied: 'deny',
  revoked: 'revoke',
  unpinned: 'unpin',
  undenied: 'undeny',
  expired: 'expiry',
};
const COMING: readonly RecordKind[] = ['grant', 'pin', 'deny'];
/** Acts that have a record of their own when they are done. */
const TOLD_OTHERWISE = ['authorize', 'pin', 'deny', 'unpin', 'undeny'];
/** Outcomes without a subject in their words. */
const PLAIN_OUTCOMES = ['done', 'there was none'];

interface Used {
  readonly client: ClientAddress;
  readonly subject: Subject;
  readonly rule: string;
}

export interface AuditOptions {
  readonly privacy: Privacy;
  /** Without one there is the log alone. */
  readonly writer?: Writer | undefined;
  /** The file that the writer writes. */
  readonly file?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export class Audit implements LedgerObserver {
  readonly listens = true;
  readonly #options: AuditOptions;
  readonly #lines = new LineMaker();
  readonly #logLines: LogLines;
  readonly #renewals: Tallies<Entry>;
  readonly #refusals: Refusals;
  readonly #uses: Tallies<Used>;
  /** The files have been opened, and answer for all leases. */
  #isWhole = false;
  #forgetting: Promise<number> = Promise.resolve(0);
  #timer: { stop(): void } | undefined;

  constructor(options: AuditOptions) {
    const { clock } = options;
    this.#options = options;
    this.#logLines = new LogLines(options);
    this.#renewals = new Tallies({
      clock,
      isLike: (one, other) => one.reporter === other.reporter && one.client === other.client,
      record: (tally) => {
        this.#lease('renewal', tally.of, tally);
      },
    });
    this.#refusals = new Refusals(clock, ({ at, count, from, of: { client, outcome, sender } }) => {
      this.#record({ at, kind: 'refusal', reporter: sender, outcome, from, count }, { subject: client });
    });
    this.#uses = new Tallies({
      clock,
      isLike: (one, other) => one.rule === other.rule,
      record: ({ at, count, from, of: { client, rule, subject } }) => {
        const what = rule === 'grant' ? undefined : rule;
        this.#record({ at, kind: 'use', what, from, count }, { subject, client });
      },
    });
    this.#timer = clock.every(TICK_MS, () => {
      this.#tick();
    });
  }

  /** In words, why records are not written at present. */
  get degraded(): string | undefined {
    return this.#options.writer?.degraded;
  }

  /** How many records are lost since the start. */
  get lost(): number {
    return this.#options.writer?.lost ?? 0;
  }

  leased(change: 'granted' | 'renewed', lease: Entry): void {
    if (change === 'renewed') this.#renewals.count(lease.subject, lease);
    else this.#lease('grant', lease, { at: this.#options.clock.wall() });
  }

  ended(change: 'revoked' | 'expired', lease: EndedLease): void {
    this.#renewals.end(lease.subject);
    this.#uses.end(lease.subject);
    this.#lease(change === 'revoked' ? 'revoke' : 'expiry', lease, { at: this.#options.clock.wall() });
  }

  #lease(
    kind: RecordKind,
    { client, expiresAt: until, reporter, subject }: EndedLease,
    { at, count, from }: Pick<AuditRecord, 'at' | 'from' | 'count'>,
  ): void {
    const { privacy, writer } = this.#options;
    const isSaid = this.#logLines.takes(kind);
    if (isSaid || count !== undefined || client !== subject)
      this.#tell({ at, kind, reporter, from, until, count }, { isSaid, subject, client });
    else if (writer !== undefined) {
      const name = privacy.subject(subject);
      writer.add(this.#lines.lease({ at, kind, subject: name, reporter, until, privacy: privacy.mode }));
    }
  }

  /** An operator's entry has come or gone; `by` is nobody when its time is over. */
  entry(
    event: EntryEvent,
    entry: OperatorEntry,
    by?: { readonly author: string; readonly reason: string },
  ): void {
    this.#uses.end(entry.subject);
    const isOver = by === undefined && !COMING.includes(KIND_OF[event]);
    const kind = isOver ? 'expiry' : KIND_OF[event];
    const what = kind === 'expiry' || kind === 'revoke' ? entry.kind : undefined;
    const { author, reason } = by ?? entry;
    const until = COMING.includes(kind) ? entry.expiresAt : undefined;
    const at = this.#options.clock.wall();
    this.#write(
      this.#veiled({ at, kind, what, author, reason, until, user: entry.user }, { subject: entry.subject }),
      true,
    );
  }

  /** An operator has done something, or tried to. */
  act(act: Act): void {
    const { at, author, count, outcome, reason, user, what } = act;
    const { log, privacy } = this.#options;
    const network = act.subject === undefined ? undefined : parseNetwork(act.subject);
    const subject = network === undefined ? act.subject : privacy.subject(subjectOf(network));
    const isPlain = privacy.mode === 'full' || PLAIN_OUTCOMES.includes(outcome);
    const said = isPlain ? outcome : 'not done, or not all';
    const record = {
      at,
      kind: 'act',
      what,
      author,
      reason,
      count,
      outcome: said,
      user: privacy.user(user),
    } as const;
    log.info('operator', { what, subject, author, reason, user: record.user, outcome: said, count });
    if (outcome !== 'done' || !TOLD_OTHERWISE.includes(what))
      this.#write({ ...record, subject, privacy: privacy.mode }, true);
  }

  /** Passes reports on to the ledger, and hears which are refused. */
  authorizer(ledger: { authorize(report: Report): void }): { authorize(report: Report): void } {
    return this.#refusals.authorizer(ledger);
  }

  /** Asks the ledger for look-ups, and hears what they permit. */
  permits(decision: { on(client: ClientAddress): Judgement }): { ask(client: ClientAddress): Verdict } {
    return {
      ask: (client) => {
        const { rule, subject = client, verdict } = decision.on(client);
        if (verdict.verdict === 'permitted') this.#uses.count(subject, { client, subject, rule });
        return verdict;
      },
    };
  }

  /** Opens the files, of a daemon that starts with these leases. Rejects with Fault CONFIG. */
  async start(
    how: { readonly forgotAll: boolean; readonly lifetimeMs: number },
    leases: Iterable<EndedLease>,
  ): Promise<void> {
    const { clock, file, writer } = this.#options;
    if (file === undefined || writer === undefined) return;
    const last = await lastKnown(file);
    await writer.start();
    const isClean = last?.kind === 'stop';
    const what = how.forgotAll ? 'forgot' : isClean || last === undefined ? 'clean' : 'unclean';
    this.#write({ at: clock.wall(), kind: 'start', what }, true);
    if (isClean) this.#isWhole = true;
    else this.#restore(leases[Symbol.iterator](), { since: (last?.at ?? -Infinity) - UNSURE_MS, ...how });
  }

  #restore(leases: Iterator<EndedLease>, how: { readonly since: number; readonly lifetimeMs: number }): void {
    const { clock, writer } = this.#options;
    for (let budget = RESTORE_STEP; budget > 0 && writer?.hasRoom === true; budget -= 1) {
      const next = leases.next();
      if (next.done === true) {
        this.#isWhole = true;
        return;
      }
      const lease = next.value;
      const from = lease.expiresAt - how.lifetimeMs;
      if (from < how.since) continue;
      const { client, expiresAt: until, reporter, subject } = lease;
      const at = clock.wall();
      this.#write(
        this.#veiled({ at, kind: 'grant', what: 'restored', reporter, from, until }, { subject, client }),
      );
    }
    const goOn = (): void => {
      if (this.#timer !== undefined) this.#restore(leases, how);
    };
    if (writer?.hasRoom === true) clock.soon(goOn);
    else clock.after(RESTORE_WAIT_MS, goOn);
  }

  /** Whether an address could relay at a time (wall clock, epoch milliseconds). Undefined without files. */
  async who(address: ClientAddress, at: number): Promise<Answer | undefined> {
    const { clock, file, privacy, writer } = this.#options;
    if (file === undefined || writer === undefined) return undefined;
    await this.#endTallies();
    await writer.flush();
    return who(address, at, { file, privacy, now: clock.wall() });
  }

  /** Takes what names the address out of the files; resolves with how many records went. Rejects when it cannot. */
  forget(address: ClientAddress): Promise<number> {
    // One after the other: they rewrite the same files.
    const forgotten = this.#forgetting.then(() => this.#forget(address));
    this.#forgetting = forgotten.catch(() => 0);
    return forgotten;
  }

  async #forget(address: ClientAddress): Promise<number> {
    const { file, privacy, writer } = this.#options;
    if (file === undefined || writer === undefined) return 0;
    await this.#endTallies();
    if (!(await writer.complete())) throw new Error(writer.degraded ?? 'the file cannot be completed');
    return forgetIn(file, privacy.namesOf(address).exact);
  }

  /** Records what is gathered, and that it stops: unless something must be recorded again at the next start. */
  async stop(): Promise<void> {
    this.#timer?.stop();
    this.#timer = undefined;
    for (const tallies of this.#tallies) tallies.endSome(tallies.size);
    if (this.#isWhole) this.#write({ at: this.#options.clock.wall(), kind: 'stop' });
    await this.#options.writer?.stop();
  }

  /** Records what is gathered now, in steps between which other work goes on. */
  async #endTallies(): Promise<void> {
    for (const tallies of this.#tallies)
      for (let left = tallies.size; left > 0; left -= TICK_STEP) {
        tallies.endSome(Math.min(left, TICK_STEP));
        await new Promise<void>((resolve) => {
          this.#options.clock.soon(resolve);
        });
      }
  }

  #tick(): void {
    for (const tallies of this.#tallies) tallies.tick(TICK_STEP);
    this.#logLines.tick();
  }

  get #tallies(): readonly Pick<Tallies<unknown>, 'size' | 'tick' | 'endSome'>[] {
    return [this.#renewals, this.#refusals.tallies, this.#uses];
  }

  /** What happened to a client: to the log as far as it can bear it, and to the files. */
  #record(record: AuditRecord, whom: { readonly subject: Subject; readonly client?: ClientAddress }): void {
    this.#tell(record, { isSaid: this.#logLines.takes(record.kind), ...whom });
  }

  #tell(
    record: AuditRecord,
    whom: { readonly isSaid: boolean; readonly subject: Subject; readonly client?: ClientAddress },
  ): void {
    if (!whom.isSaid && this.#options.writer === undefined) return;
    const veiled = this.#veiled(record, whom);
    if (whom.isSaid) this.#logLines.say(veiled);
    this.#write(veiled);
  }

  #veiled(
    record: AuditRecord,
    whom: { readonly subject: Subject; readonly client?: ClientAddress },
  ): AuditRecord {
    const { privacy } = this.#options;
    const subject = privacy.subject(whom.subject);
    const { client } = whom;
    const other = client === undefined || client === whom.subject ? undefined : privacy.subject(client);
    const { at, author, count, from, kind, outcome, reason, reporter, until, what } = record;
    const user = privacy.user(record.user);
    // Key by key: records of one shape are made and read several times as fast.
    return {
      at,
      kind,
      subject,
      client: other,
      reporter,
      user,
      author,
      reason,
      what,
      outcome,
      from,
      until,
      count,
      privacy: privacy.mode,
    };
  }

  #write(record: AuditRecord, isUrgent = false): void {
    const { writer } = this.#options;
    if (writer !== undefined) writer.add(this.#lines.line(record), isUrgent);
  }
}
