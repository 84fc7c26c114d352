/** doctor-command - `dracctl doctor`: what it may be told, and its exit status; what it does is doctor.ts's */
import { type Command, Option } from 'commander';
import type { CheckName } from '../doctor.js';
import { systemClock } from '../runtime/clock.js';

const NAMES: Readonly<Record<CheckName, true>> = {
  config: true,
  daemon: true,
  rpcbind: true,
  maps: true,
  sockets: true,
  postfix: true,
  certificates: true,
  clock: true,
  space: true,
  descriptors: true,
  expiry: true,
  permissions: true,
};
/** Each check's time when --timeout does not say. */
const LIMIT_MS = 5_000;

interface Options {
  readonly config?: string;
  readonly only?: readonly CheckName[];
  readonly postfix?: string;
}

/** Adds the command; `colours`: whether standard output is a terminal that shows them. */
export function doctorCommand(program: Command, colours: boolean): void {
  program
    .command('doctor')
    .description('examine dracd and what stands around it on this host')
    .option('--config <FILE>', "the daemon's configuration; default: that of the service")
    .addOption(new Option('--only <CHECK...>', 'only these').choices(Object.keys(NAMES)))
    .option('--postfix <DIRECTORY>', "Postfix's configuration; default: that of the host")
    .addHelpText(
      'after',
      '\nExit status: 0 nothing to do; 1 warnings; 2 errors. --timeout: of each check, default 5s.',
    )
    .action(async ({ config, only, postfix }: Options) => {
      const { timeout, json = false } = program.opts<{ timeout: number; json?: true }>();
      const { doctor } = await import('../doctor.js');
      process.exitCode = await doctor({
        config,
        only,
        postfix,
        limitMs: program.getOptionValueSource('timeout') === 'default' ? LIMIT_MS : timeout,
        json,
        colours,
        clock: systemClock,
        write: (text) => void process.stdout.write(text),
      });
      // A system call that hangs is not waited for; what was written is.
      process.stdout.write('', () => process.exit());
    });
}
