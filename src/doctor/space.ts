/**
 * space - the check `space`: there is room for the journal, and for each map once more
 *
 * A snapshot is written beside the old one, so the file's system must hold both. What is counted is what is
 * left to ordinary users. The journal refuses grants when it cannot write.
 */
import { realpath, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Examined } from './check.js';
import { bad, type Finding, ok } from './finding.js';

const MIB = 1024 * 1024;
/** Below this nothing goes on for long. */
const LEAST_BYTES = 64 * 1024;
const LEAST_INODES = 8;
/** Below this it is time to do something. */
const LOW_BYTES = 64 * MIB;
const LOW_INODES = 500;
/** A small file system that has this part left is not low. */
const LOW_PART = 0.1;

/** A directory and what it should have room for. */
interface Place {
  readonly directory: string;
  readonly keys: string[];
  needs: number;
}

const DISK_BLOCK = 512;

async function sizeOf(file: string): Promise<number> {
  return ((await stat(file).catch(() => undefined))?.blocks ?? 0) * DISK_BLOCK;
}

/** Each directory once; a live map is changed in place. */
async function placesOf({ store, maps }: Examined): Promise<Place[]> {
  const places = new Map<string, Place>([[store, { directory: store, keys: ['store.directory'], needs: 0 }]]);
  for (const { path: file, format, key } of maps) {
    const directory = path.dirname(file);
    const place = places.get(directory) ?? { directory, keys: [], needs: 0 };
    place.keys.push(key);
    place.needs += format === 'lmdb' ? 0 : await sizeOf(file);
    places.set(directory, place);
  }
  return [...places.values()];
}

const sizeText = (bytes: number): string =>
  bytes < MIB ? `${Math.floor(bytes / 1024)} KiB` : `${Math.floor(bytes / MIB)} MiB`;

async function roomIn({ directory, keys, needs }: Place): Promise<Finding> {
  const { bavail, blocks, bsize, ffree, files } = await statfs(directory);
  const free = bavail * bsize;
  const hasInodes = files > 0;
  const where = {
    file: directory,
    key: keys.join(', '),
    value: `${sizeText(free)} free${hasInodes ? `, ${ffree} inodes` : ''}`,
  };
  const cure = 'make room, or move it to a larger file system; dracd goes on by itself when there is some';
  if (free < LEAST_BYTES || (hasInodes && ffree < LEAST_INODES))
    return bad('error', 'the disk is full: nothing new can be granted', { ...where, cure });
  if (free < needs)
    return bad('error', 'there is no room for the map once more: it stays as it is', { ...where, cure });
  const isLow = free < LOW_BYTES && bavail < blocks * LOW_PART;
  const isLowOfInodes = hasInodes && ffree < LOW_INODES && ffree < files * LOW_PART;
  if (isLow || isLowOfInodes) return bad('warning', 'the disk is nearly full', { ...where, cure });
  return ok('there is room', where);
}

export async function* space(examined: Examined): AsyncGenerator<Finding> {
  for (const place of await placesOf(examined)) {
    const directory = await realpath(place.directory).catch(() => undefined);
    if (directory !== undefined) yield await roomIn({ ...place, directory });
    else
      yield bad('error', 'the directory is not there', {
        file: place.directory,
        key: place.keys.join(', '),
        cure: 'dracd makes it at its start, if its user may',
      });
  }
}
