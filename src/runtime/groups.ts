/**
 * groups - the number of a group of this host, by its name
 *
 * Limits: groups of /etc/group; those that only a name service knows are not found.
 */
import { readFileSync } from 'node:fs';

export const GROUP_FILE = '/etc/group';

/** The group's number; undefined when there is no such group. */
export function groupId(name: string): number | undefined {
  const entries = readFileSync(GROUP_FILE, 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const gid = entries.find(([known]) => known === name)?.[2];
  return gid !== undefined && /^\d+$/.test(gid) ? Number(gid) : undefined;
}
