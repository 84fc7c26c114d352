/**
 * format - what a map is: the allow-list as a file that a running MTA looks into
 *
 * A live one is changed in place, and a change is done when readers see it. A snapshot is written anew as
 * a whole: it takes a change at once and follows within its interval, so that no report waits for it.
 *
 * A new live format is a file beside this one that exports a LiveMapFormat, and a line in formats.ts; a
 * new snapshot format is a Container, and a line in containers.ts.
 */
import type { Denial, LiveMap } from '../core/outlets.js';
import type { LeanPermission, Permission, Subject } from '../core/subject.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import type { DialectName } from './dialect.js';

/** What `[[exports]]` may say beyond format, path, mode and group; each format knows some of these. */
export type ExportKey =
  'dialect' | 'value' | 'cidr_key' | 'term_kd' | 'rules' | 'interval' | 'command' | 'command_stdin';

/** How a snapshot is worded and published. A live map has none of this. */
export interface PublicationOptions {
  /** Who reads the file; default: the format's first. */
  readonly dialects?: readonly DialectName[] | undefined;
  /** Value of every key instead of the second at which the grant ends. */
  readonly value?: string | undefined;
  readonly cidrKey?: boolean | undefined;
  readonly termKd?: boolean | undefined;
  /** The file with the administrator's own tcprules. */
  readonly rules?: string | undefined;
  /** A change is in the file so long after it was made, or earlier. */
  readonly intervalMs?: number | undefined;
  /** A program with its arguments, run after each publication. */
  readonly command?: readonly string[] | undefined;
  /** What the program reads: nothing, or the list just published. */
  readonly commandStdin?: 'none' | 'list' | undefined;
}

/** All that may relay, networks whole, and who of them may not. */
export interface Undivided {
  readonly denials: () => Iterable<Denial>;
  readonly permissions: () => Iterable<Permission>;
  /** The same, for a format that is written anew as a whole. */
  readonly lean: () => Iterable<LeanPermission>;
}

export interface LiveMapOptions extends PublicationOptions {
  /** The file that the MTA is told. Its directory should be writable by the daemon alone. */
  readonly path: string;
  /** Permission bits of the file, e.g. 0o644. */
  readonly mode: number;
  /** Name of the group that owns the file; without one, the daemon's own. */
  readonly group?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** All that may relay now: what the map is built from, at the start and after damage. Stepped through slowly. */
  readonly snapshot: () => Iterable<Permission>;
  /** The same for a format that is written anew as a whole; without it, snapshot is taken. */
  readonly lean?: (() => Iterable<LeanPermission>) | undefined;
  /** The same for a format that can say "not this one"; without it nobody is denied, and snapshot or lean is taken. */
  readonly undivided?: (() => Undivided) | undefined;
}

export interface Freshness {
  readonly behindSince: number | undefined;
  readonly writtenAt: number;
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
  /** In words, why those who must be told of a new file (`command`) do not know of the last one. */
  readonly untold?: string | undefined;
  /** Monotonic milliseconds: since when the file has not said what the ledger says, if so, and when it was last written. */
  readonly freshness: Freshness;
  /** Answers what is under way, then lets go of the file, which stays where it is. */
  close(): Promise<void>;
}

export interface LiveMapFormat {
  /** What the names of its files end in, because the MTA adds it to the name in its own configuration. */
  readonly suffix: string;
  /** What `postmap -q KEY` and main.cf are told for the file at `path`, when it is one for Postfix. */
  readonly table?: ((path: string) => string) | undefined;
  /** Which wordings it can have, the first being the default; without a list, that of Postfix. */
  readonly dialects?: readonly DialectName[];
  /** Whether programs of several dialects may share one file. */
  readonly shared?: boolean;
  /** What may be configured for it besides format, path, mode and group. */
  readonly keys?: readonly ExportKey[];
  /** With how many keys it says that an address or network may relay, to the readers of these dialects; undefined when it cannot. */
  readonly keysFor: (subject: Subject, dialects: readonly DialectName[] | undefined) => number | undefined;
  /** Whether such a file says networks whole, and who is denied in them beside; without it, it does not. */
  readonly saysDenials?: (options: Pick<PublicationOptions, 'dialects' | 'value'>) => boolean;
  create(options: LiveMapOptions): OpenLiveMap;
}
