/**
 * list - the whole List of many grants to one client, while clients are reported: how long it takes, how much memory, and
 * whether reports wait for it; and what a client costs that stops reading in the midst
 *
 * Memory is the most resident memory meanwhile less that before: garbage that has not been collected counts.
 */
import { inWords } from './aims.mjs';
import { Operator } from './operators.mjs';
import { PROBE_S, probeOnAndOn } from './probing.mjs';
import { Wrong, pause } from './processes.mjs';
import { NOTE_MS, Stalls } from './stalls.mjs';

/** @typedef {import('./run.mjs').Run} Run */
/** @typedef {import('./servers.mjs').Dracd} Dracd */
/** @typedef {import('./stalls.mjs').Noted} Noted */
/** @typedef {{ms: number, rows: number, bytes: number, memory: number, heap: number, stall: Noted, add: number, quietAdd: number}} Listed memory and heap: MiB more than before; add, quietAdd: milliseconds, with the list and just before it */

/** New clients: 500 a second. */
const ADD_EVERY_MS = 2;
const SETTLE_MS = 2_000;
/** The client stops reading after so many messages, and for so long. */
const STOPPED = { after: 100, forMs: 3_000 };
const MIB = 1024 * 1024;

/** What one list costs. @param {Dracd} dracd @param {{stalls: Stalls, work: () => Promise<Record<string, any>>, longest: (span: {from: number, to: number}) => number}} how @returns {Promise<Listed>} */
async function costOf(dracd, { stalls, work, longest }) {
  const quietFrom = Date.now();
  await pause(SETTLE_MS);
  dracd.forgetPeak();
  const { rss } = dracd.memory();
  const from = Date.now();
  const over = await work();
  const memory = dracd.memory().peak - rss;
  const to = Date.now() + NOTE_MS;
  await pause(2 * NOTE_MS + PROBE_S * 1_000);
  const quiet = stalls.between({ from: quietFrom + NOTE_MS, to: from });
  const stall = stalls.between({ from, to });
  const { ms, rows, bytes } = /** @type {Listed} */ (over);
  const heap = (stall.heap - quiet.heap) / MIB;
  const quietAdd = longest({ from: quietFrom, to: from - PROBE_S * 1_000 });
  return { ms, rows, bytes, memory, heap, stall, add: longest({ from, to }), quietAdd };
}

/** @param {Dracd} dracd */
async function listAll(dracd) {
  const operator = new Operator(dracd, 'list');
  const over = await operator.next('over');
  await operator.stop();
  return over;
}

/** @param {Dracd} dracd */
async function listAndStop(dracd) {
  const operator = new Operator(dracd, 'list', `pause=${STOPPED.after}`);
  await operator.next('stopped');
  await pause(STOPPED.forMs);
  await operator.ask('go-on', 'goes on');
  const over = await operator.next('over');
  await operator.stop();
  return over;
}

/** @param {string} what @param {readonly Listed[]} listed */
function remark(what, listed) {
  const most = (/** @type {(one: Listed) => number} */ pick) => Math.max(...listed.map(pick));
  return [
    `${what}: ${Math.round(most(({ bytes }) => bytes / MIB))} MiB; heap in use at most ${Math.round(most(({ heap }) => heap))} MiB more than before`,
    `event loop at worst ${most(({ stall }) => stall.own).toFixed(1)} ms (${most(({ stall }) => stall.late).toFixed(1)} with waiting for a core), at work ${most(({ stall }) => stall.busy).toFixed(1)} ms in one go, garbage collection ${most(({ stall }) => stall.gc).toFixed(1)} ms`,
    `an ADD at worst ${most(({ add }) => add).toFixed(1)} ms, just before ${most(({ quietAdd }) => quietAdd).toFixed(1)} ms`,
  ].join('; ');
}

/** @param {Run} run @param {Dracd} dracd with grants; runs again afterwards */
export async function measureList(run, dracd) {
  const { grants, restarts: rounds } = run.options;
  await dracd.stop();
  const stalls = new Stalls(dracd);
  await dracd.start({ nodeOptions: stalls.nodeOptions });
  // Clients that are reported meanwhile are new ones.
  let first = grants;
  const probe = probeOnAndOn(() => {
    const load = run.generator.drive('probe', dracd, {
      add: 1,
      every: ADD_EVERY_MS,
      seconds: PROBE_S,
      first,
    });
    first += (PROBE_S * 1_000) / ADD_EVERY_MS;
    return load;
  });
  const whole = [];
  const stopped = [];
  for (let round = 0; round < rounds; round += 1) {
    run.progress(`the whole list of ${inWords(grants)} grants`);
    whole.push(await costOf(dracd, { stalls, work: () => listAll(dracd), longest: probe.longest }));
    run.progress('a list that is not read to its end');
    stopped.push(await costOf(dracd, { stalls, work: () => listAndStop(dracd), longest: probe.longest }));
  }
  await probe.stop();
  for (const { rows } of [...whole, ...stopped])
    if (rows < grants) throw new Wrong(`a list has told ${rows} rows of ${grants}`);
  const judge = (/** @type {string} */ aim, /** @type {(one: Listed) => number} */ pick, from = whole) =>
    run.judge(aim, from.map(pick));
  judge('list/took', ({ ms }) => ms / 1_000);
  judge('list/memory', ({ memory }) => memory);
  judge('list/stall', ({ stall }) => stall.own);
  judge('list/add', ({ add }) => add);
  judge('list/unread', ({ memory }) => memory, stopped);
  run.remarks.push(remark('a list', whole), remark('a list whose client stops reading for a while', stopped));
  await dracd.stop();
  await dracd.start();
}
