/**
 * watch - what it costs the daemon to tell each ADD to many who watch, one of whom never reads
 *
 * Two daemons that differ in nothing but their watchers take turns within each round. The watchers are a process of
 * their own that only counts bytes; on two cores it takes from the load generator and, when there is too much to
 * read, from the daemon. Therefore two figures: the rate of the one against the other's, and the processor
 * time that the daemon itself uses for an ADD. Afterwards those who read must have been told the same, each ADD
 * once, unless they were cut off for being too far behind; and the one who never read is told why.
 */
import { Operator } from './operators.mjs';
import { Wrong, until } from './processes.mjs';
import { measureRates, ratios, shapes } from './rates.mjs';
import { PART } from './run.mjs';
import { spread } from './statistics.mjs';

/** @typedef {import('./run.mjs').Run} Run */
/** @typedef {import('./rates.mjs').Loads} Loads */
/** @typedef {{dracd: import('./servers.mjs').Dracd, operator: Operator, title: string}} Watched */

const LIVE = 100_000;
const WATCHERS = 100;
const [WITHOUT, WITH] = ['nobody watches', `${WATCHERS} watch`];
/** gRPC's RESOURCE_EXHAUSTED. */
const TOO_SLOW = 8;
const CATCH_UP = { withinMs: 60_000, everyMs: 250 };
const SHAPES = /** @type {const} */ (['udp-64', 'tcp-4x1024']);

/** Waits until the watchers have read all that was on its way to them. @param {Operator} operator */
async function caughtUp(operator) {
  let before = '';
  return until(
    'the watchers have read what there is',
    async () => {
      const told = await operator.ask('tell', 'told');
      const now = JSON.stringify([told['items'], told['bytes']]);
      const isSame = now === before;
      before = now;
      return isSame ? told : undefined;
    },
    CATCH_UP,
  );
}

/** Processor time of the daemon for an ADD, with watchers against without, round by round. @param {Loads} loads */
function costs(loads) {
  return (loads[WITH] ?? []).map(
    ({ serverCpuUs }, round) => serverCpuUs / (loads[WITHOUT]?.[round]?.serverCpuUs ?? NaN),
  );
}

/** The watchers' last word; whether who never read was cut off. @param {Run} run @param {Watched} watched */
async function checkTold(run, { dracd, operator, title }) {
  const { items, bytes, statuses } = await caughtUp(operator);
  const heard = /** @type {number[]} */ (bytes);
  const cutOff = /** @type {unknown[]} */ (statuses).length;
  if (cutOff === 0 && new Set(heard).size !== 1)
    throw new Wrong(`watchers were told different things: ${[...new Set(heard)].join(', ')} bytes`);
  // More than a watcher may be behind, and its connection may hold.
  await run.grant(dracd, PART);
  await caughtUp(operator);
  await operator.ask('go-on', 'goes on');
  const { status } = await operator.next('heard');
  const code = status?.code ?? NaN;
  run.remarks.push(
    `${title}: ${cutOff} of ${WATCHERS} who read were cut off; the first was told ${items} changes; the one who never read: status ${code}, ${status?.message}`,
  );
  return code === TOO_SLOW;
}

/** @param {Run} run */
export async function measureWatch(run) {
  if (!run.wantsAny('watch')) return;
  let cutOff = 0;
  for (const name of SHAPES) {
    const shape = shapes[name];
    const daemons = { [WITHOUT]: run.dracd(`watch-${name}-0`), [WITH]: run.dracd(`watch-${name}-1`) };
    for (const dracd of Object.values(daemons)) {
      await dracd.start();
      await run.grant(dracd, LIVE);
    }
    const watched = /** @type {import('./servers.mjs').Dracd} */ (daemons[WITH]);
    const operator = new Operator(watched, 'watch', `streams=${WATCHERS}`, 'deaf=1');
    await operator.next('watching');
    run.progress(`${WATCHERS} watch, ${shape.title}`);
    const contenders = Object.entries(daemons).map(([title, server]) => ({ name: title, server, set: LIVE }));
    const loads = await measureRates(run.generator, contenders, { ...shape, ...run.options });
    run.rates.push({ title: `watchers, ${shape.title}`, loads, losses: {} });
    run.judge(`watch/${name}`, ratios(loads, WITH, WITHOUT));
    const { median } = spread(costs(loads));
    run.remarks.push(
      `watchers, ${shape.title}: an ADD takes ${median.toFixed(2)} x the daemon's own processor time`,
    );
    if (await checkTold(run, { dracd: watched, operator, title: shape.title })) cutOff += 1;
    await operator.stop();
    for (const dracd of Object.values(daemons)) await dracd.stop();
  }
  run.judge('watch/cut-off', [cutOff]);
}
