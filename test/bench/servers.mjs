/**
 * servers - the programs that are measured, each with files of its own, on a port that was free
 *
 * dracd as it is built, with a configuration file and without rpcbind; the libtirpc servers and reflex as
 * build.mjs has made them. All listen on 127.0.0.1 and keep their files on the disk.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { MAIN } from './build.mjs';
import { Wrong, newDirectory, start, stop, textOf, until } from './processes.mjs';

/** @typedef {{name: string, port: number, pid: number, stop: () => Promise<void>}} Server */
/** @typedef {{rss: number, peak: number, anonymous: number, files: number}} Memory MiB */
/** @typedef {{lifetime?: string, nodeOptions?: readonly string[], exports?: readonly string[], lookups?: boolean, audit?: 'full' | 'truncated' | 'hashed', level?: string}} How exports: formats beside lmdb, published without a pause; lookups: both kinds, through unix sockets and TCP */
/** @typedef {Record<string, unknown> & {event: string}} Said */

const READY_MS = 60_000;
const TICKS_A_SECOND = 100;
/** The kinds of look-ups. */
export const KINDS = /** @type {const} */ (['socketmap', 'policy']);
/** What the path of an export ends with, where that is not the format's name. @type {Record<string, string>} */
const SUFFIX = { bdb: 'db' };
/** More than the million that is measured with. */
const MAX_GRANTS = 2_000_000;

/** Seconds of processor time that a process has used, all its threads together. @param {number} pid */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** @param {import('node:child_process').ChildProcess | undefined} child */
function hasEnded(child) {
  return child === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** A C server: prints its port when it listens. @param {{name: string, programs: string, disk: string}} of @returns {Promise<Server>} */
export async function startServer({ name, programs, disk }) {
  const directory = path.join(disk, name);
  mkdirSync(directory);
  const child = start([path.join(programs, name), directory]);
  const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)];
  const listening = () => {
    if (hasEnded(child)) throw new Wrong(`${name} ended: ${stderr.text}`);
    return stdout.text.endsWith('\n') ? Number(stdout.text) : undefined;
  };
  const port = await until(`${name} listens`, listening, { withinMs: READY_MS });
  return { name, port, pid: child.pid ?? 0, stop: () => stop(child, 'SIGKILL') };
}

/** The Node server that knows nothing, behind the same unix sockets. @param {string} disk */
export async function startBare(disk) {
  const directory = newDirectory(disk);
  const program = fileURLToPath(new URL('bare.mjs', import.meta.url));
  const child = start([process.execPath, program, directory]);
  const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)];
  const listening = () => {
    if (hasEnded(child)) throw new Wrong(`bare ended: ${stderr.text}`);
    return stdout.text !== '' || undefined;
  };
  await until('bare listens', listening, { withinMs: READY_MS });
  return {
    pid: child.pid ?? 0,
    doors: {},
    file: (/** @type {string} */ name) => path.join(directory, `relay.${name}`),
    stop: () => stop(child, 'SIGKILL'),
  };
}

/** One dracd, which can be stopped and started again on the same files and the same port. */
export class Dracd {
  name = 'dracd';
  port = 0;
  /** The port of its numbers. */
  http = 0;
  /** What it said when it was ready last: grants that it recovered, and how long that took. */
  lastStart = { grants: 0, tookMs: 0 };
  /** The TCP doors of its look-ups, as `127.0.0.1:PORT`. @type {Record<string, string>} */
  doors = {};
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  #said = { text: '' };
  #complaints = { text: '' };

  /** @param {string} directory */
  constructor(directory) {
    this.directory = directory;
    this.map = this.file('lmdb');
    mkdirSync(directory, { recursive: true });
  }

  get pid() {
    return this.#child?.pid ?? 0;
  }

  /** Where operators come in. */
  get adminSocket() {
    return path.join(this.directory, 'admin.sock');
  }

  get auditFile() {
    return path.join(this.directory, 'audit.jsonl');
  }

  /** A file of its own: an export, or the unix socket of a look-up. @param {string} name */
  file(name) {
    return path.join(this.directory, `relay.${name}`);
  }

  /** Starts and does not wait. @param {How} [how] */
  launch({ lifetime = '30m', nodeOptions = [], exports = [], lookups = false, audit, level = 'info' } = {}) {
    const file = path.join(this.directory, 'dracd.toml');
    writeFileSync(
      file,
      `[rpc]
addresses = ["127.0.0.1"]
port = ${this.port}
rpcbind = "off"
[reporters]
allow = ["127.0.0.1"]
allow_file = ${JSON.stringify(path.join(this.directory, 'dracd.allow'))}
[grants]
lifetime = "${lifetime}"
max = ${MAX_GRANTS}
[store]
directory = ${JSON.stringify(path.join(this.directory, 'journal'))}
${audit === undefined ? '' : `[audit]\nfile = ${JSON.stringify(this.auditFile)}\nprivacy = "${audit}"\n`}[log]
level = "${level}"
[[exports]]
format = "lmdb"
path = ${JSON.stringify(this.map)}
${exports.map((name) => this.#exportTable(name)).join('')}${lookups ? KINDS.map((kind) => this.#lookupTable(kind)).join('') : ''}[http]
listen = "127.0.0.1:0"
[admin]
listen = [${JSON.stringify(`unix:${this.adminSocket}`)}]
`,
    );
    const child = start([process.execPath, ...nodeOptions, MAIN, '--config', file]);
    this.#child = child;
    this.#said = textOf(child.stdout);
    this.#complaints = textOf(child.stderr);
  }

  /** The file of an export. @param {string} name of its format */
  fileOf(name) {
    return this.file(SUFFIX[name] ?? name);
  }

  /** @param {string} name of a format */
  #exportTable(name) {
    return `[[exports]]
format = "${name}"
path = ${JSON.stringify(this.fileOf(name))}
interval = "100ms"
`;
  }

  /** @param {string} kind */
  #lookupTable(kind) {
    return `[[lookups]]
kind = "${kind}"
listen = [${JSON.stringify(`unix:${this.file(kind)}`)}, "127.0.0.1:0"]
`;
  }

  /** What its log says of an event, since it was started. @param {string} event @returns {Said[]} */
  said(event) {
    if (hasEnded(this.#child)) throw new Wrong(`dracd ended: ${this.#complaints.text}${this.#said.text}`);
    // The last line may not be whole yet.
    const lines = this.#said.text.split('\n').slice(0, -1);
    return lines.filter((line) => line.includes(`"event":"${event}"`)).map((line) => JSON.parse(line));
  }

  /** How many ADDs it has answered with SUCCESS, when it has stopped. */
  counted() {
    const line = this.#said.text.split('\n').find((one) => one.includes('"event":"counted since the start"'));
    const counts = JSON.parse(line ?? '{}');
    return (counts['rpc.add.granted'] ?? 0) + (counts['rpc.add.renewed'] ?? 0);
  }

  /** Waits until the log says so. */
  async ready() {
    const ready = await until('dracd is ready', () => this.said('ready')[0], { withinMs: READY_MS });
    this.port = Number(ready['port']);
    this.lastStart = { grants: Number(ready['grants']), tookMs: Number(ready['tookMs']) };
    this.http = Number(this.said('http: listening')[0]?.['port'] ?? 0);
    for (const { kind, doors } of this.said('look-up: listening'))
      this.doors[String(kind)] = /** @type {string[]} */ (doors)[1] ?? '';
  }

  /** @param {How} [how] */
  async start(how) {
    this.launch(how);
    await this.ready();
  }

  /** @param {NodeJS.Signals} [signal] */
  async stop(signal = 'SIGTERM') {
    if (this.#child !== undefined) await stop(this.#child, signal);
  }

  /** Resident memory, KiB. */
  get residentKib() {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]);
  }

  /** From now on the most that memory() tells is that of what follows. */
  forgetPeak() {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
  }

  /** Resident memory as the kernel tells it: now, the most so far; of what is there now its own and pages of files. @returns {Memory} */
  memory() {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const mib = (/** @type {string} */ name) =>
      Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024);
    return { rss: mib('VmRSS'), peak: mib('VmHWM'), anonymous: mib('RssAnon'), files: mib('RssFile') };
  }
}
