/** long-commands - the commands that go on for a while: watch, top, export, import; what they are and take */
import { type Command, Option } from 'commander';
import { systemClock } from '../runtime/clock.js';
import type { Job, ListOptions, Status } from './commands.js';
import type { ExportOptions } from './export.js';
import type { ImportOptions } from './import.js';
import { FORMATS } from './row-text.js';
import type { TopOptions } from './top.js';
import { duration, position, upTo } from './values.js';
import type { WatchOptions } from './watch.js';

const DEFAULT_INTERVAL_MS = 1_000;
const MOST_TIMES = 100_000_000;

/** Runs it with a connection; what it answers is the exit status. */
export type Run = (work: (job: Job) => Promise<Status>) => Promise<void>;

const format = (): Option =>
  new Option('--format <FORMAT>', "default: what FILE's name says").choices(FORMATS);

export const yes = (): Option =>
  new Option('-y, --yes', 'do not ask whether a deny or revocation of so many is meant');

function liveCommands(program: Command, run: Run): void {
  program
    .command('watch')
    .description('what changes, until interrupted')
    .option('--after <POSITION>', 'from there on, EPOCH:NUMBER; default: from now on', position)
    .option('--reconnect', 'go on when the connection breaks or dracd is started anew')
    .action((options: WatchOptions) =>
      run(async (job) => (await import('./watch.js')).watch(job, options, systemClock)),
    );
  program
    .command('top')
    .description('what dracd does, second by second; q or ^C ends it; lines where there is no terminal')
    .addOption(
      new Option('--interval <DURATION>', 'how often').argParser(duration).default(DEFAULT_INTERVAL_MS, '1s'),
    )
    .option('--count <COUNT>', 'so many times; default: until told to end', upTo(MOST_TIMES))
    .action((options: TopOptions) =>
      run(async (job) => (await import('./top.js')).top(job, options, systemClock)),
    );
}

interface ExportWords extends Pick<ListOptions, 'kind'> {
  readonly format?: ExportOptions['format'];
  readonly within?: string;
}

export function longCommands(program: Command, run: Run): void {
  liveCommands(program, run);
  program
    .command('export')
    .description('write all rows to a file, whole or not at all, or to standard output')
    .argument('[FILE]', 'default, and "-": standard output')
    .addOption(format())
    .addOption(new Option('--kind <KIND>', 'only these').choices(['grant', 'pin', 'deny']))
    .option('--within <NETWORK>', 'only within this address or network')
    .action((file: string | undefined, words: ExportWords) => {
      const options = { ...words, ...(file === undefined ? {} : { file }) };
      return run(async (job) => (await import('./export.js')).exportRows(job, options, systemClock));
    });
  program
    .command('import')
    .description('pin, deny and authorize what a file says, once all of it is found right')
    .argument('<FILE>', 'as export writes it; "-": standard input')
    .addOption(format())
    .option('-r, --reason <TEXT>', 'for rows that say none', 'imported')
    .option('--partial', 'leave out what is wrong or refused, and do the rest')
    .option('--dry-run', 'check the file and change nothing')
    .addOption(yes())
    .action((file: string, options: Omit<ImportOptions, 'file'>) =>
      run(async (job) => (await import('./import.js')).importRows(job, { ...options, file }, systemClock)),
    );
}
