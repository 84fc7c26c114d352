#!/usr/bin/env node
/**
 * dracauth - tells a dracd that addresses have just authenticated
 *
 * SYNOPSIS  dracauth [-s HOST] [-p PORT] [--tcp] [-t SECONDS] [ADDRESS...]
 *
 * With no ADDRESS it takes the environment's IP (Dovecot's post-login scripts), then TCPREMOTEIP
 * (tcpserver). Exit status: the addstat (0 success, 1 permission denied, 2 system error, 3 unknown;
 * of several addresses the highest), 64 usage, 69 server unreachable, 75 timed out.
 */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { type ClientAddress, parseAddress } from './core/address.js';
import { Fault, reasonOf } from './core/fault.js';
import { ReportClient } from './report/client.js';
import { systemClock } from './runtime/clock.js';
import { version } from './version.js';

/** sysexits.h, as mail programs use them. */
const EX_USAGE = 64;
const EX_UNAVAILABLE = 69;
const EX_TEMPFAIL = 75;

const ANSWERS = ['success', 'permission denied', 'system error', 'unknown error'] as const;

interface Options {
  server: string;
  port: number;
  tcp: boolean;
  timeout: number;
  quiet: boolean;
}

function wholeNumber(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

function addressesOf(words: readonly string[]): ClientAddress[] {
  const fallback = [process.env['IP'], process.env['TCPREMOTEIP']].find(
    (text) => text !== undefined && text !== '',
  );
  const texts = words.length > 0 ? words : fallback === undefined ? [] : [fallback];
  if (texts.length === 0)
    throw new CommanderError(
      EX_USAGE,
      'noAddress',
      'no ADDRESS given, and neither IP nor TCPREMOTEIP is in the environment',
    );
  return texts.map((text) => {
    const address = parseAddress(text);
    if (address === undefined)
      throw new CommanderError(EX_USAGE, 'notAddress', `not an IP address: ${JSON.stringify(text)}`);
    return address;
  });
}

async function run(words: string[], options: Options): Promise<number> {
  const addresses = addressesOf(words);
  const client = new ReportClient({
    host: options.server,
    port: options.port,
    transport: options.tcp ? 'tcp' : 'udp',
    timeoutMs: options.timeout * 1_000,
    clock: systemClock,
  });
  let status = 0;
  for (const address of addresses) {
    const answer = await client.report(address);
    if (!options.quiet) process.stdout.write(`${address}: ${ANSWERS[answer] ?? `addstat ${answer}`}\n`);
    status = Math.max(status, answer);
  }
  return status;
}

function exitStatusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EX_USAGE;
  if (error instanceof Fault && error.code === 'TIMEOUT') return EX_TEMPFAIL;
  return EX_UNAVAILABLE;
}

const program = new Command('dracauth')
  .description(
    'Tells a dracd that addresses have just authenticated, so that the mail server relays for them.',
  )
  .argument('[ADDRESS...]', 'IPv4 or IPv6 addresses; none: $IP, then $TCPREMOTEIP')
  .option('-s, --server <HOST>', 'where dracd runs', 'localhost')
  .option('-p, --port <PORT>', 'its port; 0: ask rpcbind', wholeNumber(0, 65_535), 0)
  .option('--tcp', 'call over TCP instead of UDP', false)
  .option('-t, --timeout <SECONDS>', 'how long to wait in all', wholeNumber(1, 3_600), 5)
  .option('-q, --quiet', 'say nothing on standard output', false)
  .version(version())
  .addHelpText(
    'after',
    '\nExit status: 0 success, 1 permission denied, 2 system error, 3 unknown error,\n64 usage, 69 server unreachable, 75 timed out.',
  )
  .exitOverride();

// Who reads the answers may go away, and their disk be full: every address is reported all the same.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

try {
  program.parse();
  process.exitCode = await run(program.args, program.opts<Options>());
} catch (error) {
  process.exitCode = exitStatusOf(error);
  // commander has shown its own errors, help and version already.
  const shown = error instanceof CommanderError && error.code.startsWith('commander.');
  if (!shown) process.stderr.write(`dracauth: ${reasonOf(error)}\n`);
}
