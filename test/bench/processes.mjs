/**
 * processes - what the benchmark starts and makes, and that nothing of it stays
 *
 * Every process and every directory is noted here; `cleanUp` ends and removes them, by process id and by name.
 * It runs at the end, however that comes: a failure, SIGINT, SIGTERM. The C programs also end with their parent.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { constants } from 'node:os';

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */
/** @typedef {{code: number | null, stdout: string, stderr: string}} Ended */

/** Something is wrong: not slow, wrong. The message says what to do. */
export class Wrong extends Error {}

const STOP_MS = 20_000;

/** @type {Set<ChildProcess>} */
const running = new Set();
/** @type {Set<string>} */
const directories = new Set();

/** Resolves after ms milliseconds. @param {number} ms @returns {Promise<void>} */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Asks again and again until the answer is not undefined.
 * @template T
 * @param {string} what
 * @param {() => T | undefined | Promise<T | undefined>} ask
 * @param {{withinMs: number, everyMs?: number}} limits
 * @returns {Promise<T>}
 */
export async function until(what, ask, { withinMs, everyMs = 10 }) {
  const end = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Wrong(`not within ${withinMs} ms: ${what}`);
    await pause(everyMs);
  }
}

/** A new directory under `parent`, removed at the end. Others may walk through it. @param {string} parent */
export function newDirectory(parent) {
  const directory = mkdtempSync(path.join(parent, 'dracd-bench-'));
  directories.add(directory);
  chmodSync(directory, 0o755);
  return directory;
}

/** Starts a program that ends when it is told to; one that talks is written to later. @param {readonly string[]} command @param {{input?: string, cwd?: string, talks?: boolean}} [how] */
export function start([file = '', ...args], { input, cwd, talks = false } = {}) {
  const stdin = input === undefined && !talks ? 'ignore' : 'pipe';
  const child = spawn(file, args, { stdio: [stdin, 'pipe', 'pipe'], cwd });
  child.stdin?.on('error', () => undefined);
  if (!talks) child.stdin?.end(input);
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** What a program prints, as text that grows. @param {import('node:stream').Readable | null} stream */
export function textOf(stream) {
  const held = { text: '' };
  stream?.setEncoding('utf8').on('data', (piece) => (held.text += piece));
  return held;
}

/** Runs a program to its end. @param {readonly string[]} command @param {{input?: string, cwd?: string}} [how] @returns {Promise<Ended>} */
export function run(command, how) {
  return new Promise((resolve, reject) => {
    const child = start(command, how);
    const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)];
    child.once('error', (error) => {
      running.delete(child);
      reject(new Wrong(`${command[0]} cannot be run: ${error.message}`));
    });
    child.once('close', (code) => resolve({ code, stdout: stdout.text, stderr: stderr.text }));
  });
}

/** As run; anything else than exit status 0 is wrong. @param {readonly string[]} command @param {{input?: string, cwd?: string}} [how] */
export async function mustRun(command, how) {
  const { code, stdout, stderr } = await run(command, how);
  if (code !== 0) throw new Wrong(`${command.join(' ')}: exit status ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** Ends one process and waits until it is gone. @param {ChildProcess} child @param {NodeJS.Signals} signal */
export async function stop(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  let late = false;
  const patience = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, STOP_MS);
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill(signal);
  await gone;
  clearTimeout(patience);
  if (late) throw new Wrong(`${child.spawnargs.join(' ')} was not ended by ${signal} within ${STOP_MS} ms`);
}

/** Ends what still runs and removes what was made; harmless when repeated. */
export function cleanUp() {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  directories.clear();
}

/** From now on nothing stays behind when this process ends. */
export function leaveNothing() {
  process.on('exit', cleanUp);
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.once(signal, () => {
      cleanUp();
      process.exit(128 + constants.signals[signal]);
    });
  }
}
