/**
 * daemon - the one place that knows everybody: builds, starts in order, stops in reverse
 *
 * Store, ledger, maps, look-ups, intakes: in this order, so that the doors open last and close first. A start
 * that fails undoes what it had started. What is said to systemd, to a terminal and to the process
 * is main's business.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.js';
import { Ledger, type LedgerAlarms } from './core/ledger.js';
import { ReporterNames } from './core/reporter-names.js';
import type { LeanPermission, Permission } from './core/subject.js';
import { formats } from './exports/formats.js';
import { LiveMaps } from './exports/live-maps.js';
import { exclusive } from './exports/map-lock.js';
import { type GrantRules, grantRules, setHosts } from './grant-rules.js';
import { HostAddresses } from './intake/host-addresses.js';
import { intakes } from './intake/intakes.js';
import type { Lookup } from './lookups/lookup.js';
import { lookups } from './lookups/lookups.js';
import { ReportClient } from './report/client.js';
import { readReporters } from './reporter-list.js';
import type { Clock } from './runtime/clock.js';
import { Counters } from './runtime/counters.js';
import { Lifecycle } from './runtime/lifecycle.js';
import type { Logger } from './runtime/log.js';
import { StatusDoor, type StatusDoorOptions } from './status-door.js';
import { Journal } from './store/journal.js';

export interface DaemonOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** Forget every grant of earlier runs. */
  readonly forgetAll: boolean;
  readonly version: string;
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

    const snapshot = (): Iterable<Permission> => ledger.permissions();
    const lean = (): Iterable<LeanPermission> => ledger.lean();
    const maps = new LiveMaps(
      config.exports.map(({ format, ...rest }) =>
        exclusive(formats[format].create({ ...rest, clock, log, snapshot, lean }), { ...rest, log }),
      ),
    );
    const ledger = new Ledger({
      store: journal,
      map: maps,
      clock,
      ...this.#rules,
      alarms: this.#alarms(),
      lifetimeMs: config.grants.lifetime,
      max: config.grants.max,
      pastMs: rememberedMs(config),
    });
    ledger.restore(grants);

    this.#lifecycle.onStop('maps', () => maps.close());
    await maps.open();
    this.#every(SWEEP_INTERVAL_MS, () => {
      ledger.sweep();
    });
    this.#every(TICK_INTERVAL_MS, () => {
      journal.tick();
      maps.tick();
    });

    this.#host.onChange(() => {
      this.#hostChanged();
    });
    await this.#openLookups(ledger);
    const intake = await this.#openDoors(ledger);
    await this.#openHttp({ journal, ledger, maps, intake });
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

  async #openLookups(ledger: Ledger): Promise<void> {
    const { config, clock, log } = this.#options;
    const more = {
      lifetimeMs: config.grants.lifetime,
      permits: ledger,
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

  async #openDoors(ledger: Ledger): Promise<RpcIntake> {
    const { config, clock, log } = this.#options;
    const intake = intakes.rpc({
      ...config.rpc,
      authorizer: ledger,
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

  async #openHttp(parts: Pick<StatusDoorOptions, 'journal' | 'ledger' | 'maps' | 'intake'>): Promise<void> {
    const { config, clock, log, version } = this.#options;
    const place = config.http.listen;
    if (place === undefined) return;
    const more = { counters: this.#counters, config, version, startedAt: this.#startedAt, clock, log };
    const door = new StatusDoor(place, { ...parts, ...more });
    this.#lifecycle.onStop('http', () => door.stop());
    await door.start();
  }

  #every(ms: number, fn: () => void): void {
    const timer = this.#options.clock.every(ms, fn);
    this.#lifecycle.onStop('timer', () => {
      timer.stop();
    });
  }

  #alarms(): LedgerAlarms {
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
      },
    };
  }

  #readReporters(config: Config): void {
    this.#rules.reporters.replace(readReporters(config.reporters, this.#host.list(), this.#options.log));
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

  /** Where it listens and whether rpcbind tells of it. */
  where(): { port: number; addresses: string[]; rpcbind: string; lookups: string[] } {
    const intake = this.#intake;
    const lookups = this.#lookups.flatMap(({ doors }) => doors);
    return intake === undefined
      ? { port: 0, addresses: [], rpcbind: 'off', lookups }
      : { port: intake.port, addresses: intake.addresses, rpcbind: intake.registration, lookups };
  }

  /** Takes over what can change while running: reporters and log level. Throws, and changes nothing, when it cannot. */
  reload(config: Config): void {
    const { log } = this.#options;
    this.#readReporters(config);
    log.setLevel(config.log.level);
    const running = this.#config;
    const restart = (['rpc', 'grants', 'store', 'exports', 'lookups', 'http'] as const).filter(
      (section) => !isDeepStrictEqual(running[section], config[section]),
    );
    this.#config = { ...running, reporters: config.reporters, log: config.log };
    const event = 'reloaded: reporters and log level';
    if (restart.length > 0)
      log.warn(event, { needRestart: restart, cure: 'what has changed elsewhere holds from the next start' });
    else log.info(event);
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
