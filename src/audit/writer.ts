/**
 * writer - lines on their way into the live file
 *
 * Lines are gathered and written by the thread pool: every FLUSH_MS, at FLUSH_BYTES, and at once when they are urgent. Nobody
 * waits for them. A file that is opened begins with the head, what stands at that moment, so that no older file is
 * needed to understand it. It is completed when the day changes (UTC), at MAX_FILE_BYTES, and when asked; complete files are
 * removed when the whole of their day is older than the retention.
 *
 * When lines cannot be written they are kept, and tried again every RETRY_MS. At most MAX_HELD_BYTES are kept: what comes then is
 * lost, counted, and told of by a record of its own, `gap`, as soon as half of that is free again. `degraded` says why;
 * the log gets one line when it begins and one when it is over. A file that cannot be completed is written on.
 *
 * Errors: start rejects with Fault CONFIG when the file can never be opened. After that nothing is thrown.
 */
import { unlink } from 'node:fs/promises';
import { Fault, reasonOf } from '../core/fault.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import type { LiveFile } from './live-file.js';
import { DAY_MS, dayOf, listFiles } from './names.js';
import { LineMaker } from './record.js';

export const MAX_FILE_BYTES = 64 * 1024 * 1024;
export const MAX_HELD_BYTES = 32 * 1024 * 1024;
const FLUSH_MS = 200;
const FLUSH_BYTES = 256 * 1024;
/** As many times FLUSH_BYTES are written at once: on a busy machine a write is mostly waiting for one's turn. */
const WRITE_PIECES = 8;
const RETRY_MS = 1_000;
/** How often the file's name is looked at, the retention, and a file that could not be completed. */
const LOOK_MS = 2_000;
const RETENTION_EVERY_MS = 3_600_000;
const COMPLETE_AGAIN_MS = 60_000;

/** What opening a file fails with when only the administrator can help. */
const HOPELESS = [
  'EACCES',
  'EPERM',
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'ELOOP',
  'EROFS',
  'ENAMETOOLONG',
  'ENXIO',
];

export interface WriterOptions {
  readonly file: LiveFile;
  readonly retentionMs: number;
  /** The lines that a file begins with, made as they are asked for. */
  readonly head: () => Iterator<string, undefined>;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxFileBytes?: number;
  readonly maxHeldBytes?: number;
}

interface Chunk {
  readonly bytes: Buffer;
  offset: number;
}

export class Writer {
  readonly #options: WriterOptions;
  readonly #maxHeld: number;
  readonly #lineMaker = new LineMaker();
  #pieces: string[] = [];
  #open: string[] = [];
  #openBytes = 0;
  #held = 0;
  #head: Iterator<string, undefined> | undefined;
  #chunk: Chunk | undefined;
  #working: Promise<void> | undefined;
  #gap: { readonly from: number; count: number } | undefined;
  #degraded: string | undefined;
  #incomplete: string | undefined;
  #lost = 0;
  #isAsked = false;
  #retryAt = -Infinity;
  #lookAt = -Infinity;
  #completeAt = -Infinity;
  #removeAt = -Infinity;
  #timer: { stop(): void } | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#maxHeld = options.maxHeldBytes ?? MAX_HELD_BYTES;
  }

  /** In words, why records are not written, or files not completed, at present. */
  get degraded(): string | undefined {
    return this.#degraded ?? this.#incomplete;
  }

  /** How many records are lost since the start. */
  get lost(): number {
    return this.#lost;
  }

  /** Whether there is so much room that what can wait may be added. */
  get hasRoom(): boolean {
    return this.#degraded === undefined && this.#held < this.#maxHeld / 2;
  }

  /** Opens the file. Rejects with Fault CONFIG. */
  async start(): Promise<void> {
    const { clock, file } = this.#options;
    try {
      for (const one of (await listFiles(file.path)).leftOver) await unlink(one);
      await this.#look();
    } catch (error) {
      if (HOPELESS.includes((error as NodeJS.ErrnoException).code ?? '') || !('code' in (error as object)))
        throw new Fault(
          'CONFIG',
          `audit.file ${file.path} cannot be written: ${reasonOf(error)}. Name a file in a directory that dracd may write in`,
          error,
        );
      this.#failed(error);
    }
    this.#timer = clock.every(FLUSH_MS, () => {
      if (this.#hasWork() || clock.mono() >= this.#lookAt) this.#work();
    });
  }

  add(line: string, isUrgent = false): void {
    if (this.#gap !== undefined || this.#held + line.length > this.#maxHeld) {
      this.#lose();
      return;
    }
    this.#open.push(line);
    this.#openBytes += line.length;
    this.#held += line.length;
    if (this.#openBytes >= FLUSH_BYTES) {
      this.#pieces.push(this.#open.join(''));
      this.#open = [];
      this.#openBytes = 0;
      this.#work();
    } else if (isUrgent) this.#work();
  }

  #lose(): void {
    const { clock, file, log } = this.#options;
    this.#lost += 1;
    if (this.#gap !== undefined) {
      this.#gap.count += 1;
      return;
    }
    this.#gap = { from: clock.wall(), count: 1 };
    if (this.#degraded !== undefined) return;
    this.#degraded = 'the disk takes records more slowly than they come';
    log.error('audit: records are lost', { file: file.path, reason: this.#degraded });
  }

  /** Resolves when all that was added is written, or cannot be. */
  async flush(): Promise<void> {
    this.#retryAt = -Infinity;
    do {
      this.#work();
      await this.#working;
    } while (this.#hasWork() && this.#retryAt === -Infinity);
  }

  /** Writes what is there and completes the file. Resolves with whether that could be done. */
  async complete(): Promise<boolean> {
    this.#isAsked = true;
    this.#completeAt = -Infinity;
    await this.flush();
    const isDone = !this.#isAsked;
    this.#isAsked = false;
    return isDone;
  }

  /** Of one that has not been started nothing is written. */
  async stop(): Promise<void> {
    this.#timer?.stop();
    if (this.#timer !== undefined) await this.flush();
    await this.#options.file.close();
  }

  #hasWork(): boolean {
    const { clock } = this.#options;
    const isToComplete = this.#isAsked && clock.mono() >= this.#completeAt;
    return this.#held > 0 || this.#head !== undefined || this.#chunk !== undefined || isToComplete;
  }

  #work(): void {
    if (this.#working !== undefined || this.#options.clock.mono() < this.#retryAt) return;
    this.#working = this.#run().finally(() => {
      this.#working = undefined;
    });
  }

  async #run(): Promise<void> {
    try {
      do await this.#look();
      while (await this.#writeSome());
      this.#recovered();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The file is the right one, and not too old or large. */
  async #look(): Promise<void> {
    const { clock, file } = this.#options;
    const now = clock.mono();
    let isNew = false;
    if (now >= this.#lookAt || file.day === undefined) {
      isNew = await file.ensure(clock.wall());
      this.#lookAt = now + LOOK_MS;
    }
    const isBetween = (isNew || this.#head === undefined) && this.#chunk === undefined;
    if (isBetween && this.#isDue() && now >= this.#completeAt) isNew = (await this.#complete()) || isNew;
    if (isNew) this.#begin();
    if (now >= this.#removeAt) await this.#removeOld();
  }

  #isDue(): boolean {
    const { clock, file, maxFileBytes = MAX_FILE_BYTES } = this.#options;
    return (
      (this.#isAsked && this.#held === 0) ||
      (file.size > 0 && (file.size >= maxFileBytes || file.day !== dayOf(clock.wall())))
    );
  }

  /** Another file has been opened: it begins with the head, and a line that was half written is written again. */
  #begin(): void {
    const chunk = this.#chunk;
    if (chunk !== undefined && chunk.offset > 0)
      chunk.offset = chunk.bytes.lastIndexOf('\n', chunk.offset - 1) + 1;
    this.#head = this.#options.head();
  }

  /** Answers whether another file is open now. */
  async #complete(): Promise<boolean> {
    const { clock, file, log } = this.#options;
    try {
      if (file.size > 0) await file.complete();
      this.#isAsked = false;
      this.#incomplete = undefined;
    } catch (error) {
      this.#completeAt = clock.mono() + COMPLETE_AGAIN_MS;
      if (this.#incomplete === undefined)
        log.error('audit: the file cannot be completed and grows on', {
          file: file.path,
          error: reasonOf(error),
        });
      this.#incomplete = `${file.path} cannot be completed: ${reasonOf(error)}`;
    }
    this.#removeAt = -Infinity;
    return file.ensure(clock.wall());
  }

  async #removeOld(): Promise<void> {
    const { clock, file, log, retentionMs } = this.#options;
    this.#removeAt = clock.mono() + RETENTION_EVERY_MS;
    try {
      const { complete } = await listFiles(file.path);
      for (const one of complete)
        if (Date.parse(one.day) + DAY_MS + retentionMs <= clock.wall()) await unlink(one.file);
    } catch (error) {
      log.warn('audit: old files could not be removed', { file: file.path, error: reasonOf(error) });
    }
  }

  /** Writes a chunk, or what the disk takes of it; answers whether there was one. */
  async #writeSome(): Promise<boolean> {
    const { clock, file } = this.#options;
    const chunk = (this.#chunk ??= this.#next());
    if (chunk === undefined) return this.#isAsked && clock.mono() >= this.#completeAt;
    chunk.offset += await file.append(chunk.bytes, chunk.offset, clock.wall());
    if (chunk.offset < chunk.bytes.length) return true;
    this.#chunk = undefined;
    this.#closeGap();
    return true;
  }

  #next(): Chunk | undefined {
    const text = this.#nextOfHead() ?? this.#nextOfLines();
    return text === undefined ? undefined : { bytes: Buffer.from(text, 'latin1'), offset: 0 };
  }

  #nextOfHead(): string | undefined {
    if (this.#head === undefined) return undefined;
    let text = '';
    while (text.length < FLUSH_BYTES / 4) {
      const next = this.#head.next();
      if (next.done === true) {
        this.#head = undefined;
        break;
      }
      text += next.value;
    }
    return text === '' ? undefined : text;
  }

  #nextOfLines(): string | undefined {
    if (this.#held === 0) return undefined;
    const some = this.#pieces.splice(0, WRITE_PIECES);
    if (this.#pieces.length === 0) {
      some.push(...this.#open);
      this.#open = [];
      this.#openBytes = 0;
    }
    const text = some.join('');
    this.#held -= text.length;
    return text;
  }

  #closeGap(): void {
    const gap = this.#gap;
    if (gap === undefined || this.#held > this.#maxHeld / 2) return;
    this.#gap = undefined;
    const at = this.#options.clock.wall();
    this.add(this.#lineMaker.line({ at, kind: 'gap', ...gap, reason: this.#degraded }), true);
  }

  #recovered(): void {
    this.#retryAt = -Infinity;
    if (this.#degraded === undefined || this.#gap !== undefined) return;
    this.#degraded = undefined;
    this.#options.log.info('audit: records are written again', {
      file: this.#options.file.path,
      lost: this.#lost,
    });
  }

  #failed(error: unknown): void {
    const { clock, file, log } = this.#options;
    this.#retryAt = clock.mono() + RETRY_MS;
    this.#lookAt = -Infinity;
    const isNew = this.#degraded === undefined;
    this.#degraded = `${file.path} cannot be written: ${reasonOf(error)}`;
    if (isNew)
      log.error('audit: records cannot be written, and wait', {
        file: file.path,
        error: reasonOf(error),
        cure: 'make room or mend the disk; nothing else is concerned',
      });
  }
}
