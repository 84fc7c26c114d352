/**
 * map-file - how a map's file comes into being: beside, whole, and by rename
 *
 * Promise: readers find either the old file or the new one, complete and with its final mode and
 * owner; nobody else's file is ever written to. The new file is created in the same directory under a
 * random name that must not exist (O_EXCL, O_NOFOLLOW), locked while it is built, brought to the disk
 * and renamed; a symbolic link at the final name is replaced, not followed.
 *
 * Files of builds that died are removed: the lock of a living builder tells the two apart.
 *
 * Errors: Fault MAP, naming the path and the cure.
 * Limits: whoever may write to the directory may replace the map; inspectDirectory warns of it.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { open, rename } from 'node:fs/promises';
import path from 'node:path';
import { Fault, reasonOf, toFault } from '../core/fault.js';
import { tryLockFile } from '../runtime/file-lock.js';
import type { Log } from '../runtime/log.js';

export interface MapTarget {
  readonly path: string;
  readonly mode: number;
  readonly group?: string | undefined;
}

/** Who owns the file; mode is without the file type. */
export interface Attributes {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

const SUFFIX = '.building';
const RANDOM_BYTES = 8;
const GROUP_FILE = '/etc/group';
const OTHERS_MAY_WRITE = 0o022;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;

function groupId(name: string): number {
  const line = readFileSync(GROUP_FILE, 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const gid = line?.split(':')[2];
  if (gid === undefined || !/^\d+$/.test(gid)) {
    throw new Fault(
      'MAP',
      `group ${name} is not in ${GROUP_FILE}: create it (groupadd ${name}) or name another`,
    );
  }
  return Number(gid);
}

/** The owner and mode that the file is to have. Throws Fault MAP for a group that does not exist. */
function wantedAttributes(target: MapTarget): Attributes {
  const gid = target.group === undefined ? process.getegid?.() : groupId(target.group);
  return { uid: process.geteuid?.() ?? 0, gid: gid ?? 0, mode: target.mode };
}

/** Gives an open file its owner and mode. Throws what the system says. */
export function setAttributes(fd: number, wanted: Attributes): void {
  fchownSync(fd, wanted.uid, wanted.gid);
  // After the owner: a change of owner may take mode bits away.
  fchmodSync(fd, wanted.mode);
}

function cannotUse(target: MapTarget, thrown: unknown): Fault {
  return new Fault('MAP', `the directory of map ${target.path} cannot be used: ${reasonOf(thrown)}`, thrown);
}

function makeDirectory(target: MapTarget, log: Log): void {
  const directory = path.dirname(target.path);
  try {
    if (mkdirSync(directory, { recursive: true, mode: 0o755 }) !== undefined) {
      log.info('map: directory made', { directory });
    }
  } catch (thrown) {
    throw cannotUse(target, thrown);
  }
}

/** Makes the map's directory when it is missing, and warns when others may write to it. */
export function inspectDirectory(target: MapTarget, log: Log): void {
  makeDirectory(target, log);
  const directory = path.dirname(target.path);
  try {
    if ((statSync(directory).mode & OTHERS_MAY_WRITE) === 0) return;
  } catch (thrown) {
    throw cannotUse(target, thrown);
  }
  log.warn('map: others may write to its directory and could replace the map; chmod go-w it', { directory });
}

/** Refuses to put a map where something stands that is no map. */
function inspectPlace(target: MapTarget): void {
  const stat = lstatSync(target.path, { throwIfNoEntry: false });
  if (stat === undefined || stat.isFile() || stat.isSymbolicLink()) return;
  const what = stat.isDirectory() ? 'a directory' : stat.isFIFO() ? 'a FIFO' : 'no regular file';
  throw new Fault('MAP', `${target.path} is ${what}, not a map: move it away or configure another path`);
}

function buildPrefix(target: MapTarget): string {
  return `.${path.basename(target.path)}.`;
}

/** Whether a leftover's builder lives: it holds the lock for as long. */
function isBeingBuilt(file: string): boolean {
  if (!lstatSync(file).isFile()) return false;
  const fd = openSync(file, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  try {
    return !tryLockFile(fd);
  } finally {
    closeSync(fd);
  }
}

function removeLeftovers(target: MapTarget, log: Log): void {
  const directory = path.dirname(target.path);
  const prefix = buildPrefix(target);
  for (const name of readdirSync(directory)) {
    const random = name.slice(prefix.length, -SUFFIX.length);
    if (name !== `${prefix}${random}${SUFFIX}` || !/^[0-9a-f]{16}$/.test(random)) continue;
    const file = path.join(directory, name);
    try {
      if (isBeingBuilt(file)) continue;
      unlinkSync(file);
      log.info('map: leftover of an unfinished build removed', { file });
    } catch (thrown) {
      log.warn('map: leftover of an unfinished build cannot be removed', { file, reason: reasonOf(thrown) });
    }
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A new file on its way to a final name. Its descriptor outlives the rename: it is the map's lock from then on. */
export class Replacement {
  readonly #target: MapTarget;
  readonly temporary: string;
  /** Open for reading and writing; holds the exclusive lock. */
  readonly fd: number;
  /** The owner and mode it was given. */
  readonly attributes: Attributes;

  private constructor(target: MapTarget, temporary: string) {
    this.#target = target;
    this.attributes = wantedAttributes(target);
    this.temporary = temporary;
    this.fd = openSync(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  }

  /** Creates the empty file, locked, with its owner and mode. Throws Fault MAP. */
  static begin(target: MapTarget, log: Log): Replacement {
    makeDirectory(target, log);
    inspectPlace(target);
    const random = randomBytes(RANDOM_BYTES).toString('hex');
    const temporary = path.join(path.dirname(target.path), `${buildPrefix(target)}${random}${SUFFIX}`);
    try {
      removeLeftovers(target, log);
      const replacement = new Replacement(target, temporary);
      replacement.#prepare();
      return replacement;
    } catch (thrown) {
      if (thrown instanceof Fault) throw thrown;
      throw new Fault('MAP', `map ${target.path} cannot be built beside: ${reasonOf(thrown)}`, thrown);
    }
  }

  #prepare(): void {
    try {
      if (!tryLockFile(this.fd)) throw new Fault('MAP', `${this.temporary} is locked by another process`);
      setAttributes(this.fd, this.attributes);
    } catch (thrown) {
      this.discard();
      closeSync(this.fd);
      throw thrown;
    }
  }

  /** Whether an open descriptor is this very file. */
  isSame(fd: number): boolean {
    const [ours, theirs] = [fstatSync(this.fd), fstatSync(fd)];
    return ours.ino === theirs.ino && ours.dev === theirs.dev;
  }

  /** Brings the content to the disk and the file to its final name. Throws Fault MAP. */
  async publish(sync: (fd: number) => Promise<void>): Promise<void> {
    try {
      await sync(this.fd);
      inspectPlace(this.#target);
      await rename(this.temporary, this.#target.path);
    } catch (thrown) {
      throw toFault(thrown, 'MAP');
    }
  }

  /** Brings the rename to the disk. Throws Fault MAP. */
  async settle(): Promise<void> {
    try {
      await syncDirectory(path.dirname(this.#target.path));
    } catch (thrown) {
      throw toFault(thrown, 'MAP');
    }
  }

  /** Takes the unpublished file away; the descriptor stays open. */
  discard(): void {
    try {
      unlinkSync(this.temporary);
    } catch {
      // It was published, or someone else took it away: either way it is gone.
    }
  }
}
