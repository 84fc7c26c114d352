/**
 * rules-file - the administrator's own tcprules, followed while they change
 *
 * What was read last and could be understood is what holds: a file that is being edited takes no client
 * away, and a mistake in it does not keep grants in the map that are over.
 *
 * Errors: Fault CONFIG, naming the file and the line.
 */
import { readFileSync, statSync, type BigIntStats } from 'node:fs';
import { Fault, reasonOf } from '../core/fault.js';
import { MAX_RULES_BYTES, parseStaticRules } from './static-rules.js';

export class RulesFile {
  readonly #path: string;
  #text = '';
  #seen: BigIntStats | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** The rules as text, Latin-1. */
  get text(): string {
    return this.#text;
  }

  /** Reads the file. Throws, and keeps what was read before, when it cannot be read or understood. */
  load(): void {
    let text: string;
    try {
      this.#seen = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
      if (this.#seen === undefined) throw new Error('there is no such file');
      if (!this.#seen.isFile()) throw new Error('it is no regular file');
      if (this.#seen.size > MAX_RULES_BYTES) throw new Error(`it has more than ${MAX_RULES_BYTES} bytes`);
      text = readFileSync(this.#path, 'latin1');
    } catch (thrown) {
      throw new Fault('CONFIG', `rules ${this.#path} cannot be read: ${reasonOf(thrown)}`, thrown);
    }
    parseStaticRules(text, this.#path);
    this.#text = text;
  }

  /** Whether the file looks different from when it was last read, or tried to be. */
  hasChanged(): boolean {
    const found = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    const seen = this.#seen;
    if (found === undefined || seen === undefined) return found !== seen;
    return found.ino !== seen.ino || found.size !== seen.size || found.mtimeNs !== seen.mtimeNs;
  }
}
