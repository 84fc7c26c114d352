/** rates - the daemon's numbers as `top` shows them: how many there are, and how often things happen */
import type { StatsResponse__Output } from '../admin/gen/dracd/admin/v1/StatsResponse.js';

/** How often, since the start and now. */
export interface Rate {
  readonly name: string;
  readonly total: number;
  /** A second; undefined as long as there is nothing to compare with. */
  readonly perSecond: number | undefined;
}

export interface ReporterRate extends Rate {
  /** Those of its reports that were refused. */
  readonly refused: Rate;
}

export interface View {
  /** Texts and numbers that are no counts of events, by name. */
  readonly state: Readonly<Record<string, number | string | boolean | undefined>>;
  readonly adds: readonly Rate[];
  readonly lookups: readonly Rate[];
  /** What was turned away before it became a report or a question; only what has happened. */
  readonly refused: readonly Rate[];
  /** The busiest first. */
  readonly reporters: readonly ReporterRate[];
}

/** What one answer said, and when. */
export interface Sample {
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly answer: StatsResponse__Output;
}

const COUNTED = 'counted.';
export const OUTCOMES = ['granted', 'renewed', 'stranger', 'unusable', 'full', 'failed'] as const;
const GRANTED: readonly string[] = ['granted', 'renewed'];
const LOOKUP = /^lookup\.([^.]+)\.(hit|miss|unknown|grace|no-address|no-map)$/;
const REFUSED =
  /^(?:rpc|lookup)\..*(?:malformed|denied|unavailable|garbage|oversize|unanswered|unanswerable|early|forwarded|refused|flooding|slow)$/;

type Counts = ReadonlyMap<string, number>;

function numbersOf({ stats }: StatsResponse__Output): Counts {
  return new Map(
    stats.flatMap(({ name, value, number }) =>
      value === 'number' && number !== undefined ? [[name, number] as const] : [],
    ),
  );
}

function reportsOf({ reports }: StatsResponse__Output): Counts {
  const counts = new Map<string, number>();
  for (const { reporter, outcome, count } of reports) {
    const key = `${reporter}\0${GRANTED.includes(outcome) ? 'granted' : 'refused'}`;
    counts.set(key, (counts.get(key) ?? 0) + count);
  }
  return counts;
}

/** Compares counts with those before; a count that is smaller is one of a daemon that was started anew. */
class Comparison {
  readonly #now: Counts;
  readonly #before: Counts | undefined;
  readonly #seconds: number;

  constructor(now: Counts, before: Counts | undefined, seconds: number) {
    this.#now = now;
    this.#before = before;
    this.#seconds = seconds;
  }

  rate(key: string, name = key): Rate {
    const total = this.#now.get(key) ?? 0;
    if (this.#before === undefined || !(this.#seconds > 0)) return { name, total, perSecond: undefined };
    const before = this.#before.get(key) ?? 0;
    const since = total >= before ? total - before : total;
    return { name, total, perSecond: since / this.#seconds };
  }
}

function sum(name: string, rates: readonly Rate[]): Rate {
  const total = rates.reduce((all, rate) => all + rate.total, 0);
  const isUnknown = rates.some(({ perSecond }) => perSecond === undefined);
  const perSecond = isUnknown ? undefined : rates.reduce((all, rate) => all + (rate.perSecond ?? 0), 0);
  return { name, total, perSecond };
}

const busiest = (a: Rate, b: Rate): number =>
  (b.perSecond ?? 0) - (a.perSecond ?? 0) || b.total - a.total || (a.name < b.name ? -1 : 1);

function reporterRates({ answer }: Sample, compare: Comparison): ReporterRate[] {
  const names = [...new Set(answer.reports.map(({ reporter }) => reporter))];
  return names
    .map((name) => {
      const refused = compare.rate(`${name}\0refused`, 'refused');
      return { ...sum(name, [compare.rate(`${name}\0granted`), refused]), refused };
    })
    .sort(busiest);
}

export function viewOf(now: Sample, before: Sample | undefined): View {
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1_000;
  const comparing = (counts: (answer: StatsResponse__Output) => Counts): Comparison =>
    new Comparison(counts(now.answer), before && counts(before.answer), seconds);
  const compare = comparing(numbersOf);
  const events = now.answer.stats.flatMap(({ name }) =>
    name.startsWith(COUNTED) ? [name.slice(COUNTED.length)] : [],
  );
  const matching = (pattern: RegExp): Rate[] =>
    events.filter((name) => pattern.test(name)).map((name) => compare.rate(COUNTED + name, name));
  return {
    state: Object.fromEntries(
      now.answer.stats.flatMap(({ name, value, number, text, flag }) =>
        name.startsWith(COUNTED)
          ? []
          : [[name, value === 'number' ? number : value === 'text' ? text : flag]],
      ),
    ),
    adds: OUTCOMES.map((outcome) => compare.rate(`${COUNTED}rpc.add.${outcome}`, outcome)),
    lookups: matching(LOOKUP).map((rate) => ({ ...rate, name: rate.name.replace(LOOKUP, '$1 $2') })),
    refused: matching(REFUSED).filter(({ total }) => total > 0),
    reporters: reporterRates(now, comparing(reportsOf)),
  };
}

/** All of them together. */
export const allOf = (rates: readonly Rate[]): Rate => sum('all', rates);
/** What of the reports was granted, and what was not. */
export const grantedOf = (rates: readonly Rate[]): Rate =>
  sum(
    'granted',
    rates.filter(({ name }) => GRANTED.includes(name)),
  );
export const refusedOf = (rates: readonly Rate[]): Rate =>
  sum(
    'refused',
    rates.filter(({ name }) => !GRANTED.includes(name)),
  );
