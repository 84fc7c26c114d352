/**
 * status-door - what the HTTP door shows of this daemon
 *
 * Puts the numbers together that the rooms keep, and opens the door. The room of the door knows no other, and none
 * knows it.
 */
import { isIP } from 'node:net';
import type { AdminServer } from './admin/server.js';
import type { Audit } from './audit/audit.js';
import type { Changes } from './changes.js';
import type { Config } from './config.js';
import type { Ledger } from './core/ledger.js';
import type { Standing } from './core/standing.js';
import type { LiveMaps } from './exports/live-maps.js';
import { HttpListener } from './http/listener.js';
import { type Routes, routes } from './http/routes.js';
import { MAX_CHANGES, type Sample } from './http/sample.js';
import type { RpcIntake } from './intake/rpc.js';
import type { Clock, Timer } from './runtime/clock.js';
import type { Counters } from './runtime/counters.js';
import { type DiskUse, diskUse } from './runtime/disk-use.js';
import type { Log } from './runtime/log.js';
import { LoopDelay } from './runtime/loop-delay.js';
import type { Journal } from './store/journal.js';

const DISK_EVERY_MS = 10_000;

export interface StatusDoorOptions {
  readonly audit: Pick<Audit, 'degraded' | 'lost'>;
  /** Where there is a door for operators. */
  readonly admin: Pick<AdminServer, 'certificates'> | undefined;
  readonly journal: Pick<Journal, 'degraded' | 'stats'>;
  readonly ledger: Pick<Ledger, 'size' | 'isFull'>;
  readonly standing: Pick<Standing, 'count'>;
  readonly maps: Pick<LiveMaps, 'list'>;
  readonly intake: Pick<RpcIntake, 'registration' | 'forwarded' | 'udpDrops'>;
  readonly counters: Counters;
  readonly changes: Pick<Changes, 'recent'>;
  readonly config: Config;
  readonly version: string;
  /** Wall clock, epoch milliseconds. */
  readonly startedAt: number;
  readonly clock: Clock;
  readonly log: Log;
}

const isLoopback = (host: string): boolean => (isIP(host) === 4 ? host.startsWith('127.') : host === '::1');

export class StatusDoor {
  readonly #options: StatusDoorOptions;
  readonly #loopDelay: LoopDelay;
  readonly #routes: Routes;
  readonly #listener: HttpListener;
  #disk: DiskUse | undefined;
  #timer: Timer | undefined;

  constructor(place: { readonly host: string; readonly port: number }, options: StatusDoorOptions) {
    const { changes, clock, config, counters, log } = options;
    this.#options = options;
    this.#loopDelay = new LoopDelay(clock);
    this.#routes = routes({
      source: {
        counters,
        sample: () => this.#sample(),
        changes: () =>
          changes.recent(MAX_CHANGES).map(({ at, kind, row }) => ({ at, kind, subject: row.subject })),
      },
      showAddresses: config.http.show_addresses,
      clock,
    });
    const { handlers } = this.#routes;
    this.#listener = new HttpListener({
      address: place.host,
      port: place.port,
      routes: handlers,
      clock,
      log,
    });
    if (!isLoopback(place.host))
      log.warn('http: others than this host may read the numbers', {
        address: place.host,
        cure: 'listen at 127.0.0.1, or let a firewall say who may',
      });
  }

  /** Resolves also when the place cannot be had yet. */
  async start(): Promise<void> {
    await this.#readDisk();
    this.#timer = this.#options.clock.every(DISK_EVERY_MS, () => void this.#readDisk());
    this.#routes.start();
    await this.#listener.start();
  }

  async stop(): Promise<void> {
    this.#timer?.stop();
    this.#loopDelay.stop();
    this.#routes.stop();
    await this.#listener.stop();
  }

  async #readDisk(): Promise<void> {
    this.#disk = await diskUse(this.#options.config.store.directory);
  }

  #sample(): Sample {
    const { admin, audit, clock, config, intake, journal, ledger, maps, standing, startedAt, version } =
      this.#options;
    const now = clock.mono();
    const wall = clock.wall();
    const { registration, forwarded, udpDrops } = intake;
    return {
      version,
      startedAt,
      grants: { live: ledger.size, max: config.grants.max, full: ledger.isFull },
      entries: { grant: standing.count('grant'), pin: standing.count('pin'), deny: standing.count('deny') },
      audit: { degraded: audit.degraded, lost: audit.lost },
      journal: { degraded: journal.degraded, disk: this.#disk, ...journal.stats() },
      exports: maps.list().map(({ degraded, freshness: { behindSince, writtenAt } }, index) => ({
        path: config.exports[index]?.path ?? '',
        format: config.exports[index]?.format ?? '',
        degraded,
        behindMs: behindSince === undefined ? 0 : now - behindSince,
        ageMs: now - writtenAt,
      })),
      certificates: (admin?.certificates ?? []).map((one) => ({ ...one, leftMs: one.until - wall })),
      rpcbind: registration,
      forwarded,
      udpDrops,
      loopDelay: this.#loopDelay.spread(),
    };
  }
}
