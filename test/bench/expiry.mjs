/**
 * expiry - whether the daemon goes deaf while many grants end at once
 *
 * The daemon is started again with a lifetime of some seconds: no grant that it recovers may last longer, so
 * all of them end at the same moment, which is the worst that can happen. Measured twice at once: from
 * inside, by stall.mjs, and from outside, by a NULL every PROBE_MS; in both is what postmap costs, which looks
 * whether it is over, and what the machine adds. The same daemon just before, idle, shows how much that is.
 */
import { PROBE_S, probeOnAndOn } from './probing.mjs';
import { Wrong, pause, until } from './processes.mjs';
import { NOTE_MS, Stalls } from './stalls.mjs';

/** @typedef {{late: number, own: number, gc: number, outside: number}} Stall the longest, in milliseconds */

const PROBE_MS = 2;
const SETTLE_MS = 1_000;
const LOOK = { everyMs: 150, withinMs: 120_000 };
/** Clients whose look-ups tell when it begins and when it is over. */
const SAMPLES = 50;

/**
 * Starts it so that its grants have about remainingS to live when it is ready. How long it takes to start with
 * so many grants is known when it has been done.
 * @param {import('./servers.mjs').Dracd} dracd
 * @param {{grants: number, remainingS: number, nodeOptions: readonly string[]}} options
 */
async function startWithLittleTime(dracd, { grants, remainingS, nodeOptions }) {
  await dracd.stop();
  if (dracd.lastStart.grants < grants) {
    await dracd.start();
    await dracd.stop();
  }
  const lifetimeS = Math.ceil(dracd.lastStart.tookMs / 1_000) + remainingS;
  await dracd.start({ lifetime: `${lifetimeS}s`, nodeOptions });
}

/**
 * @param {import('./servers.mjs').Dracd} dracd which runs, and holds nothing in the end
 * @param {{generator: import('./load.mjs').LoadGenerator, postmap: import('./postmap.mjs').Postmap, grants: number, remainingS: number}} options
 * @returns {Promise<{quiet: Stall, expiring: Stall, tookMs: number}>}
 */
export async function measureExpiry(dracd, { generator, postmap, grants, remainingS }) {
  const stalls = new Stalls(dracd);
  await startWithLittleTime(dracd, { grants, remainingS, nodeOptions: stalls.nodeOptions });
  await pause(SETTLE_MS);

  const indices = Array.from({ length: SAMPLES }, (_, i) => Math.floor((i * grants) / SAMPLES));
  const left = () => postmap.permitted(dracd.map, indices);
  if ((await left()) < SAMPLES)
    throw new Wrong('grants ended too early: the lifetime is too short for this machine');
  const from = Date.now();
  const probe = probeOnAndOn(() => generator.drive('probe', dracd, { every: PROBE_MS, seconds: PROBE_S }));
  let begun = from;
  const someAreOver = async () => {
    const asked = Date.now();
    if ((await left()) < SAMPLES) return true;
    begun = asked;
    return undefined;
  };
  await until('grants end', someAreOver, LOOK);
  await until('all grants have ended', async () => ((await left()) === 0 ? true : undefined), LOOK);
  const over = Date.now();
  await probe.stop();
  const during = (/** @type {{from: number, to: number}} */ span) => ({
    ...stalls.between(span),
    outside: probe.longest(span),
  });
  return {
    quiet: during({ from: from + NOTE_MS, to: begun - PROBE_S * 1_000 }),
    expiring: during({ from: begun, to: over + NOTE_MS }),
    tookMs: over - begun,
  };
}
