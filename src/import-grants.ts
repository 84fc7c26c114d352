/**
 * import-grants - takes over who may relay by the word of the original's database, while no daemon runs
 *
 * Grants that are still alive are written to the journal; the next start of the daemon finds them there and puts
 * them into its maps before it is ready. Each ends when the original would have ended it, but no later than a
 * lease taken now. Addresses that are never granted are left out, those that operators have denied, and those beyond
 * grants.max. The reporter of all
 * of them is 127.0.0.1: the original kept no record of whose word it took.
 *
 * Errors: Fault IMPORT when the file cannot be read; Fault LOCKED while a daemon runs, Fault STORE when the journal
 * cannot be written, or operators' entries cannot be read. The file is only read, so that all can be done again.
 */
import type { Config } from './config.js';
import { addressToBytes, type ClientAddress, parseAddress } from './core/address.js';
import { Fault } from './core/fault.js';
import type { Grant } from './core/grant.js';
import { MAX_GROUP } from './core/ledger.js';
import { NetworkSet } from './core/network-set.js';
import type { NeverGranted } from './core/never.js';
import { networkOfSubject } from './core/subject.js';
import { grantRules, setHosts } from './grant-rules.js';
import { readDatabase } from './import/database.js';
import type { OldRecord } from './import/record.js';
import { HostAddresses } from './intake/host-addresses.js';
import { readReporters } from './reporter-list.js';
import type { Clock } from './runtime/clock.js';
import { type Log, silentLog } from './runtime/log.js';
import { removeChanges } from './store/change-log.js';
import { loadEntries } from './store/entries-file.js';
import { Journal } from './store/journal.js';

export interface ImportGrantsOptions {
  /** The database. */
  readonly file: string;
  readonly config: Config;
  /** Forget first what the journal holds. */
  readonly forgetAll: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

const SECOND_MS = 1_000;
const REPORTER = parseAddress('127.0.0.1') as ClientAddress;

/** Whom the daemon would refuse. */
function neverGranted(config: Config): NeverGranted {
  const own = new HostAddresses().list();
  const rules = grantRules(config);
  // What is wrong with the list is told by the daemon when it starts.
  rules.reporters.replace(readReporters(config.reporters, own, silentLog));
  setHosts(rules, own);
  return rules.never;
}

/** What operators have denied, and is not over. */
function denied(config: Config, now: number): NetworkSet {
  const denies = loadEntries(config.store.directory).filter(
    ({ kind, expiresAt = Infinity }) => kind === 'deny' && expiresAt > now,
  );
  return new NetworkSet(denies.map(({ subject }) => networkOfSubject(subject)));
}

/** Chooses what is taken over, and counts what is not. */
class Selection {
  readonly #never: NeverGranted;
  readonly #denies: NetworkSet;
  readonly #now: number;
  readonly #latest: number;
  readonly #max: number;
  /** When each client's grant ends, epoch milliseconds. */
  readonly #ends = new Map<ClientAddress, number>();
  over = 0;
  refused = 0;
  denied = 0;
  beyondMax = 0;

  constructor({ config, clock }: ImportGrantsOptions) {
    this.#never = neverGranted(config);
    this.#now = clock.wall();
    this.#denies = denied(config, this.#now);
    this.#latest = this.#now + config.grants.lifetime;
    this.#max = config.grants.max;
  }

  readonly take = ({ client, endsAt }: OldRecord): void => {
    const expiresAt = Math.min(endsAt * SECOND_MS, this.#latest);
    const known = this.#ends.get(client);
    if (expiresAt <= this.#now) this.over += 1;
    else if (this.#never.refuses(client, REPORTER)) this.refused += 1;
    else if (this.#denies.holds(addressToBytes(client))) this.denied += 1;
    else if (known === undefined && this.#ends.size >= this.#max) this.beyondMax += 1;
    else if (known === undefined || known < expiresAt) this.#ends.set(client, expiresAt);
  };

  get size(): number {
    return this.#ends.size;
  }

  /** In groups that the journal takes at once, beside those it holds already. */
  *groups(held: Iterable<Grant>): Generator<Grant[]> {
    const known = new Set<ClientAddress>();
    for (const { client } of held) known.add(client);
    let room = this.#max - known.size;
    let group: Grant[] = [];
    for (const [client, expiresAt] of this.#ends) {
      if (!known.has(client)) {
        if (room <= 0) {
          this.#ends.delete(client);
          this.beyondMax += 1;
          continue;
        }
        room -= 1;
      }
      group.push({ client, expiresAt, reporter: REPORTER });
      if (group.length < MAX_GROUP) continue;
      yield group;
      group = [];
    }
    if (group.length > 0) yield group;
  }
}

function commit(journal: Journal, grants: readonly Grant[]): Promise<void> {
  return new Promise((resolve, reject) => {
    journal.commit(grants, (fault) => {
      if (fault === undefined) resolve();
      else reject(fault);
    });
  });
}

/** Takes over the live grants of a database and tells how many. */
export async function importGrants(options: ImportGrantsOptions): Promise<void> {
  const { file, config, forgetAll, clock, log } = options;
  const selection = new Selection(options);
  const survey = readDatabase(file, selection.take);
  if (survey === undefined) throw new Fault('IMPORT', `${file} does not exist`);
  const { directory, durability } = config.store;
  const lifetimeMs = config.grants.lifetime;
  const { journal, grants } = await Journal.open({
    directory,
    durability,
    lifetimeMs,
    forgetAll,
    clock,
    log,
  });
  try {
    // What comes now was not told to anybody who watched.
    await removeChanges(directory);
    for (const group of selection.groups(grants)) {
      await commit(journal, group);
      journal.tick();
    }
  } finally {
    await journal.close();
  }
  const { records, notUnderstood, damagedPages, cut } = survey;
  if (notUnderstood > 0 || damagedPages > 0 || cut)
    log.warn('import: not all of the database could be read', { file, notUnderstood, damagedPages, cut });
  log.info('import: grants taken over', {
    file,
    imported: selection.size,
    over: selection.over,
    neverGranted: selection.refused,
    denied: selection.denied,
    notUnderstood,
    beyondMax: selection.beyondMax,
    records,
  });
}
