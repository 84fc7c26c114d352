/**
 * map-file - how a map's file comes into being: beside, whole, and by rename
 *
 * Promise: readers find either the old file or the new one, complete and with its final mode and
 * owner; nobody else's file is ever written to. The new file is created in the same directory under a
 * random name that must not exist (O_EXCL, O_NOFOLLOW), locked while it is built, brought to the disk
 * and renamed. What stands at the final name is replaced, never followed or opened. Before the first
 * build inspectPlace makes sure that it is a map: whatever is found there later took a map's place.
 *
 * Files of builds that died are removed: the lock of a living builder tells the two apart.
 *
 * Errors: Fault MAP, naming the path and the cure.
 * Limits: a directory at the final name cannot be replaced, it must be moved away. Whoever may write
 * to the directory may replace the map; inspectPlace warns of it. Groups are those of /etc/group.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  unlinkSync,
  type Stats,
} from 'node:fs';
import { open, rename } from 'node:fs/promises';
import path from 'node:path';
import { Fault, reasonOf } from '../core/fault.js';
import { tryLockFile } from '../runtime/file-lock.js';
import { GROUP_FILE, groupId } from '../runtime/groups.js';
import type { Log } from '../runtime/log.js';
import { cureOf } from './cure.js';

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
const DIRECTORY_MODE = 0o755;
const OTHERS_MAY_WRITE = 0o022;
const ROOT = 0;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;

function codeOf(thrown: unknown): string | undefined {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : undefined;
}

/** A Fault of what the system threw; a Fault passes unchanged. */
function faultOf(what: string, thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  return new Fault('MAP', `${what}: ${reasonOf(thrown)}${cureOf(codeOf(thrown))}`, thrown);
}

function existingGroup(name: string): number {
  const gid = groupId(name);
  if (gid !== undefined) return gid;
  throw new Fault(
    'MAP',
    `group ${name} is not in ${GROUP_FILE}: create it (groupadd ${name}) or name another`,
  );
}

/** The owner and mode that the file is to have. Throws Fault MAP for a group that does not exist. */
function wantedAttributes(target: MapTarget): Attributes {
  const gid = target.group === undefined ? process.getegid?.() : existingGroup(target.group);
  return { uid: process.geteuid?.() ?? ROOT, gid: gid ?? ROOT, mode: target.mode };
}

/** Gives an open file its owner and mode. Throws what the system says. */
export function setAttributes(fd: number, wanted: Attributes): void {
  const { uid, gid } = fstatSync(fd);
  // The supplied unit forbids the call itself, so it is made only when it changes something.
  if (uid !== wanted.uid || gid !== wanted.gid) fchownSync(fd, wanted.uid, wanted.gid);
  // After the owner: a change of owner may take mode bits away.
  fchmodSync(fd, wanted.mode);
}

function cannotGive(target: MapTarget, { uid, gid }: Attributes, thrown: unknown): Fault {
  const group = target.group ?? String(gid);
  const cure = `make the daemon's user (uid ${uid}) a member of the group (usermod -a -G ${group} USER) and start it anew, or name another group; under systemd, PrivateUsers= hides all groups but the service's own`;
  return new Fault(
    'MAP',
    `map ${target.path} cannot be given to group ${group}: ${reasonOf(thrown)}: ${cure}`,
    thrown,
  );
}

/** Makes the directory when it is missing; readers may walk through it whatever the umask. Throws Fault MAP. */
export function makeDirectory(target: Pick<MapTarget, 'path'>, log: Log): void {
  const directory = path.dirname(target.path);
  try {
    const first = mkdirSync(directory, { recursive: true });
    if (first === undefined) return;
    for (let made = directory; made.startsWith(first); made = path.dirname(made))
      chmodSync(made, DIRECTORY_MODE);
  } catch (thrown) {
    throw faultOf(`the directory of map ${target.path} cannot be used`, thrown);
  }
  log.info('map: directory made', { directory });
}

function warnOfOthers(directory: string, log: Log): void {
  const { mode, uid } = statSync(directory);
  if ((mode & OTHERS_MAY_WRITE) !== 0)
    log.warn('map: others may write to its directory and could replace the map; chmod go-w it', {
      directory,
    });
  if (uid !== ROOT && uid !== process.geteuid?.())
    log.warn('map: its directory belongs to another user, who could replace the map; chown it', {
      directory,
      uid,
    });
}

/** Before the first build: makes the directory when it is missing, warns of who else may write to it, refuses what is no map. */
export function inspectPlace(target: MapTarget, log: Log): void {
  const directory = path.dirname(target.path);
  let stat: Stats | undefined;
  try {
    makeDirectory(target, log);
    warnOfOthers(directory, log);
    stat = lstatSync(target.path, { throwIfNoEntry: false });
  } catch (thrown) {
    throw faultOf(`the directory of map ${target.path} cannot be used`, thrown);
  }
  if (stat === undefined || stat.isFile() || stat.isSymbolicLink()) return;
  throw noMap(target, stat.isDirectory() ? 'a directory' : stat.isFIFO() ? 'a FIFO' : 'no regular file');
}

function noMap(target: MapTarget, what: string): Fault {
  return new Fault('MAP', `${target.path} is ${what}, not a map: move it away or configure another path`);
}

/** Before each rename: a directory cannot be replaced, and readers of a file that keeps a name do not notice. */
function inspectReplaced(target: MapTarget, log: Log): void {
  const stat = lstatSync(target.path, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true) throw noMap(target, 'a directory');
  if (stat?.isFile() === true && stat.nlink > 1)
    log.warn('map: the old file has another name, so that readers may go on with it; postfix reload', {
      path: target.path,
      links: stat.nlink,
    });
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
  readonly #log: Log;
  readonly temporary: string;
  /** Open for reading and writing; holds the exclusive lock. */
  readonly fd: number;
  /** The owner and mode it was given. */
  readonly attributes: Attributes;

  private constructor(target: MapTarget, log: Log) {
    this.#target = target;
    this.#log = log;
    this.attributes = wantedAttributes(target);
    const random = randomBytes(RANDOM_BYTES).toString('hex');
    this.temporary = path.join(path.dirname(target.path), `${buildPrefix(target)}${random}${SUFFIX}`);
    this.fd = openSync(this.temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  }

  /** Creates the empty file, locked, with its owner and mode. Throws Fault MAP. */
  static begin(target: MapTarget, log: Log): Replacement {
    try {
      makeDirectory(target, log);
      removeLeftovers(target, log);
      const replacement = new Replacement(target, log);
      replacement.#prepare();
      return replacement;
    } catch (thrown) {
      throw faultOf(`map ${target.path} cannot be built beside`, thrown);
    }
  }

  #prepare(): void {
    try {
      if (!tryLockFile(this.fd)) throw new Fault('MAP', `${this.temporary} is locked by another process`);
      this.#giveAttributes();
    } catch (thrown) {
      this.discard();
      closeSync(this.fd);
      throw thrown;
    }
  }

  #giveAttributes(): void {
    try {
      setAttributes(this.fd, this.attributes);
    } catch (thrown) {
      throw cannotGive(this.#target, this.attributes, thrown);
    }
  }

  /** The final name. */
  get path(): string {
    return this.#target.path;
  }

  /** Brings the content to the disk and the file to its final name. Throws Fault MAP. */
  async publish(sync: (fd: number) => Promise<void>): Promise<void> {
    try {
      await sync(this.fd);
      inspectReplaced(this.#target, this.#log);
      await rename(this.temporary, this.path);
    } catch (thrown) {
      throw faultOf(`map ${this.path} cannot be put in place`, thrown);
    }
  }

  /** Brings the rename to the disk. Throws Fault MAP. */
  async settle(): Promise<void> {
    try {
      await syncDirectory(path.dirname(this.path));
    } catch (thrown) {
      throw faultOf(`the directory of map ${this.path} cannot be synced`, thrown);
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
