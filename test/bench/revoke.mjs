/**
 * revoke - many grants taken away at once, in each way there is: how long it takes, and who waits meanwhile
 *
 * Each way has as many grants to take away, which are made anew. Measured from inside, by stall.mjs, and from outside: by
 * ADDs of new clients at even intervals, and by look-ups about clients without a grant, one after the other on a
 * connection of each kind. In what is measured from outside is what the disk and the machine add; the same just
 * before, while nothing is taken away, shows how much that is.
 */
import { inWords } from './aims.mjs';
import { BASE } from './load.mjs';
import { adminClient } from './operators.mjs';
import { PROBE_S, probeOnAndOn } from './probing.mjs';
import { Wrong, pause } from './processes.mjs';
import { NOTE_MS, Stalls } from './stalls.mjs';

/** @typedef {import('./run.mjs').Run} Run */
/** @typedef {import('./servers.mjs').Dracd} Dracd */
/** @typedef {{from: number, to: number}} Span */
/** @typedef {import('./stalls.mjs').Noted & {add: number, lookUp: number}} Waits */

const ADD_EVERY_MS = 2;
const QUIET_MS = 2_000;
/** Holds all that the benchmark grants. */
const NETWORK = '198.0.0.0/8';
const reason = 'benchmark';
/** Clients that are reported meanwhile are others: from 200.0.0.0 on. */
const FIRST_NEW = 0xc800_0000 - BASE;
const LOOK_UPS = /** @type {const} */ ({
  through: 'unix',
  sockets: 1,
  window: 1,
  warm: 0,
  set: 1_000,
  none: 1,
});

/** @typedef {Awaited<ReturnType<typeof adminClient>>} Client */
/** @type {Record<string, (client: Client) => Promise<unknown>>} */
const WAYS = {
  network: (client) => client.revoke({ within: NETWORK, reason }),
  reporter: (client) => client.revoke({ reporter: '127.0.0.1', reason }),
  all: (client) => client.revoke({ all: true, reason }),
  deny: (client) => client.deny({ subject: NETWORK, reason }),
};

/** How many leases there are. @param {Client} client @returns {Promise<number>} */
async function leases(client) {
  const { stats } = await client.stats();
  return stats.find((/** @type {{name: string}} */ { name }) => name === 'leases').number;
}

/** Asks and reports all the time. @param {Run} run @param {Dracd} dracd */
function watchFromOutside(run, dracd) {
  let first = FIRST_NEW;
  const adds = probeOnAndOn(() => {
    const options = { add: 1, every: ADD_EVERY_MS, seconds: PROBE_S, first };
    first += (PROBE_S * 1_000) / ADD_EVERY_MS;
    return run.generator.drive('probe', dracd, options);
  });
  const lookUps = probeOnAndOn(async () => {
    const { socketmap, policy } = await run.asking.drive(dracd, { ...LOOK_UPS, seconds: PROBE_S });
    return socketmap.max > policy.max ? socketmap : policy;
  });
  return {
    longest: (/** @type {Span} */ span) => ({ add: adds.longest(span), lookUp: lookUps.longest(span) }),
    /** So many clients at most have been reported. */
    get reported() {
      return first - FIRST_NEW;
    },
    stop: () => Promise.all([adds.stop(), lookUps.stop()]),
  };
}

/** @param {Waits} waits */
function words({ late, own, gc, busy, add, lookUp }) {
  return [
    `event loop ${own.toFixed(1)} ms (${late.toFixed(1)} with waiting for a core)`,
    `at work ${busy.toFixed(1)} ms in one go`,
    `garbage collection ${gc.toFixed(1)} ms`,
    `an ADD ${add.toFixed(1)} ms`,
    `a look-up ${lookUp.toFixed(1)} ms`,
  ].join(', ');
}

/** @param {Run} run @param {Dracd} dracd @param {{name: string, stalls: Stalls, client: Client}} way */
async function takeAway(run, dracd, { name, stalls, client }) {
  const { grants } = run.options;
  run.progress(`${inWords(grants)} grants are made, and taken away: ${name}`);
  await run.grant(dracd, grants);
  const outside = watchFromOutside(run, dracd);
  const quietFrom = Date.now();
  await pause(QUIET_MS);
  const from = Date.now();
  await WAYS[name]?.(client);
  const to = Date.now();
  const left = await leases(client);
  if (left > outside.reported) throw new Wrong(`${name}: ${left} leases are left of ${grants}`);
  await outside.stop();
  if (name === 'deny') await client.undeny({ subject: NETWORK, reason });
  const during = (/** @type {Span} */ span) => ({ ...stalls.between(span), ...outside.longest(span) });
  const quiet = during({ from: quietFrom + NOTE_MS, to: from - PROBE_S * 1_000 });
  const waits = during({ from, to: to + NOTE_MS });
  run.remarks.push(
    `${inWords(grants)} grants taken away (${name}) in ${((to - from) / 1_000).toFixed(2)} s; longest meanwhile: ${words(waits)}`,
    `longest just before: ${words(quiet)}`,
  );
  return { tookS: (to - from) / 1_000, waits };
}

/** @param {Run} run */
export async function measureRevoke(run) {
  if (!run.wantsAny('revoke')) return;
  const dracd = run.dracd('revoke');
  const stalls = new Stalls(dracd);
  await dracd.start({ lookups: true, nodeOptions: stalls.nodeOptions });
  const client = await adminClient(dracd);
  const all = [];
  for (const name of Object.keys(WAYS)) {
    const one = await takeAway(run, dracd, { name, stalls, client });
    run.judge(`revoke/${name}`, [one.waits.own]);
    all.push(one);
  }
  client.close();
  const most = (/** @type {(one: (typeof all)[number]) => number} */ pick) => [Math.max(...all.map(pick))];
  run.judge(
    'revoke/add',
    most(({ waits }) => waits.add),
  );
  run.judge(
    'revoke/look-up',
    most(({ waits }) => waits.lookUp),
  );
  await dracd.stop();
}
