/**
 * last-config - the configuration that the daemon last ran with, kept in its state directory
 *
 * For the time when the daemon is down and its configuration has got a mistake, or names other maps than
 * before: the maps that were left must be rid of grants that are over all the same (expire-map.ts). Only a
 * service manager's state directory holds it; a daemon that was started by hand keeps none.
 *
 * Errors: none. One that cannot be kept is told of, one that cannot be read is none.
 */
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Config, MAX_CONFIG_BYTES, readConfig } from './config.js';
import { reasonOf } from './core/fault.js';
import type { Log } from './runtime/log.js';
import { readSmallFile } from './runtime/read-file.js';

export const LAST_CONFIG = 'last-config.toml';
const MODE = 0o640;

/** Keeps a configuration file's text; without a file, that there was none. */
export function keepConfig(file: string | undefined, stateDirectory: string, log: Log): void {
  const kept = path.join(stateDirectory, LAST_CONFIG);
  try {
    const text = file === undefined ? '' : readSmallFile(file, MAX_CONFIG_BYTES);
    writeFileSync(`${kept}.new`, text, { mode: MODE });
    renameSync(`${kept}.new`, kept);
  } catch (thrown) {
    log.warn('configuration: no copy can be kept for the time when dracd is down', {
      path: kept,
      reason: reasonOf(thrown),
    });
  }
}

/** The configuration that was kept, if it can be read. */
export function lastConfig(stateDirectory: string): Config | undefined {
  try {
    return readConfig(path.join(stateDirectory, LAST_CONFIG), stateDirectory);
  } catch {
    return undefined;
  }
}

/** The maps of a configuration that another one does not name any more. */
export function leftMaps(last: Config | undefined, now: Config): Config['exports'] {
  const named = new Set(now.exports.map((one) => path.normalize(one.path)));
  return (last?.exports ?? []).filter((one) => !named.has(path.normalize(one.path)));
}
