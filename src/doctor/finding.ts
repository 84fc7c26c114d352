/**
 * finding - what a check has found: how bad it is, what, where, and what to do about it
 *
 * `ok` and `note` need nobody; a `warning` will hurt some day or some people; an `error` means that clients are
 * refused, or let relay, who should not be. Texts may quote what others wrote: who prints them escapes them.
 */

export const SEVERITIES = ['ok', 'note', 'warning', 'error'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Where it is seen: a file, a key in it or beside it, and the value that it has. */
export interface Where {
  readonly file?: string | undefined;
  readonly key?: string | undefined;
  readonly value?: string | undefined;
}

export interface Finding extends Where {
  readonly severity: Severity;
  readonly what: string;
  /** One or two lines; nothing where there is nothing to do. */
  readonly cure?: string | undefined;
}

export const ok = (what: string, where: Where = {}): Finding => ({ severity: 'ok', what, ...where });

/** A finding that wants something done, or (note) that wants to be known. */
export const bad = (
  severity: Exclude<Severity, 'ok'>,
  what: string,
  more: Where & { readonly cure?: string },
): Finding => ({ severity, what, ...more });

/** dracctl's exit status: 0 nothing to do, 1 warnings, 2 errors. */
export function statusOf(severities: Iterable<Severity>): 0 | 1 | 2 {
  let worst = 0;
  for (const severity of severities) worst = Math.max(worst, SEVERITIES.indexOf(severity));
  return worst === 3 ? 2 : worst === 2 ? 1 : 0;
}
