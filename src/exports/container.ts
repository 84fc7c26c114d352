/**
 * container - what a snapshot format is: a file that is written anew as a whole whenever grants change
 *
 * A new one is a file beside this one that exports a Container, and a line in containers.ts. It is pure
 * work on records and runs in the publishing thread; when and where files appear is the publisher's.
 */
import type { DialectName, Wording, Words } from './dialect.js';
import type { ExportKey } from './format.js';
import type { Output } from './output.js';
import type { Records } from './records.js';

export interface Container {
  /** What the names of its files end in, because the MTA adds it to the name in its own configuration. */
  readonly suffix: string;
  /** What Postfix calls a table of this kind; not given when Postfix does not read it under a name of its own. */
  readonly tableType?: string;
  /** Which wordings it can have; the first is the default. None: it has one of its own. */
  readonly dialects: readonly DialectName[];
  /** Whether programs of several dialects may share one file. */
  readonly shared: boolean;
  /** Whether it is a table of keys, so that one for Postfix alone may have some that say no. */
  readonly denies?: boolean;
  /** What may be configured for it besides format, path, mode and group. */
  readonly keys: readonly ExportKey[];
  /** Which records the entries become. Throws Fault CONFIG. */
  words(wording: Wording): Words;
  /** Writes the whole file, which may also say how it is worded. Throws Fault MAP for what the format cannot hold. */
  write(records: Records, output: Output, wording?: Wording): void;
}
