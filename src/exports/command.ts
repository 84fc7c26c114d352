/**
 * command - runs a program after each publication, for those who must be told of a new file
 *
 * For example `smtpctl update table drac`, or `makemap` with the list as its input. No shell is involved. At
 * most one runs at a time; publications meanwhile are answered by one more run at the end. A program that
 * is not done within LIMIT_MS is killed, with all that it has started. One that failed is run again every
 * RETRY_MS, and with the next publication.
 *
 * What it says goes to the log when it fails, the first MAX_OUTPUT bytes. A failure is told once, and
 * again when it is another one or when it is over. No report ever waits for a command.
 *
 * It runs with the daemon's rights in /, with a PATH of the system's own and no other environment.
 * Limits: programs that it leaves behind in the background, having ended well, go on.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { reasonOf } from '../core/fault.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';

export const LIMIT_MS = 10_000;
export const RETRY_MS = 10_000;
export const MAX_OUTPUT = 200;
/** After its end, what it has said last may still be on its way. */
const LAST_WORDS_MS = 100;
const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

export interface CommandOptions {
  /** The program and its arguments. */
  readonly words: readonly string[];
  /** What it reads; it is closed here. Nothing when not given. May throw. */
  readonly input?: (() => number) | undefined;
  /** The file it is about, for the log. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** How a run ended. */
interface Ended {
  /** Why it failed, or undefined. */
  readonly reason: string | undefined;
  readonly output: string;
}

/** With it goes whatever it has started: it leads a group of its own. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

export class Command {
  readonly #options: CommandOptions;
  #running: Promise<void> | undefined;
  #again = false;
  #failing: string | undefined;
  #retryAt = 0;

  constructor(options: CommandOptions) {
    this.#options = options;
  }

  /** Runs it, or once more when it runs already. Returns at once. */
  run(): void {
    this.#again = true;
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
    });
  }

  /** Once a second: tries again what failed. */
  tick(): void {
    if (this.#failing !== undefined && this.#options.clock.mono() >= this.#retryAt) this.run();
  }

  /** Why its last run failed, if it did. */
  get failing(): string | undefined {
    return this.#failing;
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #runAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      this.#report(await this.#runOnce());
    }
  }

  #report({ reason, output }: Ended): void {
    const { clock, log, path, words } = this.#options;
    const command = words.join(' ');
    this.#retryAt = clock.mono() + RETRY_MS;
    if (reason === undefined) {
      log.debug('command: done', { path, command });
      if (this.#failing !== undefined) log.info('command: works again', { path, command });
    } else if (reason !== this.#failing)
      log.error('command: failed, trying again', { path, command, reason, output });
    this.#failing = reason;
  }

  #start(): ChildProcess {
    const { words, input } = this.#options;
    const [program = '', ...args] = words;
    const stdin = input?.() ?? 'ignore';
    try {
      return spawn(program, args, {
        cwd: '/',
        env: ENVIRONMENT,
        detached: true,
        stdio: [stdin, 'pipe', 'pipe'],
      });
    } finally {
      if (stdin !== 'ignore') closeSync(stdin);
    }
  }

  async #runOnce(): Promise<Ended> {
    const { clock } = this.#options;
    let child: ChildProcess;
    try {
      child = this.#start();
    } catch (thrown) {
      return { reason: reasonOf(thrown), output: '' };
    }
    const said: Buffer[] = [];
    let bytes = 0;
    const keep = (chunk: Buffer): void => {
      if (bytes < MAX_OUTPUT) said.push(chunk.subarray(0, MAX_OUTPUT - bytes));
      bytes += chunk.length;
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    // The daemon does not leave it behind when it ends in the middle.
    const kill = (): void => killGroup(child);
    process.once('exit', kill);
    const reason = await this.#end(child);
    process.off('exit', kill);
    const closed = new Promise<void>((resolve) => child.once('close', resolve));
    const patience = new Promise<void>((resolve) => clock.after(LAST_WORDS_MS, resolve));
    await Promise.race([closed, patience]);
    child.stdout?.destroy();
    child.stderr?.destroy();
    return { reason, output: Buffer.concat(said).toString().trim() };
  }

  /** Waits for its end, at most LIMIT_MS. Answers why it failed. */
  #end(child: ChildProcess): Promise<string | undefined> {
    return new Promise((resolve) => {
      let late = false;
      const limit = this.#options.clock.after(LIMIT_MS, () => {
        late = true;
        killGroup(child);
      });
      const end = (reason: string | undefined): void => {
        limit.stop();
        resolve(reason);
      };
      child.on('error', (error) => {
        end(reasonOf(error));
      });
      child.on('exit', (code, signal) => {
        if (late) end(`not done within ${LIMIT_MS / 1000} s, killed`);
        else if (code === 0) end(undefined);
        else end(signal === null ? `exit status ${String(code)}` : `ended by ${signal}`);
      });
    });
  }
}
