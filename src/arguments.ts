/**
 * arguments - the command line: dracd's own, and that of the original
 *
 * SYNOPSIS  dracd [--config FILE] [--check-config | --expire-map | --import FILE | --who ADDRESS [--at TIME]] [-i] [-e MINUTES] [--version]
 *           rpc.dracd [-i] [-e MINUTES] [DBFILE]
 *
 * Both are one program: it is rpc.dracd when it is called by that name, or when a DBFILE is given. Errors:
 * CommanderError, already told.
 */
import path from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { type ClientAddress, parseAddress } from './core/address.js';
import { MAX_LIFETIME_MS } from './core/grant.js';
import { readTimeText, TIME_HINT } from './runtime/time-text.js';
import { version } from './version.js';

export const DEFAULT_CONFIG = '/etc/dracd/dracd.toml';
export const MINUTE_MS = 60_000;

const OLD_NAME = 'rpc.dracd';
/** Mail servers are told the name without it. */
const DATABASE_SUFFIX = '.db';

export interface Options {
  readonly config?: string;
  readonly checkConfig: boolean;
  readonly expireMap: boolean;
  readonly import?: string;
  /** An address that the audit is asked about, and when, epoch milliseconds. */
  readonly who?: ClientAddress;
  readonly at?: number;
  readonly init: boolean;
  readonly expire?: number;
  /** It is to be what the original was. */
  readonly original: boolean;
  /** The DBFILE that was given. */
  readonly database?: string;
}

function minutes(text: string): number {
  const value = Number(text);
  const most = MAX_LIFETIME_MS / MINUTE_MS;
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new InvalidArgumentError(`It must be a whole number of minutes from 1 to ${most}.`);
}

function database(text: string): string {
  if (text.endsWith(DATABASE_SUFFIX)) return path.resolve(text);
  throw new InvalidArgumentError(`It must end in ${DATABASE_SUFFIX}, as mail servers expect.`);
}

function address(text: string): ClientAddress {
  const parsed = parseAddress(text);
  if (parsed !== undefined) return parsed;
  throw new InvalidArgumentError('It must be an IP address.');
}

function time(text: string): number {
  const ms = readTimeText(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError(TIME_HINT);
}

const HELP = `
Called as ${OLD_NAME}, or with a DBFILE, it is a drop-in for the original daemon: it writes DBFILE (a Berkeley DB
btree), listens on all addresses, takes over the live grants of the DBFILE that it finds, and stays in the
foreground. See docs/migration.md.

Signals: SIGTERM, SIGINT stop it; SIGHUP reads reporters, names, log level and TLS files anew.
Exit status: 0 stopped as told, 1 failure, 2 configuration or command line.`;

/** Reads the words of the command line, the interpreter and the program's path first. */
export function parseArguments(argv: readonly string[]): Options {
  const called = path.basename(argv[1] ?? '');
  const program = new Command(called === OLD_NAME ? OLD_NAME : 'dracd')
    .description(
      'Keeps the addresses of clients that have just fetched mail, and tells the mail server to relay for them.',
    )
    .argument('[DBFILE]', 'the database of the original, to be written and taken over', database)
    .option(
      '--config <FILE>',
      `configuration (TOML); default ${DEFAULT_CONFIG} if it exists, else built-in defaults`,
    )
    .option('--check-config', 'check the configuration, say what is wrong, and end', false)
    .option('--expire-map', 'take what is over out of the maps, if no daemon runs, and end', false)
    .option(
      '--import <FILE>',
      'take over the live grants of an original database, if no daemon runs, and end',
    )
    .option(
      '--who <ADDRESS>',
      'say whether the address could relay and on whose word, by the files of the audit',
      address,
    )
    .option('--at <TIME>', 'with --who: when; default now', time)
    .option('-i, --init', 'forget all grants at the start (not what operators have pinned or denied)', false)
    .option('-e, --expire <MINUTES>', 'lifetime of a grant, instead of the configured one', minutes)
    .version(`dracd ${version()}`)
    .addHelpText('after', HELP)
    .allowExcessArguments(false)
    .exitOverride();
  program.parse(argv);
  const options = program.opts<Omit<Options, 'original' | 'database'>>();
  const [file] = program.processedArgs as [string | undefined];
  const ends = [
    options.checkConfig,
    options.expireMap,
    options.import !== undefined,
    options.who !== undefined,
  ];
  if (ends.filter(Boolean).length > 1)
    program.error('error: --check-config, --expire-map, --import and --who exclude each other');
  if (options.at !== undefined && options.who === undefined) program.error('error: --at needs --who');
  const original = called === OLD_NAME || file !== undefined;
  return { ...options, original, ...(file === undefined ? {} : { database: file }) };
}
