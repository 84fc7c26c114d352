/**
 * database - reads the database that the original rpc.dracd has left
 *
 * The original changed its file in place, so a file may be torn: what can be read of it is read, page by page,
 * and the rest is counted. Nothing is written. The newest end of a client counts, whatever page it stands on.
 *
 * Promise: returns whatever stands at the path: a FIFO or device is not waited for, and no more than
 * MAX_FILE_BYTES are read.
 * Errors: Fault IMPORT, naming the file and what it is instead. A file that others may write to is not read: they
 * could let any address relay.
 */
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { Fault, reasonOf } from '../core/fault.js';
import { decodeHeader, decodePage, type Header, MIN_PAGE_BYTES, type Page } from '../wire/berkeley.js';
import { decodeSeal, FileCheck, type Seal, SEAL_AT, SEAL_BYTES } from '../wire/seal.js';
import { Malformed } from '../wire/xdr.js';
import { type BuildOptions, type OldRecord, readRecord } from './record.js';

/** Tens of millions of clients. */
const MAX_FILE_BYTES = 2 ** 31;
const CHUNK_BYTES = 1024 * 1024;
const OTHERS_MAY_WRITE = 0o002;

/** What a database is, and what of it could not be read. */
export interface Survey {
  readonly method: Header['method'];
  readonly records: number;
  /** The options it was built with, if it has a record to tell them, or a seal. */
  readonly options: BuildOptions | undefined;
  /** dracd wrote it, and nobody has changed it since. */
  readonly ours: boolean;
  /** Records that are none of the original's. */
  readonly notUnderstood: number;
  readonly damagedPages: number;
  /** The file ends before its last page does. */
  readonly cut: boolean;
}

function kindOf(stat: { isDirectory(): boolean; isFIFO(): boolean }): string {
  if (stat.isDirectory()) return 'a directory';
  return stat.isFIFO() ? 'a FIFO' : 'no regular file';
}

/** Opens the file; undefined when there is none. */
function openDatabase(file: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Fault('IMPORT', `${file} cannot be read: ${reasonOf(error)}`, error);
  }
  try {
    inspect(file, fd);
    return fd;
  } catch (error) {
    closeSync(fd);
    if (error instanceof Fault) throw error;
    throw new Fault('IMPORT', `${file} cannot be read: ${reasonOf(error)}`, error);
  }
}

function inspect(file: string, fd: number): void {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw new Fault('IMPORT', `${file} is ${kindOf(stat)}, not a database`);
  const directory = path.dirname(realpathSync(file));
  for (const [what, mode] of [
    [file, stat.mode],
    [directory, statSync(directory).mode],
  ] as const) {
    if ((mode & OTHERS_MAY_WRITE) !== 0)
      throw new Fault('IMPORT', `${file} is not believed: everybody may write to ${what}; chmod o-w ${what}`);
  }
  if (stat.size > MAX_FILE_BYTES)
    throw new Fault('IMPORT', `${file} has ${stat.size} bytes, more than a database of clients can have`);
}

/** Fills the buffer from a place in the file; answers how much there was. */
function readAt(fd: number, buffer: Uint8Array, position: number): number {
  let length = 0;
  for (let count = -1; count !== 0 && length < buffer.length; length += count)
    count = readSync(fd, buffer, length, buffer.length - length, position + length);
  return length;
}

/** Whole pages in their order; what is left at the end is none. */
function* pagesOf(fd: number, pageBytes: number): Generator<readonly [number: number, bytes: Uint8Array]> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let position = 0; position < MAX_FILE_BYTES; position += CHUNK_BYTES) {
    const length = readAt(fd, chunk, position);
    for (let at = 0; at + pageBytes <= length; at += pageBytes)
      yield [(position + at) / pageBytes, chunk.subarray(at, at + pageBytes)];
    if (length < CHUNK_BYTES) return;
  }
}

function headerOf(file: string, fd: number): Header {
  const start = new Uint8Array(MIN_PAGE_BYTES);
  try {
    return decodeHeader(start.subarray(0, readAt(fd, start, 0)));
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Fault('IMPORT', `${file} is ${error.message}`, error);
  }
}

/** What has been seen of a file on the way to its end. */
class Surveyor {
  readonly #header: Header;
  readonly #check = new FileCheck();
  #seal: Seal | undefined;
  #records = 0;
  #cidrKeys = 0;
  #termKds = 0;
  #unread = 0;
  #damagedPages = 0;

  constructor(header: Header) {
    this.#header = header;
  }

  *page(number: number, bytes: Uint8Array): Generator<OldRecord> {
    if (number === 0) {
      this.#seal = decodeSeal(bytes.subarray(SEAL_AT, SEAL_AT + SEAL_BYTES));
      bytes.fill(0, SEAL_AT, SEAL_AT + SEAL_BYTES);
    }
    if (this.#seal !== undefined) this.#check.add(bytes);
    for (const [key, data] of this.#recordsOf(number, bytes)) {
      const record = readRecord(key, data);
      if (record === undefined) this.#unread += 1;
      else {
        this.#records += 1;
        if (record.cidrKey) this.#cidrKeys += 1;
        if (record.termKd) this.#termKds += 1;
        yield record;
      }
    }
  }

  #recordsOf(number: number, bytes: Uint8Array): Page['records'] {
    try {
      const { records, unread } = decodePage(bytes, number, this.#header);
      this.#unread += unread;
      return records;
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#damagedPages += 1;
      return [];
    }
  }

  /** Half-written files hold records of one wording; where two are mixed the more frequent one is meant. */
  #options(): BuildOptions | undefined {
    const half = this.#records / 2;
    if (this.#records > 0) return { cidrKey: this.#cidrKeys > half, termKd: this.#termKds > half };
    return this.#seal;
  }

  result(size: number): Survey {
    const { lastPage, pageBytes } = this.#header;
    const cut = size % pageBytes !== 0 || size / pageBytes <= lastPage;
    const options = this.#options();
    return {
      method: this.#header.method,
      records: this.#records,
      options: options && { cidrKey: options.cidrKey, termKd: options.termKd },
      ours: !cut && this.#seal !== undefined && Buffer.compare(this.#seal.check, this.#check.value) === 0,
      notUnderstood: this.#unread,
      damagedPages: this.#damagedPages,
      cut,
    };
  }
}

/** Reads a database to its end and calls `take` for each record; answers what it is, or undefined when there is no file. */
export function readDatabase(file: string, take: (record: OldRecord) => void): Survey | undefined {
  const fd = openDatabase(file);
  if (fd === undefined) return undefined;
  try {
    const header = headerOf(file, fd);
    const surveyor = new Surveyor(header);
    for (const [number, bytes] of pagesOf(fd, header.pageBytes))
      for (const record of surveyor.page(number, bytes)) take(record);
    return surveyor.result(fstatSync(fd).size);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('IMPORT', `${file} cannot be read: ${reasonOf(error)}`, error);
  } finally {
    closeSync(fd);
  }
}
