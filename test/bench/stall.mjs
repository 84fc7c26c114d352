/**
 * stall - preloaded into dracd: how long its event loop stood still, and why
 *
 * node --import 'file:///.../stall.mjs?FILE' ...: a timer of one millisecond notes how late it comes, how
 * much of that the thread has waited for a core (schedstat: other programs' doing), and how long it has worked
 * since the last. Each PERIOD_MS a line of JSON with the worst of it is appended to FILE; all in milliseconds,
 * `at` by the wall clock, `heap` the bytes in use by JavaScript, garbage among them.
 *
 * The kernel counts a running thread's work at its ticks, so that this is exact to some milliseconds only. The
 * timer itself costs a percent or two of a core, and delays nothing by more than microseconds.
 */
import { appendFile, openSync, readSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { isMainThread } from 'node:worker_threads';

const TIMER_MS = 1;
const PERIOD_MS = 100;
const NS_IN_MS = 1e6;
const file = decodeURIComponent(new URL(import.meta.url).search.slice(1));
const schedstat = openSync('/proc/self/schedstat', 'r');
const bytes = Buffer.alloc(128);

/** Milliseconds that this thread has worked, and has waited for a core, so far. */
function spent() {
  const length = readSync(schedstat, bytes, 0, bytes.length, 0);
  const [worked = 0, waited = 0] = bytes.toString('latin1', 0, length).split(' ').map(Number);
  return { worked: worked / NS_IN_MS, waited: waited / NS_IN_MS };
}

/** late: the worst delay; own: the worst without waiting for a core; gc: the longest collection; busy: the longest work in one go. */
const NOTHING = { late: 0, own: 0, gc: 0, busy: 0 };
let worst = { ...NOTHING };
let [last, before, told] = [performance.now(), spent(), performance.now()];

function watch() {
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) worst.gc = Math.max(worst.gc, duration);
  }).observe({ entryTypes: ['gc'] });

  setInterval(() => {
    const [now, after] = [performance.now(), spent()];
    const late = Math.max(0, now - last - TIMER_MS);
    worst.late = Math.max(worst.late, late);
    worst.own = Math.max(worst.own, late - (after.waited - before.waited));
    worst.busy = Math.max(worst.busy, after.worked - before.worked);
    [last, before] = [now, after];
    if (now - told < PERIOD_MS) return;
    appendFile(
      file,
      `${JSON.stringify({ at: Date.now(), heap: getHeapStatistics().used_heap_size, ...worst })}\n`,
      () => undefined,
    );
    worst = { ...NOTHING };
    told = now;
  }, TIMER_MS).unref();
}

// A thread of the program's is given the same preloads; what it does holds nobody up.
if (isMainThread) watch();
