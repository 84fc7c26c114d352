#!/usr/bin/env node
/**
 * ctl - dracctl, the operator's program: sees and steers a running dracd
 *
 * SYNOPSIS  dracctl [--server SERVER] [--timeout DURATION] [--json] COMMAND
 *
 * It speaks gRPC only (proto/dracd/admin/v1/admin.proto), but for `doctor` (doctor.ts), which has its own exit status. Exit status: 0 done; 1 the answer is no (explain: may not relay;
 * unpin, undeny, revoke: there was none); 2 dracd could not do it; 64 the command line or a field is wrong; 69 dracd is
 * not reached; 75 try again later; 77 not allowed.
 *
 * What a command needs is loaded when it runs, so that an answer does not wait for what others need.
 */
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { AdminError } from './admin/client.js';
import { completion, type Shell, SHELLS } from './ctl/completion.js';
import type { Job, ListOptions, Status, Which, WishOptions } from './ctl/commands.js';
import { doctorCommand } from './ctl/doctor-command.js';
import { systemClock } from './runtime/clock.js';
import { version } from './version.js';

const SOCKETS = [
  '/run/dracd/admin.sock',
  '/run/rpc-dracd/admin.sock',
  '/var/lib/dracd/admin.sock',
  './var/admin.sock',
];
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const EXIT = { failed: 2, usage: 64, unreachable: 69, later: 75, forbidden: 77 } as const;

interface Globals {
  readonly server?: string;
  readonly timeout: number;
  readonly json?: true;
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

function duration(text: string): number {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count !== undefined && Number(count) > 0) return Number(count) * (UNIT_MS[unit] ?? NaN);
  throw new InvalidArgumentError('It must be a duration such as 90s, 30m, 12h or 7d.');
}

function count(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text) && Number(text) <= 1_000) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1 to 1000.');
}

function author(): string | undefined {
  try {
    const name = userInfo().username;
    return /^[\x21-\x7e]{1,64}$/.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Runs a command with a connection; what it answers is the exit status. */
async function withServer(
  globals: Globals,
  run: (job: Job, commands: Commands) => Promise<Status>,
): Promise<void> {
  const socket = SOCKETS.find((file) => existsSync(file)) ?? './var/admin.sock';
  const { server = `unix:${socket}`, timeout, json = false, cert, key, ca } = globals;
  const hasTls = cert !== undefined && key !== undefined && ca !== undefined;
  if (!server.startsWith('unix:') && !hasTls)
    throw new CommanderError(EXIT.usage, 'tls', `error: ${server} needs --cert, --key and --ca`);
  const [{ AdminClient }, commands] = await Promise.all([
    import('./admin/client.js'),
    import('./ctl/commands.js'),
  ]);
  const tls = hasTls ? { cert, key, ca } : undefined;
  const client = new AdminClient({ server, timeoutMs: timeout, author: author(), tls, clock: systemClock });
  const output = {
    json,
    colours: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
    write: (text: string) => void process.stdout.write(text),
    now: () => systemClock.wall(),
  };
  try {
    process.exitCode = await run({ client, output }, commands);
  } finally {
    client.close();
  }
}

type Commands = typeof import('./ctl/commands.js');

const reason = (): Option => new Option('-r, --reason <TEXT>', 'why, for the audit').makeOptionMandatory();

function wishCommand(program: Command, name: 'authorize' | 'pin' | 'deny', description: string): void {
  program
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
    .argument('[NETWORK]', 'only within this address or network')
    .addOption(new Option('--kind <KIND>', 'only these').choices(['grant', 'pin', 'deny']))
    .option('--reporter <ADDRESS>', "only leases on this reporter's word")
    .option('--user <NAME>', "only this user's")
    .option('--ends-within <DURATION>', 'only what ends so soon', duration)
    .option('--limit <COUNT>', 'so many, sorted: denies, pins, grants', count)
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
    .command('watch')
    .description('what changes, until interrupted')
    .action(() => withServer(program.opts(), (job, { watch }) => watch(job, undefined)));
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
    .action((within: string | undefined, options: { reporter?: string; all?: true; reason: string }) => {
      const { reporter, all, reason: why } = options;
      const chosen: Which[] = [
        ...(within === undefined ? [] : [{ within }]),
        ...(reporter === undefined ? [] : [{ reporter }]),
        ...(all === undefined ? [] : [{ all }]),
      ];
      const [which] = chosen;
      if (which === undefined || chosen.length > 1)
        throw new CommanderError(EXIT.usage, 'revoke', 'error: name one of NETWORK, --reporter and --all');
      return withServer(program.opts(), (job, { revoke }) => revoke(job, which, why));
    });
  wishCommand(program, 'pin', 'let relay until unpin, or for so long');
  removeCommand(program, 'unpin', 'take a pin away');
  wishCommand(program, 'deny', 'end what it has and let it have nothing more, until undeny, or for so long');
  removeCommand(program, 'undeny', 'take a deny away');
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
    .option('--timeout <DURATION>', 'how long an answer may take', duration, 10_000)
    .option('--json', 'one JSON object a line')
    .addOption(new Option('--cert <FILE>', 'for a port: your certificate').env('DRACCTL_CERT'))
    .addOption(new Option('--key <FILE>', 'for a port: its key').env('DRACCTL_KEY'))
    .addOption(new Option('--ca <FILE>', "for a port: who signs dracd's certificate").env('DRACCTL_CA'))
    .version(`dracctl ${version()}`)
    .addHelpText(
      'after',
      '\nExit status: 0 done; 1 the answer is no; 2 dracd could not do it; 64 command line or a field; 69 not reached; 75 try again; 77 not allowed.',
    )
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  lookingCommands(program);
  actingCommands(program);
  doctorCommand(program, process.stdout.isTTY && process.env['NO_COLOR'] === undefined);
  program
    .command('completion')
    .description('print completions for a shell')
    .addArgument(new Argument('<SHELL>').choices(SHELLS))
    .action((shell: Shell) => void process.stdout.write(completion(program, shell)));
  return program;
}

const statuses: Readonly<Record<string, number | undefined>> = {
  INVALID_ARGUMENT: EXIT.usage,
  UNAVAILABLE: EXIT.unreachable,
  DEADLINE_EXCEEDED: EXIT.later,
  RESOURCE_EXHAUSTED: EXIT.later,
  PERMISSION_DENIED: EXIT.forbidden,
};

function fail(thrown: unknown): void {
  if (thrown instanceof CommanderError) {
    if (thrown.code === 'tls' || thrown.code === 'revoke') process.stderr.write(`${thrown.message}\n`);
    process.exitCode = thrown.exitCode === 0 ? 0 : EXIT.usage;
    return;
  }
  const { message, status, reason: why, cure } = thrown as AdminError;
  const more = typeof cure === 'string' && cure !== '' ? `\n  cure: ${cure}` : '';
  process.stderr.write(`dracctl: ${message}${more}\n`);
  const isLater = status === 'UNAVAILABLE' && why !== '';
  process.exitCode = isLater ? EXIT.later : (statuses[status] ?? EXIT.failed);
}

// A reader that has seen enough (head) is no failure; grpc-js warns of what a port's name may be.
process.stdout.on('error', () => process.exit(0));
process.noDeprecation = true;
build().parseAsync().catch(fail);
