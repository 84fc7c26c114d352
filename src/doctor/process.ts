/**
 * process - the daemon's process, found by what it holds open, and what /proc tells of it
 *
 * The daemon of a configuration is whoever has the journal's lock file open. Limits: others' processes show that to
 * root alone.
 */
import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { NetId } from './check.js';

/** As the store calls it. */
const LOCK_NAME = 'lock';
const LISTENING: Readonly<Record<NetId, string>> = { udp: '07', udp6: '07', tcp: '0A', tcp6: '0A' };

const isNumber = (name: string): boolean => /^\d+$/.test(name);

/** What the descriptors of a process are; rejects with EACCES when that is hidden. */
async function descriptorsOf(pid: number): Promise<string[]> {
  const directory = `/proc/${pid}/fd`;
  const found: string[] = [];
  for (const name of await readdir(directory)) {
    // One that was closed meanwhile is none.
    const target = await readlink(`${directory}/${name}`).catch(() => undefined);
    if (target !== undefined) found.push(target);
  }
  return found;
}

export interface Process {
  readonly pid: number;
  readonly uid: number;
  readonly descriptors: readonly string[];
}

export type Sought = Process | 'absent' | 'hidden';

/** The process that holds the journal; 'hidden' when it may be one that we may not look into. */
export async function daemonOf(store: string): Promise<Sought> {
  const lock = await realpath(path.join(store, LOCK_NAME)).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return 'hidden' as const;
    return undefined;
  });
  if (lock === undefined) return 'absent';
  if (lock === 'hidden') return 'hidden';
  const owner = (await stat(lock)).uid;
  let isHidden = false;
  for (const name of (await readdir('/proc')).filter(isNumber)) {
    const pid = Number(name);
    try {
      const { uid } = await stat(`/proc/${name}`);
      // Nobody else may open the lock, but root.
      if (uid !== owner && uid !== 0) continue;
      const descriptors = await descriptorsOf(pid);
      if (descriptors.includes(lock)) return { pid, uid, descriptors };
    } catch (error) {
      // Others end meanwhile.
      if ((error as NodeJS.ErrnoException).code === 'EACCES') isHidden = true;
    }
  }
  return isHidden ? 'hidden' : 'absent';
}

/** The ports that a process listens at, of one transport. */
async function portsOf({ pid, descriptors }: Process, netid: NetId): Promise<number[]> {
  const inodes = new Set(descriptors.map((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1]));
  const lines = (await readFile(`/proc/${pid}/net/${netid}`, 'utf8')).split('\n').slice(1);
  const ports = lines
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTENING[netid] && inodes.has(fields[9]))
    .map(([, local = '']) => parseInt(local.split(':')[1] ?? '', 16));
  return [...new Set(ports)];
}

/** The ports that it listens at on all of these: its port for reporters is the same on each. */
export async function sharedPorts(found: Process, netids: readonly NetId[]): Promise<number[]> {
  const [first = [], ...others] = await Promise.all(netids.map((netid) => portsOf(found, netid)));
  return first.filter((port) => others.every((ports) => ports.includes(port)));
}

/** The soft limit of open descriptors; Infinity for none. */
export async function descriptorLimit(pid: number): Promise<number> {
  const limits = await readFile(`/proc/${pid}/limits`, 'utf8');
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1] ?? '';
  return soft === 'unlimited' ? Infinity : Number(soft);
}
