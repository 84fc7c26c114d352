/**
 * snapshot-file - the file of a snapshot: put in place as a whole, and watched
 *
 * What is published is built beside, brought to the disk and renamed (map-file). Afterwards it is
 * remembered how the file looks; whatever differs from that later is someone else's doing. The file is
 * then not mended but replaced.
 *
 * Errors: Fault MAP. The file in place is then the one that was there before.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, type BigIntStats } from 'node:fs';
import { Fault } from '../core/fault.js';
import { unlockFile } from '../runtime/file-lock.js';
import type { Log } from '../runtime/log.js';
import { Replacement, type MapTarget } from './map-file.js';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const MAX_REMEMBERED = 100;

/** A file is published again and again, and what is wrong with its place is so each time: it is told once. */
function toldOnce(log: Log): Log {
  const told = new Set<string>();
  return {
    ...log,
    warn: (event, fields) => {
      const text = event + JSON.stringify(fields);
      if (told.has(text)) return;
      if (told.size >= MAX_REMEMBERED) told.clear();
      told.add(text);
      log.warn(event, fields);
    },
  };
}

function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

export class SnapshotFile {
  readonly #target: MapTarget;
  readonly #log: Log;
  #stat: BigIntStats | undefined;

  constructor(target: MapTarget, log: Log) {
    this.#target = target;
    this.#log = toldOnce(log);
  }

  /** Puts what `write` writes to the descriptor in place. `write` brings it to the disk. */
  async replace<T>(write: (fd: number) => Promise<T>): Promise<T> {
    const replacement = Replacement.begin(this.#target, this.#log);
    const { fd } = replacement;
    const written: T[] = [];
    try {
      await replacement.publish(async () => {
        written.push(await write(fd));
        // Readers may take locks; nobody is to wait for ours.
        unlockFile(fd);
      });
      this.#stat = fstatSync(fd, { bigint: true });
      await replacement.settle();
      return written[0] as T;
    } catch (thrown) {
      replacement.discard();
      throw thrown;
    } finally {
      closeSync(fd);
    }
  }

  /** In words, what someone else did to the name or the file, or undefined. */
  damage(): string | undefined {
    const known = this.#stat;
    const found = lstatSync(this.#target.path, { bigint: true, throwIfNoEntry: false });
    if (found === undefined) return 'deleted';
    if (found.isSymbolicLink()) return 'replaced by a symbolic link';
    if (!found.isFile()) return 'replaced by something that is no file';
    if (known === undefined || !isSame(found, known)) return 'replaced by another file';
    if (found.size !== known.size || found.mtimeNs !== known.mtimeNs) return 'written to by someone else';
    return found.ctimeNs === known.ctimeNs ? undefined : 'its mode, owner, links or times were changed';
  }

  /** Opens what was published for reading. Throws Fault MAP when something else stands there. */
  openForReading(): number {
    const fd = openSync(this.#target.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (this.#stat !== undefined && isSame(fstatSync(fd, { bigint: true }), this.#stat)) return fd;
    closeSync(fd);
    throw new Fault('MAP', `${this.#target.path} is not the file that was published`);
  }
}
