/**
 * words - numbers and times as the status page says them
 */
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const whole = new Intl.NumberFormat('en');

/** 12,345 */
export const count = (n: number): string => whole.format(n);

/** 3 s, 5 min, 2 h 10 min, 4 d 3 h */
export function duration(ms: number): string {
  if (ms < MINUTE) return `${Math.max(0, Math.floor(ms / SECOND))} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ${Math.floor((ms % HOUR) / MINUTE)} min`;
  return `${Math.floor(ms / DAY)} d ${Math.floor((ms % DAY) / HOUR)} h`;
}

/** 1.5 MiB; three digits at most before the unit changes. */
export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = n;
  let unit = 0;
  for (; value >= 1_000 && unit < units.length - 1; unit += 1) value /= 1_024;
  return `${unit > 0 && value < 100 ? value.toFixed(1) : value.toFixed(0)} ${units[unit] ?? ''}`;
}

/** 14:03:22 */
export const timeOfDay = (wallMs: number): string => new Date(wallMs).toISOString().slice(11, 19);
