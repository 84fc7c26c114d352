/**
 * lmdb-file - one LMDB data file: its entries, its lock, and whether someone else has changed it
 *
 * Keys and values (lmdb-entries.ts) have a closing NUL, as Debian's postmap writes them. One form for all: Postfix
 * stays with the first it finds.
 *
 * The lock is an exclusive open-file-description lock on our own descriptor of the data file: Postfix's
 * readers take a shared lock for each look-up, so no reader ever sees pages that a transaction reuses.
 * liblmdb opens a descriptor of its own, through ours, so that no name is followed twice; closing one
 * drops no lock of this kind.
 *
 * After each transaction what the file looks like is remembered (size, times, number of the last
 * transaction). If what the path names looks different before the next one, someone else was there,
 * and the mapping must not be trusted: a truncated file would end the process with SIGBUS, a damaged
 * one with an assertion. Such a file is never written to again.
 *
 * Space: a transaction writes changed pages beside the old ones; the next but one takes these over. The
 * file keeps the size that it needed once, and some pages more, until it is built anew.
 *
 * Errors: Fault MAP from a transaction that did not happen.
 * Limits: whoever damages the file between the look and the end of our transaction, ignoring the
 * lock, can still end the process; write permission for the daemon alone is the defence. A file system
 * that counts time in steps hides what others write in the same step as we, if they leave size and
 * last transaction as they were.
 */
import { close, fstatSync, fsync, lstatSync, readSync, type Stats, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { Fault } from '../core/fault.js';
import { tryLockFile, unlockFile } from '../runtime/file-lock.js';
import { DeniedKeys } from './denied-keys.js';
import { Environment, STATUS } from './liblmdb.js';
import { Entries } from './lmdb-entries.js';
import { setAttributes, type Attributes, type Replacement } from './map-file.js';

/** Tries for the lock in one go: a reader holds it for a few microseconds, a try that fails takes ten. */
const LOCK_TRIES = 20;
/** So many keys make about a hundred pages, which are kept free: three times what a small slice needs. */
const RESERVED = 512;
const FILLER = '.'.repeat(500);
const PERMISSION_BITS = 0o7777;
/** Where Linux shows our own descriptors as files. */
const DESCRIPTORS = '/proc/self/fd';

/** What the file looked like after our last transaction. */
interface Stamp {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly transaction: number;
}

const syncFile = promisify(fsync);

export class LmdbFile {
  readonly #environment: Environment;
  readonly #entries: Entries;
  readonly #replacement: Replacement;
  readonly #path: string;
  readonly #fd: number;
  readonly #wanted: Attributes;
  #stamp: Stamp;

  private constructor(replacement: Replacement, environment: Environment, denied: DeniedKeys) {
    this.#replacement = replacement;
    this.#path = replacement.path;
    this.#fd = replacement.fd;
    this.#wanted = replacement.attributes;
    this.#environment = environment;
    this.#entries = new Entries(environment, denied);
    this.#stamp = this.#look();
  }

  /** An empty map in a file that is being built. Throws Fault MAP; the descriptor is then still the caller's. */
  static create(replacement: Replacement, mapBytes: number, denied = new DeniedKeys()): LmdbFile {
    const file = `${DESCRIPTORS}/${replacement.fd}`;
    return new LmdbFile(replacement, Environment.open(file, mapBytes, replacement.temporary), denied);
  }

  /**
   * Makes the file so much larger than it needs to be that removals and denials have room on a disk that has become full:
   * pages that are given back are taken over by the transaction after the next. Throws Fault MAP, or what the system says.
   */
  reserve(): void {
    const { size } = fstatSync(this.#fd);
    const keys = Array.from({ length: RESERVED }, (_, i) => `#${i}`);
    const each = (change: (key: string) => number): void => {
      this.transact(() => keys.reduce((status, key) => (status === 0 ? change(key) : status), 0));
    };
    each((key) => this.#environment.put(key, FILLER));
    each((key) => this.#environment.remove(key));
    each((key) => this.#environment.put(key, ''));
    each((key) => this.#environment.remove(key));
    this.#occupy(size);
  }

  /** Writes what is there, from a place on, once more: pages that were given back before they were written are holes. */
  #occupy(from: number): void {
    const bytes = Buffer.alloc(this.#environment.fileBytes - from);
    readSync(this.#fd, bytes, 0, bytes.length, from);
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at, bytes.length - at, from + at);
    this.#stamp = this.#look();
  }

  /** Puts the file, which holds the lock since its creation, in its place, and lets readers in. Throws Fault MAP. */
  async publish(): Promise<void> {
    await this.#replacement.publish(syncFile);
    this.#stamp = this.#look();
    this.unlock();
    await this.#replacement.settle();
  }

  /** Takes the exclusive lock if no reader holds on to it; answers within a fraction of a millisecond. */
  tryLock(): boolean {
    for (let i = 0; i < LOCK_TRIES; i += 1) if (tryLockFile(this.#fd)) return true;
    return false;
  }

  unlock(): void {
    unlockFile(this.#fd);
  }

  /**
   * One transaction, under the caller's lock. `body` answers an LMDB status and is run again from its
   * beginning when the map had to grow. Throws Fault MAP when nothing of it happened.
   */
  transact(body: (entries: Entries) => number): void {
    try {
      this.#attempt(body);
    } finally {
      // One that failed may have written too.
      if (this.#environment.isOpen) this.#stamp = this.#look();
    }
  }

  #attempt(body: (entries: Entries) => number): void {
    const environment = this.#environment;
    for (;;) {
      let status = environment.begin();
      if (status === STATUS.OK) {
        try {
          status = body(this.#entries);
        } catch (thrown) {
          environment.abort();
          throw thrown;
        }
        if (status === STATUS.OK) status = environment.commit();
        else environment.abort();
      }
      if (status === STATUS.MAP_FULL) status = environment.grow();
      else if (status === STATUS.OK) return;
      if (status !== STATUS.OK)
        throw new Fault('MAP', `map ${this.#path} cannot be written: ${environment.explain(status)}`);
    }
  }

  /** In words, what someone else did to the name or the content, or undefined. To be asked before each transaction. */
  damage(): string | undefined {
    if (!this.#environment.isOpen) return 'it could not grow';
    const stat = lstatSync(this.#path, { throwIfNoEntry: false });
    if (stat === undefined) return 'deleted';
    if (stat.isSymbolicLink()) return 'replaced by a symbolic link';
    if (!stat.isFile()) return 'replaced by something that is no file';
    if (stat.ino !== this.#stamp.ino || stat.dev !== this.#stamp.dev) return 'replaced by another file';
    return this.#compare(stat);
  }

  /** Gives the file its owner and mode back when they were changed; answers what had been changed. Throws what the system says. */
  mend(): string | undefined {
    const stat = fstatSync(this.#fd);
    const { uid, gid, mode } = this.#wanted;
    const found: string[] = [];
    if ((stat.mode & PERMISSION_BITS) !== mode)
      found.push(`mode 0${(stat.mode & PERMISSION_BITS).toString(8)}`);
    if (stat.uid !== uid) found.push(`owner ${stat.uid}`);
    if (stat.gid !== gid) found.push(`group ${stat.gid}`);
    if (found.length === 0) return undefined;
    setAttributes(this.#fd, this.#wanted);
    this.#stamp = this.#look();
    return found.join(', ');
  }

  /** Lets go of the file. */
  close(): void {
    this.#environment.close();
    // Not at once: the last reference to a replaced file frees its blocks, which may take a while.
    close(this.#fd, () => undefined);
  }

  #look(): Stamp {
    const { dev, ino, size, mtimeMs, ctimeMs } = fstatSync(this.#fd);
    return { dev, ino, size, mtimeMs, ctimeMs, transaction: this.#environment.lastTransaction };
  }

  #compare(stat: Stats): string | undefined {
    const { size, mtimeMs, ctimeMs, transaction } = this.#stamp;
    if (stat.size < size) return 'truncated';
    if (stat.size !== size || stat.mtimeMs !== mtimeMs) return 'written to by someone else';
    // Only now is the mapping safe to look at.
    if (this.#environment.lastTransaction !== transaction) return 'written to by someone else';
    // Hidden by a time set back; or an honest change of mode, owner or links, which mend() looks after.
    if (stat.ctimeMs !== ctimeMs && this.#hasWantedAttributes(stat) && stat.nlink === 1)
      return 'its times were set';
    return undefined;
  }

  #hasWantedAttributes(stat: Stats): boolean {
    const { uid, gid, mode } = this.#wanted;
    return (stat.mode & PERMISSION_BITS) === mode && stat.uid === uid && stat.gid === gid;
  }
}
