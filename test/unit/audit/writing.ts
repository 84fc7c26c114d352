/** writing - a writer of an audit's file in a directory of its own, and disks that fail as the test says */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { LiveFile, type OpenHandle } from '../../../src/audit/live-file.js';
import { LineMaker, type RecordKind } from '../../../src/audit/record.js';
import { Writer, type WriterOptions } from '../../../src/audit/writer.js';
import type { LogFields } from '../../../src/runtime/log.js';
import { FakeClock } from '../../support/fake-clock.js';
import { newDirectory } from '../../support/processes.js';

export const DAY_MS = 86_400_000;

/** A disk: how many bytes it still takes; what it says when it takes no more. */
export interface Disk {
  room: number;
  readonly error: NodeJS.ErrnoException;
  /** Whether what was written can be synced; default yes. */
  syncs?: boolean;
}

export function disk(room = Infinity): Disk {
  const error = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  return { room, error };
}

/** Opens real files that take no more than the disk has room for. */
function openOn(one: Disk): OpenHandle {
  return async (file, flags, mode) => {
    const handle = await open(file, flags, mode);
    const write = async (bytes: Buffer, offset: number, length: number) => {
      if (one.room === 0) throw one.error;
      const most = Math.min(length, one.room);
      one.room -= most;
      return handle.write(bytes, offset, most);
    };
    return {
      read: handle.read.bind(handle),
      write: write as typeof handle.write,
      stat: handle.stat.bind(handle),
      datasync: async () => {
        if (one.syncs === false) throw one.error;
        await handle.datasync();
      },
      close: () => handle.close(),
    };
  };
}

export class Writing {
  readonly clock = new FakeClock();
  readonly said: { level: string; event: string; fields: LogFields | undefined }[] = [];
  readonly directory: string;
  readonly file: string;
  readonly writer: Writer;
  readonly maker = new LineMaker();

  constructor(options: Partial<WriterOptions> & { readonly on?: Disk; readonly directory?: string } = {}) {
    this.directory = options.directory ?? newDirectory('audit');
    this.file = path.join(this.directory, 'audit.jsonl');
    const say = (level: string) => (event: string, fields?: LogFields) =>
      void this.said.push({ level, event, fields });
    this.writer = new Writer({
      file: new LiveFile(this.file, options.on === undefined ? undefined : openOn(options.on)),
      retentionMs: 90 * DAY_MS,
      head: () => [][Symbol.iterator]() as Iterator<string, undefined>,
      clock: this.clock,
      log: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') },
      ...options,
    });
  }

  line(kind: RecordKind = 'grant', subject = '192.0.2.7'): string {
    return this.maker.line({ at: this.clock.wall(), kind, subject });
  }

  /** Names of the audit's files, sorted. */
  names(): string[] {
    return readdirSync(this.directory).sort();
  }

  read(name = 'audit.jsonl'): string {
    const file = path.join(this.directory, name);
    return existsSync(file) ? readFileSync(file, 'latin1') : '';
  }
}
