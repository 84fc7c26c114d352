/**
 * fuzz - mutated messages for every decoder: npm run fuzz -- [--seed N] [--count N] [--decoder NAME] [--from N]
 *
 * decoders.mjs says what is fuzzed and what must hold. Beside that the memory of the process must stay flat once it
 * is warm. Progress goes to standard error, the seed and the table at the end to standard output.
 * Exit status: 0 nothing found, 1 something found (with what is needed to see it again), 64 usage.
 */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as address from '../../dist/core/address.js';
import * as reporters from '../../dist/core/reporters.js';
import * as oldRecord from '../../dist/import/record.js';
import * as berkeley from '../../dist/wire/berkeley.js';
import * as drac from '../../dist/wire/drac.js';
import * as netstring from '../../dist/wire/netstring.js';
import * as policy from '../../dist/wire/policy.js';
import * as portmap from '../../dist/wire/portmap.js';
import * as protobuf from '../../dist/wire/protobuf.js';
import * as record from '../../dist/wire/record.js';
import * as rpc from '../../dist/wire/rpc.js';
import * as seal from '../../dist/wire/seal.js';
import * as xdr from '../../dist/wire/xdr.js';
import { Attack, Finding } from './attack.mjs';
import { decoders } from './decoders.mjs';

const DEFAULT_COUNT = 10_000_000;
/** Without --count the fuzzer ends after this time, whatever it has done by then. */
const LIMIT_MS = 100_000;
const PROGRESS_MS = 5_000;
/** Messages for one decoder before it is the next one's turn. */
const TURN = 2_000;
/** Turns of each decoder before memory is looked at: the compiler has done its work, the heap has its size. */
const WARM_TURNS = 80;
const MAX_GROWTH = 16 << 20;
const MIB = 1 << 20;

const all = decoders({
  address,
  berkeley,
  drac,
  netstring,
  oldRecord,
  policy,
  portmap,
  protobuf,
  record,
  reporters,
  rpc,
  seal,
  xdr,
});
const HELP = `usage: npm run fuzz -- [--seed N] [--count N] [--decoder NAME] [--from N]

  --seed N        begin from this seed (0 to 4294967295); the default is another each time, and printed
  --count N       messages in all; the default is ${DEFAULT_COUNT}, or as many as ${LIMIT_MS / 1000} seconds allow
  --decoder NAME  only this one, of: ${all.map(({ name }) => name).join(', ')}
  --from N        begin each decoder at this iteration (with --count 1: see one finding again)
`;

/** @param {string} problem @returns {never} */
function usage(problem) {
  process.stderr.write(`fuzz: ${problem}\n\n${HELP}`);
  process.exit(64);
}

/** @param {string | undefined} text @param {{name: string, max: number}} rule */
function number(text, { name, max }) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > max) usage(`--${name} takes a number from 0 to ${max}, not '${text}'`);
  return value;
}

function options() {
  /** @type {Record<string, string | boolean | undefined>} */
  let given = {};
  const text = /** @type {const} */ ({ type: 'string' });
  try {
    given = parseArgs({
      options: { seed: text, count: text, decoder: text, from: text, help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch (error) {
    usage(error instanceof Error ? error.message : String(error));
  }
  if (given.help === true) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const chosen = given.decoder === undefined ? all : all.filter(({ name }) => name === given.decoder);
  if (chosen.length === 0) usage(`no decoder is called '${given.decoder}'`);
  return {
    chosen,
    seed: number(given.seed, { name: 'seed', max: 0xffff_ffff }) ?? Math.floor(Math.random() * 0x1_0000_0000),
    from: number(given.from, { name: 'from', max: 0xffff_ffff }) ?? 0,
    count: number(given.count, { name: 'count', max: Number.MAX_SAFE_INTEGER }),
  };
}

// A stack for each Malformed would cost more than the decoders; a finding is run again with one.
Error.stackTraceLimit = 0;
const STACK_LINES = 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

/** Resident bytes when all garbage is gone, without what V8 keeps free for later (it doubles that at will). */
function resident() {
  collect();
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return rss - (heapTotal - heapUsed);
}

/** Memory that must not grow once it has been looked at for the first time. */
class Level {
  /** @type {number | undefined} */
  #first;
  growth = 0;

  look() {
    const bytes = resident();
    this.#first ??= bytes;
    this.growth = Math.max(this.growth, bytes - this.#first);
    if (this.growth > MAX_GROWTH) {
      throw new Error(`memory has grown by ${(this.growth / MIB).toFixed(1)} MiB since the process was warm`);
    }
  }
}

/** One turn of one decoder. @param {{decoder: any, messages: number, accepted: number, ms: number}} row @param {{attack: Attack, from: number, count: number}} turn */
function take(row, { attack, from, count }) {
  const began = performance.now();
  for (let iteration = from; iteration < from + count; iteration += 1) {
    if (attack.once(row.decoder, iteration)) row.accepted += 1;
  }
  row.messages += count;
  row.ms += performance.now() - began;
}

/** @param {ReturnType<typeof options>} chosen */
function fuzz({ chosen, seed, from, count }) {
  const attack = new Attack(seed);
  const level = new Level();
  const rows = chosen.map((decoder) => ({ decoder, messages: 0, accepted: 0, ms: 0 }));
  const wanted = count ?? DEFAULT_COUNT;
  const end = count === undefined ? performance.now() + LIMIT_MS : Infinity;
  let told = performance.now();
  let done = 0;
  for (let turn = 0; done < wanted && performance.now() < end; turn += 1) {
    for (const row of rows) {
      const share = Math.min(TURN, wanted - done);
      take(row, { attack, from: from + row.messages, count: share });
      done += share;
    }
    if (performance.now() - told < PROGRESS_MS) continue;
    told = performance.now();
    if (turn >= WARM_TURNS) level.look();
    process.stderr.write(
      `fuzz: ${done} of ${wanted} messages, memory +${(level.growth / MIB).toFixed(1)} MiB\n`,
    );
  }
  level.look();
  return { rows, done, wanted, level };
}

/** @param {ReturnType<typeof fuzz>} result */
function table({ rows, done, wanted, level }) {
  const lines = rows.map(({ decoder, messages, accepted, ms }) =>
    [
      decoder.name.padEnd(20),
      String(messages).padStart(10),
      `${((100 * accepted) / Math.max(1, messages)).toFixed(1)} %`.padStart(10),
      String(Math.round((1_000 * messages) / Math.max(ms, 1))).padStart(10),
    ].join(' '),
  );
  return [
    `${'decoder'.padEnd(20)} ${'messages'.padStart(10)} ${'accepted'.padStart(10)} ${'a second'.padStart(10)}`,
    ...lines,
    `${done} messages${done < wanted ? ` (of ${wanted}: the time was up)` : ''}, memory +${(level.growth / MIB).toFixed(1)} MiB, nothing found`,
    '',
  ].join('\n');
}

/** Where the decoder stands when it does what it must not. @param {Finding} finding */
function stackOf({ decoder, seed, iteration }) {
  Error.stackTraceLimit = STACK_LINES;
  try {
    new Attack(seed).once(
      all.find(({ name }) => name === decoder),
      iteration,
    );
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof Error) return cause.stack ?? '';
  }
  return 'not when it is run again';
}

/** @param {unknown} error @param {number} seed */
function report(error, seed) {
  if (!(error instanceof Finding)) return `FOUND ${String(error)} (seed ${seed})\n`;
  const { decoder, iteration, hex } = error;
  return [
    `FOUND ${error.message}`,
    `decoder ${decoder}, seed ${seed}, iteration ${iteration}, ${hex.length / 2} bytes:`,
    hex,
    stackOf(error),
    `again: npm run fuzz -- --decoder ${decoder} --seed ${seed} --from ${iteration} --count 1`,
    '',
  ].join('\n');
}

const chosen = options();
process.stdout.write(`seed ${chosen.seed}\n`);
try {
  process.stdout.write(table(fuzz(chosen)));
} catch (error) {
  process.stdout.write(report(error, chosen.seed));
  process.exitCode = 1;
}
