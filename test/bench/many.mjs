/**
 * many - dracd with a million grants (fewer when it must be quick): what an ADD costs, memory, a restart, publishing, the list of them, and the end of them all
 */
import { inWords } from './aims.mjs';
import { measureExpiry } from './expiry.mjs';
import { measureList } from './list.mjs';
import { publishMany } from './publishing.mjs';
import { measureRates, ratios, shapes } from './rates.mjs';
import { measureRestarts } from './restart.mjs';
import { PART } from './run.mjs';

/** @typedef {import('./run.mjs').Run} Run */
/** @typedef {import('./servers.mjs').Dracd} Dracd */

/** Live grants that many are compared with. */
const FEWER = /** @type {const} */ ([1_000, 100_000]);
/** The grants of `expiry` live this long, and as much longer as the daemon needs to start. */
const REMAINING_S = 5;

/** An ADD among few grants and among many: daemons that take turns. @param {Run} run @param {Dracd} many */
async function compareSizes(run, many) {
  const contenders = [];
  for (const set of FEWER) {
    const server = run.dracd(`dracd-${set}`);
    await server.start();
    await run.grant(server, set);
    contenders.push({ name: `${inWords(set)} live grants`, server, set });
  }
  const { grants } = run.options;
  contenders.push({ name: `${inWords(grants)} live grants`, server: many, set: grants });
  const [least, most] = [contenders[0]?.name ?? '', contenders.at(-1)?.name ?? ''];
  const wanted = { 'growth/udp': shapes['udp-64'], 'growth/tcp': shapes['tcp-4x1024'] };
  for (const [aim, shape] of Object.entries(wanted)) {
    run.progress(`few and many live grants, ${shape.title}`);
    const loads = await measureRates(run.generator, contenders, { ...shape, ...run.options });
    run.rates.push({ title: `dracd, ${shape.title}`, loads, losses: {} });
    run.judge(aim, ratios(loads, least, most));
  }
  run.remarks.push(
    `a client that reports again within the second leaves the map as it is: among ${inWords(FEWER[0])} nearly all do`,
  );
  for (const { server } of contenders.slice(0, -1)) await server.stop();
}

/** @param {string} when @param {import('./servers.mjs').Memory} memory */
function memoryRemark(when, { rss, peak, anonymous, files }) {
  return `memory ${when}: ${rss} MiB resident, of these ${anonymous} its own and ${files} pages of files; at most ${peak} MiB so far`;
}

/** @param {Run} run @param {Dracd} dracd which runs, and runs again afterwards */
async function restart(run, dracd) {
  const { grants, restarts: rounds } = run.options;
  run.progress(`restart with ${inWords(grants)} grants`);
  const { answered, seen } = await measureRestarts(dracd, { postmap: run.postmap, grants, rounds });
  run.judge('restart/answer', answered);
  run.judge('restart/empty', [seen.no]);
  run.judge('memory/restarted', [dracd.memory().rss]);
  run.remarks.push(
    `look-ups from before the stop to after the start: ${seen.yes} yes, ${seen.no} no`,
    memoryRemark(`after a restart with ${inWords(grants)} grants`, dracd.memory()),
  );
}

/** @param {Run} run @param {Dracd} dracd which is empty afterwards */
async function expire(run, dracd) {
  const { grants } = run.options;
  run.progress(`${inWords(grants)} grants that end at once`);
  const { generator, postmap } = run;
  const options = { generator, postmap, grants, remainingS: REMAINING_S };
  const { quiet, expiring, tookMs } = await measureExpiry(dracd, options);
  run.judge('expiry/stall', [expiring.own]);
  const words = (/** @type {import('./expiry.mjs').Stall} */ { late, own, gc, outside }) =>
    [
      `event loop ${own.toFixed(1)} ms (${late.toFixed(1)} with waiting for a core)`,
      `garbage collection ${gc.toFixed(1)} ms`,
      `a NULL from outside ${outside.toFixed(1)} ms`,
    ].join(', ');
  run.remarks.push(
    `longest while ${inWords(grants)} grants end, which takes ${Math.round(tookMs)} ms: ${words(expiring)}`,
    `longest of the same daemon just before, idle: ${words(quiet)}`,
  );
}

/** @param {Run} run */
export async function measureMany(run) {
  if (!run.wantsAny('growth', 'restart', 'publish', 'list', 'expiry')) return;
  const dracd = run.dracd('many');
  await dracd.start();
  const { grants } = run.options;
  run.progress(`granting ${grants} clients`);
  const rates = await run.grant(dracd, grants);
  const [first, last] = [rates[0], rates.at(-1)].map((rate) => Math.round(rate ?? NaN));
  run.remarks.push(`new clients: the first ${PART} at ${first} a second, the last of ${grants} at ${last}`);
  if (run.wantsAny('growth')) {
    await compareSizes(run, dracd);
    run.judge('memory/loaded', [dracd.memory().rss]);
    run.remarks.push(memoryRemark(`with ${inWords(grants)} grants`, dracd.memory()));
  }
  if (run.wantsAny('restart')) await restart(run, dracd);
  if (run.wantsAny('publish')) await publishMany(run, dracd);
  if (run.wantsAny('list')) await measureList(run, dracd);
  if (run.wantsAny('expiry')) await expire(run, dracd);
  await dracd.stop();
}
