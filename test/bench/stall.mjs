/**
 * stall - preloaded into dracd: how long its event loop stood still, and why
 *
 * node --import 'file:///.../stall.mjs?FILE' ...: a timer of one millisecond notes how late it comes, and how
 * much of that the thread has waited for a core (schedstat: other programs' doing). Each PERIOD_MS a line of
 * JSON with the worst of it is appended to FILE; all in milliseconds, `at` by the wall clock.
 *
 * The timer itself costs a percent or two of a core, and delays nothing by more than microseconds.
 */
import { appendFile, openSync, readSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';

const TIMER_MS = 1;
const PERIOD_MS = 100;
const NS_IN_MS = 1e6;
const file = decodeURIComponent(new URL(import.meta.url).search.slice(1));
const schedstat = openSync('/proc/self/schedstat', 'r');
const bytes = Buffer.alloc(128);

/** Milliseconds that this thread has waited for a core so far. */
function waited() {
  const length = readSync(schedstat, bytes, 0, bytes.length, 0);
  return Number(bytes.toString('latin1', 0, length).split(' ')[1]) / NS_IN_MS;
}

/** late: the worst delay; own: the worst without waiting for a core; gc: the longest collection. */
let worst = { late: 0, own: 0, gc: 0 };
let [last, lastWaited, told] = [performance.now(), waited(), performance.now()];

new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) worst.gc = Math.max(worst.gc, duration);
}).observe({ entryTypes: ['gc'] });

setInterval(() => {
  const [now, nowWaited] = [performance.now(), waited()];
  const late = Math.max(0, now - last - TIMER_MS);
  worst.late = Math.max(worst.late, late);
  worst.own = Math.max(worst.own, late - (nowWaited - lastWaited));
  [last, lastWaited] = [now, nowWaited];
  if (now - told < PERIOD_MS) return;
  appendFile(file, `${JSON.stringify({ at: Date.now(), ...worst })}\n`, () => undefined);
  worst = { late: 0, own: 0, gc: 0 };
  told = now;
}, TIMER_MS).unref();
