/**
 * daemon - the one place that knows everybody: builds, starts in order, stops in reverse
 *
 * Store, ledger, maps, look-ups, intakes: in this order, so that the doors open last and close first. A start
 * that fails undoes what it had started. What is said to systemd, to a terminal and to the process
 * is main's business.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Operations } from './admin/operations.js';
import type { Audit } from './audit/audit.js';
import { Changes } from './changes.js';
import type { Config } from './config.js';
import { Entries } from './core/entries.js';
import { Ledger, type LedgerAlarms } from './core/ledger.js';
import type { OperatorEntry } from './core/operator-entry.js';
import { reasonOf } from './core/fault.js';
import type { Network } from './core/network.js';
import type { Permission } from './core/subject.js';
import { EntryBook } from './entry-book.js';
import { formats } from './exports/formats.js';
import { LiveMaps } from './exports/live-maps.js';
import { exclusive } from './exports/map-lock.js';
import { type GrantRules, grantRules } from './grant-rules.js';
import type { ClientAddress } from './core/address.js';
import { type Forgotten, forget } from './forget.js';
import { HostAddresses } from './intake/host-addresses.js';
import { intakes } from './intake/intakes.js';
import type { Lookup } from './lookups/lookup.js';
import { lookups } from './lookups/lookups.js';
import { observers } from './observers.js';
import { openAudit } from './open-audit.js';
import { operate, type Parts } from './operate.js';
import type { Reloaded } from './operations.js';
import { compareConfigs } from './reload.js';
import { ReportClient } from './report/client.js';
import { readReporters } from './reporter-list.js';
import type { Clock } from './runtime/clock.js';
import { Counters } from './runtime/counters.js';
import { Lifecycle } from './runtime/lifecycle.js';
import type { Logger } from './runtime/log.js';
import { EntriesFile, loadEntries } from './store/entries-file.js';
import { Journal } from './store/journal.js';

export interface DaemonOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** Forget every grant of earlier runs; what operators have pinned and denied stays. */
  readonly forgetAll: boolean;
  readonly version: string;
  /** Reads the configuration anew. Throws Fault CONFIG. */
  readonly reread: () => Config;
  /** Ends the process as SIGTERM does. */
  readonly shutdown: (why: string) => void;
}

const SWEEP_INTERVAL_MS = 250;
const TICK_INTERVAL_MS = 1_000;
/** Each part's time to stop; the doors, the maps and the store together stay within two seconds. */
const STOP_BOUND_MS = 600;
const SELF_CHECK_MS = 5_000;

/** For how long ended grants are remembered: as long as the look-up that explains the most needs it. */
function rememberedMs(config: Config): number {
  const explained = config.lookups.filter(({ miss }) => miss.answer === 'explain');
  return Math.max(0, ...explained.map(({ miss }) => Math.max(miss.pastMs, miss.graceMs)));
}

type RpcIntake = ReturnType<(typeof intakes)['rpc']>;

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #lifecycle: Lifecycle;
  readonly #rules: GrantRules;
  readonly #host = new HostAddresses();
  readonly #counters = new Counters();
  #config: Config;
  #reporterNetworks: readonly Network[] = [];
  #operations: Operations | undefined;
  #audit: Audit | undefined;
  #lookups: readonly Lookup[] = [];
  #intake: RpcIntake | undefined;

  /** Starts a daemon; resolves when it answers and its maps are right. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const daemon = new Daemon(options);
    try {
      await daemon.#start();
    } catch (error) {
      await daemon.stop();
      throw error;
    }
    return daemon;
  }

  private constructor(options: DaemonOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#lifecycle = new Lifecycle(options.clock, options.log);
    this.#rules = grantRules(options.config);
  }

  async #start(): Promise<void> {
    const { config, clock, log, version } = this.#options;
    log.info('starting', { version, pid: process.pid });
    const began = clock.mono();

    // Before the grants come back: those that may not be granted any more must not.
    this.#readReporters(config);
    const { journal, grants } = await Journal.open({
      directory: config.store.directory,
      durability: config.store.durability,
      lifetimeMs: config.grants.lifetime,
      forgetAll: this.#options.forgetAll,
      clock,
      log,
    });
    this.#lifecycle.onStop('journal', () => journal.close());
    const stored = loadEntries(config.store.directory);

    const { audit, book, changes, entries, ledger, maps } = this.#assemble(journal);
    // Entries first: what is denied has no lease.
    entries.restore(this.#options.forgetAll ? stored.filter(({ kind }) => kind !== 'grant') : stored);
    if (this.#options.forgetAll) await this.#forgetGrants(book, stored);
    ledger.restore(grants);
    await audit.start(
      { forgotAll: this.#options.forgetAll, lifetimeMs: config.grants.lifetime },
      ledger.leases.all(),
    );

    this.#lifecycle.onStop('maps', () => maps.close());
    await maps.open();
    this.#every(SWEEP_INTERVAL_MS, () => {
      ledger.sweep();
      entries.sweep();
    });
    this.#every(TICK_INTERVAL_MS, () => {
      journal.tick();
      maps.tick();
    });
    this.#operations = operate(
      { ledger, journal, maps, changes, book, audit },
      {
        ...this.#options,
        rules: this.#rules,
        counters: this.#counters,
        reload: () => this.reload(),
      },
    );

    this.#host.onChange(() => {
      this.#hostChanged();
    });
    await this.#openLookups(ledger);
    await this.#openDoors(ledger);
    const { port, rpcbind, addresses, lookups: doors } = this.where();
    const paths = config.exports.map((one) => one.path);
    log.info('ready', {
      port,
      addresses,
      rpcbind,
      maps: paths,
      lookups: doors,
      grants: ledger.size,
      tookMs: Math.round(clock.mono() - began),
    });
  }

  /** The ledger between the journal and the maps, and what operators' entries are kept by. */
  #assemble(journal: Journal): Omit<Parts, 'journal'> & { readonly entries: Entries } {
    const { config, clock, log } = this.#options;
    const snapshot = (): Iterable<Permission> => ledger.permissions();
    const maps = new LiveMaps(
      config.exports.map(({ format, ...rest }) =>
        exclusive(formats[format].create({ ...rest, clock, log, snapshot }), { ...rest, log }),
      ),
    );
    const audit = openAudit({ config, standing: this.#rules.standing, clock, log });
    this.#audit = audit;
    this.#lifecycle.onStop('audit', () => audit.stop());
    const changes = new Changes({
      clock,
      epoch: randomUUID(),
      onEntry: (change, entry, by) => {
        audit.entry(change, entry, by);
      },
    });
    const ledger: Ledger = new Ledger({
      store: journal,
      map: maps,
      clock,
      ...this.#rules,
      alarms: this.#alarms(() => {
        book.rewrite().catch((error: unknown) => {
          log.error('entries: their ends could not be written anew', { error: reasonOf(error) });
        });
      }),
      observer: observers(changes, audit),
      lifetimeMs: config.grants.lifetime,
      max: config.grants.max,
      pastMs: rememberedMs(config),
    });
    const entries = this.#entries({ ledger, maps, changes });
    const book = new EntryBook({
      file: new EntriesFile(config.store.directory),
      standing: this.#rules.standing,
      entries,
    });
    this.#lifecycle.onStop('entries', () => book.idle());
    return { audit, book, changes, entries, ledger, maps };
  }

  #entries({ ledger, maps, changes }: Pick<Parts, 'ledger' | 'maps' | 'changes'>): Entries {
    const { log } = this.#options;
    return new Entries({
      standing: this.#rules.standing,
      decision: ledger.decision,
      time: ledger.leases.time,
      map: maps,
      revoke: (selection, done) => {
        ledger.revoke(selection, done);
      },
      onOver: (entry) => {
        const { author, kind, reason, subject } = entry;
        changes.entry(kind === 'grant' ? 'expired' : kind === 'pin' ? 'unpinned' : 'undenied', entry);
        log.info('entry: over', { kind, subject, author, reason });
      },
    });
  }

  async #forgetGrants(book: EntryBook, stored: readonly OperatorEntry[]): Promise<void> {
    // They would come back with the next start.
    if (stored.some(({ kind }) => kind === 'grant')) await book.rewrite();
  }

  /** What operators see and do. Only of a daemon that has started. */
  get operations(): Operations {
    if (this.#operations === undefined) throw new Error('the daemon has not started');
    return this.#operations;
  }

  /** What has happened, for whoever asks later. Only of a daemon that has started. */
  get audit(): Audit {
    if (this.#audit === undefined) throw new Error('the daemon has not started');
    return this.#audit;
  }

  /** Takes an address out of all that is kept. Rejects with a Fault. */
  forget(
    client: ClientAddress,
    by: { readonly author: string; readonly reason: string },
  ): Promise<Forgotten> {
    const { audit, operations } = this;
    return forget(client, by, { operations, audit, clock: this.#options.clock });
  }

  async #openLookups(ledger: Ledger): Promise<void> {
    const { config, clock, log } = this.#options;
    const more = {
      lifetimeMs: config.grants.lifetime,
      permits: this.audit.permits(ledger.decision),
      counters: this.#counters,
      clock,
      log,
    };
    this.#lookups = config.lookups.map(({ kind, ...rest }) => lookups[kind]({ ...rest, ...more }));
    this.#lifecycle.onStop('look-ups', async () => {
      await Promise.all(this.#lookups.map((lookup) => lookup.stop()));
    });
    for (const lookup of this.#lookups) await lookup.start();
  }

  async #openDoors(ledger: Ledger): Promise<void> {
    const { config, clock, log } = this.#options;
    const intake = intakes.rpc({
      ...config.rpc,
      authorizer: this.audit.authorizer(ledger),
      believes: (address) => this.#rules.reporters.believes(address),
      host: this.#host,
      counters: this.#counters,
      clock,
      log,
    });
    this.#intake = intake;
    this.#lifecycle.onStop('counters', () => {
      log.info('counted since the start', this.#counters.snapshot());
    });
    this.#lifecycle.onStop('rpc', () => intake.stop());
    await intake.start();
  }

  #every(ms: number, fn: () => void): void {
    const timer = this.#options.clock.every(ms, fn);
    this.#lifecycle.onStop('timer', () => {
      timer.stop();
    });
  }

  #alarms(onJump: () => void): LedgerAlarms {
    const { log } = this.#options;
    return {
      full: (max) => {
        log.error('ledger: full, new clients are refused', {
          max,
          cure: 'raise grants.max, or find the reporter that floods',
        });
      },
      roomAgain: () => {
        log.info('ledger: room again');
      },
      clockJumped: (byMs) => {
        log.warn('the wall clock jumped; grants end by the monotonic clock', { byMs: Math.round(byMs) });
        onJump();
      },
    };
  }

  #readReporters(config: Config): void {
    this.#reporterNetworks = readReporters(config.reporters, this.#host.list(), this.#options.log);
    this.#rules.reporters.replace(this.#reporterNetworks);
    this.#setHosts();
  }

  /** The hosts that are never granted. */
  #setHosts(): void {
    this.#rules.never.setHosts([...this.#host.list(), ...this.#rules.reporters.singleHosts()]);
  }

  #hostChanged(): void {
    try {
      this.#readReporters(this.#config);
    } catch (error) {
      this.#options.log.error('reporters: kept as they were', { error: String(error) });
      this.#setHosts();
    }
  }

  /** Where it listens and whether rpcbind tells of it. */
  where(): { port: number; addresses: string[]; rpcbind: string; lookups: string[] } {
    const intake = this.#intake;
    const lookups = this.#lookups.flatMap(({ doors }) => doors);
    return intake === undefined
      ? { port: 0, addresses: [], rpcbind: 'off', lookups }
      : { port: intake.port, addresses: intake.addresses, rpcbind: intake.registration, lookups };
  }

  /**
   * Reads the configuration anew and takes over what can change while running: reporters and log level. Answers
   * what has changed, and what needs a restart. Throws Fault CONFIG, and changes nothing, when it cannot.
   */
  reload(): Reloaded {
    const { log, reread } = this.#options;
    const next = reread();
    const running = this.#config;
    const listed = this.#reporterNetworks;
    this.#readReporters(next);
    log.setLevel(next.log.level);
    const { changed, needsRestart } = compareConfigs(running, next);
    this.#config = { ...running, reporters: next.reporters, log: next.log };
    // The file may say something else although its name is the same.
    const isFileNew =
      !isDeepStrictEqual(listed, this.#reporterNetworks) &&
      !changed.some((key) => key.startsWith('reporters.'));
    const all = isFileNew ? [...changed, 'reporters.allow_file'] : changed;
    log.info('reloaded', { changed: all, ...(needsRestart.length > 0 ? { needRestart: needsRestart } : {}) });
    return { changed: all, needsRestart };
  }

  /** Asks our own NULL procedure through a real door; rejects when it is not answered. */
  async selfCheck(): Promise<void> {
    const { port, addresses } = this.where();
    const host = addresses[0];
    if (host === undefined) throw new Error('no door is open');
    const { clock, config } = this.#options;
    await new ReportClient({
      host,
      port,
      transport: config.rpc.udp ? 'udp' : 'tcp',
      timeoutMs: SELF_CHECK_MS,
      clock,
    }).ping();
  }

  /** Closes the doors, finishes what was begun, and stops. Idempotent; never rejects. */
  stop(): Promise<void> {
    return this.#lifecycle.stop(STOP_BOUND_MS);
  }
}
