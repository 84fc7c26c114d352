/**
 * import-plan - a file read as a whole: what is to be done, in which order, and what is wrong with it
 *
 * Denies come first, so that nothing is let relay for a moment that the file denies; then pins, then grants. A grant of
 * which the file denies all is left out: that deny would end it.
 *
 * Limits: MAX_ROWS rows.
 */
import { createReadStream } from 'node:fs';
import { PrefixMap } from '../core/prefix-map.js';
import { networkOfSubject, type Subject } from '../core/subject.js';
import type { Clock } from '../runtime/clock.js';
import { counted } from '../runtime/counted.js';
import type { Complaints } from './complaints.js';
import { CtlError, EXIT } from './exit.js';
import { type Checked, checkRow, type Entry, type Kind } from './import-row.js';
import { linesOf } from './lines.js';
import { Progress } from './progress.js';
import { type FileRecord, recordsOf } from './records.js';
import { type Format, formatOf } from './row-text.js';

export interface Source {
  /** "-": standard input. */
  readonly file: string;
  readonly format?: Format;
  /** For rows that have none. */
  readonly reason: string;
}

export interface Plan {
  /** In the order in which they are to be done. */
  readonly entries: readonly Entry[];
  /** How many rows have ended. */
  readonly over: number;
  /** How many grants the file itself denies. */
  readonly denied: number;
  readonly wrong: number;
}

const MAX_ROWS = 1_000_000;
const ORDER: readonly Kind[] = ['deny', 'pin', 'grant'];

async function* bytesOf(file: string): AsyncGenerator<Uint8Array, void, void> {
  const stream = file === '-' ? process.stdin : createReadStream(file);
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new CtlError(EXIT.noInput, `${file} cannot be read: ${why}`);
  }
}

async function* chained(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  yield first;
  yield* rest;
}

/** A name may say nothing of the format: a JSON object begins with a brace. */
async function open(file: string, format: Format | undefined): Promise<AsyncIterable<FileRecord>> {
  const source = bytesOf(file);
  const known = format ?? formatOf(file);
  if (known !== undefined) return recordsOf(linesOf(source), known);
  const first = await source.next();
  if (first.done === true) return recordsOf(linesOf(source), 'json');
  const isJson = new TextDecoder().decode(first.value.subarray(0, 1_024)).trimStart().startsWith('{');
  return recordsOf(linesOf(chained(first.value, source)), isJson ? 'json' : 'csv');
}

/** A test of whether one of these denies holds all of a subject. */
export function deniedBy(entries: readonly Entry[]): (subject: Subject) => boolean {
  const denies = new PrefixMap<true>();
  for (const { kind, subject } of entries) if (kind === 'deny') denies.set(networkOfSubject(subject), true);
  return (subject) => denies.size > 0 && denies.around(networkOfSubject(subject)).next().done !== true;
}

function inOrder(entries: readonly Entry[]): { entries: Entry[]; denied: number } {
  const isDenied = deniedBy(entries);
  const done = ORDER.flatMap((kind) =>
    entries.filter((entry) => entry.kind === kind && !(kind === 'grant' && isDenied(entry.subject))),
  );
  return { entries: done, denied: entries.length - done.length };
}

export async function readPlan(
  { file, format, reason }: Source,
  complaints: Complaints,
  clock: Clock,
): Promise<Plan> {
  const entries = new Map<string, Entry>();
  const progress = new Progress(clock, process.stderr.isTTY);
  let over = 0;
  let wrong = 0;
  const complain = (line: number, what: readonly string[]): void => {
    progress.clear();
    for (const one of what) complaints.tell(line, one);
    wrong += 1;
  };
  for await (const { line, fields, wrong: broken } of await open(file, format)) {
    const checked: Checked =
      fields === undefined
        ? { wrong: [broken ?? ''] }
        : checkRow(fields, { line, now: clock.wall(), reason });
    const { entry, isOver } = checked;
    const key = entry === undefined ? '' : `${entry.kind} ${entry.subject}`;
    const before = entries.get(key);
    if (checked.wrong.length > 0) complain(line, checked.wrong);
    else if (isOver === true) over += 1;
    else if (before !== undefined) complain(line, [`${key} is in line ${before.line} already`]);
    else if (entry !== undefined) entries.set(key, entry);
    if (entries.size > MAX_ROWS) throw new CtlError(EXIT.data, `${file} has more than ${MAX_ROWS} rows`);
    progress.tell(`${counted(entries.size, 'row')} checked`);
  }
  progress.clear();
  return { ...inOrder([...entries.values()]), over, wrong };
}
