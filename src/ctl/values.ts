/** values - what options on the command line may be, and what is said when they are not */
import { InvalidArgumentError } from 'commander';
import type { Position__Output } from '../admin/gen/dracd/admin/v1/Position.js';
import { readTimeText, TIME_HINT } from '../runtime/time-text.js';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds. */
export function duration(text: string): number {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count !== undefined && Number(count) > 0) return Number(count) * (UNIT_MS[unit] ?? NaN);
  throw new InvalidArgumentError('It must be a duration such as 90s, 30m, 12h or 7d.');
}

/** A time, epoch milliseconds. */
export function time(text: string): number {
  const ms = readTimeText(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError(TIME_HINT);
}

/** A reader of whole numbers from 1 to a limit. */
export const upTo =
  (most: number) =>
  (text: string): number => {
    if (/^[1-9]\d{0,8}$/.test(text) && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`);
  };

/** A position as text. */
export function positionText({ epoch, number }: Position__Output): string {
  return `${epoch}:${number}`;
}

/** A position, as positionText writes it. */
export function position(text: string): Position__Output {
  const [, epoch, number = ''] = /^(.{1,256}):(\d{1,15})$/.exec(text) ?? [];
  if (epoch !== undefined) return { epoch, number: Number(number) };
  throw new InvalidArgumentError('It must be a position as `watch` and `export` print it, EPOCH:NUMBER.');
}
