/**
 * rates - replies a second in four shapes of load
 *
 * The contenders take turns within each round, so that what else the machine does meets them all; ratios are
 * taken within a round. A reply of dracd means that the grant is on the disk and in the map.
 */

/** @typedef {import('./servers.mjs').Server} Server */
/** @typedef {import('./load.mjs').LoadGenerator} LoadGenerator */
/** @typedef {Awaited<ReturnType<LoadGenerator['drive']>>} Load */
/** @typedef {{seconds: number, rounds: number}} Effort */
/** @typedef {{title: string, how: 'udp' | 'tcp', sockets: number, window: number}} Shape */
/** @typedef {{name: string, server: Server, set: number}} Contender set: the calls go round this many addresses */
/** @typedef {Record<string, Load[]>} Loads the runs of each contender, by its name */

/** @satisfies {Record<string, Shape>} */
export const shapes = {
  'udp-1': { title: 'UDP, 1 waiting client', how: 'udp', sockets: 1, window: 1 },
  'udp-64': { title: 'UDP, 64 outstanding', how: 'udp', sockets: 1, window: 64 },
  'udp-8x64': { title: 'UDP, 8 sockets x 64', how: 'udp', sockets: 8, window: 64 },
  'tcp-4x1024': { title: 'TCP, 4 connections x 1024', how: 'tcp', sockets: 4, window: 1024 },
};

const WARM_S = 0.25;
const BURST_S = 0.5;
const BURST_PATIENCE_S = 0.5;

/** @param {LoadGenerator} generator @param {readonly Contender[]} contenders @param {Shape & Effort} shape @returns {Promise<Loads>} */
export async function measureRates(generator, contenders, { how, sockets, window, seconds, rounds }) {
  /** @type {Loads} */
  const loads = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    // Nobody is always first.
    const first = round % contenders.length;
    for (const { name, server, set } of [...contenders.slice(first), ...contenders.slice(0, first)])
      loads[name]?.push(await generator.drive(how, server, { sockets, window, seconds, warm: WARM_S, set }));
  }
  return loads;
}

/** Datagrams lost of each burst of sockets x window, sent at once and only when nothing is outstanding. @param {LoadGenerator} generator @param {readonly Contender[]} contenders @param {Shape} shape */
export async function measureLosses(generator, contenders, { sockets, window }) {
  /** @type {Record<string, number>} */
  const losses = {};
  for (const { name, server, set } of contenders) {
    const options = { sockets, window, seconds: BURST_S, set, burst: 1, patience: BURST_PATIENCE_S };
    const { lost, sent } = await generator.drive('udp', server, options);
    losses[name] = (lost * sockets * window) / sent;
  }
  return losses;
}

/** The ratios, round by round, of one contender's rate to another's. @param {Loads} loads @param {string} ours @param {string} theirs */
export function ratios(loads, ours, theirs) {
  return (loads[ours] ?? []).map(({ rate }, round) => rate / (loads[theirs]?.[round]?.rate ?? NaN));
}
