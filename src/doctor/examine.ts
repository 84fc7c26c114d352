/**
 * examine - runs checks one after the other, each within its time
 *
 * A check that throws, or has not ended when its time is over, is a finding of its own and stops no other.
 * Limits: a system call that hangs (a dead network disk) is left behind, not ended.
 */
import { reasonOf } from '../core/fault.js';
import type { Clock } from '../runtime/clock.js';
import type { Check, Examined } from './check.js';
import { bad, type Finding } from './finding.js';

const LATE = Symbol('late');

/** The findings of one check as they come, until its time is over. */
export async function* examine(
  check: Check,
  examined: Examined,
  limitMs: number,
): AsyncGenerator<Finding, void, void> {
  let stop = (): void => undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    stop = startTimer(examined.clock, limitMs, resolve);
  });
  const findings = check(examined)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([findings.next(), late]);
      if (next === LATE) {
        yield bad('warning', `it did not end within ${limitMs / 1_000} s`, {
          cure: 'something hangs, or the machine is very busy: try again with a longer --timeout',
        });
        return;
      }
      if (next.done === true) return;
      yield next.value;
    }
  } catch (thrown) {
    yield bad('note', `it could not be examined: ${reasonOf(thrown)}`, { cure: cureOf(thrown) });
  } finally {
    stop();
  }
}

function startTimer(clock: Clock, limitMs: number, late: (symbol: typeof LATE) => void): () => void {
  const timer = clock.after(limitMs, () => {
    late(LATE);
  });
  return () => {
    timer.stop();
  };
}

function cureOf(thrown: unknown): string {
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined;
  return code === 'EACCES' || code === 'EPERM' ? 'run it as root (sudo)' : '';
}
