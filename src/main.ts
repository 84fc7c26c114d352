#!/usr/bin/env node
/**
 * dracd - POP-before-SMTP relay authorization daemon, and rpc.dracd, its drop-in for the original
 *
 * SYNOPSIS  see arguments.ts
 *
 * Signals: SIGTERM and SIGINT stop it within two seconds; SIGHUP reads reporters, names, log level and TLS files anew.
 * Exit status: 0 stopped as told; 1 could not start or go on; 2 the configuration or command line is wrong.
 *
 * As rpc.dracd it takes over the live grants of the database that it finds at its start (import-grants), unless
 * -i says to forget all, or the database is its own and unchanged since: then the journal knows more than it. So a
 * restart brings back nothing that has ended or was revoked, and what the original has granted meanwhile (after
 * an undone switch) is never lost. A database that cannot be read is told of, and the service starts without it.
 */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { CommanderError } from 'commander';
import { DEFAULT_CONFIG, MINUTE_MS, type Options, parseArguments } from './arguments.js';
import { askAudit } from './ask-audit.js';
import { type Config, parseConfig, readConfig } from './config.js';
import { Fault, reasonOf, toFault } from './core/fault.js';
import { Daemon } from './daemon.js';
import { type DropIn, findDropIn, refuseHash, refuseSecond } from './drop-in.js';
import { expireMaps } from './expire-map.js';
import { greeting } from './greeting.js';
import { importGrants } from './import-grants.js';
import { keepConfig, lastConfig, leftMaps } from './last-config.js';
import { systemClock } from './runtime/clock.js';
import { createLogger, type Logger, type LogStyle } from './runtime/log.js';
import { notify, type NotifyEnvironment, watchdogIntervalMs } from './runtime/notify.js';
import { isUnused } from './store/directory.js';
import { version } from './version.js';

const EXIT_FAILURE = 1;
const EXIT_CONFIG = 2;
const SERVICE_STATE = '/var/lib/dracd';
const LOCAL_STATE = './var';
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** What the command line asks for. */
interface Wish {
  readonly options: Options;
  /** As rpc.dracd only. */
  readonly dropIn: DropIn | undefined;
}

/** The first of the directories that systemd has made for the unit and names in a variable. */
function firstDirectory(variable: string): string | undefined {
  return process.env[variable]?.split(':').find((directory) => directory !== '');
}

const givenState = (): string | undefined => firstDirectory('STATE_DIRECTORY');

/** Where the configuration of the last run is kept; what stands for rpc.dracd's is made anew from what is there. */
function keptState({ dropIn }: Wish): string | undefined {
  return dropIn === undefined ? givenState() : undefined;
}

/** The configuration file in use, or undefined for the built-in defaults. */
function configFile({ options }: Wish): string | undefined {
  return options.config ?? (existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : undefined);
}

function loadConfig(wish: Wish): Config {
  const file = configFile(wish);
  // systemd names the unit's directories; a person without a configuration works in the current one.
  const state = givenState() ?? (file === undefined ? LOCAL_STATE : SERVICE_STATE);
  const defaults = {
    ...(wish.dropIn ?? { stateDirectory: path.resolve(state) }),
    runtimeDirectory: firstDirectory('RUNTIME_DIRECTORY'),
  };
  const config =
    file === undefined ? parseConfig('', 'built-in defaults', defaults) : readConfig(file, defaults);
  const { expire } = wish.options;
  if (expire === undefined) return config;
  return { ...config, grants: { ...config.grants, lifetime: expire * MINUTE_MS } };
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

function reload(daemon: Daemon, log: Logger): void {
  try {
    daemon.reload();
  } catch (error) {
    log.error('reload refused: everything stays as it was', { error: reasonOf(error) });
  }
}

/** The grants that the original has left, once, and only when nobody else serves. */
async function takeOver({ options, dropIn }: Wish, config: Config, log: Logger): Promise<void> {
  if (dropIn === undefined) return;
  refuseHash(dropIn);
  await refuseSecond(config, systemClock);
  const { database, survey, problem } = dropIn;
  if (problem !== undefined)
    log.error('import: nothing is taken over, the service starts without', { reason: problem.message });
  if (options.init || survey === undefined) return;
  if (survey.ours && !isUnused(config.store.directory)) return;
  await importGrants({ file: database, config, forgetAll: false, clock: systemClock, log });
}

/** What is left of the last run's maps is told of; the configuration is kept for the time after this run. */
function rememberConfig(wish: Wish, config: Config, log: Logger): void {
  const state = keptState(wish);
  if (state === undefined) return;
  for (const { path: map } of leftMaps(lastConfig(state), config)) {
    if (existsSync(map))
      log.warn('map: no longer in the configuration; it keeps what it says, remove it', { path: map });
  }
  keepConfig(configFile(wish), state, log);
}

async function serve(wish: Wish): Promise<void> {
  const config = loadConfig(wish);
  if (configFile(wish) === undefined)
    mkdirSync(path.dirname(config.store.directory), { recursive: true, mode: 0o755 });
  const log = createLogger({ level: config.log.level, style: logStyle() });
  const environment = systemdEnvironment();
  // From the first moment: unhandled, they would end the process with its registration left behind. And the same
  // listeners to the end: one that arrives while they are exchanged is lost.
  const early: string[] = [];
  let heed = (why: string): void => void early.push(why);
  for (const signal of SIGNALS)
    process.on(signal, (heard) => {
      heed(heard);
    });
  await takeOver(wish, config, log);
  const daemon = await Daemon.start({
    config,
    clock: systemClock,
    log,
    forgetAll: wish.options.init,
    version: version(),
    reread: () => loadConfig(wish),
    shutdown: (why) => {
      heed(why);
    },
  });
  let stopping = false;
  const stop = (why: string): void => {
    if (stopping) return;
    stopping = true;
    log.info('stopping', { signal: why });
    void notify(environment, 'STOPPING=1');
    void daemon.stop().then(() => {
      log.info('stopped');
      process.exit(0);
    });
  };
  heed = (why) => {
    if (why === 'SIGHUP') reload(daemon, log);
    else stop(why);
  };
  for (const why of early) heed(why);
  const reporter = path.relative(process.cwd(), path.join(import.meta.dirname, 'dracauth.js'));
  if (logStyle() === 'terminal')
    process.stdout.write(greeting({ version: version(), config, ...daemon.where(), reporter }));
  rememberConfig(wish, config, log);
  await notify(environment, 'READY=1');
  feedWatchdog(daemon, environment, log);
}

/**
 * What the timer does while no daemon runs; with a configuration that cannot be used, in the maps of the last run. A
 * database that somebody else writes is not ours to change.
 */
async function expire(wish: Wish): Promise<void> {
  const { dropIn } = wish;
  const state = keptState(wish);
  const last = state === undefined ? undefined : lastConfig(state);
  let config: Config;
  let mistake: Fault | undefined;
  try {
    config = loadConfig(wish);
  } catch (error) {
    if (last === undefined) throw error;
    config = last;
    mistake = toFault(error, 'CONFIG');
  }
  const log = createLogger({ level: config.log.level, style: logStyle() });
  if (mistake !== undefined) log.warn('configuration: cannot be used, the maps are those of the last run');
  const isTheirs = ({ path: file }: Config['exports'][number]): boolean =>
    file === dropIn?.database && dropIn.survey?.ours !== true;
  await expireMaps({
    config: { ...config, exports: config.exports.filter((one) => !isTheirs(one)) },
    left: leftMaps(last, config),
    clock: systemClock,
    log,
  });
  if (mistake !== undefined) throw mistake;
}

async function importOnly(wish: Wish, file: string): Promise<void> {
  const config = loadConfig(wish);
  const log = createLogger({ level: config.log.level, style: logStyle() });
  await importGrants({
    file: path.resolve(file),
    config,
    forgetAll: wish.options.init,
    clock: systemClock,
    log,
  });
}

/** Writes to standard output. Rejects when it cannot; whoever reads no more has had his answer. */
async function say(text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') resolve();
      else reject(new Error(`standard output cannot be written: ${error.message}`));
    });
    process.stdout.write(text, () => {
      resolve();
    });
  });
}

async function run(): Promise<void> {
  const options = parseArguments(process.argv);
  const { database } = options;
  const dropIn = options.original ? findDropIn({ database, stateDirectory: givenState() }) : undefined;
  const wish: Wish = { options, dropIn };
  if (options.checkConfig) {
    loadConfig(wish);
    process.stdout.write(`${configFile(wish) ?? 'built-in defaults'}: ok\n`);
  } else if (options.expireMap) await expire(wish);
  else if (options.import !== undefined) await importOnly(wish, options.import);
  else if (options.who !== undefined)
    await say(await askAudit(loadConfig(wish), options.who, options.at ?? systemClock.wall()));
  else await serve(wish);
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
