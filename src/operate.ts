/**
 * operate - the daemon's parts as the operations that operators call
 */
import type { Operations } from './admin/operations.js';
import type { Audit } from './audit/audit.js';
import type { Changes } from './changes.js';
import type { Config } from './config.js';
import { unsaidIn } from './config-conflicts.js';
import type { Ledger } from './core/ledger.js';
import type { EntryBook } from './entry-book.js';
import type { LiveMaps } from './exports/live-maps.js';
import type { GrantRules } from './grant-rules.js';
import { LedgerOperations, type Reloaded } from './operations.js';
import type { Clock } from './runtime/clock.js';
import type { Counters } from './runtime/counters.js';
import { statsOf } from './stats.js';
import type { Journal } from './store/journal.js';

export interface Parts {
  readonly ledger: Ledger;
  readonly journal: Journal;
  readonly maps: LiveMaps;
  readonly changes: Changes;
  readonly book: EntryBook;
  readonly audit: Audit;
}

export interface OperateOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly version: string;
  readonly rules: GrantRules;
  readonly counters: Counters;
  readonly reload: () => Reloaded;
  readonly shutdown: (why: string) => void;
}

/** Of a daemon that starts now. */
export function operate(parts: Parts, options: OperateOptions): Operations {
  const { clock, config, counters, reload, rules, shutdown, version } = options;
  const started = { wall: clock.wall(), mono: clock.mono() };
  const { lifetime: lifetimeMs, max } = config.grants;
  const { never, standing } = rules;
  return new LedgerOperations({
    ...parts,
    never,
    standing,
    clock,
    lifetimeMs,
    unsaid: (subject) => unsaidIn(config, subject),
    stats: () => statsOf({ ...parts, standing, version, started, clock, max, counters }),
    reports: () =>
      counters
        .labelled('rpc.reports')
        .map(({ labels: [reporter = '', , , outcome = ''], count }) => ({ reporter, outcome, count })),
    reload,
    rotate: () => {
      parts.journal.rotate();
    },
    shutdown: (author) => {
      shutdown(`told by ${author}`);
    },
  });
}
