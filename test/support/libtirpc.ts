/**
 * libtirpc - C programs of proto/drac.x, built by rpcgen and gcc when a test asks: a client, a naive server
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ROOT, childEnvironment, freePort, mustRun, newDirectory, run, until } from './processes.js';
import type { Ended } from './processes.js';

export interface CallOptions {
  readonly host?: string;
  readonly version: 1 | 2;
  readonly transport: 'udp' | 'tcp';
  /** The client's address, or "null" for procedure 0. */
  readonly address: string;
  /** Without it the C library asks rpcbind. */
  readonly port?: number;
  /** Own address to speak from. */
  readonly source?: string;
  /** How many seconds it waits for an answer; default a minute. For a call that is not to be answered: less. */
  readonly limit?: number;
  /** A command that runs the client, such as one that enters a network namespace. */
  readonly prefix?: readonly string[];
}

/** Where dracc and naive-dracd are. */
export class LibTirpc {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Builds both programs, in about half a second. */
  static async build(): Promise<LibTirpc> {
    const directory = newDirectory('tirpc');
    await mustRun(['bash', path.join(ROOT, 'test/support/c-client/build'), directory], { limitMs: 60_000 });
    return new LibTirpc(directory);
  }

  /** Runs the C client to its end. */
  call(options: CallOptions): Promise<Ended> {
    const {
      host = '127.0.0.1',
      version,
      transport,
      address,
      port,
      source,
      limit = 60,
      prefix = [],
    } = options;
    const client = path.join(this.directory, 'dracc');
    const command = [...prefix, client, host, String(version), transport, address];
    if (port !== undefined) command.push(String(port));
    const env = { DRACC_LIMIT: String(limit), ...(source === undefined ? {} : { DRACC_SOURCE: source }) };
    // The C library sets no limit to the time in which a connection is made.
    return run(command, { env, limitMs: 1_000 * (limit + 25) });
  }

  /** The addstat the C client prints; throws its words when it got none. */
  async add(options: CallOptions): Promise<number> {
    const ended = await this.call(options);
    if (ended.code !== 0) throw new Error(`dracc: ${ended.stderr}`);
    return Number(ended.stdout);
  }

  /** Starts the server that has the original's hole. */
  async naive(): Promise<NaiveServer> {
    const port = await freePort();
    const child = spawn(path.join(this.directory, 'naive-dracd'), [String(port)], {
      env: childEnvironment(),
    });
    const lines: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => lines.push(...text.trim().split('\n')));
    await until('the naive server is ready', 5_000, () => lines.includes('ready'));
    return {
      port,
      granted: () => lines.filter((line) => line !== 'ready'),
      stop: () => void child.kill('SIGKILL'),
    };
  }
}

export interface NaiveServer {
  readonly port: number;
  /** Addresses it has granted, in order. */
  granted(): string[];
  stop(): void;
}
