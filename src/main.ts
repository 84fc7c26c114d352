#!/usr/bin/env node
/**
 * dracd - POP-before-SMTP relay authorization daemon
 *
 * SYNOPSIS  dracd [--config FILE] [--check-config] [--expire-map] [-i] [-e MINUTES] [--version]
 *
 * Signals: SIGTERM and SIGINT stop it within two seconds; SIGHUP reads reporters and log level anew.
 * Exit status: 0 stopped as told; 1 could not start or go on; 2 the configuration or command line is wrong.
 */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { type Config, parseConfig, readConfig } from './config.js';
import { Fault, reasonOf } from './core/fault.js';
import { MAX_LIFETIME_MS } from './core/grant.js';
import { Daemon } from './daemon.js';
import { expireMaps } from './expire-map.js';
import { greeting } from './greeting.js';
import { systemClock } from './runtime/clock.js';
import { createLogger, type Logger, type LogStyle } from './runtime/log.js';
import { notify, type NotifyEnvironment, watchdogIntervalMs } from './runtime/notify.js';
import { version } from './version.js';

const EXIT_FAILURE = 1;
const EXIT_CONFIG = 2;
const DEFAULT_CONFIG = '/etc/dracd/dracd.toml';
const SERVICE_STATE = '/var/lib/dracd';
const LOCAL_STATE = './var';
const MINUTE_MS = 60_000;
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

interface Options {
  config?: string;
  checkConfig: boolean;
  expireMap: boolean;
  init: boolean;
  expire?: number;
}

function minutes(text: string): number {
  const value = Number(text);
  const most = MAX_LIFETIME_MS / MINUTE_MS;
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new InvalidArgumentError(`It must be a whole number of minutes from 1 to ${most}.`);
}

function parseArguments(): Options {
  const program = new Command('dracd')
    .description(
      'Keeps the addresses of clients that have just fetched mail, and tells the mail server to relay for them.',
    )
    .option(
      '--config <FILE>',
      `configuration (TOML); default ${DEFAULT_CONFIG} if it exists, else built-in defaults`,
    )
    .option('--check-config', 'check the configuration, say what is wrong, and end', false)
    .option('--expire-map', 'take what is over out of the maps, if no daemon runs, and end', false)
    .option('-i, --init', 'forget all grants at the start', false)
    .option('-e, --expire <MINUTES>', 'lifetime of a grant, instead of the configured one', minutes)
    .version(`dracd ${version()}`)
    .addHelpText(
      'after',
      '\nSignals: SIGTERM, SIGINT stop it; SIGHUP reads reporters and log level anew.\nExit status: 0 stopped as told, 1 failure, 2 configuration or command line.',
    )
    .allowExcessArguments(false)
    .exitOverride();
  return program.parse().opts<Options>();
}

/** The configuration file in use, or undefined for the built-in defaults. */
function configFile(options: Options): string | undefined {
  return options.config ?? (existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : undefined);
}

/** The first of the directories that systemd names in a variable. */
function firstDirectory(variable: string): string | undefined {
  return process.env[variable]?.split(':').find((directory) => directory !== '');
}

function loadConfig(options: Options): Config {
  const file = configFile(options);
  // systemd names the unit's directories; a person without a configuration works in the current one.
  const state =
    firstDirectory('STATE_DIRECTORY') ?? (file === undefined ? path.resolve(LOCAL_STATE) : SERVICE_STATE);
  const directories = { state, runtime: firstDirectory('RUNTIME_DIRECTORY') ?? state };
  const config =
    file === undefined ? parseConfig('', 'built-in defaults', directories) : readConfig(file, directories);
  if (options.expire === undefined) return config;
  return { ...config, grants: { ...config.grants, lifetime: options.expire * MINUTE_MS } };
}

function logStyle(): LogStyle {
  // A terminal may stand in a session that a service manager started.
  if (process.stdout.isTTY) return 'terminal';
  return process.env['JOURNAL_STREAM'] === undefined ? 'json' : 'journal';
}

/** The environment systemd speaks to us through. */
function systemdEnvironment(): NotifyEnvironment {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = process.env;
  const ours = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid);
  return { NOTIFY_SOCKET, WATCHDOG_USEC: ours ? WATCHDOG_USEC : undefined };
}

function feedWatchdog(daemon: Daemon, environment: NotifyEnvironment, log: Logger): void {
  const interval = watchdogIntervalMs(environment);
  if (interval === undefined) return;
  systemClock.every(interval, () => {
    daemon.selfCheck().then(
      () => notify(environment, 'WATCHDOG=1'),
      (error: unknown) => {
        log.error('self-check failed: the watchdog is not fed', { error: reasonOf(error) });
      },
    );
  });
}

function reload(daemon: Daemon, options: Options, log: Logger): void {
  try {
    daemon.reload(loadConfig(options));
  } catch (error) {
    log.error('reload refused: everything stays as it was', { error: reasonOf(error) });
  }
}

async function serve(options: Options): Promise<void> {
  const config = loadConfig(options);
  if (configFile(options) === undefined)
    mkdirSync(path.dirname(config.store.directory), { recursive: true, mode: 0o755 });
  const log = createLogger({ level: config.log.level, style: logStyle() });
  const environment = systemdEnvironment();
  // From the first moment: unhandled, they would end the process with its registration left behind.
  const early: NodeJS.Signals[] = [];
  const remember = (signal: NodeJS.Signals): void => void early.push(signal);
  for (const signal of SIGNALS) process.on(signal, remember);
  const daemon = await Daemon.start({
    config,
    clock: systemClock,
    log,
    forgetAll: options.init,
    version: version(),
  });
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info('stopping', { signal });
    void notify(environment, 'STOPPING=1');
    void daemon.stop().then(() => {
      log.info('stopped');
      process.exit(0);
    });
  };
  const hangUp = (): void => {
    reload(daemon, options, log);
  };
  for (const signal of SIGNALS) process.off(signal, remember);
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', hangUp);
  for (const signal of early) process.emit(signal, signal);
  const reporter = path.relative(process.cwd(), path.join(import.meta.dirname, 'dracauth.js'));
  if (logStyle() === 'terminal')
    process.stdout.write(greeting({ version: version(), config, ...daemon.where(), reporter }));
  await notify(environment, 'READY=1');
  feedWatchdog(daemon, environment, log);
}

async function run(): Promise<void> {
  const options = parseArguments();
  if (options.checkConfig) {
    loadConfig(options);
    process.stdout.write(`${configFile(options) ?? 'built-in defaults'}: ok\n`);
  } else if (options.expireMap) {
    const config = loadConfig(options);
    await expireMaps({
      config,
      clock: systemClock,
      log: createLogger({ level: config.log.level, style: logStyle() }),
    });
  } else await serve(options);
}

function exitStatusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CONFIG;
  return error instanceof Fault && error.code === 'CONFIG' ? EXIT_CONFIG : EXIT_FAILURE;
}

run().catch((error: unknown) => {
  const shown = error instanceof CommanderError;
  if (!shown) process.stderr.write(`dracd: ${reasonOf(error)}\n`);
  process.exit(exitStatusOf(error));
});
