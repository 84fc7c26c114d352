/**
 * live-file - the one file that is being written: opened, appended to, completed
 *
 * Opened with O_APPEND, mode 0640. A last line that a crash has torn is closed off, so that the next one stands alone. When the
 * name is missing or leads to another file (somebody has moved it), it is opened anew.
 *
 * Completing it: synced, and renamed to FILE.YYYY-MM-DD.N, after the day of its first record.
 *
 * Errors: the system's, and an Error for what is no regular file. One call at a time.
 */
import fs from 'node:fs';
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { completeName, dayOf, listFiles } from './names.js';
import { type AuditRecord, recordIn } from './record.js';

const FLAGS =
  fs.constants.O_RDWR |
  fs.constants.O_APPEND |
  fs.constants.O_CREAT |
  fs.constants.O_NOFOLLOW |
  fs.constants.O_NONBLOCK;
const MODE = 0o640;
const NEWLINE = 0x0a;
/** Enough for any line of ours. */
const LOOK_BYTES = 65_536;

/** What a file is to its writer; a FileHandle is one. */
export type Handle = Pick<FileHandle, 'read' | 'write' | 'stat' | 'datasync' | 'close'>;
export type OpenHandle = (file: string, flags: number, mode: number) => Promise<Handle>;

interface Opened {
  readonly handle: Handle;
  readonly identity: string;
  day: string;
  size: number;
}

const identityOf = ({ dev, ino }: { dev: number; ino: number }): string => `${dev}:${ino}`;

async function readFirst(handle: Handle): Promise<string> {
  const bytes = Buffer.alloc(LOOK_BYTES);
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
  return bytes.toString('latin1', 0, bytesRead);
}

/** The first record among lines, of which the last may be torn. */
function firstRecord(text: string): AuditRecord | undefined {
  for (const line of text.split('\n')) {
    const record = recordIn(line);
    if (record !== undefined) return record;
  }
  return undefined;
}

export class LiveFile {
  readonly path: string;
  readonly #open: OpenHandle;
  #opened: Opened | undefined;

  constructor(file: string, openHandle: OpenHandle = open) {
    this.path = file;
    this.#open = openHandle;
  }

  get size(): number {
    return this.#opened?.size ?? 0;
  }

  /** The day of the first record in it; of its opening when it was empty. */
  get day(): string | undefined {
    return this.#opened?.day;
  }

  /** Sees to it that the file of this name is open; answers whether it has been opened just now. */
  async ensure(now: number): Promise<boolean> {
    const opened = this.#opened;
    if (opened !== undefined) {
      const there = await stat(this.path).catch(() => undefined);
      if (there !== undefined && identityOf(there) === opened.identity) return false;
      await this.close();
    }
    const handle = await this.#open(this.path, FLAGS, MODE);
    try {
      this.#opened = await this.#take(handle, now);
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
    return true;
  }

  async #take(handle: Handle, now: number): Promise<Opened> {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error('it is not a regular file');
    let { size } = stats;
    if (size > 0) {
      const last = Buffer.alloc(1);
      await handle.read(last, 0, 1, size - 1);
      if (last[0] !== NEWLINE) size += (await handle.write(Buffer.of(NEWLINE), 0, 1)).bytesWritten;
    }
    const first = stats.size > 0 ? firstRecord(await readFirst(handle)) : undefined;
    const began = first?.at ?? (stats.size > 0 ? stats.mtimeMs : now);
    return { handle, identity: identityOf(stats), day: dayOf(began), size };
  }

  /** Appends what it can of the bytes from `offset` on; answers how many. */
  async append(bytes: Buffer, offset: number, now: number): Promise<number> {
    const opened = this.#need();
    if (opened.size === 0) opened.day = dayOf(now);
    const { bytesWritten } = await opened.handle.write(bytes, offset, bytes.length - offset);
    opened.size += bytesWritten;
    return bytesWritten;
  }

  /** Makes it a complete file under a name of its own; `ensure` then opens a new one. */
  async complete(): Promise<void> {
    const { day, handle } = this.#need();
    await handle.datasync();
    const { complete } = await listFiles(this.path);
    const numbers = complete.filter((one) => one.day === day).map(({ number }) => number);
    await rename(this.path, completeName(this.path, day, Math.max(0, ...numbers) + 1));
    await this.close();
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.handle.close().catch(() => undefined);
  }

  #need(): Opened {
    if (this.#opened === undefined) throw new Error('the file is not open');
    return this.#opened;
  }
}
