/**
 * postmap - the live map as Postfix reads it, through postmap with a configuration of its own
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { commandPath } from './build.mjs';
import { NOBODY, addressAt } from './load.mjs';
import { Wrong, pause, run } from './processes.mjs';

const DYNAMIC_MAPS = '/etc/postfix/dynamicmaps.cf';

export class Postmap {
  #configuration;
  #postmap = commandPath('postmap') ?? 'postmap';

  /** @param {string} disk where the configuration goes */
  constructor(disk) {
    this.#configuration = path.join(disk, 'postfix');
    mkdirSync(this.#configuration);
    writeFileSync(path.join(this.#configuration, 'main.cf'), 'compatibility_level = 3.6\n');
    copyFileSync(DYNAMIC_MAPS, path.join(this.#configuration, 'dynamicmaps.cf'));
  }

  /** How many of the clients the map permits; a map that is missing permits nobody. @param {string} map @param {readonly number[]} indices */
  async permitted(map, indices) {
    const keys = `${indices.map(addressAt).join('\n')}\n`;
    const table = `lmdb:${map.replace(/\.lmdb$/, '')}`;
    const { stdout } = await run([this.#postmap, '-c', this.#configuration, '-q', '-', table], {
      input: keys,
    });
    return stdout.split('\n').filter((line) => line !== '').length;
  }

  /** Look-ups a second; as many clients are asked for that hold a grant as ones that do not. @param {string} map @param {{grants: number, times: number}} how */
  async rate(map, { grants, times }) {
    const pairs = Array.from({ length: grants }, (_, i) => [i, NOBODY + i]).flat();
    const all = Array.from({ length: times }, () => pairs).flat();
    const from = performance.now();
    const found = await this.permitted(map, all);
    const rate = all.length / ((performance.now() - from) / 1_000);
    if (found !== all.length / 2)
      throw new Wrong(`postmap has found ${found} clients in ${map}, not ${all.length / 2}`);
    return rate;
  }

  /** Looks for one client after the other until told to stop. @param {string} map @param {{grants: number, everyMs: number}} how */
  watch(map, { grants, everyMs }) {
    const seen = { yes: 0, no: 0 };
    let stopped = false;
    const watching = (async () => {
      while (!stopped) {
        const index = Math.floor(Math.random() * grants);
        if ((await this.permitted(map, [index])) === 1) seen.yes += 1;
        else seen.no += 1;
        await pause(everyMs);
      }
    })();
    return {
      stop: async () => {
        stopped = true;
        await watching;
        if (seen.yes === 0) throw new Wrong(`postmap has found nothing in ${map}`);
        return seen;
      },
    };
  }
}
