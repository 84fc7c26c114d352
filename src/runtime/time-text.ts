/**
 * time-text - times as people write them on a command line: RFC 3339, seconds and fractions may be left out
 *
 * The zone must be there, or one would guess.
 */
const TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/i;

/** What to say when it is none. */
export const TIME_HINT =
  'It must be a time with its zone, such as 2026-11-25T14:03:22Z or 2026-11-25T15:03+01:00.';

/** As far as `2026-11-25T14:03`. */
const MINUTES = 16;

/** Whether there is such a day and hour: Date takes February 31 for March 3, and 24:00 for the next day. */
function exists(text: string): boolean {
  const minutes = text.slice(0, MINUTES);
  const ms = Date.parse(`${minutes}Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(minutes);
}

/** Epoch milliseconds; undefined when it is no time. */
export function readTimeText(text: string): number | undefined {
  const upper = text.replace(' ', 'T').toUpperCase();
  const ms = TIME.test(text) && exists(upper) ? Date.parse(upper) : NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
