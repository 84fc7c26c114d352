/**
 * watched-files - the real file system, with a list of what was asked of it, and failures on demand
 *
 * `trick` is asked before each call. undefined: the call is made. Otherwise it fails, writes less than
 * it was given, or is kept until release().
 */
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { FileChunk, Files } from '../../../src/store/files.js';
import { nodeFiles } from '../../../src/store/files.js';

export interface FileCall {
  readonly name: keyof Files;
  /** Name of the file or directory, without what leads to it. */
  readonly file: string;
  readonly length?: number;
}

export type Trick =
  /** The call fails; of a write, so many bytes get to the file before. */
  | { readonly error: string; readonly written?: number }
  /** A write of so many bytes, that says so. */
  | { readonly short: number }
  | 'hold';

type Done = (error: Error | null, value: number) => void;
type Act = (done: Done, length?: number) => void;

/** What the system says of a failed call. */
export function systemError(code: string, call: string): Error {
  return Object.assign(new Error(`${code}: made by a test, ${call}`), { code });
}

export class WatchedFiles implements Files {
  readonly calls: FileCall[] = [];
  /** In order: "write NAME" when it is asked, "write NAME returned" when it has succeeded. */
  readonly events: string[] = [];
  trick: (call: FileCall) => Trick | undefined = () => undefined;
  #pending = 0;
  #held: (() => void)[] = [];
  readonly #names = new Map<number, string>();

  open(file: string, flags: number, done: Done): void {
    const name = path.basename(file);
    const act: Act = (settled) => {
      nodeFiles.open(file, flags, (error, fd) => {
        if (error === null) this.#names.set(fd, name);
        settled(error, fd);
      });
    };
    this.#run({ name: 'open', file: name }, act, done);
  }

  write(fd: number, chunk: FileChunk, done: Done): void {
    const act: Act = (settled, length = chunk.length) => {
      nodeFiles.write(fd, { ...chunk, length }, settled);
    };
    this.#run({ name: 'write', file: this.#nameOf(fd), length: chunk.length }, act, done);
  }

  fdatasync(fd: number, done: (error: Error | null) => void): void {
    this.#run(
      { name: 'fdatasync', file: this.#nameOf(fd) },
      (settled) => {
        nodeFiles.fdatasync(fd, (error) => settled(error, 0));
      },
      done,
    );
  }

  fsync(fd: number, done: (error: Error | null) => void): void {
    this.#run(
      { name: 'fsync', file: this.#nameOf(fd) },
      (settled) => {
        nodeFiles.fsync(fd, (error) => settled(error, 0));
      },
      done,
    );
  }

  ftruncate(fd: number, length: number, done: (error: Error | null) => void): void {
    this.#run(
      { name: 'ftruncate', file: this.#nameOf(fd), length },
      (settled) => {
        nodeFiles.ftruncate(fd, length, (error) => settled(error, 0));
      },
      done,
    );
  }

  close(fd: number, done: (error: Error | null) => void): void {
    this.#run(
      { name: 'close', file: this.#nameOf(fd) },
      (settled) => {
        nodeFiles.close(fd, (error) => settled(error, 0));
      },
      done,
    );
  }

  unlink(file: string, done: (error: Error | null) => void): void {
    this.#run(
      { name: 'unlink', file: path.basename(file) },
      (settled) => {
        nodeFiles.unlink(file, (error) => settled(error, 0));
      },
      done,
    );
  }

  rename(from: string, to: string, done: (error: Error | null) => void): void {
    this.#run(
      { name: 'rename', file: path.basename(from) },
      (settled) => {
        nodeFiles.rename(from, to, (error) => settled(error, 0));
      },
      done,
    );
  }

  /** Makes the calls that were held, in their order, as the trick now says. */
  release(trick: WatchedFiles['trick'] = () => undefined): void {
    this.trick = trick;
    for (const start of this.#held.splice(0)) start();
  }

  /** The calls with this name, perhaps only those on one file. */
  count(name: keyof Files, file?: string): number {
    return this.calls.filter((call) => call.name === name && (file === undefined || call.file === file))
      .length;
  }

  /** Resolves when no call is in flight and none follows from the last one; held calls do not count. */
  async settled(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet = this.#pending === 0 ? quiet + 1 : 0) await turn();
  }

  #nameOf(fd: number): string {
    return this.#names.get(fd) ?? `unknown descriptor ${fd}`;
  }

  #run(call: FileCall, act: Act, done: Done): void {
    const label = `${call.name} ${call.file}`;
    this.calls.push(call);
    this.events.push(label);
    const start = (): void => {
      const trick = this.trick(call);
      if (trick === 'hold') {
        this.#held.push(start);
        return;
      }
      this.#pending += 1;
      const finish: Done = (error, value) => {
        this.#pending -= 1;
        if (error === null) this.events.push(`${label} returned`);
        done(error, value);
      };
      if (trick === undefined) act(finish);
      else if ('short' in trick) act(finish, trick.short);
      else {
        const fail = (): void => {
          finish(systemError(trick.error, call.name), 0);
        };
        if (trick.written === undefined) setImmediate(fail);
        else act(fail, trick.written);
      }
    };
    start();
  }
}
