/**
 * who - whether an address could relay at a time, and on whose word
 *
 * Reads the files in which the answer can be, the complete ones by their days and the live one, in steps between which other work
 * goes on; they are never held in memory. Torn and foreign lines are passed over. What was written in another privacy mode
 * than today's is found too, hashes with the key.
 *
 * Answers: `permitted`, `not`, or `unknown` when records are missing that could say otherwise: those of the time were lost, or have been
 * removed. With `onlyTo` the records name no address but this network.
 *
 * Limits: what is still gathered (a minute of renewals and uses, FLUSH_MS of all) is in no file yet. The live map of Postfix is
 * read by Postfix itself: uses of it are in its own log.
 *
 * Errors: Fault STORE when a file cannot be read.
 */
import { stat } from 'node:fs/promises';
import type { ClientAddress } from '../core/address.js';
import { Fault, reasonOf } from '../core/fault.js';
import { MAX_LIFETIME_MS } from '../core/grant.js';
import { Evidence, type Lease } from './evidence.js';
import { linesOf } from './lines.js';
import { DAY_MS, dayOf, listFiles } from './names.js';
import type { Privacy } from './privacy.js';
import type { AuditRecord } from './record.js';
import { type Facts, words } from './words.js';

/** Files of so many days after the time are read: clocks may have been set, and tallies are written late. */
const DAYS_AFTER = 1;
/** More records than these say nothing new to whoever asks. */
export const MAX_TOLD = 20;

export interface Answer {
  readonly verdict: 'permitted' | 'not' | 'unknown';
  readonly words: string;
  /** The network that is meant, when the records name no address. */
  readonly onlyTo?: string | undefined;
  /** The records that decide, the strongest first; or that were the last of it. */
  readonly records: readonly AuditRecord[];
  /** How many look-ups those leases or entries have let through, as far as dracd was asked. */
  readonly uses: number;
  /** Times of which records are missing. */
  readonly gaps: readonly AuditRecord[];
}

export interface WhoOptions {
  readonly file: string;
  readonly privacy: Privacy;
  /** Wall clock, epoch milliseconds. */
  readonly now: number;
}

async function filesFor(file: string, at: number): Promise<string[]> {
  const from = dayOf(at - MAX_LIFETIME_MS - DAY_MS);
  const to = dayOf(at + DAYS_AFTER * DAY_MS);
  const { complete } = await listFiles(file);
  const files = complete.filter(({ day }) => day >= from && day <= to).map((one) => one.file);
  return [...files, file];
}

/** Which file is the live one now. */
async function liveOf(file: string): Promise<string> {
  const live = await stat(file).catch(() => undefined);
  return live === undefined ? '' : `${live.dev}:${live.ino}`;
}

async function read(files: readonly string[], evidence: Evidence): Promise<void> {
  for (const file of files) {
    try {
      for await (const lines of linesOf(file)) for (const line of lines) evidence.take(line);
    } catch (error) {
      // Removed since it was listed, or not there yet.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** Whether the address could relay at the time (wall clock, epoch milliseconds). */
export async function who(address: ClientAddress, at: number, options: WhoOptions): Promise<Answer> {
  const { file, now, privacy } = options;
  const names = privacy.namesOf(address);
  let evidence: Evidence;
  try {
    let live: string;
    // A file that is completed meanwhile is in no list, and no longer where it was.
    do {
      live = await liveOf(file);
      evidence = new Evidence(names, at);
      await read(await filesFor(file, at), evidence);
    } while (live !== (await liveOf(file)));
  } catch (error) {
    throw new Fault('STORE', `the audit cannot be read: ${reasonOf(error)}`, error);
  }
  return decide(evidence, { address, at, now });
}

type Question = Pick<Facts, 'address' | 'at' | 'now'>;

const endOf = ({ until }: AuditRecord): number => until ?? Infinity;
const beginOf = ({ at, from }: AuditRecord): number => from ?? at;

function decide(evidence: Evidence, question: Question): Answer {
  const { at, now } = question;
  const { standing } = evidence;
  const kindOf = ({ kind, what }: AuditRecord): string => (kind === 'standing' ? (what ?? '') : kind);
  const isAgainst = (record: AuditRecord): boolean => ['deny', 'never'].includes(kindOf(record));
  const against = standing.filter((record) => isAgainst(record) && !evidence.isVague(record));
  const allowing = standing.filter((record) => !isAgainst(record));
  const leases = [...evidence.leases].sort((a, b) => endOf(b.record) - endOf(a.record));
  const gaps = evidence.gaps.filter((gap) => beginOf(gap) <= at && gap.at >= at - MAX_LIFETIME_MS);
  const deciding = [...allowing.sort((a, b) => endOf(b) - endOf(a)), ...leases.map(({ record }) => record)];
  const isPast = at <= now;
  const isDenied = isPast && against.length > 0;
  const isPermitted = isPast && against.length === 0 && deciding.length > 0;
  const isCovered = isPast && evidence.first !== undefined && Date.parse(evidence.first) <= at;
  const isSure = isDenied || (isCovered && gaps.length === 0);
  const verdict = isPermitted ? 'permitted' : isSure ? 'not' : 'unknown';
  const records = isPermitted ? deciding : isDenied ? against : lastOf(evidence);
  const isVague = records.length > 0 && records.every((record) => evidence.isVague(record));
  const onlyTo = isVague ? records[0]?.subject : undefined;
  const lease: Lease | undefined = isPermitted && allowing.length === 0 ? leases[0] : undefined;
  const uses = isPermitted ? usesOf(evidence, deciding) : 0;
  const { acts, isRunning } = evidence;
  const facts: Facts = { ...question, verdict, records, lease, onlyTo, uses, isCovered, isRunning, acts };
  return { verdict, words: words(facts), onlyTo, records, uses, gaps };
}

/** What was the last that happened to it: its end, or a refusal. */
function lastOf({ ended, refusals }: Evidence): AuditRecord[] {
  const [end, refusal] = [ended.at(-1), refusals.at(-1)];
  return [end, refusal].filter((one) => one !== undefined).sort((a, b) => b.at - a.at);
}

/** Uses between the first begin and the last end of what decides. */
function usesOf({ uses }: Evidence, deciding: readonly AuditRecord[]): number {
  const subjects = new Set(deciding.map(({ subject }) => subject));
  const began = Math.min(...deciding.map(beginOf));
  const ends = Math.max(...deciding.map(endOf));
  return uses
    .filter((use) => subjects.has(use.subject) && use.at >= began && beginOf(use) <= ends)
    .reduce((sum, { count = 1 }) => sum + count, 0);
}
