/**
 * load - runs the load generator and believes it only when every reply was right
 *
 * The addresses are those of 198.18.0.0 (RFC 2544, for benchmarks) and, for a million of them, those that follow.
 */
import path from 'node:path';
import { Wrong, run } from './processes.mjs';
import { cpuSeconds } from './servers.mjs';

/**
 * @typedef {object} Load what load.c prints; times in microseconds
 * @property {number} sent
 * @property {number} replies
 * @property {number} wrong
 * @property {number} lost
 * @property {number} seconds
 * @property {number} rate replies a second
 * @property {number} p50
 * @property {number} p99
 * @property {number} p999
 * @property {number} max
 * @property {number} started epoch milliseconds
 * @property {number} ended
 * @property {number} cpu share of a core that the load generator itself used
 */

export const BASE = 0xc612_0000;
/** From this index on nobody holds a grant: 10.0.0.0/8. */
export const NOBODY = 0x0a00_0000 - BASE;

/** The address of an index, as text. @param {number} index */
export function addressAt(index) {
  const number = BASE + index;
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}

export class LoadGenerator {
  /** @param {string} programs where build.mjs has made it */
  constructor(programs) {
    this.program = path.join(programs, 'load');
  }

  /** @param {'udp' | 'tcp' | 'probe'} how @param {import('./servers.mjs').Server} server @param {Record<string, number>} options @returns {Promise<Load & {serverCpuUs: number}>} serverCpuUs: of the server, for each reply */
  async drive(how, server, options) {
    const words = Object.entries({ port: server.port, base: BASE, ...options }).map(([k, v]) => `${k}=${v}`);
    const before = cpuSeconds(server.pid);
    const { code, stdout, stderr } = await run([this.program, how, ...words]);
    if (code !== 0) throw new Wrong(`load ${how} ${words.join(' ')} against ${server.name}: ${stderr}`);
    const load = JSON.parse(stdout);
    if (load.wrong > 0)
      throw new Wrong(`${server.name}: ${load.wrong} wrong replies to ${how} ${words.join(' ')}\n${stderr}`);
    return { ...load, serverCpuUs: ((cpuSeconds(server.pid) - before) * 1e6) / Math.max(1, load.replies) };
  }

  /** Grants the addresses from an index on. @param {import('./servers.mjs').Server} server @param {{first?: number, count: number}} which */
  grant(server, { first = 0, count }) {
    return this.drive('tcp', server, { sockets: 4, window: 1024, first, count });
  }
}
