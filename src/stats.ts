/**
 * stats - the daemon's numbers and states, flat and by name, for people and machines
 *
 * Names are fixed, but for those of counters: `counted.` and the counter's name. No address, no user.
 */
import type { Stats } from './admin/operations.js';
import type { Audit } from './audit/audit.js';
import type { Ledger } from './core/ledger.js';
import type { Standing } from './core/standing.js';
import type { LiveMaps } from './exports/live-maps.js';
import type { Counters } from './runtime/counters.js';
import type { Journal } from './store/journal.js';

export interface StatsOptions {
  readonly version: string;
  /** Wall clock and monotonic time at which the daemon started. */
  readonly started: { readonly wall: number; readonly mono: number };
  readonly clock: { mono(): number };
  readonly max: number;
  readonly ledger: Ledger;
  readonly standing: Standing;
  readonly journal: Journal;
  readonly maps: LiveMaps;
  readonly audit: Pick<Audit, 'degraded' | 'lost'>;
  readonly counters: Counters;
}

export function statsOf(options: StatsOptions): Stats {
  const { audit, clock, counters, journal, ledger, maps, max, standing, started, version } = options;
  const { bytes, segments } = journal.usage;
  return {
    version,
    startedAt: new Date(started.wall).toISOString(),
    uptimeSeconds: Math.floor((clock.mono() - started.mono) / 1_000),
    leases: ledger.size,
    leasesMax: max,
    leasesEnded: ledger.leases.remembered,
    operatorGrants: standing.count('grant'),
    pins: standing.count('pin'),
    denies: standing.count('deny'),
    reportsWaiting: ledger.waiting,
    journalBytes: bytes,
    journalSegments: segments,
    journalDegraded: journal.degraded ?? '',
    mapsDegraded: maps.degraded.length,
    mapsProblem: maps.degraded[0] ?? '',
    auditDegraded: audit.degraded ?? '',
    auditLost: audit.lost,
    ...Object.fromEntries(Object.entries(counters.snapshot()).map(([name, n]) => [`counted.${name}`, n])),
  };
}
