/**
 * daemon - the built dracd as a test starts it: free ports, a directory of its own, its log as data
 *
 * `Daemon.start` writes a configuration, starts `node dist/main.js` and resolves when the log says
 * "ready". A command may stand in front (strace, setpriv, unshare); signals go to the daemon itself.
 * Whatever a test leaves running is ended by `killAll`, which each test file calls in afterAll.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  MAIN,
  childEnvironment,
  commandLine,
  descendants,
  newDirectory,
  settlesWithin,
  until,
} from './processes.js';

/** One line of the daemon's log. */
export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface DaemonOptions {
  /** Where configuration and state are; given, so that a daemon can be started there again. */
  readonly directory?: string;
  /** Lease, default "30m". */
  readonly lifetime?: string;
  /** Who is believed; default 127.0.0.1 and ::1. */
  readonly allow?: readonly string[];
  /** Where it listens; default 127.0.0.1 and ::1. */
  readonly addresses?: readonly string[];
  /** Default off: the machine's rpcbind is no business of a test that did not bring it. */
  readonly rpcbind?: 'auto' | 'required' | 'off';
  /** The journal's directory, when it is not to be DIRECTORY/journal. */
  readonly journal?: string;
  /** The map's path, when it is not to be DIRECTORY/relay.lmdb. */
  readonly map?: string;
  /** Default: any free port. */
  readonly port?: number;
  /** Where numbers are shown; default nowhere, unless `more` says. */
  readonly http?: string;
  /** More keys of [grants]. */
  readonly grants?: string;
  /** The table [admin], when it is not to be a socket in the directory. */
  readonly admin?: string;
  /** More TOML at the end. */
  readonly more?: string;
  /** A command that runs the daemon, e.g. ['strace', '-f']. */
  readonly prefix?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** How long "ready" may take; default 20 s. */
  readonly readyWithinMs?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<Daemon>();

/** Ends every daemon that a test has left running. */
export async function killAll(): Promise<void> {
  await Promise.all([...running].map((daemon) => daemon.kill()));
}

/** The configuration of a test's daemon as TOML. */
export function configurationText(directory: string, options: DaemonOptions): string {
  const list = (words: readonly string[]): string =>
    `[${words.map((word) => JSON.stringify(word)).join(', ')}]`;
  return `[rpc]
addresses = ${list(options.addresses ?? ['127.0.0.1', '::1'])}
port = ${options.port ?? 0}
rpcbind = "${options.rpcbind ?? 'off'}"
[reporters]
allow = ${list(options.allow ?? ['127.0.0.1', '::1'])}
allow_file = "${path.join(directory, 'dracd.allow')}"
[grants]
lifetime = "${options.lifetime ?? '30m'}"
${options.grants ?? ''}
[store]
directory = "${options.journal ?? path.join(directory, 'journal')}"
[[exports]]
format = "lmdb"
path = "${options.map ?? path.join(directory, 'relay.lmdb')}"
mode = "0644"
${options.more?.includes('[http]') === true ? '' : `[http]\nlisten = "${options.http ?? ''}"`}
${options.admin ?? `[admin]\nlisten = ["unix:${path.join(directory, 'admin.sock')}"]`}
${options.more ?? ''}
`;
}

export class Daemon {
  readonly directory: string;
  readonly configFile: string;
  readonly mapPath: string;
  readonly journal: string;
  readonly logs: LogLine[] = [];
  /** What was printed and is no log line: there should be none. */
  readonly noise: string[] = [];
  readonly exited: Promise<Exit>;
  /** The process that was started: the daemon or the command before it. */
  readonly child: ChildProcess;
  /** Milliseconds from the start to "ready". */
  readyAfterMs = 0;
  port = 0;
  /** The daemon's own process. */
  pid = 0;

  private constructor(options: DaemonOptions) {
    this.directory = options.directory ?? newDirectory('test');
    mkdirSync(this.directory, { recursive: true });
    this.configFile = path.join(this.directory, 'dracd.toml');
    this.mapPath = options.map ?? path.join(this.directory, 'relay.lmdb');
    this.journal = options.journal ?? path.join(this.directory, 'journal');
    writeFileSync(this.configFile, configurationText(this.directory, options));
    const command = [
      ...(options.prefix ?? []),
      process.execPath,
      '--enable-source-maps',
      MAIN,
      '--config',
      this.configFile,
    ];
    const [file = '', ...args] = command;
    this.child = spawn(file, args, { env: childEnvironment(options.env), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#follow(this.child.stdout, true);
    this.#follow(this.child.stderr, false);
    this.exited = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) => {
        running.delete(this);
        resolve({ code, signal });
      });
    });
    // Whoever waits for it sees the error; nobody has to.
    this.exited.catch(() => undefined);
    running.add(this);
  }

  /** Starts a daemon and waits until it is ready. */
  static async start(options: DaemonOptions = {}): Promise<Daemon> {
    const daemon = Daemon.launch(options);
    await daemon.ready(options.readyWithinMs ?? 20_000);
    return daemon;
  }

  /** Starts a daemon and does not wait. */
  static launch(options: DaemonOptions = {}): Daemon {
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: run npm run build`);
    return new Daemon(options);
  }

  /** Waits until the log says "ready". */
  async ready(withinMs: number): Promise<void> {
    const started = performance.now();
    const line = await this.logged('ready', withinMs);
    this.readyAfterMs = performance.now() - started;
    this.port = Number(line['port']);
    const own = (pid: number): boolean => {
      const words = commandLine(pid);
      return words[0] === process.execPath && words.includes(MAIN);
    };
    const first = this.child.pid ?? 0;
    this.pid = [first, ...descendants(first)].find(own) ?? 0;
  }

  /** The first line with this event (at or after the index `from`), waiting for it at most withinMs. */
  async logged(event: string | RegExp, withinMs: number, from = 0): Promise<LogLine> {
    const matches = (line: LogLine): boolean =>
      typeof event === 'string' ? line.event === event : event.test(line.event);
    const gone = this.exited.then(
      () => true,
      () => true,
    );
    let found: LogLine | undefined;
    let over = false;
    void gone.then(() => (over = true));
    await until(`${String(event)} in the log`, withinMs, () => {
      found = this.logs.slice(from).find(matches);
      if (found === undefined && over)
        throw new Error(`the daemon ended without saying ${String(event)}\n${this.said()}`);
      return found !== undefined;
    }).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\n${this.said()}`);
    });
    if (found === undefined) throw new Error('not reached');
    return found;
  }

  /** All it has said, for messages. */
  said(): string {
    return [...this.logs.slice(-60).map((line) => JSON.stringify(line)), ...this.noise.slice(-40)].join('\n');
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  /** SIGTERM; resolves with how it ended, and after how many milliseconds. */
  async stop(): Promise<Exit & { readonly tookMs: number }> {
    const from = performance.now();
    this.signal('SIGTERM');
    if (!(await settlesWithin(this.exited, 60_000)))
      throw new Error(`SIGTERM did not end it\n${this.said()}`);
    return { ...(await this.exited), tookMs: performance.now() - from };
  }

  /** SIGKILL, to the daemon and to a command before it; resolves when they are gone. */
  async kill(): Promise<void> {
    for (const pid of new Set([this.pid, ...descendants(this.child.pid ?? 0)])) {
      if (pid > 0) tryKill(pid);
    }
    // strace ends with what it traces; whatever else stands in front ends here.
    if (await settlesWithin(this.exited, 2_000)) return;
    this.child.kill('SIGKILL');
    await this.exited;
  }

  #follow(stream: NodeJS.ReadableStream | null, isLog: boolean): void {
    let rest = '';
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#keep(line, isLog);
    });
  }

  #keep(line: string, isLog: boolean): void {
    if (isLog && line.startsWith('{')) {
      try {
        this.logs.push(JSON.parse(line) as LogLine);
        return;
      } catch {
        // Kept below as it is.
      }
    }
    this.noise.push(line);
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}
