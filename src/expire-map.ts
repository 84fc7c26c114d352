/**
 * expire-map - takes what is over out of the maps while no daemon runs
 *
 * A file cannot know the time: when the daemon is down, its keys would let the mail server relay for
 * ever. This one-shot, run by a timer, writes each map anew from what the journal still holds alive.
 * While a daemon runs (it holds the journal's lock) it does nothing.
 *
 * Promise: afterwards no map permits a client whose grant is over, and programs that must be told (`command`) have been;
 * or the exit status is not 0.
 *   - The journal or what operators have pinned and denied cannot be read: nothing can be proven, and every map is
 *     emptied.
 *   - A map cannot be written (its disk is full, its library missing): it is removed, for without a map mail
 *     servers put off or refuse and do not relay. One that also holds the site's own rules (tcprules)
 *     is left as it is: without it no mail would be taken at all.
 *   - Maps that the daemon last wrote and that the configuration does not name any more are looked after as well.
 *   - A grant that ends later than a lease from now was given before the clock was set back: it counts for nothing, and
 *     neither does what an operator let relay for a while before that.
 *
 * Errors: Fault STORE, MAP, LIBRARY, CONFIG. One of them keeps none of the other maps from being written.
 * Limits: what belongs to another user is not emptied: whoever runs it by hand may be the wrong one.
 */
import { lstatSync, unlinkSync } from 'node:fs';
import type { Config } from './config.js';
import { Entries } from './core/entries.js';
import { Fault, toFault } from './core/fault.js';
import { MAX_LIFETIME_MS, type Grant } from './core/grant.js';
import { Ledger } from './core/ledger.js';
import { type Network, parseNetwork } from './core/network.js';
import type { OperatorEntry } from './core/operator-entry.js';
import type { LiveMap } from './core/outlets.js';
import { shownBy } from './core/shown.js';
import type { LiveMapFormat } from './exports/format.js';
import { formats } from './exports/formats.js';
import { exclusive } from './exports/map-lock.js';
import { grantRules, setHosts } from './grant-rules.js';
import { HostAddresses } from './intake/host-addresses.js';
import { readReporters } from './reporter-list.js';
import type { Clock } from './runtime/clock.js';
import type { Log } from './runtime/log.js';
import { loadEntries } from './store/entries-file.js';
import { readJournal } from './store/read-journal.js';

/** By what a clock may be set back without a grant losing its meaning. */
const CLOCK_MARGIN_MS = 60_000;

type MapTable = Config['exports'][number];

export interface ExpireMapsOptions {
  readonly config: Config;
  /** Maps that are in no configuration any more, but may still be there. */
  readonly left?: readonly MapTable[];
  readonly clock: Clock;
  readonly log: Log;
}

const nothing = (): void => undefined;
const EVERYBODY = ['0.0.0.0/0', '::/0'].map(parseNetwork).filter((network) => network !== undefined);

/**
 * What a daemon would have said of these grants: a ledger that takes no new ones. When dracd.allow cannot be read,
 * which keeps the daemon from starting too, anybody may be a reporter, and no lease covers more than its client.
 */
function ledgerOf(
  { config, clock, log }: ExpireMapsOptions,
  { grants, made }: { readonly grants: readonly Grant[]; readonly made: readonly OperatorEntry[] },
): { readonly ledger: Ledger; readonly mistake?: Fault } {
  const rules = grantRules(config);
  const own = new HostAddresses().list();
  let reporters: readonly Network[] = EVERYBODY;
  let mistake: Fault | undefined;
  try {
    reporters = readReporters(config.reporters, own, log);
  } catch (thrown) {
    mistake = toFault(thrown, 'CONFIG');
  }
  rules.reporters.replace(reporters);
  setHosts(rules, own);
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
  entries.restore(made);
  ledger.restore(grants);
  return mistake === undefined ? { ledger } : { ledger, mistake };
}

/** What a map shows that is emptied. */
const NOBODY: ReturnType<typeof shownBy> = {
  snapshot: () => [],
  lean: () => [],
  undivided: () => ({ denials: () => [], permissions: () => [], lean: () => [] }),
};

/** What may still relay. */
interface Held {
  readonly shown: ReturnType<typeof shownBy>;
  readonly count: number;
  readonly release: () => void;
  /** Why the store could not be read. */
  readonly fault?: Fault;
  /** Why it is not known who the reporters are. */
  readonly mistake?: Fault;
}

/** What the store holds; nothing when a daemon has it. */
function read(options: ExpireMapsOptions): Held | undefined {
  const { config, clock, log } = options;
  let release = nothing;
  try {
    const now = clock.wall() + CLOCK_MARGIN_MS;
    const { directory } = config.store;
    // The longest lifetime there is, or ends that are too late would be made to look right.
    const journal = readJournal({ directory, lifetimeMs: MAX_LIFETIME_MS, clock, log });
    release = journal.release;
    const { ledger, mistake } = ledgerOf(options, {
      grants: [...journal.grants].filter(({ expiresAt }) => expiresAt <= now + config.grants.lifetime),
      made: loadEntries(directory).filter(
        ({ kind, createdAt, expiresAt }) => kind === 'deny' || expiresAt === undefined || createdAt <= now,
      ),
    });
    return {
      shown: shownBy(() => ledger.shown),
      count: ledger.size,
      release,
      ...(mistake !== undefined && { mistake }),
    };
  } catch (thrown) {
    const fault = toFault(thrown, 'STORE');
    if (fault.code === 'LOCKED') return undefined;
    log.error('journal: cannot be read: no grant can be proven, the maps are emptied', {
      reason: fault.message,
    });
    return { shown: NOBODY, count: 0, release, fault };
  }
}

interface Written {
  readonly fault?: Fault;
  /** The file is as it should be: it is another matter that has failed. */
  readonly isRight?: boolean;
}

async function write(table: MapTable, held: Held, options: ExpireMapsOptions): Promise<Written> {
  const { format, ...rest } = table;
  const { clock, log } = options;
  try {
    const all = { ...rest, clock, log, ...held.shown };
    const map = exclusive(formats[format].create(all), all);
    await map.open();
    await map.close();
    const { untold } = map;
    if (untold === undefined) return {};
    const said = `map ${table.path} is right, but its readers may not know: its command failed: ${untold}`;
    return { fault: new Fault('MAP', said), isRight: true };
  } catch (thrown) {
    return { fault: toFault(thrown, 'MAP') };
  }
}

/** Removes a map; false when it is not there or cannot be removed, which writing it has then told of. */
function remove(file: string): boolean {
  try {
    const stat = lstatSync(file, { throwIfNoEntry: false });
    if (stat?.isFile() !== true && stat?.isSymbolicLink() !== true) return false;
    unlinkSync(file);
    return true;
  } catch {
    return false;
  }
}

/** Writes a map anew, or removes it. Answers why it is not as it should be. */
async function renew(table: MapTable, held: Held, options: ExpireMapsOptions): Promise<Fault | undefined> {
  const { fault, isRight = false } = await write(table, held, options);
  const { keys = [] }: LiveMapFormat = formats[table.format];
  if (
    fault === undefined ||
    isRight ||
    fault.code === 'LOCKED' ||
    keys.includes('rules') ||
    !remove(table.path)
  )
    return fault;
  options.log.error('map: removed, because it cannot be written and would permit what is over', {
    path: table.path,
    reason: fault.message,
  });
  // The room that it took may be the room that was missing.
  return (await write(table, held, options)).fault;
}

/** Whether a file is there and this user's. */
function isOwn(file: string): boolean {
  try {
    return lstatSync(file, { throwIfNoEntry: false })?.uid === process.geteuid?.();
  } catch {
    return false;
  }
}

export async function expireMaps(options: ExpireMapsOptions): Promise<void> {
  const { config, left = [], log } = options;
  const held = read(options);
  if (held === undefined) {
    log.info('maps: a daemon runs and looks after them');
    return;
  }
  const faults = [held.fault, held.mistake].filter((one) => one !== undefined);
  try {
    for (const table of config.exports) {
      // Without the journal's lock: a daemon may run, and has its maps.
      const doubtful = held.fault !== undefined;
      if (doubtful && !isOwn(table.path)) continue;
      const fault = await renew(table, held, options);
      if (fault !== undefined && !(doubtful && fault.code === 'LOCKED')) faults.push(fault);
    }
    for (const table of left) {
      const fault = isOwn(table.path) ? await renew(table, held, options) : undefined;
      if (fault !== undefined && fault.code !== 'LOCKED') faults.push(fault);
    }
  } finally {
    held.release();
  }
  const [first, ...others] = faults;
  for (const { message } of others) log.error('maps: not as they should be', { reason: message });
  if (first !== undefined) throw first;
  log.info('maps: written from the journal', { grants: held.count });
}
