/**
 * disk-use - how much room the files of a directory take, and how much there is left
 *
 * Total: what cannot be told is undefined.
 */
import { readdir, stat, statfs } from 'node:fs/promises';
import path from 'node:path';

export interface DiskUse {
  /** Of the files in the directory itself, bytes. */
  readonly used: number;
  /** What the file system has left for whoever is not root, bytes. */
  readonly free: number;
}

export async function diskUse(directory: string): Promise<DiskUse | undefined> {
  try {
    const { bavail, bsize } = await statfs(directory);
    let used = 0;
    for (const name of await readdir(directory)) {
      // One that was deleted meanwhile takes no room.
      used += await stat(path.join(directory, name)).then(
        ({ size }) => size,
        () => 0,
      );
    }
    return { used, free: bavail * bsize };
  } catch {
    return undefined;
  }
}
