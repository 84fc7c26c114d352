/**
 * expire-map - takes what is over out of the maps while no daemon runs
 *
 * A file cannot know the time: when the daemon is down, its keys would let the mail server relay for
 * ever. This one-shot, run by a timer, writes each map anew from what the journal still holds alive.
 * While a daemon runs (it holds the journal's lock) it does nothing.
 *
 * Errors: Fault STORE, MAP, LIBRARY, CONFIG. A map that cannot be written is an error, so the timer shows
 * it; the others are written all the same.
 */
import type { Config } from './config.js';
import { Entries } from './core/entries.js';
import { Fault, toFault } from './core/fault.js';
import type { Grant } from './core/grant.js';
import { Ledger } from './core/ledger.js';
import type { LiveMap } from './core/outlets.js';
import { formats } from './exports/formats.js';
import { exclusive } from './exports/map-lock.js';
import { grantRules } from './grant-rules.js';
import { HostAddresses } from './intake/host-addresses.js';
import { readReporters } from './reporter-list.js';
import type { Clock } from './runtime/clock.js';
import type { Log } from './runtime/log.js';
import { loadEntries } from './store/entries-file.js';
import { readJournal } from './store/read-journal.js';

export interface ExpireMapsOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
}

const nothing = (): void => undefined;

/** What a daemon would have said of these grants: a ledger that takes no new ones. */
function ledgerOf({ config, clock, log }: ExpireMapsOptions, grants: readonly Grant[]): Ledger {
  const rules = grantRules(config);
  const own = new HostAddresses().list();
  rules.reporters.replace(readReporters(config.reporters, own, log));
  rules.never.setHosts([...own, ...rules.reporters.singleHosts()]);
  const down = 'no daemon runs';
  const map: LiveMap = {
    apply: (_, done) => {
      done();
    },
    renew: (done) => {
      done();
    },
  };
  const ledger = new Ledger({
    store: {
      commit: (_, done) => {
        done(new Fault('STORE', down));
      },
      revoke: (_, done) => {
        done(new Fault('STORE', down));
      },
      degraded: down,
    },
    map,
    clock,
    ...rules,
    alarms: { full: nothing, roomAgain: nothing, clockJumped: nothing },
    observer: { listens: false, leased: nothing, ended: nothing },
    lifetimeMs: config.grants.lifetime,
    max: config.grants.max,
    pastMs: 0,
  });
  const entries = new Entries({
    standing: rules.standing,
    decision: ledger.decision,
    time: ledger.leases.time,
    map,
    revoke: (_, done) => {
      done(0);
    },
    onOver: nothing,
  });
  entries.restore(loadEntries(config.store.directory));
  ledger.restore(grants);
  return ledger;
}

export async function expireMaps({ config, clock, log }: ExpireMapsOptions): Promise<void> {
  let held;
  try {
    held = readJournal({ directory: config.store.directory, lifetimeMs: config.grants.lifetime, clock, log });
  } catch (error) {
    if (error instanceof Fault && error.code === 'LOCKED') {
      log.info('maps: a daemon runs and looks after them');
      return;
    }
    throw error;
  }
  const { release } = held;
  const faults: Fault[] = [];
  let ledger: Ledger;
  try {
    ledger = ledgerOf({ config, clock, log }, held.grants);
    for (const { format, ...rest } of config.exports) {
      const options = { ...rest, clock, log, snapshot: () => ledger.permissions() };
      const map = exclusive(formats[format].create(options), options);
      try {
        await map.open();
        await map.close();
      } catch (error) {
        faults.push(toFault(error, 'MAP'));
      }
    }
  } finally {
    release();
  }
  const [first, ...others] = faults;
  for (const { message } of others) log.error('map: cannot be written', { reason: message });
  if (first !== undefined) throw first;
  log.info('maps: written from the journal', { grants: ledger.size });
}
