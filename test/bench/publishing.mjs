/**
 * publishing - how long a snapshot export takes to publish, and whether the event loop stands still meanwhile
 *
 * The daemon publishes as it does in service: a report changes a grant, and the file is written anew as a whole.
 * How long it takes, the daemon tells (level debug). Among 100 k grants each format has a daemon of its own;
 * among many, those with aims are published at the same time, and so are three threads at work on the
 * machine's cores. The first publication of each daemon, in which threads are started, is not counted.
 */
import { MANY, inWords } from './aims.mjs';
import { pause, until } from './processes.mjs';
import { NOTE_MS, Stalls } from './stalls.mjs';
import { spread } from './statistics.mjs';

/** @typedef {import('./run.mjs').Run} Run */
/** @typedef {import('./servers.mjs').Dracd} Dracd */
/** @typedef {{ms: Record<string, number[]>, stalls: import('./stalls.mjs').Noted[], quiet: import('./stalls.mjs').Noted}} Published ms: by format */

const LIVE = 100_000;
/** Those with aims. */
const JUDGED = ['bdb', 'cdb'];
/** Measured, too, when there is time. */
const OTHERS = ['list', 'tcprules'];
const QUIET_MS = 1_000;
const LIMIT = { withinMs: 60_000 };

/** One round: a report, and what becomes of it. @param {Run} run @param {Dracd} dracd @param {{index: number, exports: readonly string[]}} which */
async function publishOnce(run, dracd, { index, exports }) {
  const before = dracd.said('map: published').length;
  const from = Date.now();
  await run.generator.grant(dracd, { first: index, count: 1 });
  const all = () => {
    const published = dracd.said('map: published').slice(before);
    return published.length >= exports.length ? published : undefined;
  };
  const published = await until(`${exports.join(' and ')} published`, all, LIMIT);
  // The last stall is noted, too.
  await pause(2 * NOTE_MS);
  return { published, span: { from, to: Date.now() } };
}

/** @param {Run} run @param {Dracd} dracd with grants, not running; stopped in the end @param {readonly string[]} exports @returns {Promise<Published>} */
async function publish(run, dracd, exports) {
  const stalls = new Stalls(dracd);
  await dracd.start({ exports, level: 'debug', nodeOptions: stalls.nodeOptions });
  const quietFrom = Date.now();
  await pause(QUIET_MS);
  const quiet = stalls.between({ from: quietFrom + NOTE_MS, to: Date.now() });
  /** @type {Published} */
  const measured = { ms: Object.fromEntries(exports.map((name) => [name, []])), stalls: [], quiet };
  // The first is not counted: a daemon in service has published before.
  for (let index = 0; index <= run.options.rounds; index += 1) {
    const { published, span } = await publishOnce(run, dracd, { index, exports });
    if (index === 0) continue;
    for (const name of exports)
      measured.ms[name]?.push(Number(published.find(({ path }) => path === dracd.fileOf(name))?.['ms']));
    measured.stalls.push(stalls.between(span));
  }
  await dracd.stop();
  return measured;
}

/** @param {string} what @param {Published} published */
function remark(what, { ms, stalls, quiet }) {
  const times = Object.entries(ms).map(([name, values]) => `${name} ${Math.round(spread(values).median)} ms`);
  const worst = (/** @type {import('./stalls.mjs').Noted[]} */ notes) => {
    const most = (/** @type {keyof import('./stalls.mjs').Noted} */ name) =>
      Math.max(...notes.map((note) => note[name])).toFixed(1);
    return `${most('own')} ms (${most('late')} with waiting for a core), at work ${most('busy')} ms in one go, garbage collection ${most('gc')} ms`;
  };
  return `publishing ${what}: ${times.join(', ')}; event loop at worst ${worst(stalls)}; idle ${worst([quiet])}`;
}

/** Among 100 k grants, each format alone. @param {Run} run */
export async function measurePublishing(run) {
  if (!run.wantsAny('publish')) return;
  const dracd = run.dracd('publish');
  await dracd.start();
  await run.grant(dracd, LIVE);
  await dracd.stop();
  const stalls = [];
  for (const name of run.options.grants < MANY ? JUDGED : [...JUDGED, ...OTHERS]) {
    run.progress(`publishing ${inWords(LIVE)} entries, ${name}`);
    const published = await publish(run, dracd, [name]);
    run.remarks.push(remark(inWords(LIVE), published));
    if (!JUDGED.includes(name)) continue;
    run.judge(`publish/${name}`, published.ms[name] ?? []);
    stalls.push(...published.stalls.map(({ own }) => own));
  }
  run.judge('publish/stall', stalls);
}

/** Among many grants, bdb and cdb at once. @param {Run} run @param {Dracd} dracd with grants, which runs, and runs again afterwards */
export async function publishMany(run, dracd) {
  const { grants } = run.options;
  run.progress(`publishing ${inWords(grants)} entries`);
  await dracd.stop();
  const published = await publish(run, dracd, JUDGED);
  run.remarks.push(remark(`${inWords(grants)}, ${JUDGED.join(' and ')} at once`, published));
  run.judge(
    'publish/stall-many',
    published.stalls.map(({ own }) => own),
  );
  await dracd.start();
}
