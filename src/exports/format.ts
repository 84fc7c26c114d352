/**
 * format - what a live map is: the allow-list as a file that a running MTA looks into
 *
 * A new format is a file beside this one that exports a LiveMapFormat, and a line in formats.ts.
 */
import type { Grant } from '../core/grant.js';
import type { LiveMap } from '../core/ledger.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';

export interface LiveMapOptions {
  /** The file that the MTA is told. Its directory should be writable by the daemon alone. */
  readonly path: string;
  /** Permission bits of the file, e.g. 0o644. */
  readonly mode: number;
  /** Name of the group that owns the file; without one, the daemon's own. */
  readonly group?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** The live grants now: what the map is built from, at the start and after damage. Stepped through slowly. */
  readonly snapshot: () => Iterable<Grant>;
}

/** A live map with its file. */
export interface OpenLiveMap extends LiveMap {
  /**
   * Builds the file beside from the snapshot and renames it over the path; resolves when readers see it.
   * Throws a Fault: LIBRARY without the format's library, MAP when the file cannot be put there.
   */
  open(): Promise<void>;
  /** Once a second: notices deletion, replacement, truncation and damage, and mends them; retries after a failure. */
  tick(): void;
  /** In words, why the map cannot be changed at present; apply fails at once meanwhile, but what is to go still goes when it can. */
  readonly degraded: string | undefined;
  /** Answers what is under way, then lets go of the file, which stays where it is. */
  close(): Promise<void>;
}

export interface LiveMapFormat {
  /** What the names of its files end in, because the MTA adds it to the name in its own configuration. */
  readonly suffix: string;
  /** What `postmap -q KEY` and main.cf are told for the file at `path`. */
  table(path: string): string;
  create(options: LiveMapOptions): OpenLiveMap;
}
