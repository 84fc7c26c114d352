#!/usr/bin/env node
/**
 * ctl - dracctl, the operator's program: sees and steers a running dracd
 *
 * SYNOPSIS  dracctl [--server SERVER] [--timeout DURATION] [--json] COMMAND
 *
 * It speaks gRPC only (proto/dracd/admin/v1/admin.proto), but for `doctor` (doctor.ts). Exit status: ctl/exit.ts, --help,
 * docs/dracctl.md; that of doctor: docs/doctor.md.
 *
 * What a command needs is loaded when it runs, so that an answer does not wait for what others need.
 */
import { once } from 'node:events';
import { userInfo } from 'node:os';
import { Argument, Command, Option } from 'commander';
import { type Shell, SHELLS } from './ctl/shells.js';
import type { Job, ListOptions, Status, Which, WishOptions } from './ctl/commands.js';
import { doctorCommand } from './ctl/doctor-command.js';
import { CtlError, EXIT, EXIT_TEXT, failureOf, failureText } from './ctl/exit.js';
import { longCommands, yes } from './ctl/long-commands.js';
import { serverOf, type ServerWords } from './ctl/server.js';
import type { SureOptions } from './ctl/sure.js';
import { duration, time, upTo } from './ctl/values.js';
import { systemClock } from './runtime/clock.js';
import { version } from './version.js';

interface Globals extends ServerWords {
  readonly timeout: number;
  readonly json?: true;
}

function author(): string | undefined {
  try {
    const name = userInfo().username;
    return /^[\x21-\x7e]{1,64}$/.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

const write = (text: string): void => void process.stdout.write(text);

async function flushed(): Promise<void> {
  if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
}

function terminal(): { isTerminal: boolean; colours: boolean } {
  const { TERM: kind = 'dumb', NO_COLOR: without = '' } = process.env;
  const isTerminal = process.stdout.isTTY && kind !== 'dumb';
  return { isTerminal, colours: isTerminal && without === '' };
}

/** Runs a command with a connection; what it answers is the exit status. */
async function withServer(
  globals: Globals,
  run: (job: Job, commands: Commands) => Promise<Status>,
): Promise<void> {
  const { timeout, json = false } = globals;
  const where = serverOf(globals);
  const [{ AdminClient }, commands] = await Promise.all([
    import('./admin/client.js'),
    import('./ctl/commands.js'),
  ]);
  const client = new AdminClient({ ...where, timeoutMs: timeout, author: author(), clock: systemClock });
  const output = { json, ...terminal(), write, flushed, now: () => systemClock.wall() };
  try {
    process.exitCode = await run({ client, output }, commands);
  } finally {
    client.close();
  }
}

type Commands = typeof import('./ctl/commands.js');

const reason = (): Option => new Option('-r, --reason <TEXT>', 'why, for the audit').makeOptionMandatory();

interface RevokeWords extends SureOptions {
  readonly reporter?: string;
  readonly all?: true;
  readonly reason: string;
}

function wishCommand(program: Command, name: 'authorize' | 'pin' | 'deny', description: string): Command {
  return program
    .command(name)
    .description(description)
    .argument('<ADDRESS>', 'an address or network')
    .addOption(reason())
    .option('--for <DURATION>', 'how long, such as 30m or 7d', duration)
    .option('--user <NAME>', 'whose mailbox')
    .action((subject: string, options: WishOptions) =>
      withServer(program.opts(), (job, { wish }) => wish(job, name, { ...options, subject })),
    );
}

function removeCommand(program: Command, name: 'unpin' | 'undeny', description: string): void {
  program
    .command(name)
    .description(description)
    .argument('<ADDRESS>', 'as it was named')
    .addOption(reason())
    .action((subject: string, options: { reason: string }) =>
      withServer(program.opts(), (job, { remove }) => remove(job, name, { ...options, subject })),
    );
}

function lookingCommands(program: Command): void {
  program
    .command('list')
    .description('what may relay, and what is denied')
    .argument('[NETWORK]', 'only within this network; of an address: it and the networks around it')
    .addOption(new Option('--kind <KIND>', 'only these').choices(['grant', 'pin', 'deny']))
    .option('--reporter <ADDRESS>', "only leases on this reporter's word")
    .option('--user <NAME>', "only this user's")
    .option('--ends-within <DURATION>', 'only what ends so soon', duration)
    .option('--limit <COUNT>', 'so many, sorted: denies, pins, grants', upTo(1_000))
    .action((within: string | undefined, options: ListOptions) =>
      withServer(program.opts(), (job, { list }) =>
        list(job, { ...options, ...(within === undefined ? {} : { within }) }),
      ),
    );
  program
    .command('explain')
    .alias('show')
    .description('whether an address may relay, and why')
    .argument('<ADDRESS>')
    .action((address: string) => withServer(program.opts(), (job, { explain }) => explain(job, address)));
  program
    .command('history')
    .description('whether an address could relay at a time, and on whose word, by the audit')
    .argument('<ADDRESS>')
    .option('--at <TIME>', 'when, such as 2026-11-25T14:03:22Z; default: now', time)
    .action((address: string, options: { at?: number }) =>
      withServer(program.opts(), async (job) =>
        (await import('./ctl/history.js')).history(job, { ...options, address }),
      ),
    );
  program
    .command('stats')
    .description('numbers of the running daemon')
    .action(() => withServer(program.opts(), (job, { stats }) => stats(job)));
}

function actingCommands(program: Command): void {
  wishCommand(program, 'authorize', 'let relay for a while, as a mailbox login does');
  program
    .command('revoke')
    .description('take leases away at once; pins and denies stay')
    .argument('[NETWORK]', 'those of this address or network')
    .option('--reporter <ADDRESS>', "those on this reporter's word")
    .option('--all', 'all of them')
    .addOption(reason())
    .addOption(yes())
    .action(async (within: string | undefined, options: RevokeWords) => {
      const { reporter, all, reason: why } = options;
      const chosen: Which[] = [
        ...(within === undefined ? [] : [{ within }]),
        ...(reporter === undefined ? [] : [{ reporter }]),
        ...(all === undefined ? [] : [{ all }]),
      ];
      const [which] = chosen;
      if (which === undefined || chosen.length > 1)
        throw new CtlError(EXIT.usage, 'name one of NETWORK, --reporter and --all');
      if ('all' in which) await (await import('./ctl/sure.js')).mustBeSure('--all ends every lease', options);
      return withServer(program.opts(), (job, { revoke }) => revoke(job, which, why));
    });
  wishCommand(program, 'pin', 'let relay until unpin, or for so long');
  removeCommand(program, 'unpin', 'take a pin away');
  wishCommand(program, 'deny', 'end what it has and let it have nothing more, until undeny, or for so long')
    .addOption(yes())
    .hook('preAction', async (command) => {
      const [subject = ''] = command.args;
      const { isVast, mustBeSure } = await import('./ctl/sure.js');
      if (isVast(subject))
        await mustBeSure(`a deny of ${subject} lets nobody in it relay`, command.opts<SureOptions>());
    });
  removeCommand(program, 'undeny', 'take a deny away');
  program
    .command('forget')
    .description('take an address out of leases, maps and the audit; pins and denies stay')
    .argument('<ADDRESS>')
    .addOption(reason())
    .action((address: string, options: { reason: string }) =>
      withServer(program.opts(), async (job) =>
        (await import('./ctl/history.js')).forget(job, { ...options, address }),
      ),
    );
  program
    .command('reload')
    .description('read the configuration anew')
    .action(() => withServer(program.opts(), (job, { reload }) => reload(job)));
  program
    .command('rotate')
    .description('begin a new segment of the journal')
    .action(() => withServer(program.opts(), (job, { rotate }) => rotate(job)));
  program
    .command('shutdown')
    .description('stop dracd')
    .action(() => withServer(program.opts(), (job, { shutdown }) => shutdown(job)));
}

function build(): Command {
  const program = new Command('dracctl')
    .description('Sees and steers a running dracd.')
    .addOption(
      new Option('--server <SERVER>', 'unix:/path or host:port; default: the socket of this host').env(
        'DRACCTL_SERVER',
      ),
    )
    .addOption(
      new Option('--timeout <DURATION>', 'how long an answer may take')
        .argParser(duration)
        .default(10_000, '10s'),
    )
    .option('--json', 'one JSON object a line')
    .addOption(new Option('--cert <FILE>', 'for a port: your certificate').env('DRACCTL_CERT'))
    .addOption(new Option('--key <FILE>', 'for a port: its key').env('DRACCTL_KEY'))
    .addOption(new Option('--ca <FILE>', "for a port: who signs dracd's certificate").env('DRACCTL_CA'))
    .version(`dracctl ${version()}`)
    .addHelpText('after', EXIT_TEXT)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: (text, say) => {
        say(text.replace(/^error: /, 'dracctl: '));
      },
    })
    .exitOverride();
  lookingCommands(program);
  longCommands(program, (run) => withServer(program.opts(), run));
  actingCommands(program);
  doctorCommand(program, process.stdout.isTTY && process.env['NO_COLOR'] === undefined);
  program
    .command('completion')
    .description('print completions for a shell')
    .addArgument(new Argument('<SHELL>').choices(SHELLS))
    .action(async (shell: Shell) => {
      const { completion } = await import('./ctl/completion.js');
      process.stdout.write(completion(program, shell));
    });
  return program;
}

function fail(thrown: unknown): void {
  const failure = failureOf(thrown);
  process.stderr.write(failureText(failure));
  process.exitCode = failure.exit;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (head) is no failure.
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`dracctl: standard output cannot be written: ${error.message}\n`);
  process.exit(EXIT.output);
});
// Nobody is left to be told.
process.stderr.on('error', () => undefined);
// grpc-js warns of what a port's name may be.
process.noDeprecation = true;
build().parseAsync().catch(fail);
