/**
 * drop-in - what the original's command line stands for, on a host where the original has run
 *
 *   database     DBFILE; else /etc/mail/dracd.db, or /etc/drac/dracd.db where only that exists (Debian's build)
 *   wording      as the database that is there says; without one, the original's without build options
 *   reporters    /etc/mail/dracd.allow, or /etc/drac/dracd.allow where only that exists
 *   addresses    all of this host's
 *   state        STATE_DIRECTORY; else /var/lib/dracd if it is or can be this user's; else beside the database
 *
 * A configuration file goes before all of it: this is what holds where the file says nothing, and the database
 * is one more export unless it is one already.
 */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Config, Defaults } from './config.js';
import { Fault, toFault } from './core/fault.js';
import { readDatabase, type Survey } from './import/database.js';
import { ReportClient } from './report/client.js';
import type { Clock } from './runtime/clock.js';

export interface DropIn extends Defaults {
  readonly database: string;
  /** What stands there now. */
  readonly survey: Survey | undefined;
  /** Why it cannot be read. */
  readonly problem: Fault | undefined;
}

const DATABASES = ['/etc/mail/dracd.db', '/etc/drac/dracd.db'] as const;
const ALLOW_FILES = ['/etc/mail/dracd.allow', '/etc/drac/dracd.allow'] as const;
const STATE = '/var/lib/dracd';
const JOURNAL = 'journal';
/** The original's clients were let in before its reply. */
const INTERVAL = '200ms';
const ANSWER_MS = 1_000;

function existing(files: readonly [string, ...string[]]): string {
  return files.find((file) => existsSync(file)) ?? files[0];
}

/** Whether a directory is this user's, or can be made. */
function isOurs(directory: string): boolean {
  try {
    const stat = statSync(directory, { throwIfNoEntry: false });
    const journal = statSync(path.join(directory, JOURNAL), { throwIfNoEntry: false });
    if (stat === undefined) accessSync(path.dirname(directory), constants.W_OK);
    else accessSync(directory, constants.W_OK);
    return [stat, journal].every((one) => one === undefined || one.uid === process.geteuid?.());
  } catch {
    return false;
  }
}

type Supply = NonNullable<Defaults['supply']>;
type Table = Parameters<Supply>[0];

const isTable = (value: Table[string] | undefined): value is Table =>
  typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date);

/** A table with what it does not say; anything else is left for the check to refuse. */
function filled(value: Table[string] | undefined, more: Table): Table[string] {
  if (value === undefined) return more;
  return isTable(value) ? { ...more, ...value } : value;
}

function supplied(database: string, options: Survey['options']): Supply {
  const { cidrKey = false, termKd = false } = options ?? {};
  const exported: Table = {
    format: 'bdb',
    path: database,
    dialect: 'drac',
    cidr_key: cidrKey,
    term_kd: termKd,
    interval: INTERVAL,
  };
  const allowFile = existing(ALLOW_FILES);
  return (root) => {
    const { exports: others = [] } = root;
    const isNamed = (one: Table[string]): boolean => isTable(one) && one['path'] === database;
    return {
      ...root,
      rpc: filled(root['rpc'], { addresses: ['0.0.0.0', '::'] }),
      reporters: filled(root['reporters'], { allow_file: allowFile }),
      exports: !Array.isArray(others) || others.some(isNamed) ? others : [...others, exported],
    };
  };
}

/** Looks at what the original has left. `stateDirectory`: where the service manager wants state to be. */
export function findDropIn(given: {
  readonly database?: string | undefined;
  readonly stateDirectory?: string | undefined;
}): DropIn {
  const database = given.database ?? existing(DATABASES);
  let survey: Survey | undefined;
  let problem: Fault | undefined;
  try {
    survey = readDatabase(database, () => undefined);
  } catch (error) {
    problem = toFault(error, 'IMPORT');
  }
  const beside = database.replace(/\.db$/, '.state');
  const stateDirectory = given.stateDirectory ?? (isOurs(STATE) ? STATE : beside);
  return { database, survey, problem, stateDirectory, supply: supplied(database, survey?.options) };
}

/** A btree in the place of a hash would be read by nobody whose mail server was told `hash`. */
export function refuseHash({ database, survey }: DropIn): void {
  if (survey?.method !== 'hash') return;
  throw new Fault(
    'IMPORT',
    `${database} is a hash file, and what is written here is a btree: tell the mail server btree instead of hash, ` +
      `then make a btree of it: db5.3_dump ${database} | sed /^h_/d | db5.3_load -t btree ${database}.new && ` +
      `mv ${database}.new ${database}`,
  );
}

/** Two daemons would each let in only whom they were told of. */
export async function refuseSecond(config: Config, clock: Clock): Promise<void> {
  if (config.rpc.rpcbind === 'off') return;
  const options = { host: '127.0.0.1', port: 0, transport: 'udp', timeoutMs: ANSWER_MS, clock } as const;
  const answers = await new ReportClient(options).ping().then(
    () => true,
    () => false,
  );
  if (answers)
    throw new Fault(
      'LOCKED',
      'another rpc.dracd or dracd answers on this host (rpcinfo -T udp 127.0.0.1 900101): stop it first; nothing was changed',
    );
}
