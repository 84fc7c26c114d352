/**
 * operated - the built daemon as operate.mjs runs it: a test calls its operations, kills it, starts it again
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Change, Explanation, Row } from '../../src/admin/operations.js';
import { configurationText, type DaemonOptions, type LogLine } from './daemon.js';
import { childEnvironment, ROOT, until } from './processes.js';

const PROGRAM = path.join(ROOT, 'test/support/operate.mjs');

interface Answer {
  readonly result?: unknown;
  readonly fault?: { readonly code: string; readonly message: string };
}

/** What a call that failed is rejected with. */
export class OperationFault extends Error {
  readonly code: string;

  constructor({ code, message }: { readonly code: string; readonly message: string }) {
    super(message);
    this.code = code;
  }
}

export class Operated {
  static readonly #running = new Set<Operated>();
  readonly logs: LogLine[] = [];
  readonly changes: Change[] = [];
  /** What was printed and is no line of JSON: there should be none. */
  readonly noise: string[] = [];
  readonly configFile: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #calls = 0;

  private constructor(options: DaemonOptions & { readonly directory: string }, init: boolean) {
    mkdirSync(options.directory, { recursive: true });
    this.configFile = path.join(options.directory, 'dracd.toml');
    writeFileSync(this.configFile, configurationText(options.directory, options));
    const args = ['--enable-source-maps', PROGRAM, this.configFile, ...(init ? ['-i'] : [])];
    this.#child = spawn(process.execPath, args, { env: childEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#take(line));
    this.#child.once('close', () => {
      const fault = { code: 'GONE', message: `it has ended\n${this.noise.join('\n')}` };
      for (const answer of this.#waiting.values()) answer({ fault });
      this.#waiting.clear();
    });
    Operated.#running.add(this);
  }

  /** Starts it and waits until it is ready; `init` as with dracd -i. */
  static async start(
    options: DaemonOptions & { readonly directory: string },
    { init = false } = {},
  ): Promise<Operated> {
    const daemon = new Operated(options, init);
    await until('it is ready', 20_000, () => {
      if (daemon.#child.exitCode !== null) throw new Error(`it ended: ${daemon.noise.join('\n')}`);
      return daemon.logs.some(({ event }) => event === 'ready');
    });
    return daemon;
  }

  /** For the end of a test, however it ended. */
  static async killAll(): Promise<void> {
    for (const daemon of Operated.#running) await daemon.kill();
  }

  get port(): number {
    return Number(this.logs.find(({ event }) => event === 'ready')?.['port']);
  }

  /** Calls one of the operations. Rejects with an OperationFault. */
  async call(name: string, ...args: unknown[]): Promise<unknown> {
    this.#calls += 1;
    const id = this.#calls;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#child.stdin?.write(`${JSON.stringify({ id, call: name, args })}\n`);
    const { fault, result } = await answered;
    if (fault !== undefined) throw new OperationFault(fault);
    return result;
  }

  async rows(filter: object = {}): Promise<Row[]> {
    return (await this.call('rows', filter)) as Row[];
  }

  async explain(client: string): Promise<Explanation> {
    return (await this.call('explain', client)) as Explanation;
  }

  async kill(): Promise<void> {
    if (!Operated.#running.delete(this)) return;
    const ended = once(this.#child, 'close');
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
    else return;
    await ended;
  }

  /** SIGTERM. */
  async stop(): Promise<void> {
    Operated.#running.delete(this);
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await ended;
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    if (this.#child.exitCode === null) await once(this.#child, 'close');
    Operated.#running.delete(this);
  }

  #take(line: string): void {
    if (!line.startsWith('{')) {
      this.noise.push(line);
      return;
    }
    const parsed = JSON.parse(line) as LogLine & { answer?: number; change?: Change };
    if (parsed.answer !== undefined) {
      this.#waiting.get(parsed.answer)?.(parsed as unknown as Answer);
      this.#waiting.delete(parsed.answer);
    } else if (parsed.change !== undefined) this.changes.push(parsed.change);
    else this.logs.push(parsed);
  }
}
