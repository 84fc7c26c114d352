/**
 * told - what the change log of an earlier run says, judged: whether this run can go on with it
 *
 * It can when the log was written in this boot of the machine, the clock has not been set since, what a lease covers is decided
 * as then, and the last mark is sound. What it says is then what watchers know.
 */
import type { Change } from './admin/operations.js';
import { changeIn } from './change-text.js';
import type { Place } from './core/outlets.js';
import type { Act } from './entry-book.js';
import type { LoggedFrame } from './store/read-changes.js';
import type { Since } from './store/tail.js';

/** More than what two readings of the clocks can differ by, milliseconds; less than a step that matters. */
const SAME_CLOCK_MS = 100;
/** The resolution of the times by which leases end, milliseconds. */
export const FUZZ_MS = 5;

/** Leases and entries that ended by then have been told to be over, wall clock. */
export interface Swept {
  readonly leases: number;
  readonly entries: number;
}

export const FORMAT = 'dracd changes';
export const VERSION = 1;

/** What a file begins with. */
export interface Head {
  readonly format: string;
  readonly version: number;
  readonly epoch: string;
  readonly boot: string;
  /** What decides how much a lease covers. */
  readonly rules: string;
  readonly lifetimeMs: number;
  /** Up to where time had been told when the log began. */
  readonly began: Swept;
  /** It began with this file. */
  readonly isNew: boolean;
}

/** Up to where the truth had been told. */
export interface Mark {
  readonly at: number;
  readonly place: Place;
  readonly until: Swept;
  readonly cuts: readonly Place[];
  /** Changes after this must be known, or it cannot be said what is still to be told. */
  readonly needs: number;
  /** The wall clock less the machine's monotonic one. */
  readonly base: number;
  readonly sound: boolean;
  /** The last group of acts that was done, or was not. */
  readonly resolved: number;
}

export interface Intended {
  readonly id: number;
  readonly acts: readonly Act[];
}

export interface Told {
  readonly epoch: string;
  readonly began: Swept;
  readonly lifetimeMs: number;
  /** The position before the first change. */
  readonly since: number;
  readonly changes: readonly Change[];
  readonly mark: Mark;
  /** What was about to be done, and is not told. */
  readonly intended: readonly Act[];
}

export interface Now {
  readonly boot: string;
  readonly base: number;
  readonly rules: string;
}

/** The frames of the log that was written last: there may be older ones before. */
function lastLog(frames: readonly LoggedFrame[]): readonly LoggedFrame[] {
  const begins = frames.findLastIndex(({ head }) => (head as Head | undefined)?.isNew === true);
  return frames.slice(Math.max(0, begins));
}

function changesIn(frames: readonly LoggedFrame[], since: number): Change[] | undefined {
  const changes: Change[] = [];
  for (const { lines, position } of frames) {
    for (const line of lines) {
      const change = changeIn(line);
      if (change === undefined) return undefined;
      changes.push({ position: since + changes.length + 1, ...change });
    }
    if (since + changes.length !== position) return undefined;
  }
  return changes;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const areNumbers = (value: unknown, ...names: string[]): boolean =>
  isObject(value) && names.every((name) => Number.isFinite(value[name]));
const isPlace = (value: unknown): boolean => areNumbers(value, 'segment', 'offset');

function isMark(value: unknown): value is Mark {
  return (
    isObject(value) &&
    areNumbers(value, 'at', 'needs', 'base', 'resolved') &&
    isPlace(value['place']) &&
    areNumbers(value['until'], 'leases', 'entries') &&
    Array.isArray(value['cuts']) &&
    value['cuts'].every(isPlace)
  );
}

/** undefined when there is nothing to go on with; in words, why there is something and it will not do. */
export function toldIn(all: readonly LoggedFrame[], now: Now): Told | string | undefined {
  const frames = lastLog(all);
  const [first] = frames;
  const last = frames.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const head = first.head as Head | undefined;
  if (head?.format !== FORMAT || head.version !== VERSION) return 'it is of another format';
  if (
    typeof head.epoch !== 'string' ||
    !areNumbers(head.began, 'leases', 'entries') ||
    !areNumbers(head, 'lifetimeMs')
  )
    return 'it cannot be understood';
  if (head.boot !== now.boot) return 'the machine was booted since';
  if (head.rules !== now.rules) return 'what a lease covers has changed';
  const { mark } = last;
  if (!isMark(mark)) return 'it cannot be understood';
  const since = first.position - first.lines.length;
  if (!mark.sound) return 'it was being made certain when the last run ended';
  if (Math.abs(mark.base - now.base) > SAME_CLOCK_MS) return 'the clock was set since';
  if (mark.needs < since) return 'more had happened at once than it holds';
  const changes = changesIn(frames, since);
  if (changes === undefined) return 'it cannot be understood';
  const intents = frames.findLast((frame) => frame.intents !== undefined)?.intents as
    readonly Intended[] | undefined;
  const intended = intents?.filter(({ id }) => id !== mark.resolved).flatMap(({ acts }) => acts) ?? [];
  const { began, epoch, lifetimeMs } = head;
  return { epoch, began, lifetimeMs, since, changes, mark, intended };
}

/** What the journal is asked for. */
export function sinceOf({ mark }: Told): Since {
  return { place: mark.place, cuts: mark.cuts, until: mark.until.leases - FUZZ_MS };
}
