/**
 * access - whether a user may do something with a file, by modes along the whole path
 *
 * As the kernel decides: the owner by the owner's bits, else the group by the group's, else others. Limits: access
 * lists (setfacl) and security modules may allow or forbid more.
 */
import { realpath, stat } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface User {
  readonly name: string;
  readonly uid: number;
  /** The groups that count. */
  readonly gids: readonly number[];
}

export const READ = 4;
export const WRITE = 2;
export const PASS = 1;
export type Right = typeof READ | typeof WRITE | typeof PASS;

interface Modes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export function permits({ mode, uid, gid }: Modes, user: User, right: Right): boolean {
  if (user.uid === 0) return true;
  const shift = user.uid === uid ? 6 : user.gids.includes(gid) ? 3 : 0;
  return ((mode >> shift) & right) !== 0;
}

/** The first thing on the way to a file that stops a user: a directory that he may not pass, or the file. */
export async function barrier(
  file: string,
  user: User,
  right: Right,
): Promise<{ readonly path: string; readonly modes: string } | undefined> {
  const real = await realpath(file);
  const directories: string[] = [];
  for (let at = path.dirname(real); ; at = path.dirname(at)) {
    directories.unshift(at);
    if (at === path.dirname(at)) break;
  }
  for (const [one, needed] of [...directories.map((at) => [at, PASS] as const), [real, right] as const]) {
    const stats = await stat(one);
    if (!permits(stats, user, needed)) return { path: one, modes: modesText(stats) };
  }
  return undefined;
}

/** `0750, owner 0, group 105`. */
export function modesText({ mode, uid, gid }: Modes): string {
  return `${(mode & 0o7777).toString(8).padStart(4, '0')}, owner ${uid}, group ${gid}`;
}

/** A user of /etc/passwd, with the primary group alone; undefined when there is none of that name. */
export function userNamed(name: string): User | undefined {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const fields = lines.map((line) => line.split(':')).find(([known]) => known === name);
  const [, , uid = '', gid = ''] = fields ?? [];
  return /^\d+$/.test(uid) && /^\d+$/.test(gid) ? { name, uid: Number(uid), gids: [Number(gid)] } : undefined;
}
