/**
 * read-file - small files that people write, read as a whole
 *
 * Promise: returns at once whatever stands at the path. A FIFO or device is never waited for, and no more
 * is read than allowed.
 *
 * Errors: what the system throws (with its code), and an Error for what is no regular file or too long.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** The file's text as UTF-8; at most maxBytes. */
export function readSmallFile(path: string, maxBytes: number): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(fd).isFile()) throw new Error('it is not a regular file');
    const bytes = Buffer.alloc(Math.min(fstatSync(fd).size, maxBytes) + 1);
    let length = 0;
    for (let count = -1; count !== 0 && length < bytes.length; length += count)
      count = readSync(fd, bytes, length, bytes.length - length, null);
    if (length > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`);
    return bytes.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}
