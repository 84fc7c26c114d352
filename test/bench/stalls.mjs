/**
 * stalls - reads what stall.mjs, preloaded into dracd, has noted
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Wrong } from './processes.mjs';

/** @typedef {{late: number, own: number, gc: number, busy: number, heap: number}} Noted the longest, in milliseconds; the most heap, in bytes */

/** stall.mjs tells of this long at a time. */
export const NOTE_MS = 100;

export class Stalls {
  #file;

  /** @param {import('./servers.mjs').Dracd} dracd */
  constructor(dracd) {
    this.#file = path.join(dracd.directory, 'stalls');
  }

  /** What dracd is to be started with. */
  get nodeOptions() {
    const preload = new URL('stall.mjs', import.meta.url);
    preload.search = encodeURIComponent(this.#file);
    return ['--import', preload.href];
  }

  /** The longest noted between two moments, epoch milliseconds. @param {{from: number, to: number}} span @returns {Noted} */
  between({ from, to }) {
    const notes = readFileSync(this.#file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ at }) => at >= from && at <= to);
    if (notes.length === 0) throw new Wrong('dracd noted no stalls: was stall.mjs loaded?');
    const most = (/** @type {string} */ name) => Math.max(...notes.map((note) => note[name]));
    return { late: most('late'), own: most('own'), gc: most('gc'), busy: most('busy'), heap: most('heap') };
  }
}
