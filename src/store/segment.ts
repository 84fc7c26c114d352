/**
 * segment - one append-only file of the journal
 *
 * Promise: when append calls back without an error, its bytes are on stable storage (durability
 * 'disk': written and fdatasync returned; the file, its name and its header were fsynced before the
 * segment was handed out). Ordinary appends change no file size: the file is grown by zeros a MiB at a
 * time, in the same write as the frame that needs the room, so that fdatasync has no metadata to write.
 *
 * Errors: a failed or short write, and a failed fdatasync, are final. After a failed fdatasync the
 * kernel may have marked the lost pages clean, so a second fdatasync that succeeds proves nothing; the
 * segment refuses further appends and its owner goes on in a new one.
 *
 * Limits: one append at a time.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { Place } from '../core/outlets.js';
import {
  closeQuietly,
  type Files,
  openFile,
  removeFile,
  settle,
  shortWrite,
  syncDirectory,
  writeAll,
} from './files.js';
import type { GroupEncoder } from './frame.js';
import { HEADER_BYTES, encodeHeader } from './frame.js';

/** Files grow in steps of this size. */
export const ALLOCATION_BYTES = 1_048_576;
const NEW_FILE_FLAGS =
  fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW;

const NAME = /^(\d{20})\.journal$/;
const DAMAGED_NAME = /^(\d{20})\.journal\.damaged$/;
const NAME_DIGITS = 20;
/** Numbers stay far from where doubles stop counting. */
const MAX_NUMBER = 2 ** 52;

/** Names sort as their numbers do. */
export function segmentName(number: number): string {
  return `${String(number).padStart(NAME_DIGITS, '0')}.journal`;
}

/** What a damaged segment is called once nothing in it can be alive. */
export function damagedName(file: string): string {
  return `${file}.damaged`;
}

/** The number in a segment's name, also of one put aside; undefined for any other name. */
export function segmentNumber(name: string): { number: number; aside: boolean } | undefined {
  const match = NAME.exec(name);
  const digits = (match ?? DAMAGED_NAME.exec(name))?.[1];
  if (digits === undefined || Number(digits) > MAX_NUMBER) return undefined;
  return { number: Number(digits), aside: match === null };
}

export interface SegmentOptions {
  readonly files: Files;
  /** false: nothing is synced ('memory' durability). */
  readonly sync: boolean;
  readonly file: string;
}

export class Segment {
  readonly file: string;
  readonly #files: Files;
  readonly #sync: boolean;
  readonly #fd: number;
  #position = HEADER_BYTES;
  #allocated = ALLOCATION_BYTES;
  #failed = false;

  private constructor(options: SegmentOptions, fd: number) {
    this.file = options.file;
    this.#files = options.files;
    this.#sync = options.sync;
    this.#fd = fd;
  }

  /** Creates the file, which must not exist, and makes it and its name durable. Rejects with the system's error. */
  static async create(options: SegmentOptions): Promise<Segment> {
    const fd = await openFile(options.files, options.file, NEW_FILE_FLAGS);
    const segment = new Segment(options, fd);
    try {
      await segment.#begin();
      return segment;
    } catch (error) {
      await segment.#discard();
      throw error;
    }
  }

  /** Where the last acknowledged frame ends. */
  get position(): number {
    return this.#position;
  }

  /** Where the last acknowledged frame ends in the journal. */
  get place(): Place {
    return { segment: segmentNumber(path.basename(this.file))?.number ?? 0, offset: this.#position };
  }

  /** Whether the file still has its name: without it, nothing in it is found after a restart. */
  get isNamed(): boolean {
    return fs.fstatSync(this.#fd).nlink > 0;
  }

  get empty(): boolean {
    return this.#position === HEADER_BYTES;
  }

  /** One write and one fdatasync; calls back once, asynchronously. The encoder must stay as it is until then. */
  append(group: GroupEncoder, done: (error?: Error) => void): void {
    if (this.#failed) throw new Error(`${this.file}: append after a failure`);
    const end = this.#position + group.length;
    let allocated = this.#allocated;
    let length = group.length;
    if (end > allocated) {
      allocated = Math.ceil(end / ALLOCATION_BYTES) * ALLOCATION_BYTES;
      length = allocated - this.#position;
      group.pad(length);
    }
    const finish = (error: Error | null): void => {
      if (error !== null) {
        this.#failed = true;
        done(error);
        return;
      }
      this.#position = end;
      this.#allocated = allocated;
      done();
    };
    const chunk = { bytes: group.bytes, length, position: this.#position };
    this.#files.write(this.#fd, chunk, (error, written) => {
      if (error !== null) finish(error);
      else if (written !== length) finish(shortWrite(written, length));
      else if (this.#sync) this.#files.fdatasync(this.#fd, finish);
      else finish(null);
    });
  }

  /**
   * No more appends: cuts what follows the last acknowledged frame (unused room, or the remains of a
   * failed write) and closes; an empty segment is removed. Never rejects: nothing acknowledged depends on it.
   */
  async retire(): Promise<void> {
    this.#failed = true;
    if (this.empty) {
      await this.#discard();
      return;
    }
    await settle((done) => {
      this.#files.ftruncate(this.#fd, this.#position, done);
    }).catch(() => undefined);
    await closeQuietly(this.#files, this.#fd);
  }

  async #begin(): Promise<void> {
    const bytes = Buffer.alloc(ALLOCATION_BYTES);
    encodeHeader().copy(bytes);
    await writeAll(this.#files, this.#fd, { bytes, position: 0 });
    if (!this.#sync) return;
    await settle((done) => {
      this.#files.fsync(this.#fd, done);
    });
    await syncDirectory(this.#files, path.dirname(this.file));
  }

  async #discard(): Promise<void> {
    await closeQuietly(this.#files, this.#fd);
    await removeFile(this.#files, this.file).catch(() => undefined);
  }
}
