/**
 * publish - how long a snapshot export takes to publish, and how long the event loop stands still meanwhile
 *
 * node test/bench/publish.mjs [GRANTS...]      (default 100000 1000000; needs npm run build)
 *
 * Each format publishes as many random IPv4 clients ROUNDS times from a warm thread; the first publication,
 * which starts the thread, stands apart. Stalls of the event loop, the worst of each: what monitorEventLoopDelay
 * saw; of a timer's delay what was not waiting for a core (the garbage collector's helpers may have waited for
 * one); and for how long the thread worked in one go. On a machine that others use, the last is the program's
 * own. "idle" is the same loop with nothing to do. The last line is all of it as JSON.
 */
import { openSync, readSync, rmSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { formats } from '../../dist/exports/formats.js';
import { systemClock } from '../../dist/runtime/clock.js';
import { diskDirectory } from './machine.mjs';
import { spread } from './statistics.mjs';

const FORMATS = /** @type {const} */ (['bdb', 'cdb', 'list', 'tcprules']);
const ROUNDS = 5;
const IDLE_MS = 2_000;
const NS_IN_MS = 1e6;
const MIB = 2 ** 20;

const schedstat = openSync('/proc/thread-self/schedstat', 'r');
const bytes = Buffer.alloc(128);

/** Milliseconds that this thread has worked, and has waited for a core, so far. */
function worked() {
  const length = readSync(schedstat, bytes, 0, bytes.length, 0);
  const [cpu = 0, wait = 0] = bytes.toString('latin1', 0, length).split(' ').map(Number);
  return { cpu: cpu / NS_IN_MS, wait: wait / NS_IN_MS };
}

/** The worst that happens to the event loop while `body` runs. @param {() => Promise<unknown>} body */
async function watched(body) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let own = 0;
  let cpu = 0;
  let [last, before] = [performance.now(), worked()];
  const timer = setInterval(() => {
    const [now, after] = [performance.now(), worked()];
    own = Math.max(own, now - last - 1 - (after.wait - before.wait));
    cpu = Math.max(cpu, after.cpu - before.cpu);
    [last, before] = [now, after];
  }, 1);
  delay.enable();
  await body();
  delay.disable();
  clearInterval(timer);
  return { seen: delay.max / NS_IN_MS, own, cpu };
}

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** As many grants as the ledger would keep, in a Map. @param {number} count */
function grantsOf(count) {
  const all = new Map();
  while (all.size < count) {
    const n = Math.floor(Math.random() * 2 ** 32);
    const client = `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
    all.set(client, { client, expiresAt: Date.now() + Math.random() * 1_800_000, reporter: '127.0.0.1' });
  }
  return all;
}

/** @param {(typeof FORMATS)[number]} format @param {Map<string, any>} live */
async function measure(format, live) {
  const directory = await mkdtemp(path.join(diskDirectory(), 'dracd-publish-'));
  const file = path.join(directory, 'relay');
  /** @type {number[]} */
  const times = [];
  let told = () => undefined;
  const failed = (/** @type {string} */ event, /** @type {any} */ fields) => {
    throw new Error(`${event} ${JSON.stringify(fields)}`);
  };
  const log = {
    debug: (/** @type {string} */ event, /** @type {any} */ fields) => {
      if (event !== 'map: published') return;
      times.push(fields.ms);
      told();
    },
    info: () => undefined,
    warn: failed,
    error: failed,
  };
  const map = formats[format].create({
    path: file,
    mode: 0o644,
    intervalMs: 0,
    clock: systemClock,
    log,
    // As the ledger steps through its own.
    *snapshot() {
      for (const one of live.values()) yield one;
    },
  });
  const [one] = live.values();
  const from = performance.now();
  await map.open();
  const first = Math.round(performance.now() - from);
  const stalls = await watched(async () => {
    for (let i = 0; i < ROUNDS; i += 1) {
      await pause(50);
      const published = new Promise((resolve) => {
        told = () => void resolve(undefined);
      });
      map.apply({ put: [one], remove: [] }, () => undefined);
      await published;
    }
  });
  const { size } = statSync(file);
  await map.close();
  rmSync(directory, { recursive: true });
  const { median, least, most } = spread(times);
  return { format, grants: live.size, first, median, least, most, ...stalls, bytes: size };
}

const counts = process.argv.slice(2).map(Number);
const results = [];
const idle = await watched(() => pause(IDLE_MS));
process.stdout.write(
  `idle: stall seen ${idle.seen.toFixed(1)} ms, not for a core ${idle.own.toFixed(1)} ms, at work ${idle.cpu.toFixed(1)} ms\n`,
);
process.stdout.write(
  'format    grants    first  median  least   most ms   stall seen   no core  at work ms   file MiB\n',
);
for (const count of counts.length > 0 ? counts : [100_000, 1_000_000]) {
  const live = grantsOf(count);
  for (const format of FORMATS) {
    const one = await measure(format, live);
    results.push(one);
    const cells = [one.first, one.median, one.least, one.most].map((ms) => String(ms).padStart(7));
    const stall = `${one.seen.toFixed(1).padStart(12)} ${one.own.toFixed(1).padStart(9)} ${one.cpu.toFixed(1).padStart(11)}`;
    process.stdout.write(
      `${format.padEnd(9)} ${String(count).padStart(7)}${cells.join(' ')}   ${stall} ${(one.bytes / MIB).toFixed(1).padStart(10)}\n`,
    );
  }
}
process.stdout.write(`${JSON.stringify({ idle, results })}\n`);
