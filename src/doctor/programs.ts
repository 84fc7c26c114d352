/**
 * programs - other programs, run to their end or to the end of their time
 *
 * They are looked for in the system's own directories only, whatever PATH says: the doctor is run by root. Nothing
 * of the environment is handed on. What a program says beyond MAX_SAID ends it: enough has been heard.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { reasonOf } from '../core/fault.js';
import type { Clock } from '../runtime/clock.js';

const DIRECTORIES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'];
/** Characters of standard output. */
const MAX_SAID = 256 * 1024;
const MAX_COMPLAINT = 4_096;

export interface Ran {
  /** Undefined when it did not end by itself. */
  readonly status: number | undefined;
  /** The beginning, if it was more than MAX_SAID. */
  readonly stdout: string;
  /** The last line of its complaints; why it could not be run, or that its time was over. */
  readonly complaint: string;
}

export class Programs {
  readonly #clock: Clock;
  readonly #limitMs: number;

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** Where a program is; undefined when it is not on this host. */
  find(name: string): string | undefined {
    return DIRECTORIES.map((directory) => path.join(directory, name)).find((file) => existsSync(file));
  }

  /** Runs a program that `find` has found. Never rejects. */
  run(file: string, args: readonly string[]): Promise<Ran> {
    return new Promise((resolve) => {
      let stdout = '';
      let stderr = '';
      const child = spawn(file, args, {
        env: { PATH: DIRECTORIES.join(':'), LC_ALL: 'C' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const timer = this.#clock.after(this.#limitMs, () => {
        child.kill('SIGKILL');
      });
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
        if (stdout.length > MAX_SAID) child.kill('SIGKILL');
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr = (stderr + text).slice(-MAX_COMPLAINT);
      });
      child.on('error', (error) => {
        timer.stop();
        resolve({ status: undefined, stdout, complaint: reasonOf(error) });
      });
      child.on('close', (code) => {
        timer.stop();
        const isEnough = stdout.length > MAX_SAID;
        const last = stderr.trimEnd().split('\n').at(-1) ?? '';
        const late = code === null && !isEnough ? `no end within ${this.#limitMs} ms` : '';
        resolve({ status: isEnough ? 0 : (code ?? undefined), stdout, complaint: last === '' ? late : last });
      });
    });
  }
}
