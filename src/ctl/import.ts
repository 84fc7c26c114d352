/**
 * import - does what the rows of a file say: denies, then pins, then grants
 *
 * Every line is checked before the first is done; one that is wrong stops it all, unless `partial`. Denies come first, so
 * that nothing is let relay for a moment that the file denies. Doing a file twice is the same as doing it
 * once. What the daemon gives anew is not kept from the file: author, reporter, createdAt.
 *
 * Limits: MAX_ROWS rows; MAX_TOLD mistakes are told, the others are counted. AT_ONCE requests are under way at a time, which
 * the daemon makes durable together.
 */
import { createReadStream } from 'node:fs';
import { AdminError } from '../admin/client.js';
import type { Clock } from '../runtime/clock.js';
import { printable } from '../runtime/printable.js';
import { type Job, type Status, timeOf } from './commands.js';
import { CtlError, EXIT, failureOf } from './exit.js';
import { type Checked, checkRow, type Entry, type Kind } from './import-row.js';
import { linesOf } from './lines.js';
import { json } from './output.js';
import { Progress } from './progress.js';
import { type FileRecord, recordsOf } from './records.js';
import { type Format, formatOf } from './row-text.js';
import { whenToldToEnd } from './told-to-end.js';

export interface ImportOptions {
  /** "-": standard input. */
  readonly file: string;
  readonly format?: Format;
  /** For rows that have none. */
  readonly reason: string;
  readonly partial?: true;
  readonly dryRun?: true;
}

const MAX_ROWS = 1_000_000;
const MAX_TOLD = 20;
const AT_ONCE = 64;
const ORDER: readonly Kind[] = ['deny', 'pin', 'grant'];
const VERBS = { deny: 'deny', pin: 'pin', grant: 'authorize' } as const;

interface Plan {
  readonly entries: readonly Entry[];
  readonly over: number;
  readonly wrong: number;
}

/** Says what is wrong, line by line, up to a limit. */
class Complaints {
  readonly #name: string;
  #count = 0;

  constructor(name: string) {
    this.#name = name;
  }

  get count(): number {
    return this.#count;
  }

  tell(line: number, what: string): void {
    this.#count += 1;
    if (this.#count <= MAX_TOLD) process.stderr.write(`dracctl: ${this.#name}:${line}: ${what}\n`);
  }

  end(): void {
    if (this.#count > MAX_TOLD) process.stderr.write(`dracctl: and ${this.#count - MAX_TOLD} more\n`);
  }
}

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

async function read(
  { file, format, reason }: ImportOptions,
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
    progress.tell(`${entries.size} rows checked`);
  }
  progress.clear();
  return { entries: [...entries.values()], over, wrong };
}

/** What became of the rows. */
class Tally {
  readonly done = { deny: 0, pin: 0, grant: 0 };
  over = 0;
  wrong = 0;
  refused = 0;
  isDry = false;

  get rows(): number {
    return this.done.deny + this.done.pin + this.done.grant;
  }

  text(isJson: boolean): string {
    const { over, wrong, refused, isDry } = this;
    const { deny: denies, pin: pins, grant: grants } = this.done;
    if (isJson) return json({ denies, pins, grants, over, wrong, refused, dryRun: isDry });
    const counts = `${denies} denies, ${pins} pins, ${grants} grants`;
    const more = [
      ...(over > 0 ? [`${over} are over`] : []),
      ...(wrong > 0 ? [`${wrong} are wrong`] : []),
      ...(refused > 0 ? [`${refused} were refused`] : []),
    ];
    return `${[isDry ? `would do: ${counts}` : counts, ...more].join('; ')}\n`;
  }
}

interface Doing {
  readonly job: Job;
  readonly options: ImportOptions;
  readonly clock: Clock;
  readonly complaints: Complaints;
  readonly tally: Tally;
}

function request({ client }: Job, entry: Entry, now: number): Promise<unknown> {
  const { kind, subject, expiresAt, user, reason } = entry;
  const lifetime = expiresAt === undefined ? null : timeOf(Math.max(expiresAt - now, 1_000));
  return client[VERBS[kind]]({ subject, reason, user, lifetime });
}

/** Whether it is about this row alone, and others may fare better. */
const isOfRow = (thrown: unknown): boolean =>
  thrown instanceof AdminError && ['INVALID_ARGUMENT', 'FAILED_PRECONDITION'].includes(thrown.status);

/** Does the entries, some at a time; throws what stops it. */
async function perform(doing: Doing, entries: readonly Entry[], progress: Progress): Promise<void> {
  const { job, options, clock, complaints, tally } = doing;
  let failure: CtlError | undefined;
  const told = { toEnd: false };
  let next = 0;
  const step = async (entry: Entry): Promise<void> => {
    try {
      await request(job, entry, clock.wall());
      tally.done[entry.kind] += 1;
      progress.tell(`${tally.rows} rows done`);
    } catch (thrown) {
      const { exit, text } = failureOf(thrown);
      const why = text.replace(/^dracctl: /, '').trimEnd();
      if (options.partial === true && isOfRow(thrown)) {
        progress.clear();
        complaints.tell(entry.line, why);
        tally.refused += 1;
      } else failure ??= new CtlError(exit as CtlError['exit'], `${options.file}:${entry.line}: ${why}`);
    }
  };
  const work = async (): Promise<void> => {
    for (let entry = entries[next]; entry !== undefined; entry = entries[next]) {
      if (failure !== undefined || told.toEnd) return;
      next += 1;
      await step(entry);
    }
  };
  const stop = whenToldToEnd(() => (told.toEnd = true));
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    stop();
  }
  if (failure !== undefined) throw failure;
  if (told.toEnd) throw new CtlError(EXIT.failed, 'told to end; import the file again to do the rest');
}

export async function importRows(job: Job, options: ImportOptions, clock: Clock): Promise<Status> {
  const { file, partial = false, dryRun = false } = options;
  const complaints = new Complaints(printable(file));
  const plan = await read(options, complaints, clock);
  const tally = new Tally();
  Object.assign(tally, { over: plan.over, wrong: plan.wrong, isDry: dryRun });
  if (plan.wrong > 0 && !partial) {
    complaints.end();
    const cure = 'mend the file, or say --partial to do the rest of it';
    throw new CtlError(EXIT.data, `${plan.wrong} rows are wrong; nothing was done`, cure);
  }
  const progress = new Progress(clock, process.stderr.isTTY);
  try {
    for (const kind of ORDER) {
      const entries = plan.entries.filter((entry) => entry.kind === kind);
      if (dryRun) tally.done[kind] = entries.length;
      else await perform({ job, options, clock, complaints, tally }, entries, progress);
    }
  } finally {
    progress.clear();
    complaints.end();
    job.output.write(tally.text(job.output.json));
  }
  if (tally.wrong > 0) throw new CtlError(EXIT.data, `${tally.wrong} rows of ${file} were left out`);
  if (tally.refused > 0) throw new CtlError(EXIT.failed, `${tally.refused} rows were refused`);
  return 0;
}
