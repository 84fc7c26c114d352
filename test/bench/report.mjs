/** report - the measurements as people read them, and as programs do */
import { spread } from './statistics.mjs';

/** @typedef {import('./bench.mjs').Result} Result */
/** @typedef {import('./rates.mjs').Load} Load */

/** Three digits are more than these numbers are worth. @param {number} value */
function short(value) {
  if (!Number.isFinite(value)) return '-';
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  if (value >= 1e4) return `${(value / 1e3).toPrecision(3)} k`;
  return value >= 1_000 || Number.isInteger(value) ? String(Math.round(value)) : value.toPrecision(3);
}

/** @param {readonly number[]} values */
function medianAndRange(values) {
  const { median, least, most } = spread(values);
  return values.length > 1 ? `${short(median)} (${short(least)} - ${short(most)})` : short(median);
}

/** Columns as wide as they need to be; the first is text, the others numbers. @param {readonly (readonly string[])[]} rows */
function table(rows) {
  const width = (/** @type {number} */ column) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(width(i)) : cell.padStart(width(i)))).join('  '),
    )
    .map((line) => `  ${line.trimEnd()}\n`)
    .join('');
}

/** One table for all shapes, so that their columns stand under one another. @param {Result['rates']} rates */
function rateTable(rates) {
  const middle = (/** @type {Load[]} */ runs, /** @type {(load: Load) => number} */ pick) =>
    short(spread(runs.map(pick)).median);
  const rows = rates.flatMap(({ title, loads, losses, limit }) => [
    [limit === undefined ? title : `${title} (load generator: ${short(limit)})`],
    ...Object.entries(loads).map(([name, runs]) => [
      `  ${name}`,
      medianAndRange(runs.map(({ rate }) => rate)),
      middle(runs, ({ p50 }) => p50),
      middle(runs, ({ p99 }) => p99),
      middle(runs, ({ serverCpuUs }) => serverCpuUs),
      losses[name] === undefined ? '' : short(losses[name]),
    ]),
  ]);
  return table([
    ['', 'replies a second, median (range)', 'p50 us', 'p99 us', 'CPU us each', 'lost of 512'],
    ...rows,
  ]);
}

/** @param {Result['verdicts']} verdicts */
function aimTable(verdicts) {
  const rows = verdicts.map(({ what, values, at, limit, unit, verdict }) => [
    what,
    `${medianAndRange(values)} ${unit}`.trimEnd(),
    `${at === 'least' ? '>=' : '<='} ${limit} ${unit}`.trimEnd(),
    verdict,
  ]);
  return table([['', 'measured, median (range)', 'aim', ''], ...rows]);
}

/** @param {Result['machine']} machine */
function machineText({ cores, cpu, kernel, node, fileSystem, load, fdatasync: { before, after } }) {
  return table(
    [
      ['machine', `${cores} cores, ${cpu}, Linux ${kernel}, Node ${node}, load ${load} at the start`],
      [
        'disk',
        `${fileSystem}; write and fdatasync of 4 KiB: median ${before.medianUs} us, p99 ${before.p99Us} us; in the end ${after.medianUs} and ${after.p99Us}`,
      ],
    ].map(([name = '', text = '']) => [`${name}: ${text}`]),
  );
}

/** @param {Result} result @param {{json: boolean}} options */
export function printReport(result, { json }) {
  if (!json) {
    const text = [
      machineText(result.machine),
      result.rates.length > 0 ? rateTable(result.rates) : '',
      `${result.remarks.map((remark) => `  ${remark}\n`).join('')}`,
      aimTable(result.verdicts),
    ];
    process.stdout.write(`${text.filter((part) => part !== '').join('\n')}\n`);
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
