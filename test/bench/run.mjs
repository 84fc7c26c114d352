/** run - what one run of the benchmark has, and what it has found so far */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { judge } from './aims.mjs';
import { Asking } from './asking.mjs';
import { LoadGenerator } from './load.mjs';
import { Postmap } from './postmap.mjs';
import { newDirectory } from './processes.mjs';
import { Dracd, startServer } from './servers.mjs';

/** @typedef {import('./options.mjs').Options} Options */
/** @typedef {import('./aims.mjs').Verdict} Verdict */
/** @typedef {{title: string, loads: import('./rates.mjs').Loads, losses: Record<string, number>, limit?: number}} Rates limit: what the load generator itself can do */

/** Many grants are made in parts of this size. */
export const PART = 100_000;

export class Run {
  /** @type {Rates[]} */
  rates = [];
  /** @type {Verdict[]} */
  verdicts = [];
  /** What else was seen, in words. @type {string[]} */
  remarks = [];
  #began = performance.now();

  /** @param {Options} options @param {string} parent where the directory of all files is made */
  constructor(options, parent) {
    this.options = options;
    this.disk = newDirectory(parent);
    this.programs = path.join(this.disk, 'programs');
    mkdirSync(this.programs);
    this.generator = new LoadGenerator(this.programs);
    this.asking = new Asking(this.programs);
    this.postmap = new Postmap(this.disk);
  }

  /** For whoever waits. @param {string} text */
  progress(text) {
    const seconds = Math.round((performance.now() - this.#began) / 1_000);
    process.stderr.write(`bench: ${String(seconds).padStart(3)} s  ${text}\n`);
  }

  /** @param {readonly string[]} names */
  wantsAny(...names) {
    return names.some((name) => this.options.only.includes(name));
  }

  /** @param {string} aim its name @param {readonly number[]} values */
  judge(aim, values) {
    this.verdicts.push(judge(aim, { values, grants: this.options.grants }));
  }

  /** A dracd with files of its own, not yet started. @param {string} name */
  dracd(name) {
    return new Dracd(path.join(this.disk, name));
  }

  /** One of the C servers, started. @param {string} name */
  server(name) {
    return startServer({ name, programs: this.programs, disk: this.disk });
  }

  /** Grants the first `count` clients; the rate of each part. @param {Dracd} dracd @param {number} count */
  async grant(dracd, count) {
    const rates = [];
    for (let first = 0; first < count; first += PART) {
      const { rate } = await this.generator.grant(dracd, { first, count: Math.min(PART, count - first) });
      rates.push(rate);
    }
    return rates;
  }
}
