/**
 * key - the secret that makes pseudonyms of addresses: audit.key in the store's directory, mode 0600
 *
 * Made at the first start that needs it, 32 random bytes in hexadecimal. Without it nothing that was hashed can be
 * found again; to forget all of it at once, stop dracd and delete the key.
 *
 * Errors: Fault STORE. A key that others may read, or that cannot be read, stops the start: a new one would hide
 * what is recorded.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Fault, reasonOf } from '../core/fault.js';

export const KEY_NAME = 'audit.key';
const KEY_BYTES = 32;
const KEY_MODE = 0o600;
const OTHERS_MAY = 0o077;
const READ_FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
const MAKE_FLAGS =
  fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW;

function read(file: string): Uint8Array | undefined {
  let fd: number;
  try {
    fd = fs.openSync(file, READ_FLAGS);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const stats = fs.fstatSync(fd);
    if (!stats.isFile()) throw new Error('it is not a file');
    if ((stats.mode & OTHERS_MAY) !== 0)
      throw new Error('others may read it: chmod 600, if you trust it still');
    const text = Buffer.alloc(2 * KEY_BYTES + 2);
    const length = fs.readSync(fd, text, 0, text.length, 0);
    const digits = text.toString('latin1', 0, length).trim();
    if (!/^[0-9a-f]{64}$/.test(digits)) throw new Error('it is no key: put back a copy, or delete it');
    return Buffer.from(digits, 'hex');
  } finally {
    fs.closeSync(fd);
  }
}

function make(file: string): Uint8Array {
  const key = randomBytes(KEY_BYTES);
  const beside = `${file}.new`;
  fs.rmSync(beside, { force: true });
  const fd = fs.openSync(beside, MAKE_FLAGS, KEY_MODE);
  try {
    fs.writeSync(fd, `${key.toString('hex')}\n`);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(beside, file);
  const directory = fs.openSync(path.dirname(file), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(directory);
  } finally {
    fs.closeSync(directory);
  }
  return key;
}

/** The key in the store's directory; undefined when there is none. Throws Fault STORE. */
export function readKey(directory: string): Uint8Array | undefined {
  const file = path.join(directory, KEY_NAME);
  try {
    return read(file);
  } catch (error) {
    throw new Fault('STORE', `${file} cannot be used: ${reasonOf(error)}`, error);
  }
}

/** Likewise; makes one when there is none. */
export function readOrMakeKey(directory: string): Uint8Array {
  const known = readKey(directory);
  if (known !== undefined) return known;
  const file = path.join(directory, KEY_NAME);
  try {
    return make(file);
  } catch (error) {
    throw new Fault('STORE', `${file} cannot be made: ${reasonOf(error)}`, error);
  }
}
