/**
 * read-journal - what the journal holds, for whoever is no daemon
 */
import type { Grant } from '../core/grant.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import { directoryExists, lockDirectory } from './directory.js';
import { recover } from './recover.js';

/**
 * What a journal holds while no daemon uses it, and the lock on it: no daemon starts before release.
 * Changes nothing. No directory: no grants. Throws Fault LOCKED when a daemon runs, Fault STORE.
 */
export function readJournal(options: {
  readonly directory: string;
  readonly lifetimeMs: number;
  readonly clock: Clock;
  readonly log: Log;
}): { grants: Iterable<Grant>; release: () => void } {
  const { directory, lifetimeMs, clock, log } = options;
  if (!directoryExists(directory)) return { grants: [], release: () => undefined };
  const lock = lockDirectory(directory);
  try {
    return {
      grants: recover({ directory, now: clock.wall(), lifetimeMs, log }).grants,
      release: () => {
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}
