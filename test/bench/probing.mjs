/**
 * probing - asks a server all the time, at even intervals, and tells how long one had to wait
 */

/** The probe is asked for its result this often, seconds. */
export const PROBE_S = 1;

/** Probes all the time; each result tells of PROBE_S. @param {(round: number) => Promise<import('./load.mjs').Load>} probe */
export function probeOnAndOn(probe) {
  /** @type {import('./load.mjs').Load[]} */
  const results = [];
  let stopped = false;
  const probing = (async () => {
    while (!stopped) results.push(await probe(results.length));
  })();
  // What went wrong is told by stop.
  probing.catch(() => undefined);
  return {
    stop: async () => {
      stopped = true;
      await probing;
    },
    /** The longest wait for a reply in all that overlaps the span, milliseconds. */
    longest: (/** @type {{from: number, to: number}} */ { from, to }) =>
      Math.max(
        ...results.filter(({ started, ended }) => ended >= from && started <= to).map(({ max }) => max),
      ) / 1_000,
  };
}
