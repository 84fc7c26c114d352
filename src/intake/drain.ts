/**
 * drain - at the stop: a while for the last replies to leave
 *
 * Limits: DRAIN_MS. What is left then is left to the caller.
 */
import type { Clock } from '../runtime/clock.js';

const DRAIN_MS = 250;
const STEP_MS = 10;

/** Resolves when the set is empty, and after DRAIN_MS at the latest. */
export async function drain(clock: Pick<Clock, 'after'>, unanswered: ReadonlySet<unknown>): Promise<void> {
  for (let waited = 0; unanswered.size > 0 && waited < DRAIN_MS; waited += STEP_MS) {
    await new Promise<void>((resolve) => {
      clock.after(STEP_MS, resolve);
    });
  }
}
