/**
 * top-view - the lines that `top` shows: a screen for people, a line for files, an object for programs
 *
 * Names of reporters are somebody else's text: they are escaped and cut to their column.
 */
import { legible } from '../runtime/printable.js';
import { coloured, json, type Output } from './output.js';
import { allOf, grantedOf, type Rate, refusedOf, type ReporterRate, type View } from './rates.js';

const NAME = 20;
const NUMBER = 11;
const HALF = NAME + 2 * NUMBER;
const GAP = 4;

const perSecond = ({ perSecond: rate }: Rate): string => (rate === undefined ? '-' : rate.toFixed(1));
const cell = (text: string | number): string => String(text).padStart(NUMBER);

function name(text: string): string {
  const shown = legible(text);
  return (shown.length > NAME ? `${shown.slice(0, NAME - 1)}~` : shown).padEnd(NAME);
}

const rateLine = (rate: Rate): string => name(rate.name) + cell(perSecond(rate)) + cell(rate.total);

/** A table with a heading. */
function table(output: Output, heading: readonly string[], lines: readonly string[]): string[] {
  const [first = '', ...columns] = heading;
  const text = first.padEnd(NAME) + columns.map(cell).join('');
  return [coloured(output, 'bold', text.padEnd(HALF)), ...lines.map((line) => line.padEnd(HALF))];
}

function known({ state }: View, key: string): string {
  const value = state[key];
  return value === undefined ? '-' : String(value);
}

function allowed(output: Output, view: View): string[] {
  const rows = [
    ['leases', 'leases'],
    ["operators' grants", 'operatorGrants'],
    ['pins', 'pins'],
    ['denies', 'denies'],
    ['room for leases', 'leasesMax'],
    ['reports waiting', 'reportsWaiting'],
    ['watchers', 'watchers'],
  ] as const;
  return table(
    output,
    ['MAY RELAY', 'now'],
    rows.map(([title, key]) => name(title) + cell(known(view, key))),
  );
}

const rated = ['a second', 'in all'];

function reporters(output: Output, list: readonly ReporterRate[]): string[] {
  const heading = 'REPORTERS'.padEnd(NAME) + [...rated, 'refused/s', 'refused'].map(cell).join('');
  const lines = list.map((rate) => rateLine(rate) + cell(perSecond(rate.refused)) + cell(rate.refused.total));
  return [coloured(output, 'bold', heading), ...lines];
}

/** Two tables side by side where there is room. */
function beside(left: readonly string[], right: readonly string[], columns: number): string[] {
  if (columns < 2 * HALF + GAP) return [...left, '', ...right];
  return Array.from({ length: Math.max(left.length, right.length) }, (_, i) =>
    `${left[i] ?? ' '.repeat(HALF)}${' '.repeat(GAP)}${right[i] ?? ''}`.trimEnd(),
  );
}

/** What is not as it should be, if anything. */
export function troubleOf({ state }: View): string {
  const { journalDegraded, mapsProblem } = state;
  return [journalDegraded, mapsProblem]
    .filter((text) => typeof text === 'string' && text !== '')
    .map((text) => legible(String(text)))
    .join('; ');
}

export interface Frame {
  readonly view: View;
  /** What stands in the first line. */
  readonly title: string;
  /** What went wrong with the last question, if anything. */
  readonly problem: string;
  readonly columns: number;
}

export function screenLines(output: Output, { view, title, problem, columns }: Frame): string[] {
  const trouble = problem === '' ? troubleOf(view) : problem;
  const adds = table(output, ['ADDS', ...rated], view.adds.map(rateLine));
  const lookups = table(output, ['LOOK-UPS', ...rated], view.lookups.map(rateLine));
  const refused = table(output, ['TURNED AWAY', ...rated], view.refused.map(rateLine));
  return [
    // Cut before it is coloured: escape sequences have no width.
    coloured(output, 'bold', title.slice(0, columns)),
    trouble === '' ? '' : coloured(output, 'deny', trouble.slice(0, columns)),
    ...beside(allowed(output, view), adds, columns),
    '',
    ...beside(lookups, refused, columns),
    '',
    ...reporters(output, view.reporters),
  ];
}

const LINE = ['leases', 'pins', 'denies', 'granted/s', 'refused/s', 'look-ups/s', 'away/s'];

/** What stands above the lines. */
export const lineHeading = (): string => `${'time'.padEnd(24)}${LINE.map(cell).join('')}\n`;

export function line(view: View, time: string): string {
  const cells = [
    ...['leases', 'pins', 'denies'].map((key) => known(view, key)),
    ...[grantedOf(view.adds), refusedOf(view.adds), allOf(view.lookups), allOf(view.refused)].map(perSecond),
  ];
  return `${time.padEnd(24)}${cells.map(cell).join('')}\n`;
}

const rates = (list: readonly Rate[]): Record<string, number | null> =>
  Object.fromEntries(list.map(({ name: key, perSecond: rate }) => [key, rate ?? null]));

/** For programs: states as Stats tells them, and rates a second. */
export function object({ state, adds, lookups, refused, reporters: list }: View, time: string): string {
  return json({
    at: time,
    state,
    perSecond: {
      adds: rates(adds),
      lookups: rates(lookups),
      refused: rates(refused),
      reporters: rates(list),
    },
  });
}
