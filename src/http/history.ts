/**
 * history - the last hour in samples, so that a page that is opened has a chart at once
 *
 * A fixed ring: one point every EVERY_MS, the oldest goes when a new one comes. A point holds what is live and
 * what was counted since the point before it. Names in it are those of counters and reporters: never an address.
 */
import type { Clock, Timer } from '../runtime/clock.js';
import { LOOKUPS, OUTCOMES, REFUSED, REPORTS } from './metrics.js';
import type { SampleSource } from './sample.js';

export const EVERY_MS = 10_000;
export const POINTS = 360;
const MINUTE_MS = 60_000;

/** Counts by name. */
export type Counts = Readonly<Record<string, number>>;

export interface Point {
  /** Wall clock, epoch milliseconds. */
  readonly at: number;
  readonly live: number;
  /** Reports by the name of their reporter. */
  readonly reports: Counts;
  /** Refused reports, messages and connections by reason. */
  readonly refusals: Counts;
  /** Look-ups by kind. */
  readonly lookups: Counts;
}

/** What outcomes of a report are refusals, and what they are called beside the other reasons. */
const REFUSAL_OF: Readonly<Partial<Record<(typeof OUTCOMES)[number], string>>> = {
  stranger: 'not a reporter',
  unusable: 'address may not be granted',
  full: 'ledger full',
  failed: 'not made durable',
};

function add(counts: Record<string, number>, name: string, n: number): void {
  if (n > 0) counts[name] = (counts[name] ?? 0) + n;
}

export type Totals = Pick<Point, 'reports' | 'refusals' | 'lookups'>;

/** What was counted since the start. */
export function totals({ counters }: Pick<SampleSource, 'counters'>): Totals {
  const reports: Record<string, number> = {};
  const refusals: Record<string, number> = {};
  const lookups: Record<string, number> = {};
  for (const { labels, count } of counters.labelled(REPORTS)) {
    const [reporter = '', , , outcome] = labels;
    add(reports, reporter, count);
    const reason = OUTCOMES.filter((one) => one === outcome).map((one) => REFUSAL_OF[one])[0];
    if (reason !== undefined) add(refusals, reason, count);
  }
  for (const [name, { reason }] of Object.entries(REFUSED)) add(refusals, reason, counters.get(name));
  for (const [name, { kind }] of Object.entries(LOOKUPS)) add(lookups, kind, counters.get(name));
  return { reports, refusals, lookups };
}

function since(now: Counts, before: Counts): Counts {
  return Object.fromEntries(Object.entries(now).map(([name, n]) => [name, n - (before[name] ?? 0)]));
}

export const sum = (counts: Counts): number => Object.values(counts).reduce((all, n) => all + n, 0);

export class History {
  readonly #source: SampleSource;
  readonly #clock: Clock;
  readonly #points: Point[] = [];
  #before: Totals;
  #timer: Timer | undefined;

  constructor(source: SampleSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
    this.#before = totals(source);
  }

  /** Begins with a first point. Each new one is also told to `onPoint`. */
  start(onPoint: (point: Point) => void): void {
    const note = (): void => {
      onPoint(this.#note());
    };
    note();
    this.#timer = this.#clock.every(EVERY_MS, note);
  }

  stop(): void {
    this.#timer?.stop();
  }

  /** The oldest first. */
  points(): readonly Point[] {
    return this.#points;
  }

  /** What was counted in about the last minute: since the last point, and in the five before. */
  lastMinute(): Totals {
    const spans: Totals[] = [
      ...this.#points.slice(1 - MINUTE_MS / EVERY_MS),
      this.#sinceLast(totals(this.#source)),
    ];
    const total = (of: keyof Totals): Counts => {
      const counts: Record<string, number> = {};
      for (const span of spans) for (const [name, n] of Object.entries(span[of])) add(counts, name, n);
      return counts;
    };
    return { reports: total('reports'), refusals: total('refusals'), lookups: total('lookups') };
  }

  #sinceLast({ reports, refusals, lookups }: Totals): Totals {
    return {
      reports: since(reports, this.#before.reports),
      refusals: since(refusals, this.#before.refusals),
      lookups: since(lookups, this.#before.lookups),
    };
  }

  #note(): Point {
    const now = totals(this.#source);
    const point = {
      at: this.#clock.wall(),
      live: this.#source.sample().grants.live,
      ...this.#sinceLast(now),
    };
    this.#before = now;
    this.#points.push(point);
    if (this.#points.length > POINTS) this.#points.shift();
    return point;
  }
}
