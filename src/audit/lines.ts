/**
 * lines - the lines of a file, in batches, between which other work goes on
 *
 * Bytes are characters (latin1), so that a line that is written again is the same. A last line without an end is one too. Lines
 * of more than MAX_LINE bytes are nobody's of ours and passed over.
 */
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import { listFiles } from './names.js';
import { type AuditRecord, recordIn } from './record.js';

const BATCH_BYTES = 128 * 1024;
export const MAX_LINE = 64 * 1024;
const FLAGS = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK;

export async function* linesOf(file: string): AsyncGenerator<readonly string[], undefined> {
  const handle = await open(file, FLAGS);
  try {
    if (!(await handle.stat()).isFile()) throw new Error(`${file} is not a regular file`);
    const bytes = Buffer.alloc(BATCH_BYTES);
    let rest = '';
    let isTooLong = false;
    for (;;) {
      const { bytesRead } = await handle.read(bytes, 0, BATCH_BYTES, null);
      if (bytesRead === 0) break;
      const lines = (rest + bytes.toString('latin1', 0, bytesRead)).split('\n');
      rest = lines.pop() ?? '';
      if (isTooLong && lines.length > 0) {
        lines.shift();
        isTooLong = false;
      }
      if (rest.length > MAX_LINE) {
        rest = '';
        isTooLong = true;
      }
      yield lines;
    }
    if (rest !== '' && !isTooLong) yield [rest];
  } finally {
    await handle.close();
  }
  return undefined;
}

/** The last record in the live file, or else in the newest complete one; undefined when none can be read. */
export async function lastKnown(file: string): Promise<AuditRecord | undefined> {
  try {
    const inLive = await lastRecord(file).catch(() => undefined);
    const newest = (await listFiles(file)).complete.at(-1);
    return inLive ?? (newest && (await lastRecord(newest.file)));
  } catch {
    return undefined;
  }
}

/** The last record in a file; undefined when there is none near its end. */
async function lastRecord(file: string): Promise<AuditRecord | undefined> {
  const handle = await open(file, FLAGS);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) return undefined;
    const bytes = Buffer.alloc(BATCH_BYTES);
    const { bytesRead } = await handle.read(bytes, 0, BATCH_BYTES, Math.max(0, stats.size - BATCH_BYTES));
    for (const line of bytes.toString('latin1', 0, bytesRead).split('\n').reverse()) {
      const record = recordIn(line);
      if (record !== undefined) return record;
    }
    return undefined;
  } finally {
    await handle.close();
  }
}
