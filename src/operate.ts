/**
 * operate - the daemon's parts as the operations that operators call
 *
 * What operators do is told in the log, one line each.
 */
import type { Operations } from './admin/operations.js';
import type { Changes } from './changes.js';
import type { Config } from './config.js';
import { unsaidIn } from './config-conflicts.js';
import type { Ledger } from './core/ledger.js';
import type { EntryBook } from './entry-book.js';
import type { LiveMaps } from './exports/live-maps.js';
import type { GrantRules } from './grant-rules.js';
import { type Audit, LedgerOperations, type Reloaded } from './operations.js';
import type { Clock } from './runtime/clock.js';
import type { Counters } from './runtime/counters.js';
import type { Log } from './runtime/log.js';
import { statsOf } from './stats.js';
import type { Journal } from './store/journal.js';

export interface Parts {
  readonly ledger: Ledger;
  readonly journal: Journal;
  readonly maps: LiveMaps;
  readonly changes: Changes;
  readonly book: EntryBook;
}

export interface OperateOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  readonly rules: GrantRules;
  readonly counters: Counters;
  readonly reload: () => Reloaded;
  readonly shutdown: (why: string) => void;
}

/** Of a daemon that starts now. */
export function operate(parts: Parts, options: OperateOptions): Operations {
  const { clock, config, counters, log, reload, rules, shutdown, version } = options;
  const started = { wall: clock.wall(), mono: clock.mono() };
  const { lifetime: lifetimeMs, max } = config.grants;
  const { never, standing } = rules;
  return new LedgerOperations({
    ...parts,
    never,
    standing,
    clock,
    audit: auditIn(log),
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

function auditIn(log: Log): Audit {
  return {
    act: ({ author, count, outcome, reason, subject, user, what }) => {
      log.info('operator', { what, subject, author, reason, user, outcome, count });
    },
  };
}
