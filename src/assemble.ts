/**
 * assemble - the daemon's inner parts, put together: the ledger between the journal and the maps, operators' entries, and
 * those who hear of both
 */
import { randomUUID } from 'node:crypto';
import { Changes } from './changes.js';
import type { Config } from './config.js';
import { Entries } from './core/entries.js';
import { reasonOf } from './core/fault.js';
import { Ledger, type LedgerAlarms } from './core/ledger.js';
import { shownBy } from './core/shown.js';
import { EntryBook } from './entry-book.js';
import { formats } from './exports/formats.js';
import { LiveMaps } from './exports/live-maps.js';
import { exclusive } from './exports/map-lock.js';
import type { GrantRules } from './grant-rules.js';
import type { KeepChanges } from './keep-changes.js';
import { observers } from './observers.js';
import { openAudit } from './open-audit.js';
import type { Parts } from './operate.js';
import type { Clock } from './runtime/clock.js';
import type { Lifecycle } from './runtime/lifecycle.js';
import type { Logger } from './runtime/log.js';
import { EntriesFile, loadEntries } from './store/entries-file.js';
import { Journal } from './store/journal.js';

export interface AssembleOptions {
  readonly config: Config;
  readonly rules: GrantRules;
  readonly lifecycle: Lifecycle;
  readonly journal: Journal;
  readonly kept: KeepChanges;
  readonly clock: Clock;
  readonly log: Logger;
}

/** For how long ended grants are remembered: as long as the look-up that explains the most needs it. */
function rememberedMs(config: Config): number {
  const explained = config.lookups.filter(({ miss }) => miss.answer === 'explain');
  return Math.max(0, ...explained.map(({ miss }) => Math.max(miss.pastMs, miss.graceMs)));
}

/** The parts with what earlier runs have left in the store. What is started is stopped with the lifecycle. Rejects with a Fault. */
export async function revive(
  options: Omit<AssembleOptions, 'journal'> & { readonly forgetAll: boolean },
): Promise<Parts & { readonly entries: Entries }> {
  const { clock, config, forgetAll, kept, lifecycle, log, rules } = options;
  const lifetimeMs = config.grants.lifetime;
  const { journal, grants, tail } = await Journal.open({
    ...config.store,
    lifetimeMs,
    forgetAll,
    since: kept.since,
    onDoubt: kept.doubt,
    clock,
    log,
  });
  lifecycle.onStop('journal', () => journal.close());
  const stored = loadEntries(config.store.directory);
  const parts = assemble({ ...options, journal });
  const { audit, book, entries, ledger } = parts;
  // Entries first: what is denied has no lease.
  entries.restore(forgetAll ? stored.filter(({ kind }) => kind !== 'grant') : stored);
  // Operators' grants would come back with the next start.
  if (forgetAll && stored.some(({ kind }) => kind === 'grant')) await book.rewrite();
  ledger.restore(grants);
  await kept.resume({ ...rules, tail, stored });
  await audit.start({ forgotAll: forgetAll, lifetimeMs }, ledger.leases.all());
  return { ...parts, journal };
}

function assemble(options: AssembleOptions): Omit<Parts, 'journal'> & { readonly entries: Entries } {
  const { clock, config, journal, kept, lifecycle, log, rules } = options;
  lifecycle.onStop('changes', () => kept.close());
  const shown = shownBy(() => ledger.shown);
  const maps = new LiveMaps(
    config.exports.map(({ format, ...rest }) =>
      exclusive(formats[format].create({ ...rest, clock, log, ...shown }), { ...rest, log }),
    ),
  );
  const audit = openAudit({ config, standing: rules.standing, clock, log });
  lifecycle.onStop('audit', () => audit.stop());
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
    ...rules,
    alarms: alarms(log, () => {
      book.rewrite().catch((error: unknown) => {
        log.error('entries: their ends could not be written anew', { error: reasonOf(error) });
      });
    }),
    observer: observers(changes, audit),
    lifetimeMs: config.grants.lifetime,
    max: config.grants.max,
    pastMs: rememberedMs(config),
  });
  const entries = openEntries(options, { ledger, maps, changes });
  const book = new EntryBook({
    file: new EntriesFile(config.store.directory),
    standing: rules.standing,
    entries,
    diary: kept,
  });
  lifecycle.onStop('entries', () => book.idle());
  kept.attach({ changes, journal, ledger, entries });
  return { audit, book, changes, entries, ledger, maps };
}

function openEntries(
  { kept, log, rules }: AssembleOptions,
  { ledger, maps, changes }: Pick<Parts, 'ledger' | 'maps' | 'changes'>,
): Entries {
  return new Entries({
    standing: rules.standing,
    decision: ledger.decision,
    time: ledger.leases.time,
    map: maps,
    revoke: (selection, done) => {
      ledger.revoke(selection, done);
    },
    onOver: (entry) => {
      const { author, kind, reason, subject } = entry;
      if (kind === 'deny') kept.coverageMoved();
      changes.entry(kind === 'grant' ? 'expired' : kind === 'pin' ? 'unpinned' : 'undenied', entry);
      log.info('entry: over', { kind, subject, author, reason });
    },
  });
}

function alarms(log: Logger, onJump: () => void): LedgerAlarms {
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
