/**
 * processes - what tests do with programs: run one to its end, find descendants, wait, free ports
 *
 * No program outlives its test unnoticed: `run` ends with its time limit.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { chmodSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../..');
export const MAIN = path.join(ROOT, 'dist/main.js');

/** So many times as long as on a quiet machine may what is waited for take; it costs nothing when all is well. */
const PATIENCE = 4;

/** Resolves after ms milliseconds, when this process has read what has arrived by then. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(() => setImmediate(resolve), ms);
  });
}

/** Waits for a promise at most ms milliseconds; answers whether it settled. */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, ms);
  });
  const settled = promise.then(
    () => true,
    () => true,
  );
  const first = await Promise.race([settled, late]);
  clearTimeout(timer);
  return first;
}

/**
 * Asks again every 20 ms until the answer is yes; throws, naming what was waited for, when far more time has passed
 * than it takes on a quiet machine (`ms`).
 */
export async function until(what: string, ms: number, ask: () => boolean | Promise<boolean>): Promise<void> {
  const limit = PATIENCE * ms;
  const end = performance.now() + limit;
  while (!(await ask())) {
    if (performance.now() > end) throw new Error(`not within ${limit} ms: ${what}`);
    await pause(20);
  }
}

/** A new directory that other users (Postfix) can walk through; test/run removes them all at its end. */
export function newDirectory(name: string): string {
  const directory = mkdtempSync(path.join(process.env['DRACD_TEST_DIRECTORY'] ?? tmpdir(), `dracd-${name}-`));
  // mkdtemp makes 0700.
  chmodSync(directory, 0o755);
  return directory;
}

/** Our environment without what belongs to the test runner or to a service manager. */
export function childEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const ours = [
    'NODE_OPTIONS',
    'NODE_ENV',
    'JEST_WORKER_ID',
    'NOTIFY_SOCKET',
    'JOURNAL_STREAM',
    'STATE_DIRECTORY',
  ];
  const kept = Object.entries(process.env).filter(([name]) => !ours.includes(name));
  return { ...Object.fromEntries(kept), PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, ...extra };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Default two minutes; then SIGKILL. */
  readonly limitMs?: number;
}

/** Runs a program to its end. A program that is not there is an error that names it. */
export function run(command: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: childEnvironment(options.env),
      timeout: options.limitMs ?? 120_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => {
      reject(
        new Error(
          `${file} cannot be run (${error.message}): the tests need it, see test/support/debian-packages`,
        ),
      );
    });
    child.on('exit', (_, signal) => {
      // Of one that was killed: what it leaves running may hold its output open, and is not waited for.
      if (signal !== null)
        setTimeout(() => [child.stdout, child.stderr].forEach((one) => one.destroy()), 1_000);
    });
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr });
    });
  });
}

/** As run, but anything else than exit status 0 is an error with the program's words. */
export async function mustRun(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const ended = await run(command, options);
  if (ended.code !== 0) {
    throw new Error(
      `${command.join(' ')}: exit ${String(ended.code ?? ended.signal)}\n${ended.stdout}${ended.stderr}`,
    );
  }
  return ended.stdout;
}

/** The words that run what follows them as if it were so many minutes later; only what it is told of the date is moved. */
export const inMinutes = (minutes: number): readonly string[] => [
  'env',
  'FAKETIME_DONT_FAKE_MONOTONIC=1',
  'faketime',
  '-f',
  `+${minutes}m`,
];

/** A port that is free now on 127.0.0.1, for UDP and TCP. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    const port = await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const free = await new Promise<boolean>((resolve) => {
      const socket = createSocket('udp4');
      socket.once('error', () => {
        resolve(false);
      });
      socket.bind(port, '127.0.0.1', () => {
        socket.close(() => {
          resolve(true);
        });
      });
    });
    await new Promise((resolve) => server.close(resolve));
    if (free) return port;
  }
}

/** The words of a running process's command line; none when it is gone. */
export function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** All processes below pid, the nearest first. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      parents.set(parent, [...(parents.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended meanwhile.
    }
  }
  const found: number[] = [];
  for (let front = [pid]; front.length > 0; front = front.flatMap((one) => parents.get(one) ?? []))
    found.push(...front);
  return found.slice(1);
}
