/**
 * read-changes - what changes.log and changes.log.old hold, after a start
 *
 * A last frame that is torn was not written: nobody was told of it. With any other damage nothing is believed. What the
 * frames say is not judged here. Reading changes nothing and is total.
 */
import fs from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { CHANGES_NAME, FRAME_BYTES, OLD_CHANGES_NAME } from './change-log.js';
import { codeOf } from './files.js';

const READ_FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
/** More than a file can hold. */
const MAX_BYTES = 268_435_456;

/** A frame's first line, and the others. */
export interface LoggedFrame {
  readonly position: number;
  readonly mark: unknown;
  readonly head: unknown;
  readonly intents: unknown;
  readonly lines: readonly string[];
}

function frameIn(payload: string): LoggedFrame | undefined {
  const [first = '', ...lines] = payload.split('\n');
  const value = JSON.parse(first) as unknown;
  if (typeof value !== 'object' || value === null) return undefined;
  const { position, mark, head, intents } = value as Record<string, unknown>;
  return typeof position === 'number' ? { position, mark, head, intents, lines } : undefined;
}

/** undefined: what was written whole cannot be read. */
function framesIn(bytes: Buffer): LoggedFrame[] | undefined {
  const frames: LoggedFrame[] = [];
  let at = 0;
  while (at + FRAME_BYTES <= bytes.length) {
    const end = at + FRAME_BYTES + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    const payload = bytes.subarray(at + FRAME_BYTES, end);
    const frame = crc32(payload) === bytes.readUInt32BE(at + 4) ? frameIn(payload.toString()) : undefined;
    if (frame === undefined) return undefined;
    frames.push(frame);
    at = end;
  }
  // A file gets its name with its first frame.
  return frames.length === 0 ? undefined : frames;
}

/** None when there is no file; undefined when there is one that cannot be believed. */
function readFrames(file: string): LoggedFrame[] | undefined {
  let fd: number | undefined;
  try {
    fd = fs.openSync(file, READ_FLAGS);
    const stats = fs.fstatSync(fd);
    return stats.isFile() && stats.size <= MAX_BYTES ? framesIn(fs.readFileSync(fd)) : undefined;
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? [] : undefined;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

const positionsOf = (frames: readonly LoggedFrame[]): { first: number; last: number } => ({
  first: (frames[0]?.position ?? 0) - (frames[0]?.lines.length ?? 0),
  last: frames.at(-1)?.position ?? 0,
});

/** All frames, in order, the first of them with a head; none when there is no file, undefined when not all can be believed. */
export function readChanges(directory: string): readonly LoggedFrame[] | undefined {
  const current = readFrames(path.join(directory, CHANGES_NAME));
  const old = readFrames(path.join(directory, OLD_CHANGES_NAME));
  if (current === undefined || old === undefined) return undefined;
  // It died between the two renames, or before what was there before was removed.
  if (current.length === 0 || old.length === 0) return current.length === 0 ? old : current;
  return positionsOf(old).last === positionsOf(current).first ? [...old, ...current] : current;
}
