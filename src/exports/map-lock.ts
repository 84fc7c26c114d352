/**
 * map-lock - one daemon a map
 *
 * Two daemons that write one map would each put only its own grants there, in turns. So a map is opened
 * under an exclusive lock on a file beside it, PATH.lock, which stays; the kernel drops the lock however
 * the daemon ends. (The map itself is locked for moments only: that lock is shared with its readers.)
 *
 * Errors: Fault LOCKED when another daemon has the map, Fault MAP when the lock file cannot be made.
 */
import { closeSync, constants, openSync } from 'node:fs';
import path from 'node:path';
import { Fault, reasonOf } from '../core/fault.js';
import { tryLockFile } from '../runtime/file-lock.js';
import { cureOf } from './cure.js';
import type { LiveMapOptions, OpenLiveMap } from './format.js';
import { makeDirectory } from './map-file.js';

const LOCK_MODE = 0o640;
const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;

function lockBeside(file: string): number {
  const name = `${file}.lock`;
  let fd: number | undefined;
  try {
    fd = openSync(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, LOCK_MODE);
    if (tryLockFile(fd)) return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    const { code } = error as NodeJS.ErrnoException;
    throw new Fault('MAP', `cannot lock ${name}: ${reasonOf(error)}${cureOf(code)}`, error);
  }
  closeSync(fd);
  throw new Fault('LOCKED', `another dracd writes the map ${file}: give each its own [[exports]] path`);
}

/** The same map, which no other daemon can have open meanwhile. */
export function exclusive(map: OpenLiveMap, options: Pick<LiveMapOptions, 'path' | 'log'>): OpenLiveMap {
  let fd: number | undefined;
  const release = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  return {
    get degraded() {
      return map.degraded;
    },
    get untold() {
      return map.untold;
    },
    get freshness() {
      return map.freshness;
    },
    apply: (change, done) => {
      map.apply(change, done);
    },
    renew: (done) => {
      map.renew(done);
    },
    tick: () => {
      map.tick();
    },
    open: async () => {
      const file = path.resolve(options.path);
      makeDirectory({ path: file }, options.log);
      fd = lockBeside(file);
      try {
        await map.open();
      } catch (error) {
        release();
        throw error;
      }
    },
    close: async () => {
      await map.close();
      release();
    },
  };
}
