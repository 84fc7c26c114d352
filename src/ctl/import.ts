/**
 * import - does what the rows of a file say: denies, then pins, then grants
 *
 * Every line is checked before the first is done, by itself and then by dracd; one that is wrong or would be refused stops it
 * all, unless `partial`. Doing a file twice is the same as doing it once. What the daemon gives anew is not kept from
 * the file: author, reporter, createdAt.
 */
import type { Clock } from '../runtime/clock.js';
import { counted } from '../runtime/counted.js';
import { legible } from '../runtime/printable.js';
import type { Job, Status } from './commands.js';
import { Complaints } from './complaints.js';
import { CtlError, EXIT } from './exit.js';
import { type Plan, readPlan, type Source } from './import-plan.js';
import { send } from './import-requests.js';
import { beyondRoom, NO_ROOM, present } from './import-room.js';
import type { Entry } from './import-row.js';
import { json } from './output.js';
import { Progress } from './progress.js';
import { isVast, mustBeSure } from './sure.js';

export interface ImportOptions extends Source {
  readonly partial?: true;
  readonly yes?: true;
  readonly dryRun?: true;
}

const CURE = 'mend the file, or say --partial to do the rest of it';

/** What became of the rows. */
class Tally {
  readonly done = { deny: 0, pin: 0, grant: 0 };
  readonly #plan: Plan;
  readonly #isDry: boolean;
  refused = 0;

  constructor(plan: Plan, isDry: boolean) {
    this.#plan = plan;
    this.#isDry = isDry;
  }

  get rows(): number {
    return this.done.deny + this.done.pin + this.done.grant;
  }

  text(isJson: boolean): string {
    const { over, denied, wrong } = this.#plan;
    const { refused } = this;
    const { deny: denies, pin: pins, grant: grants } = this.done;
    if (isJson) return json({ denies, pins, grants, over, denied, wrong, refused, dryRun: this.#isDry });
    const counts = [counted(denies, 'deny', 'denies'), counted(pins, 'pin'), counted(grants, 'grant')].join(
      ', ',
    );
    const more = [
      ...(over > 0 ? [counted(over, 'is over', 'are over')] : []),
      ...(denied > 0 ? [counted(denied, 'grant is denied', 'grants are denied')] : []),
      ...(wrong > 0 ? [counted(wrong, 'is wrong', 'are wrong')] : []),
      ...(refused > 0
        ? [this.#isDry ? `${refused} would be refused` : counted(refused, 'was refused', 'were refused')]
        : []),
    ];
    return `${[this.#isDry ? `would do: ${counts}` : counts, ...more].join('; ')}\n`;
  }
}

interface Importing {
  readonly job: Job;
  readonly options: ImportOptions;
  readonly clock: Clock;
  readonly complaints: Complaints;
}

/**
 * Those that dracd would refuse, with why. Room is counted first: what there is none for is not asked about, which would take long
 * of a large file. What is refused leaves its room to what follows, which is asked about then.
 */
async function refusedOf(importing: Importing, plan: Plan): Promise<Map<Entry, string>> {
  const { job, options } = importing;
  const refused = new Map<Entry, string>();
  const before = await present(job);
  let beyond = new Set(beyondRoom(plan.entries, before));
  const hasToFit = options.partial !== true && options.dryRun !== true;
  const asked = new Set<Entry>();
  while (!hasToFit || beyond.size === 0) {
    const isNext = (entry: Entry): boolean => !refused.has(entry) && !beyond.has(entry) && !asked.has(entry);
    const fit = plan.entries.filter(isNext);
    if (fit.length === 0) break;
    await ask(importing, fit, refused);
    for (const entry of fit) asked.add(entry);
    const left = plan.entries.filter((entry) => !refused.has(entry));
    beyond = new Set(beyondRoom(left, before));
  }
  for (const entry of beyond) refused.set(entry, NO_ROOM);
  return refused;
}

/** Asks dracd about rows, and notes those that it would refuse, with why. */
async function ask(
  { job, options, clock }: Importing,
  entries: readonly Entry[],
  refused: Map<Entry, string>,
): Promise<void> {
  const progress = new Progress(clock, process.stderr.isTTY);
  let count = 0;
  try {
    await send(entries, {
      job,
      file: options.file,
      now: () => clock.wall(),
      validateOnly: true,
      onDone: () => {
        count += 1;
        progress.tell(`dracd has checked ${counted(count, 'row')}`);
      },
      onRefused: (entry, why) => refused.set(entry, why),
    });
  } finally {
    progress.clear();
  }
}

async function perform(
  { job, options, clock, complaints }: Importing,
  entries: readonly Entry[],
  tally: Tally,
): Promise<void> {
  const progress = new Progress(clock, process.stderr.isTTY);
  try {
    // The next kind only when all of one are done.
    for (const kind of ['deny', 'pin', 'grant'] as const)
      await send(
        entries.filter((entry) => entry.kind === kind),
        {
          job,
          file: options.file,
          now: () => clock.wall(),
          validateOnly: false,
          onDone: () => {
            tally.done[kind] += 1;
            progress.tell(`${counted(tally.rows, 'row')} done`);
          },
          onRefused: ({ line }, why) => {
            progress.clear();
            complaints.tell(line, why);
            tally.refused += 1;
          },
        },
      );
  } finally {
    progress.clear();
  }
}

export async function importRows(job: Job, options: ImportOptions, clock: Clock): Promise<Status> {
  const { file, partial = false, dryRun = false } = options;
  const complaints = new Complaints(legible(file));
  const importing = { job, options, clock, complaints };
  const plan = await readPlan(options, complaints, clock);
  const tally = new Tally(plan, dryRun);
  if (plan.wrong > 0 && !partial) {
    complaints.end();
    throw new CtlError(
      EXIT.data,
      `${counted(plan.wrong, 'row is', 'rows are')} wrong; nothing was done`,
      CURE,
    );
  }
  try {
    const refused = await refusedOf(importing, plan);
    for (const [{ line }, why] of [...refused].sort(([one], [other]) => one.line - other.line))
      complaints.tell(line, why);
    tally.refused = refused.size;
    const entries = plan.entries.filter((entry) => !refused.has(entry));
    const vast = entries.find(({ kind, subject }) => kind === 'deny' && isVast(subject));
    if (vast !== undefined && !dryRun)
      await mustBeSure(
        `line ${vast.line} denies ${vast.subject}: mail for a good part of the world`,
        options,
      );
    if (dryRun) for (const { kind } of entries) tally.done[kind] += 1;
    else if (refused.size > 0 && !partial)
      throw new CtlError(
        EXIT.failed,
        `${counted(refused.size, 'row')} would be refused; nothing was done`,
        CURE,
      );
    else await perform(importing, entries, tally);
  } finally {
    complaints.end();
    job.output.write(tally.text(job.output.json));
  }
  if (tally.refused > 0)
    throw new CtlError(
      EXIT.failed,
      dryRun
        ? `${counted(tally.refused, 'row')} would be refused`
        : `${counted(tally.refused, 'row was', 'rows were')} refused`,
    );
  if (plan.wrong > 0) throw new CtlError(EXIT.data, `${counted(plan.wrong, 'row')} of ${file} left out`);
  return 0;
}
