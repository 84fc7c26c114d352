/**
 * keep-changes - changes kept in the store's directory, and gone on with after a restart
 *
 * Made of the log (store/change-log), what the last one says (told), what is still to be told (resume), and the marks by which
 * the next run will know. When it cannot go on, the log is removed and a new run of changes begins; the daemon starts all
 * the same.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Happened, lineOf } from './change-text.js';
import { type Changes, REMEMBERED } from './changes.js';
import type { Config } from './config.js';
import type { ClientAddress } from './core/address.js';
import type { Coverage } from './core/coverage.js';
import type { Entries } from './core/entries.js';
import { reasonOf } from './core/fault.js';
import type { Ledger } from './core/ledger.js';
import type { OperatorEntry } from './core/operator-entry.js';
import type { Standing } from './core/standing.js';
import { WIDE_IPV4, WIDE_IPV6 } from './core/coverage.js';
import type { Act, Diary } from './entry-book.js';
import { Marks } from './marks.js';
import { resume } from './resume.js';
import type { Clock } from './runtime/clock.js';
import type { Log } from './runtime/log.js';
import { ChangeLog, removeChanges } from './store/change-log.js';
import { loadEntries } from './store/entries-file.js';
import { readChanges } from './store/read-changes.js';
import type { Files } from './store/files.js';
import type { Since, TailFound } from './store/tail.js';
import { FORMAT, type Head, type Now, sinceOf, type Told, toldIn, VERSION } from './told.js';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';
const NS_A_MS = 1_000_000;

export interface KeepChangesOptions {
  readonly directory: string;
  readonly lifetimeMs: number;
  readonly forgetAll: boolean;
  readonly isWide: boolean;
  /** What decides how much a lease covers. */
  readonly rules: (now: number) => string;
  readonly clock: Clock;
  readonly log: Log;
  /** Those of the system, unless a test has others. */
  readonly files?: Files;
  readonly boot?: () => string;
  readonly base?: () => number;
}

export interface KeptParts {
  readonly changes: Changes;
  readonly journal: { readonly place: { readonly segment: number; readonly offset: number } | undefined };
  readonly ledger: Ledger;
  readonly entries: Entries;
}

export interface Recovered {
  readonly tail: TailFound | undefined;
  readonly stored: readonly OperatorEntry[];
  readonly standing: Pick<Standing, 'entries'>;
  readonly coverage: Pick<Coverage, 'of'>;
}

/** Which boot of the machine this is; a new one each time where that cannot be known. */
function bootId(): string {
  try {
    return readFileSync(BOOT_ID, 'latin1').trim();
  } catch {
    return `unknown ${process.hrtime.bigint()}`;
  }
}

/** In a few characters, all that decides how much a lease covers; denies are read from the store. */
export function coverageRules(
  config: Config,
  hosts: readonly ClientAddress[],
): { isWide: boolean; rules: (now: number) => string } {
  const { grants, reporters, store } = config;
  const isWide =
    grants.ipv6_prefix === WIDE_IPV6 || grants.ipv4_prefix === WIDE_IPV4 || grants.access_networks.length > 0;
  const rules = (now: number): string => {
    // One that ended while no daemon ran stands in the file still, and decides nothing any more.
    const denied = loadEntries(store.directory).filter(
      ({ expiresAt = Infinity, kind }) => kind === 'deny' && expiresAt > now,
    );
    const all = [grants, reporters, hosts, denied.map(({ subject }) => subject)];
    return createHash('sha256').update(JSON.stringify(all)).digest('hex');
  };
  return { isWide, rules: isWide ? rules : () => 'exact' };
}

/** A log that was tampered with may say anything, and must not stop a start. */
function judged(directory: string, now: Now): Told | string | undefined {
  try {
    const frames = readChanges(directory);
    return frames === undefined ? 'it is damaged' : toldIn(frames, now);
  } catch {
    return 'it cannot be understood';
  }
}

export class KeepChanges implements Diary {
  readonly #options: KeepChangesOptions;
  readonly #boot: string;
  #rules = '';
  #told: Told | undefined;
  #parts: KeptParts | undefined;
  #log: ChangeLog | undefined;
  #marks: Marks | undefined;
  #group = 0;

  constructor(options: KeepChangesOptions) {
    this.#options = options;
    this.#boot = (options.boot ?? bootId)();
  }

  /** What the journal is to tell, asked for when the directory is held. */
  readonly since = (): Since | undefined => {
    const { directory, forgetAll, log, rules } = this.#options;
    this.#rules = rules(this.#options.clock.wall());
    if (forgetAll) return undefined;
    const now = { boot: this.#boot, base: this.#base(), rules: this.#rules };
    const told = judged(directory, now);
    if (typeof told === 'string') log.info('changes: a new run of them begins', { reason: told });
    else this.#told = told;
    return this.#told && sinceOf(this.#told);
  };

  /** What the journal holds may be something else after a restart. */
  readonly doubt = (): void => {
    this.#log?.doubt('the journal could not be written');
  };

  /** What a lease covers may be another thing from now on. */
  readonly coverageMoved = (): void => {
    this.#marks?.coverageMoved();
  };

  attach(parts: KeptParts): void {
    const { clock, directory, files, isWide, lifetimeMs, log } = this.#options;
    const { changes } = parts;
    const marks = new Marks({ ...parts, clock, base: this.#base, lifetimeMs, isWide });
    this.#parts = parts;
    this.#marks = marks;
    this.#log = new ChangeLog({
      directory,
      clock,
      log,
      ...(files && { files }),
      full: REMEMBERED,
      head: (since, isNew): Head => {
        if (isNew) marks.begin(since);
        const { began } = marks;
        const { epoch } = changes;
        const more = { boot: this.#boot, rules: this.#rules, lifetimeMs, began, isNew };
        return { format: FORMAT, version: VERSION, epoch, ...more };
      },
      mark: (written) => marks.mark(written),
      onWritten: changes.written,
    });
    changes.keepIn(this.#log);
  }

  /** Tells what has happened since the last run, when leases and entries are restored; or begins anew. Never rejects. */
  async resume(recovered: Recovered): Promise<void> {
    const { directory, files, log } = this.#options;
    try {
      if (await this.#goOn(recovered)) return;
    } catch (error) {
      log.warn('changes: a new run of them begins', { reason: reasonOf(error) });
    }
    await removeChanges(directory, files).catch((error: unknown) => {
      log.error('changes: what the last run has left cannot be removed', {
        directory,
        error: reasonOf(error),
      });
    });
  }

  async #goOn({ coverage, standing, stored, tail }: Recovered): Promise<boolean> {
    const { clock, log } = this.#options;
    const told = this.#told;
    const parts = this.#parts;
    if (told === undefined || parts === undefined) return false;
    const happened =
      tail &&
      resume({
        told,
        tail,
        stored,
        entries: standing.entries(),
        leases: parts.ledger.leases.all(),
        coverageOf: (client) => coverage.of(client),
        now: clock.wall(),
      });
    // What is denied may have come to its end while the journal was read.
    const isSame = this.#options.rules(clock.wall()) === this.#rules;
    const isTooMuch = happened === undefined || happened.length > REMEMBERED / 2;
    if (!isSame || isTooMuch || parts.journal.place === undefined) {
      const reason = 'it cannot be said what happened since';
      log.info('changes: a new run of them begins', { reason });
      return false;
    }
    await this.#write(told, happened, parts);
    return true;
  }

  async #write(told: Told, happened: readonly Happened[], { changes }: KeptParts): Promise<void> {
    const all: Happened[] = [...told.changes, ...happened];
    const kept = all.slice(-REMEMBERED);
    const since = told.since + all.length - kept.length;
    const { epoch } = changes;
    changes.goOn(told.epoch, since, kept);
    try {
      this.#marks?.goOn(told.began, since + kept.length);
      await this.#log?.resume(since, kept.map(lineOf));
    } catch (error) {
      changes.goOn(epoch, since + kept.length, []);
      throw error;
    }
    this.#options.log.info('changes: go on', {
      after: told.since + told.changes.length,
      untold: happened.length,
    });
  }

  /** To be called each second. */
  tick(): void {
    this.#marks?.observe();
    this.#log?.tick();
    this.#parts?.changes.tick();
    if (this.#log?.holds === true && this.#marks?.isStale === true) this.#log.flush();
  }

  async intend(acts: readonly Act[]): Promise<void> {
    this.#group += 1;
    this.#marks?.acting(this.#log?.holds === true);
    await this.#log?.intend([{ id: this.#group, acts }]);
  }

  done(acts: readonly Act[]): void {
    this.#marks?.acted(this.#group);
    for (const { by, entry, kind } of acts) {
      if (entry.kind === 'deny') this.coverageMoved();
      this.#parts?.changes.entry(kind, entry, by);
    }
  }

  /** Writes what is left, for the next run. */
  async close(): Promise<void> {
    await this.#log?.close();
  }

  readonly #base = (): number =>
    this.#options.base?.() ?? this.#options.clock.wall() - Number(process.hrtime.bigint()) / NS_A_MS;
}
