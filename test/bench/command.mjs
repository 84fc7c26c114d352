/**
 * command - how long a short command of dracctl takes from its start to its end, beside what Node alone takes
 *
 * They take turns: `node -e 0`, a module that does nothing, and the built dracctl, which asks a running daemon for its
 * numbers.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './build.mjs';
import { mustRun } from './processes.mjs';
import { spread } from './statistics.mjs';

const TIMES = 20;

/** Milliseconds. @param {readonly string[]} command */
async function timed(command) {
  const from = performance.now();
  await mustRun(command);
  return performance.now() - from;
}

/** @param {import('./run.mjs').Run} run */
export async function measureCommand(run) {
  if (!run.wantsAny('dracctl')) return;
  const dracd = run.dracd('dracctl');
  await dracd.start();
  const nothing = path.join(dracd.directory, 'nothing.mjs');
  writeFileSync(nothing, '');
  const node = process.execPath;
  /** @type {Record<string, readonly string[]>} */
  const commands = {
    'node -e 0': [node, '-e', '0'],
    'a module that does nothing': [node, nothing],
    'dracctl stats': [node, path.join(ROOT, 'dist/ctl.js'), '--server', `unix:${dracd.adminSocket}`, 'stats'],
  };
  run.progress('dracctl stats, from its start to its end');
  const taken = Object.fromEntries(Object.keys(commands).map((name) => [name, /** @type {number[]} */ ([])]));
  // The first of each is read from the disk.
  for (let time = 0; time <= TIMES; time += 1)
    for (const [name, command] of Object.entries(commands)) {
      const ms = await timed(command);
      if (time > 0) taken[name]?.push(ms);
    }
  run.judge('dracctl/stats', taken['dracctl stats'] ?? []);
  const words = Object.entries(taken).map(([name, values]) => {
    const { median, least } = spread(values);
    return `${name} ${Math.round(median)} ms (at least ${Math.round(least)})`;
  });
  run.remarks.push(`started ${TIMES} times in turn: ${words.join(', ')}`);
  await dracd.stop();
}
