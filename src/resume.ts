/**
 * resume - what has happened since watchers were told last, found out after a restart
 *
 * What watchers know is followed from the last mark on: leases that the journal has at the mark, without those that the
 * log says are over; then the journal's rest, grant by grant and revocation by revocation. What is left is compared with
 * what is in force now, and each difference is a change: so a stream that goes on always comes to what is true,
 * whatever the configuration says now.
 *
 * Of one subject changes come in an order that can have been. A lease that ended and was renewed in the time that is found
 * out is told to be renewed.
 */
import type { Row } from './admin/operations.js';
import { type Happened, isEntry } from './change-text.js';
import { rowOfEntry, rowOfLease } from './changes.js';
import type { ClientAddress } from './core/address.js';
import type { EndedLease } from './core/ended.js';
import { overlaps } from './core/network.js';
import { idOf, type OperatorEntry } from './core/operator-entry.js';
import { isNetwork, keyOf, networkOfSubject, type Subject, type SubjectKey } from './core/subject.js';
import { type Act, meanwhile } from './entry-book.js';
import { KnownLeases, LAST } from './known-leases.js';
import { SLOT_MS } from './marks.js';
import type { TailFound } from './store/tail.js';
import { FUZZ_MS, type Told } from './told.js';

export interface ResumeOptions {
  readonly told: Told;
  readonly tail: TailFound;
  /** What was stored of operators' entries, and those that are in force. */
  readonly stored: readonly OperatorEntry[];
  readonly entries: Iterable<OperatorEntry>;
  /** Those whose end will be told, if it is not told here. */
  readonly leases: Iterable<EndedLease>;
  /** What a lease of this client covers. */
  readonly coverageOf: (client: ClientAddress) => Subject;
  readonly now: number;
}

const COMES: readonly string[] = ['granted', 'renewed', 'pinned', 'denied'];
const OVER = { grant: 'expired', pin: 'unpinned', deny: 'undenied' } as const;
const COME = { grant: 'granted', pin: 'pinned', deny: 'denied' } as const;

/** What is over, as far as the log does not mention it: told or not, or `unclear`. */
function fate(
  end: number,
  until: number,
  { began, slot }: { began: number; slot: number },
): 'over' | 'known' | 'unclear' {
  if (end <= until - FUZZ_MS) return 'over';
  if (end > began + slot + FUZZ_MS) return 'known';
  return end > began - FUZZ_MS ? 'unclear' : 'over';
}

class Resumption {
  readonly happened: Happened[] = [];
  isClear = true;
  readonly #options: ResumeOptions;
  /** The last change of each lease and entry in the log. */
  readonly #leaseMentions = new Map<SubjectKey, Happened>();
  readonly #entryMentions = new Map<string, Happened>();
  readonly #leases = new KnownLeases();
  readonly #entries = new Map<string, Row>();

  constructor(options: ResumeOptions) {
    this.#options = options;
    for (const change of options.told.changes)
      if (isEntry(change.row)) this.#entryMentions.set(idOf(change.row), change);
      else this.#leaseMentions.set(keyOf(change.row.subject), change);
  }

  run(): void {
    const { intended } = this.#options.told;
    const acts = this.#isDone(intended) ? intended : [];
    this.#knowEntries(acts);
    this.#knowLeases();
    // What was denied no more may have been granted; what is denied was revoked before.
    this.#act(acts.filter(({ kind }) => !COMES.includes(kind)));
    this.#follow();
    this.#compareLeases();
    this.#act(acts.filter(({ kind }) => COMES.includes(kind)));
    this.#compareEntries();
  }

  #tell(kind: Happened['kind'], row: Row, more: Partial<Happened> = {}): void {
    this.happened.push({ kind, at: this.#options.now, row, ...more });
  }

  #knowLeases(): void {
    const { coverageOf, tail, told } = this.#options;
    const { began, mark } = told;
    for (const { client, expiresAt, order, reporter } of tail.grants) {
      const subject = coverageOf(client);
      const mention = this.#leaseMentions.get(keyOf(subject));
      if (mention !== undefined && !COMES.includes(mention.kind)) continue;
      if (mention === undefined) {
        const is = fate(expiresAt, mark.until.leases, { began: began.leases, slot: SLOT_MS });
        if (is === 'unclear') this.isClear = false;
        if (is !== 'known') continue;
      }
      this.#leases.know({ subject, client, reporter, expiresAt, order });
    }
    for (const { kind, row } of this.#leaseMentions.values())
      if (COMES.includes(kind) && this.#leases.get(row.subject) === undefined)
        this.#leases.know({ ...leaseOf(row), order: 0 });
  }

  /** What the journal says after the mark. */
  #follow(): void {
    const { coverageOf, now, tail, told } = this.#options;
    for (const { order, subject } of tail.cuts) this.#revoke(subject, order);
    for (const one of tail.told) {
      if ('revoked' in one) {
        this.#revoke(one.revoked, LAST);
        continue;
      }
      const { client, expiresAt, reporter } = one.grant;
      const subject = coverageOf(client);
      const isNew = this.#leases.know({ subject, client, reporter, expiresAt, order: LAST });
      const row = rowOfLease(this.#leases.get(subject) ?? { subject, ...one.grant });
      const at = Math.min(now, Math.max(told.mark.at, expiresAt - told.lifetimeMs));
      this.#tell(isNew ? 'granted' : 'renewed', row, { at });
    }
  }

  #revoke(subject: Subject, before: number): void {
    const known = this.#leases;
    const network = networkOfSubject(subject);
    const only = known.get(subject);
    const found = isNetwork(subject) || only === undefined ? known.values() : [only];
    for (const lease of found) {
      if (lease.order >= before && before !== LAST) continue;
      if (!overlaps(networkOfSubject(lease.subject), network)) continue;
      known.delete(lease.subject);
      this.#tell('revoked', rowOfLease(lease));
    }
  }

  #compareLeases(): void {
    const { leases, now } = this.#options;
    const unknown: EndedLease[] = [];
    for (const lease of leases) if (!this.#leases.delete(lease.subject)) unknown.push(lease);
    const gone = [...this.#leases.values()].sort((a, b) => a.expiresAt - b.expiresAt);
    for (const lease of gone) {
      const isOver = lease.expiresAt <= now;
      this.#tell(isOver ? 'expired' : 'revoked', rowOfLease(lease), isOver ? { at: lease.expiresAt } : {});
    }
    for (const lease of unknown) this.#tell('granted', rowOfLease(lease));
  }

  /** Whether what was stored is what it would be after these acts: they are stored together or not at all. */
  #isDone(acts: readonly Act[]): boolean {
    const stored = new Map(this.#options.stored.map((entry) => [idOf(entry), entry]));
    const last = new Map(acts.map((act) => [idOf(act.entry), act]));
    return [...last].every(([id, { entry, kind }]) => {
      const found = stored.get(id);
      return COMES.includes(kind) ? found !== undefined && isSame(found, entry) : found === undefined;
    });
  }

  /** Entries as watchers know them: those that are stored, before the acts that they have not been told of. */
  #knowEntries(acts: readonly Act[]): void {
    const { stored, told } = this.#options;
    const { began, mark } = told;
    const untold = new Set(acts.map(({ entry }) => idOf(entry)));
    for (const entry of stored) {
      const id = idOf(entry);
      if (this.#entryMentions.has(id) || untold.has(id)) continue;
      const end = entry.expiresAt ?? Infinity;
      const is = fate(end, mark.until.entries, { began: began.entries, slot: 0 });
      if (is === 'unclear') this.isClear = false;
      if (is === 'known') this.#entries.set(id, rowOfEntry(entry));
    }
    for (const [id, { kind, row }] of this.#entryMentions)
      if (COMES.includes(kind)) this.#entries.set(id, row);
  }

  #act(acts: readonly Act[]): void {
    for (const { by, entry, kind } of meanwhile(acts, this.#entries.values())) {
      const row = rowOfEntry(entry);
      if (COMES.includes(kind)) this.#entries.set(idOf(entry), row);
      else this.#entries.delete(idOf(entry));
      this.#tell(kind, row, by);
    }
  }

  #compareEntries(): void {
    const { entries, now } = this.#options;
    const unknown: OperatorEntry[] = [];
    for (const entry of entries) {
      const known = this.#entries.get(idOf(entry));
      this.#entries.delete(idOf(entry));
      if (known === undefined || !isSame(entry, known)) unknown.push(entry);
    }
    for (const row of this.#entries.values())
      this.#tell(OVER[row.kind], row, { at: Math.min(now, row.expiresAt ?? now) });
    for (const entry of unknown) this.#tell(COME[entry.kind], rowOfEntry(entry));
  }
}

const WORDS = ['createdAt', 'expiresAt', 'reason', 'author', 'user'] as const;
const isSame = (one: OperatorEntry, other: OperatorEntry | Row): boolean =>
  WORDS.every((word) => one[word] === other[word]);

function leaseOf({ client, expiresAt = 0, reporter, subject }: Row): EndedLease {
  const whose = client ?? (subject as ClientAddress);
  return { subject, client: whose, reporter: reporter ?? whose, expiresAt };
}

/** What watchers are to be told; undefined when that cannot be said. */
export function resume(options: ResumeOptions): readonly Happened[] | undefined {
  const resumption = new Resumption(options);
  resumption.run();
  return resumption.isClear ? resumption.happened : undefined;
}
