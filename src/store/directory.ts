/**
 * directory - the journal's directory: made, checked, and held by one daemon
 *
 * Whoever can write in this directory can grant relaying, so it must belong to the daemon's own user
 * and nobody else may write in it. Held by an exclusive lock on the file `lock` inside it; the kernel
 * drops the lock however the daemon ends, so a lock file that lies about is never stale.
 *
 * Errors: Fault STORE naming the directory and the cure; Fault LOCKED when another daemon holds it.
 * Limits: the lock is the file's. Whoever deletes the file lets a second daemon in.
 */
import fs from 'node:fs';
import path from 'node:path';
import { Fault, reasonOf, toFault } from '../core/fault.js';
import { tryLockFile } from '../runtime/file-lock.js';
import { CHANGES_NAME, NEW_CHANGES_NAME, OLD_CHANGES_NAME } from './change-log.js';
import { ENTRIES_NAME, NEW_ENTRIES_NAME } from './entries-file.js';
import { segmentNumber } from './segment.js';

export const LOCK_NAME = 'lock';
/** What is in the directory besides segments. */
const OWN_NAMES: readonly string[] = [
  LOCK_NAME,
  ENTRIES_NAME,
  NEW_ENTRIES_NAME,
  CHANGES_NAME,
  OLD_CHANGES_NAME,
  NEW_CHANGES_NAME,
  // The audit's, which is kept here because only the daemon may write here.
  'audit.key',
  'audit.key.new',
];
const DIRECTORY_MODE = 0o750;
const LOCK_MODE = 0o640;
const LOCK_FLAGS =
  fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
const OTHERS_MAY_WRITE = 0o022;

function syncNames(directory: string): void {
  const fd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Makes the directory (0750) and what leads to it (as the umask says: others may need to pass), durably. */
function make(directory: string): void {
  const first = fs.mkdirSync(path.dirname(directory), { recursive: true });
  fs.mkdirSync(directory, DIRECTORY_MODE);
  const top = path.dirname(first ?? directory);
  for (let at = directory; at !== top; at = path.dirname(at)) syncNames(path.dirname(at));
}

function statOrNothing(directory: string): fs.Stats | undefined {
  const stats = fs.statSync(directory, { throwIfNoEntry: false });
  if (stats === undefined && fs.lstatSync(directory, { throwIfNoEntry: false }) !== undefined) {
    throw new Fault(
      'STORE',
      `journal directory ${directory} is a symbolic link to nowhere: remove it or make its target`,
    );
  }
  return stats;
}

function kindOf(stats: fs.Stats): string {
  if (stats.isFile()) return 'a file';
  if (stats.isFIFO()) return 'a FIFO';
  return stats.isSocket() ? 'a socket' : 'a device';
}

function check(directory: string, stats: fs.Stats): void {
  if (!stats.isDirectory()) {
    throw new Fault(
      'STORE',
      `journal directory ${directory} is ${kindOf(stats)}: remove it or name another directory`,
    );
  }
  const user = process.geteuid?.() ?? stats.uid;
  if (stats.uid !== user) {
    throw new Fault(
      'STORE',
      `journal directory ${directory} belongs to user ${stats.uid}, dracd runs as user ${user}: chown ${user} ${directory}`,
    );
  }
  if ((stats.mode & OTHERS_MAY_WRITE) !== 0) {
    const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
    throw new Fault(
      'STORE',
      `journal directory ${directory} may be written by its group or others (mode ${mode}): chmod go-w ${directory}`,
    );
  }
}

/** Makes the directory when it is missing; throws Fault STORE when it is not one that can be trusted. */
export function prepareDirectory(directory: string): void {
  const full = path.resolve(directory);
  try {
    if (statOrNothing(full) === undefined) make(full);
    check(full, fs.statSync(full));
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('STORE', `journal directory ${full}: ${reasonOf(error)}`, error);
  }
}

/** Whether the directory is there; throws Fault STORE when something else is, or when others may write in it. */
export function directoryExists(directory: string): boolean {
  try {
    const stats = statOrNothing(directory);
    if (stats === undefined) return false;
    check(directory, stats);
    return true;
  } catch (error) {
    throw toFault(error, 'STORE');
  }
}

/** Whether no daemon has ever kept its journal there: the lock file stays behind. */
export function isUnused(directory: string): boolean {
  return !fs.existsSync(path.join(directory, LOCK_NAME));
}

export interface DirectoryLock {
  /** Gives the directory back; twice is harmless. */
  release(): void;
}

/** Holds an existing directory for this process. Throws Fault LOCKED at once, having changed nothing, when it is held. */
export function lockDirectory(directory: string): DirectoryLock {
  const file = path.join(directory, LOCK_NAME);
  let fd: number | undefined;
  try {
    fd = fs.openSync(file, LOCK_FLAGS, LOCK_MODE);
    if (!fs.fstatSync(fd).isFile()) throw new Fault('STORE', `${file} is not a file: remove it`);
    if (!tryLockFile(fd)) throw new Fault('LOCKED', `another dracd uses the journal directory ${directory}`);
  } catch (error) {
    if (fd !== undefined) fs.closeSync(fd);
    if (error instanceof Fault) throw error;
    throw new Fault('STORE', `cannot lock ${file}: ${reasonOf(error)}`, error);
  }
  const held = fd;
  let released = false;
  return {
    release: () => {
      if (!released) fs.closeSync(held);
      released = true;
    },
  };
}

export interface Listing {
  /** Segments to read, in order of their numbers. */
  readonly segments: readonly { readonly file: string; readonly number: number }[];
  /** The largest number that any segment has, also one put aside as damaged; 0 when there is none. */
  readonly lastNumber: number;
  /** Names that are not the store's. */
  readonly foreign: readonly string[];
}

/** What is in the directory. Throws the system's error when it cannot be listed. */
export function listDirectory(directory: string): Listing {
  const segments: { file: string; number: number }[] = [];
  const foreign: string[] = [];
  let lastNumber = 0;
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    if (OWN_NAMES.includes(entry.name)) continue;
    const found = segmentNumber(entry.name);
    if (found === undefined || !entry.isFile()) foreign.push(entry.name);
    // A foreign thing with a segment's name still takes the name.
    if (found !== undefined) lastNumber = Math.max(lastNumber, found.number);
    if (found !== undefined && !found.aside && entry.isFile()) {
      segments.push({ file: path.join(directory, entry.name), number: found.number });
    }
  }
  segments.sort((a, b) => a.number - b.number);
  return { segments, lastNumber, foreign };
}
