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
import type { AdminServer } from './admin/server.js';
import { openAdmin } from './admin-door.js';
import type { Audit } from './audit/audit.js';
import { Changes } from './changes.js';
import type { Config } from './config.js';
import { Entries } from './core/entries.js';
import { Ledger, type LedgerAlarms } from './core/ledger.js';
import { ReporterNames } from './core/reporter-names.js';
import { reasonOf } from './core/fault.js';
import type { Network } from './core/network.js';
import { shownBy } from './core/shown.js';
import { EntryBook } from './entry-book.js';
import { formats } from './exports/formats.js';
import { LiveMaps } from './exports/live-maps.js';
import { exclusive } from './exports/map-lock.js';
import { type GrantRules, grantRules, setHosts } from './grant-rules.js';
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
import { StatusDoor, type StatusDoorOptions } from './status-door.js';
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
  readonly #names = new ReporterNames({
    believes: (address) => this.#rules.reporters.believes(address),
    isOwn: (address) => this.#host.has(address),
  });
  #config: Config;
  #reporterNetworks: readonly Network[] = [];
  #operations: Operations | undefined;
  #admin: AdminServer | undefined;
  #lookups: readonly Lookup[] = [];
  #intake: RpcIntake | undefined;
  readonly #startedAt: number;

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
    this.#startedAt = options.clock.wall();
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
    // Operators' grants would come back with the next start.
    if (this.#options.forgetAll && stored.some(({ kind }) => kind === 'grant')) await book.rewrite();
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
      { ...this.#options, rules: this.#rules, counters: this.#counters, reload: () => this.reload() },
    );

    this.#host.onChange(() => {
      this.#hostChanged();
    });
    await this.#openLookups(ledger, audit);
    const intake = await this.#openDoors(ledger, audit);
    await this.#openAdmin(this.#operations);
    await this.#openHttp({ audit, journal, ledger, maps, changes, intake });
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
    const maps = new LiveMaps(
      config.exports.map(({ format, ...rest }) =>
        exclusive(formats[format].create({ ...rest, clock, log, ...shownBy(() => ledger.shown) }), {
          ...rest,
          log,
        }),
      ),
    );
    const audit = openAudit({ config, standing: this.#rules.standing, clock, log });
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

  async #openLookups(ledger: Ledger, audit: Audit): Promise<void> {
    const { config, clock, log } = this.#options;
    const more = {
      lifetimeMs: config.grants.lifetime,
      permits: audit.permits(ledger.decision),
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

  async #openDoors(ledger: Ledger, audit: Audit): Promise<RpcIntake> {
    const { config, clock, log } = this.#options;
    const intake = intakes.rpc({
      ...config.rpc,
      authorizer: audit.authorizer(ledger),
      believes: (address) => this.#rules.reporters.believes(address),
      nameOf: (sender) => this.#names.of(sender),
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
    return intake;
  }

  async #openAdmin(operations: Operations): Promise<void> {
    const admin = await openAdmin(this.#options, operations);
    this.#admin = admin;
    if (admin !== undefined) this.#lifecycle.onStop('admin', () => admin.stop());
  }

  async #openHttp(
    parts: Pick<StatusDoorOptions, 'audit' | 'journal' | 'ledger' | 'maps' | 'changes' | 'intake'>,
  ): Promise<void> {
    const { config, clock, log, version } = this.#options;
    const place = config.http.listen;
    if (place === undefined) return;
    const more = { counters: this.#counters, config, version, startedAt: this.#startedAt, clock, log };
    const door = new StatusDoor(place, { ...this.#rules, ...parts, ...more });
    this.#lifecycle.onStop('http', () => door.stop());
    await door.start();
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
    this.#believe(config, readReporters(config.reporters, this.#host.list(), this.#options.log));
  }

  #believe(config: Config, reporters: readonly Network[]): void {
    this.#reporterNetworks = reporters;
    this.#rules.reporters.replace(reporters);
    this.#names.replace(config.reporters.names);
    setHosts(this.#rules, this.#host.list());
  }

  #hostChanged(): void {
    try {
      this.#readReporters(this.#config);
    } catch (error) {
      this.#options.log.error('reporters: kept as they were', { error: String(error) });
      setHosts(this.#rules, this.#host.list());
    }
  }

  /** What operators see and do, once it has started. */
  get operations(): Operations | undefined {
    return this.#operations;
  }

  /** Where it listens and whether rpcbind tells of it. */
  where(): { port: number; addresses: string[]; rpcbind: string; lookups: string[]; admin: string[] } {
    const { port = 0, addresses = [], registration: rpcbind = 'off' } = this.#intake ?? {};
    const lookups = this.#lookups.flatMap(({ doors }) => doors);
    return { port, addresses, rpcbind, lookups, admin: this.#admin?.doors ?? [] };
  }

  /**
   * Reads the configuration anew and takes over what can change while running: reporters, log level, TLS. Answers
   * what has changed, and what needs a restart. Throws Fault CONFIG, and changes nothing, when it cannot.
   */
  reload(): Reloaded {
    const { log, reread } = this.#options;
    const next = reread();
    const running = this.#config;
    const listed = this.#reporterNetworks;
    // Both may throw, and have changed nothing then.
    const reporters = readReporters(next.reporters, this.#host.list(), log);
    this.#admin?.renew(next.admin.tls);
    this.#believe(next, reporters);
    log.setLevel(next.log.level);
    const { changed, needsRestart } = compareConfigs(running, next);
    const admin = { ...running.admin, tls: next.admin.tls };
    this.#config = { ...running, reporters: next.reporters, log: next.log, admin };
    // The file may say something else although its name is the same.
    const isFileNew =
      !isDeepStrictEqual(listed, this.#reporterNetworks) &&
      !changed.some((key) => key.startsWith('reporters.allow'));
    const all = isFileNew ? [...changed, 'reporters.allow_file'] : changed;
    if (needsRestart.length === 0) log.info('reloaded', { changed: all });
    else {
      const cure = 'what needs a restart holds from the next start';
      log.warn('reloaded', { changed: all, needRestart: needsRestart, cure });
    }
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
