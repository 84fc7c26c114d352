/**
 * export - writes all rows, or those within a network, to a file or standard output
 *
 * A file appears whole or not at all: it is written beside its place, made durable, and renamed. It is readable by its
 * owner alone, because it says who fetched mail from where. What is no regular file (a device, a pipe) is
 * written to as it is.
 */
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import type { Row__Output } from '../admin/gen/dracd/admin/v1/Row.js';
import type { Clock } from '../runtime/clock.js';
import { counted } from '../runtime/counted.js';
import { type Job, kindNumber, type ListOptions, type Status } from './commands.js';
import { CtlError, EXIT } from './exit.js';
import { Progress } from './progress.js';
import { type Format, formatOf, headOf, rowText } from './row-text.js';
import { whenToldToEnd } from './told-to-end.js';
import { positionText } from './values.js';

export interface ExportOptions extends Pick<ListOptions, 'within' | 'kind'> {
  /** Undefined or "-": standard output. */
  readonly file?: string;
  readonly format?: Format;
}

/** Where the rows go. */
interface Sink {
  write(text: string): Promise<void>;
  /** All is there. */
  finish(): Promise<void>;
  /** It is given up. */
  abandon(): Promise<void>;
}

const MODE = 0o600;

const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

async function openFile(file: string): Promise<Sink> {
  const place = await realpath(file).catch(() => file);
  const isOther = await stat(place).then(
    (found) => !found.isFile(),
    () => false,
  );
  const beside = isOther ? place : `${place}.${process.pid}.part`;
  const handle = await open(beside, isOther ? 'w' : 'wx', MODE).catch((thrown: unknown) => {
    throw new CtlError(EXIT.cannotCreate, `${file} cannot be made: ${reasonOf(thrown)}`);
  });
  return {
    write: (text) => handle.writeFile(text),
    finish: async () => {
      if (!isOther) await handle.sync();
      await handle.close();
      if (!isOther) await rename(beside, place);
    },
    abandon: async () => {
      await handle.close().catch(() => undefined);
      if (!isOther) await rm(beside, { force: true });
    },
  };
}

const openOutput = ({ output }: Job): Sink => ({
  write: (text) => {
    output.write(text);
    return output.flushed();
  },
  finish: () => Promise.resolve(),
  abandon: () => Promise.resolve(),
});

export async function exportRows(job: Job, options: ExportOptions, clock: Clock): Promise<Status> {
  const { file = '-', within, kind } = options;
  const format = options.format ?? formatOf(file) ?? 'json';
  const isFile = file !== '-';
  const sink = isFile ? await openFile(file) : openOutput(job);
  const progress = new Progress(clock, process.stderr.isTTY && (isFile || !process.stdout.isTTY));
  const messages = job.client.list({ within, kind: kindNumber(kind) });
  const told = { toEnd: false };
  const stop = whenToldToEnd(() => {
    told.toEnd = true;
    messages.cancel();
  });
  let count = 0;
  let position = '';
  const text = (row: Row__Output): string => rowText(row, format);
  try {
    await sink.write(headOf(format));
    for await (const message of messages) {
      if (message.position !== null) position = positionText(message.position);
      count += message.rows.length;
      await sink.write(message.rows.map(text).join(''));
      progress.tell(counted(count, 'row'));
    }
    if (told.toEnd)
      throw new CtlError(EXIT.failed, `told to end after ${counted(count, 'row')}; nothing was kept`);
    await sink.finish();
  } catch (thrown) {
    await sink.abandon();
    throw writeError(thrown, file);
  } finally {
    stop();
    progress.clear();
  }
  if (isFile || process.stderr.isTTY)
    process.stderr.write(
      `${counted(count, 'row')}; what changes from here: dracctl watch --after ${position}\n`,
    );
  return 0;
}

function writeError(thrown: unknown, file: string): unknown {
  const isOfDisk = thrown instanceof Error && 'syscall' in thrown;
  return isOfDisk
    ? new CtlError(EXIT.output, `${file} cannot be written: ${thrown.message}`, 'is there room on the disk?')
    : thrown;
}
