/**
 * kept-world - ledger, journal, operators' entries and changes on the real disk, killed and started again by a test
 *
 * kill() leaves all as it is and goes on with the files as they are at that moment. What its watcher has been told is
 * followed: `faults` has what a watcher could not have been told of a subject in this order, and each gap and repeat.
 */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Change } from '../../src/admin/operations.js';
import { isEntry } from '../../src/change-text.js';
import { Changes } from '../../src/changes.js';
import type { Config } from '../../src/config.js';
import { Coverage } from '../../src/core/coverage.js';
import { Entries } from '../../src/core/entries.js';
import { Ledger, type Outcome } from '../../src/core/ledger.js';
import { NeverGranted } from '../../src/core/never.js';
import { idOf, type OperatorEntry } from '../../src/core/operator-entry.js';
import type { LiveMap } from '../../src/core/outlets.js';
import { Reporters } from '../../src/core/reporters.js';
import type { LeaseSelection } from '../../src/core/revoker.js';
import { Standing } from '../../src/core/standing.js';
import type { Subject } from '../../src/core/subject.js';
import { EntryBook } from '../../src/entry-book.js';
import { coverageRules, KeepChanges } from '../../src/keep-changes.js';
import { EntriesFile, loadEntries } from '../../src/store/entries-file.js';
import { Journal } from '../../src/store/journal.js';
import { FakeClock } from '../support/fake-clock.js';
import { recordingLog } from '../support/live-map.js';
import { newDirectory } from '../support/processes.js';
import { at, net } from './core/world.js';
import { WatchedFiles } from './store/watched-files.js';

export const LIFETIME = 60_000;
const COMES: readonly string[] = ['granted', 'renewed', 'pinned', 'denied'];

export interface KeptOptions {
  readonly forgetAll?: boolean;
  readonly never?: string;
  readonly lifetimeMs?: number;
  readonly ipv6Prefix?: number;
  readonly boot?: string;
  /** How long it takes to read what is stored. */
  readonly readingMs?: number;
  /** How long it takes to take it over. */
  readonly restoringMs?: number;
}

interface Run {
  readonly book: EntryBook;
  readonly changes: Changes;
  readonly entries: Entries;
  readonly journal: Journal;
  readonly kept: KeepChanges;
  readonly ledger: Ledger;
  readonly standing: Standing;
}

/** What a watcher has heard, and what it makes of it. */
export class Heard {
  readonly changes: Change[] = [];
  readonly faults: string[] = [];
  readonly known = new Map<string, Change>();
  epoch = '';
  position = 0;

  readonly take = (change: Change): void => {
    const { kind, position, row } = change;
    const key = isEntry(row) ? idOf(row) : row.subject;
    const was = this.known.has(key);
    if (position !== this.position + 1) this.faults.push(`${position} after ${this.position}`);
    if (isEntry(row) ? !COMES.includes(kind) && !was : (kind === 'granted') === was)
      this.faults.push(`${position} ${kind} ${key}`);
    if (COMES.includes(kind)) this.known.set(key, change);
    else this.known.delete(key);
    this.position = position;
    this.changes.push(change);
  };

  /** How often a client's lease was granted or renewed. */
  leased(client: string): number {
    return this.changes.filter(
      ({ kind, row }) => (row.client ?? row.subject) === client && !isEntry(row) && COMES.includes(kind),
    ).length;
  }
}

export class KeptWorld {
  readonly clock = new FakeClock({ soon: 'microtask' });
  readonly said: ReturnType<typeof recordingLog>['said'];
  readonly heard = new Heard();
  readonly files = new WatchedFiles();
  /** The map answers nothing. */
  holdsMap = false;
  /** How often each client's ADD was sent, and was answered well. */
  readonly sent = new Map<string, number>();
  readonly acknowledged = new Map<string, number>();
  readonly #log: ReturnType<typeof recordingLog>['log'];
  readonly #root = newDirectory('kept');
  directory = path.join(this.#root, 'run-0');
  #runs = 0;
  #run: Run | undefined;

  constructor() {
    const { log, said } = recordingLog();
    this.#log = log;
    this.said = said;
  }

  get run(): Run {
    if (this.#run === undefined) throw new Error('it does not run');
    return this.#run;
  }

  get file(): string {
    return path.join(this.directory, 'changes.log');
  }

  async start(options: KeptOptions = {}): Promise<void> {
    const { clock, directory, files } = this;
    const log = this.#log;
    const { boot = 'boot', forgetAll = false, ipv6Prefix = 128, lifetimeMs = LIFETIME } = options;
    const standing = new Standing([], [net('198.51.100.0/24')]);
    const reporters = new Reporters();
    reporters.replace([net('192.0.2.0/28')]);
    const never = new NeverGranted({ networks: [net(options.never ?? '198.51.100.0/24')] });
    const rules = { standing, reporters, never };
    const coverage = new Coverage({ ...rules, ipv6Prefix, ipv4Prefix: 32, access: [], hosting: [] });
    const covered = { ipv6_prefix: ipv6Prefix, ipv4_prefix: 32, access_networks: [] };
    const config = { grants: covered, reporters: {}, store: { directory } } as unknown as Config;
    const kept = new KeepChanges({
      directory,
      lifetimeMs,
      forgetAll,
      ...coverageRules(config, []),
      clock,
      log,
      files,
      boot: () => boot,
      base: () => clock.wall() - clock.mono(),
    });
    const more = { since: kept.since, onDoubt: kept.doubt, clock, log, files };
    const opened = await Journal.open({ directory, durability: 'memory', lifetimeMs, forgetAll, ...more });
    const { journal, grants, tail } = opened;
    clock.advance(options.readingMs ?? 0);
    const map: LiveMap = {
      apply: (_, done) => {
        if (this.holdsMap) return;
        queueMicrotask(done);
      },
      renew: (done) => {
        queueMicrotask(done);
      },
    };
    const changes = new Changes({ clock, epoch: `run-${this.#runs}` });
    const ledger: Ledger = new Ledger({
      store: journal,
      map,
      clock,
      ...rules,
      coverage,
      alarms: { full: () => undefined, roomAgain: () => undefined, clockJumped: () => undefined },
      observer: changes,
      lifetimeMs,
      max: 10_000,
      pastMs: 0,
    });
    const entries = new Entries({
      standing,
      decision: ledger.decision,
      time: ledger.leases.time,
      map,
      revoke: (selection, done) => {
        ledger.revoke(selection, done);
      },
      onOver: (entry) => {
        const kind = ({ grant: 'expired', pin: 'unpinned', deny: 'undenied' } as const)[entry.kind];
        changes.entry(kind, entry);
      },
    });
    const book = new EntryBook({ file: new EntriesFile(directory, files), standing, entries, diary: kept });
    kept.attach({ changes, journal, ledger, entries });
    const stored = loadEntries(directory);
    entries.restore(stored);
    ledger.restore(grants);
    clock.advance(options.restoringMs ?? 0);
    await kept.resume({ standing, coverage, tail, stored });
    this.#run = { book, changes, entries, journal, kept, ledger, standing };
  }

  /** Watches on from where it was; false when it must list anew, and then it has. */
  watch(): boolean {
    const { changes } = this.run;
    const isSame = changes.epoch === this.heard.epoch;
    const isThere = isSame && changes.watch(this.heard.position, this.#listener()) !== undefined;
    if (!isThere) this.list();
    return isThere;
  }

  list(): void {
    const { changes } = this.run;
    this.heard.epoch = changes.epoch;
    this.heard.position = changes.position;
    this.heard.known.clear();
    const change = { position: 0, kind: 'granted', at: 0 } as const;
    for (const lease of this.run.ledger.leases.all())
      this.heard.known.set(lease.subject, { ...change, row: { kind: 'grant', ...lease } });
    for (const entry of this.run.standing.entries())
      this.heard.known.set(idOf(entry), { ...change, row: entry as never });
    changes.watch(this.heard.position, this.#listener());
  }

  /** Hears no more of a run that is gone. */
  #listener(): (change: Change) => void {
    const { run } = this;
    return (change) => {
      if (this.#run === run) this.heard.take(change);
    };
  }

  add(client: string): Promise<Outcome> {
    const plus = (counts: Map<string, number>): void =>
      void counts.set(client, (counts.get(client) ?? 0) + 1);
    plus(this.sent);
    const run = this.#run;
    return new Promise((resolve) => {
      this.run.ledger.authorize({
        client: at(client),
        sender: at('192.0.2.1'),
        settle: (outcome) => {
          // Nobody hears what a dead process answers.
          if (run !== this.#run) return;
          if (outcome === 'granted' || outcome === 'renewed') plus(this.acknowledged);
          resolve(outcome);
        },
      });
    });
  }

  revoke(selection: LeaseSelection): Promise<number> {
    return new Promise((resolve) => {
      this.run.ledger.revoke(selection, resolve);
    });
  }

  entry(kind: OperatorEntry['kind'], subject: string, more: Partial<OperatorEntry> = {}): OperatorEntry {
    const createdAt = this.clock.wall();
    return { kind, subject: subject as Subject, reason: 'r', author: 'ann', createdAt, ...more };
  }

  /** Lets time pass, a quarter second at a time, as the daemon does. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 250) {
      this.clock.advance(Math.min(left, 250));
      this.run.ledger.sweep();
      this.run.entries.sweep();
      this.run.journal.tick();
      this.run.kept.tick();
    }
  }

  /** Until nothing is under way and all is told. */
  async settle(): Promise<void> {
    for (let i = 0; i < 4; i += 1) {
      this.clock.advance(10);
      await this.files.settled();
      for (let turns = 0; turns < 4; turns += 1) await turn();
    }
  }

  /** The process is gone; from now on the directory is one with the files as they are. */
  async kill(): Promise<void> {
    const before = this.run;
    this.#run = undefined;
    this.#runs += 1;
    const copy = path.join(this.#root, `run-${this.#runs}`);
    mkdirSync(copy, { mode: 0o750 });
    // All files of one moment: nothing is under way while they are copied.
    const { trick } = this.files;
    this.files.trick = () => 'hold';
    await this.files.settled();
    for (const name of readdirSync(this.directory)) this.#copy(name, copy);
    this.files.release();
    await before.kept.close();
    await before.book.idle();
    await before.journal.close();
    this.files.trick = trick;
    this.directory = copy;
  }

  #copy(name: string, to: string): void {
    copyFileSync(path.join(this.directory, name), path.join(to, name));
  }

  /** What is in force and what the watcher knows, where they differ. */
  differences(): string[] {
    const { ledger, standing } = this.run;
    const real = [
      ...Array.from(ledger.leases.all(), ({ subject }) => subject as string),
      ...Array.from(standing.entries(), idOf),
    ];
    const known = [...this.heard.known.keys()];
    return [
      ...real.filter((key) => !known.includes(key)).map((key) => `not told: ${key}`),
      ...known.filter((key) => !real.includes(key)).map((key) => `still told: ${key}`),
    ];
  }
}
