/** options - the benchmark's command line */
import { parseArgs } from 'node:util';
import { shapes } from './rates.mjs';

/** @typedef {{only: readonly string[], seconds: number, rounds: number, restarts: number, grants: number, json: boolean}} Options */

/** What is measured, by the names that --only takes. @type {Record<string, string>} */
const parts = {
  ...Object.fromEntries(Object.entries(shapes).map(([name, { title }]) => [name, title])),
  map: 'whether the map permits a client as soon as the report is answered',
  audit: 'an ADD with the audit on, and whether each has its record',
  lookups: 'look-ups while clients are reported, and idle connections',
  publish: 'exports of 100 k and 1 M entries, and the event loop meanwhile',
  growth: 'an ADD among 1 k and among 1 M grants, and memory',
  scrape: 'a scrape of the metrics among 100 k grants',
  watch: 'an ADD while 100 watch',
  dracctl: 'a short command of dracctl',
  restart: 'a restart with 1 M grants',
  list: 'the whole list of 1 M grants',
  expiry: '1 M grants that end at once',
  revoke: '1 M grants that are taken away at once',
};
const names = Object.keys(parts);
const FULL = { seconds: 2, rounds: 5, restarts: 3, grants: 1_000_000 };
const QUICK = { seconds: 0.3, rounds: 2, restarts: 1, grants: 250_000 };
const USAGE_STATUS = 64;
const HELP = `usage: npm run bench -- [--quick] [--only NAME]... [--seconds N] [--rounds N] [--json]

  --only NAME  one of these instead of all; may be given again:
${names.map((name) => `                 ${name.padEnd(12)} ${parts[name]}`).join('\n')}
  --seconds N  length of one run (default ${FULL.seconds}, quick ${QUICK.seconds})
  --rounds N   runs of each server in each shape (default ${FULL.rounds}, quick ${QUICK.rounds})
  --quick      all of it within some minutes: less exact, and a quarter of the grants where it says 1 M
  --json       no tables, only the line of JSON
`;

/** @param {string} problem @returns {never} */
function usage(problem) {
  process.stderr.write(`bench: ${problem}\n\n${HELP}`);
  process.exit(USAGE_STATUS);
}

/** @param {string | undefined} text @param {{name: string, least: number, most: number, standard: number}} rule */
function number(text, { name, least, most, standard }) {
  if (text === undefined) return standard;
  const value = Number(text);
  if (!(value >= least && value <= most)) {
    usage(`--${name} takes a number from ${least} to ${most}, not '${text}'`);
  }
  return value;
}

/** @param {string[]} args */
function parse(args) {
  const text = /** @type {const} */ ({ type: 'string' });
  const flag = /** @type {const} */ ({ type: 'boolean', default: false });
  const help = /** @type {const} */ ({ type: 'boolean', default: false, short: 'h' });
  const only = /** @type {const} */ ({ type: 'string', multiple: true });
  const options = { only, seconds: text, rounds: text, quick: flag, json: flag, help };
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
}

/** Ends the process after --help and after a mistake. @param {string[]} args @returns {Options} */
export function parseOptions(args) {
  const { help, json, quick, only = names, seconds, rounds } = parse(args);
  if (help) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) usage(`--only takes one of ${names.join(', ')}, not '${unknown}'`);
  const standard = quick ? QUICK : FULL;
  return {
    only,
    seconds: number(seconds, { name: 'seconds', least: 0.1, most: 600, standard: standard.seconds }),
    rounds: Math.round(number(rounds, { name: 'rounds', least: 1, most: 1_000, standard: standard.rounds })),
    restarts: standard.restarts,
    grants: standard.grants,
    json,
  };
}
