/**
 * change-log - what watchers have been told of, where it survives the death of the process: changes.log in the store's directory
 *
 * Promise: onWritten tells of a position only when all up to it would be found after a kill. Nothing is synced: a crash
 * of the machine may lose it, and whoever reads it then must not believe it (the head says in which boot it was written).
 *
 *   file     frames
 *   frame    u32 payload length, u32 CRC-32 of the payload (big-endian), payload = lines of UTF-8
 *   lines    first {"position":P,"mark":{...},"head":{...},"intents":[...]}, then one line for each change, the last of them P
 *
 * Each file begins with a frame that has a head. A mark says up to where the truth had been told when the frame was made.
 * What is added is gathered for GATHER_MS and written at once. A full file (of changes or bytes) becomes changes.log.old, in
 * place of the one that was that before.
 *
 * Errors: when it cannot be written it is removed, and one line says so; it may begin anew after RETRY_MS. Nothing is told
 * before it is gone, for who had been told would be told again after a restart.
 *
 * Bugs: when it can be neither written nor removed, all is told once MAX_WAITING changes wait.
 */
import fs from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { reasonOf } from '../core/fault.js';
import type { Clock, Timer } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import { closeQuietly, type Files, nodeFiles, openFile, removeFile, settle, writeAll } from './files.js';

export const CHANGES_NAME = 'changes.log';
export const OLD_CHANGES_NAME = 'changes.log.old';
export const NEW_CHANGES_NAME = 'changes.log.new';

export const GATHER_MS = 10;
export const FRAME_BYTES = 8;
/** A file is full with so many bytes. */
const FULL_BYTES = 16_777_216;
const MAX_WAITING = 32_768;
const RETRY_MS = 60_000;
const NEW_FLAGS =
  fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW;

export interface ChangeLogOptions {
  readonly directory: string;
  readonly clock: Pick<Clock, 'mono' | 'after'>;
  readonly log: Log;
  /** The file system, unless a test has another. */
  readonly files?: Files;
  /** A file is full with so many changes. */
  readonly full: number;
  /** What a file begins with; `isNew`: nothing that was told before counts. */
  readonly head: (since: number, isNew: boolean) => object;
  /** Up to where the truth has been told by now; `written` is the last position in the file. */
  readonly mark: (written: number) => object;
  readonly onWritten: (position: number) => void;
}

/** Removes what is there of a log. Rejects with the system's error. */
export async function removeChanges(directory: string, files: Files = nodeFiles): Promise<void> {
  // The old one first: without the other it would be taken for it.
  for (const name of [OLD_CHANGES_NAME, CHANGES_NAME, NEW_CHANGES_NAME])
    await removeFile(files, path.join(directory, name));
}

/** A frame that is to be written. */
interface Framed {
  readonly bytes: Buffer;
  /** Of its last change. */
  readonly position: number;
  readonly count: number;
}

export function frameOf(lines: readonly string[]): Buffer {
  const payload = Buffer.from(lines.join('\n'));
  const head = Buffer.alloc(FRAME_BYTES);
  head.writeUInt32BE(payload.length);
  head.writeUInt32BE(crc32(payload), 4);
  return Buffer.concat([head, payload]);
}

export class ChangeLog {
  readonly #options: ChangeLogOptions;
  readonly #files: Files;
  #state: 'closed' | 'open' | 'failing' = 'closed';
  /** What is to be done with files, one after the other. */
  #chain: Promise<void> = Promise.resolve();
  #lines: string[] = [];
  /** The position of the last line. */
  #position = 0;
  #written = 0;
  /** How many changes are in the file, and bytes. */
  #count = 0;
  #bytes = 0;
  #fd: number | undefined;
  #timer: Timer | undefined;
  #failedAt = -Infinity;
  #removing = false;
  #ending = false;
  #isDoubtful = false;

  constructor(options: ChangeLogOptions) {
    this.#options = options;
    this.#files = options.files ?? nodeFiles;
  }

  /** Whether changes must be added, and told only when they are written. */
  get holds(): boolean {
    return this.#state !== 'closed';
  }

  /** Begins after a position, if it has not failed lately. What was told up to there does not count after a restart. */
  begin(since: number): void {
    if (this.#isDoubtful || this.holds || this.#options.clock.mono() - this.#failedAt < RETRY_MS) return;
    this.#state = 'open';
    this.#position = since;
    this.#written = since;
    this.#lines = [];
    // The mark is of this moment: what happens from now on is added.
    const frame = this.#frame({ head: this.#options.head(since, true) });
    this.#do(() => this.#replace(frame, 'remove'));
  }

  /** Goes on after a restart with a file of this head and these changes. Rejects with the system's error. */
  async resume(since: number, lines: readonly string[]): Promise<void> {
    this.#position = since + lines.length;
    this.#written = this.#position;
    this.#lines = [...lines];
    const frame = this.#frame({ head: this.#options.head(since, false) });
    await this.#replace(frame, 'remove');
    this.#state = 'open';
  }

  add(position: number, line: string): void {
    this.#position = position;
    if (this.#state === 'failing') return;
    this.#lines.push(line);
    if (this.#lines.length > MAX_WAITING) this.#fail(new Error('it has not been written for too long'));
    else this.#timer ??= this.#options.clock.after(GATHER_MS, this.flush);
  }

  /** Writes what has been added, and a mark. */
  readonly flush = (): void => {
    this.#timer?.stop();
    this.#timer = undefined;
    this.#do(() => this.#append({}));
  };

  /** Resolves when it is written what is about to be done, or when that cannot be. */
  async intend(intents: readonly object[]): Promise<void> {
    this.#do(() => this.#append({ intents }));
    await this.#chain;
  }

  /** Forgets what is in it, and goes on. Rejects with the system's error when it cannot be removed. */
  async restart(): Promise<void> {
    this.#do(() => this.#append({}));
    this.#do(async () => {
      const frame = this.#frame({ head: this.#options.head(this.#written, true) });
      await this.#replace(frame, 'remove');
    });
    await this.#chain;
    if (this.#state !== 'open') {
      await this.#remove();
    }
  }

  /** Removes it: nobody is interested any more. It holds until it is gone. */
  end(): Promise<void> {
    if (!this.#ending)
      this.#do(async () => {
        await this.#remove();
        this.#closed();
      });
    this.#ending = true;
    return this.#chain;
  }

  /** What it says is not to be believed after a restart, nor what it would say later. */
  doubt(why: string): void {
    this.#isDoubtful = true;
    this.#fail(new Error(why));
  }

  /** Tries again to remove what could not be removed; to be called now and then. */
  tick(): void {
    if (this.#state === 'failing' && !this.#removing) this.#giveUp();
  }

  /** Writes what is left and closes it, so that the next run goes on. */
  async close(): Promise<void> {
    this.flush();
    this.#do(() => this.#closeFile());
    await this.#chain;
  }

  #do(work: () => Promise<void>): void {
    this.#chain = this.#chain.then(async () => {
      if (this.#state !== 'open') return;
      try {
        await work();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  #frame(more: { readonly head?: object; readonly intents?: readonly object[] }): Framed {
    const mark = this.#options.mark(this.#written);
    const position = this.#position;
    const lines = this.#lines;
    this.#lines = [];
    const bytes = frameOf([JSON.stringify({ position, mark, ...more }), ...lines]);
    return { bytes, position, count: lines.length };
  }

  async #append(more: { readonly intents?: readonly object[] }): Promise<void> {
    const { full, head } = this.#options;
    if (this.#fd === undefined) return;
    if (this.#count >= full || this.#bytes >= FULL_BYTES) {
      await this.#replace(this.#frame({ ...more, head: head(this.#written, false) }), 'keep');
      return;
    }
    const frame = this.#frame(more);
    await writeAll(this.#files, this.#fd, { bytes: frame.bytes, position: this.#bytes });
    this.#bytes += frame.bytes.length;
    this.#count += frame.count;
    this.#told(frame);
  }

  #told({ position }: Framed): void {
    this.#written = position;
    this.#options.onWritten(position);
  }

  /** Begins a file with a frame; the one that was there is kept as the old one, or removed. */
  async #replace(frame: Framed, before: 'keep' | 'remove'): Promise<void> {
    await this.#closeFile();
    await removeFile(this.#files, this.#path(NEW_CHANGES_NAME));
    const fd = await openFile(this.#files, this.#path(NEW_CHANGES_NAME), NEW_FLAGS);
    this.#fd = fd;
    await writeAll(this.#files, fd, { bytes: frame.bytes, position: 0 });
    if (before === 'keep') await this.#rename(CHANGES_NAME, OLD_CHANGES_NAME);
    await this.#rename(NEW_CHANGES_NAME, CHANGES_NAME);
    if (before === 'remove') await removeFile(this.#files, this.#path(OLD_CHANGES_NAME));
    this.#bytes = frame.bytes.length;
    this.#count = frame.count;
    this.#told(frame);
  }

  #fail(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = 'failing';
    this.#lines = [];
    this.#timer?.stop();
    this.#timer = undefined;
    this.#options.log.error('changes: not kept; after the next restart watchers must list anew', {
      file: this.#path(CHANGES_NAME),
      error: reasonOf(error),
    });
    this.#giveUp();
  }

  #giveUp(): void {
    this.#removing = true;
    this.#failedAt = this.#options.clock.mono();
    this.#remove().then(
      () => {
        this.#removing = false;
        this.#closed();
      },
      () => {
        this.#removing = false;
      },
    );
  }

  #closed(): void {
    this.#state = 'closed';
    this.#ending = false;
    this.#timer?.stop();
    this.#timer = undefined;
    this.#options.onWritten(this.#position);
  }

  async #remove(): Promise<void> {
    await this.#closeFile();
    await removeChanges(this.#options.directory, this.#files);
  }

  async #closeFile(): Promise<void> {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) await closeQuietly(this.#files, fd);
  }

  async #rename(from: string, to: string): Promise<void> {
    await settle((done) => {
      this.#files.rename(this.#path(from), this.#path(to), done);
    });
  }

  #path(name: string): string {
    return path.join(this.#options.directory, name);
  }
}
