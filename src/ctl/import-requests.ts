/**
 * import-requests - the rows of a file as requests to dracd: to check one or to do it, AT_ONCE at a time, which dracd makes
 * durable together
 *
 * A pin that is denied (by the file, or here) is made all the same, because the deny wins; a grant is not.
 */
import { AdminError } from '../admin/client.js';
import { whenToldToEnd } from './told-to-end.js';
import { type Job, timeOf } from './commands.js';
import { CtlError, EXIT, failureOf } from './exit.js';
import type { Entry } from './import-row.js';
import { legible } from '../runtime/printable.js';

const AT_ONCE = 64;

export interface Work {
  readonly job: Job;
  /** The file's name, for messages. */
  readonly file: string;
  readonly now: () => number;
  readonly validateOnly: boolean;
  /** One is done. */
  readonly onDone: (entry: Entry) => void;
  /** One is refused, and others may fare better. */
  readonly onRefused: (entry: Entry, why: string) => void;
}

function request({ job, now, validateOnly }: Work, entry: Entry): Promise<unknown> {
  const { kind, subject, expiresAt, user, reason } = entry;
  const lifetime = expiresAt === undefined ? null : timeOf(Math.max(expiresAt - now(), 1_000));
  const wish = { subject, reason, user, lifetime, validateOnly };
  if (kind === 'pin') return job.client.pin({ ...wish, evenIfDenied: true });
  return kind === 'deny' ? job.client.deny(wish) : job.client.authorize(wish);
}

/** Whether it is about this row alone. */
const isOfRow = (thrown: unknown): boolean =>
  thrown instanceof AdminError && ['INVALID_ARGUMENT', 'FAILED_PRECONDITION'].includes(thrown.status);

async function each(entries: readonly Entry[], step: (entry: Entry) => Promise<boolean>): Promise<void> {
  let next = 0;
  let goesOn = true;
  const work = async (): Promise<void> => {
    for (let entry = entries[next]; goesOn && entry !== undefined; entry = entries[next]) {
      next += 1;
      if (!(await step(entry))) goesOn = false;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Sends them in order. Throws what stops it, with its line. */
export async function send(entries: readonly Entry[], work: Work): Promise<void> {
  let failure: CtlError | undefined;
  const told = { toEnd: false };
  const stop = whenToldToEnd(() => (told.toEnd = true));
  try {
    await each(entries, async (entry) => {
      if (told.toEnd) return false;
      try {
        await request(work, entry);
        work.onDone(entry);
      } catch (thrown) {
        const { exit, lines, cure } = failureOf(thrown);
        const why = lines.join('; ');
        if (isOfRow(thrown)) work.onRefused(entry, legible(why));
        else failure ??= new CtlError(exit, `${work.file}:${entry.line}: ${why}`, cure);
      }
      return failure === undefined;
    });
  } finally {
    stop();
  }
  if (failure !== undefined) throw failure;
  if (!told.toEnd) return;
  const what = work.validateOnly ? 'nothing was done' : 'import the file again to do the rest';
  throw new CtlError(EXIT.failed, `told to end; ${what}`);
}
