/**
 * clock - the check `clock`: the time is somebody's who knows it, and has not been set back
 *
 * What a grant's end means in the maps, and after a restart, is the wall clock's time. Asked are, in this order, chronyc,
 * timedatectl and adjtimex; none of them is needed. A file of ours that is from the future tells of a clock that
 * was ahead.
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Examined } from './check.js';
import { bad, type Finding, ok } from './finding.js';
import type { Programs } from './programs.js';

const AHEAD_MS = 60_000;
const CURE = 'run a time service, such as: apt-get install chrony (or systemd-timesyncd)';

interface Witness {
  readonly name: string;
  readonly args: readonly string[];
  /** Undefined: it cannot tell. */
  readonly says: (stdout: string) => boolean | undefined;
}

/** The last of chronyc's fields is the state of the leap second; adjtimex(2): bit 6 of the status, STA_UNSYNC. */
const WITNESSES: readonly Witness[] = [
  {
    name: 'chronyc',
    args: ['-c', 'tracking'],
    says: (text) => (text.includes(',') ? !text.includes('Not synchronised') : undefined),
  },
  {
    name: 'timedatectl',
    args: ['show', '--property=NTPSynchronized', '--value'],
    says: (text) => (/^(yes|no)$/.test(text.trim()) ? text.trim() === 'yes' : undefined),
  },
  {
    name: 'adjtimex',
    args: ['--print'],
    says: (text) => {
      const status = /^\s*status: (\d+)/m.exec(text)?.[1];
      return status === undefined ? undefined : (Number(status) & 0x40) === 0;
    },
  },
];

async function synchronised(programs: Programs): Promise<{ by: string; isSo: boolean } | undefined> {
  for (const { name, args, says } of WITNESSES) {
    const file = programs.find(name);
    if (file === undefined) continue;
    const { status, stdout } = await programs.run(file, args);
    const isSo = status === 0 ? says(stdout) : undefined;
    if (isSo !== undefined) return { by: name, isSo };
  }
  return undefined;
}

/** The file that is the farthest in the future, of the journal and the maps. */
async function latest({ store, maps }: Examined): Promise<{ file: string; at: number } | undefined> {
  const names = await readdir(store).catch(() => []);
  const files = [...names.map((name) => path.join(store, name)), ...maps.map((map) => map.path)];
  let found: { file: string; at: number } | undefined;
  for (const file of files) {
    const stats = await stat(file).catch(() => undefined);
    if (stats !== undefined && stats.mtimeMs > (found?.at ?? 0)) found = { file, at: stats.mtimeMs };
  }
  return found;
}

export async function* clock(examined: Examined): AsyncGenerator<Finding> {
  const told = await synchronised(examined.programs);
  if (told === undefined)
    yield bad('note', 'whether the clock is synchronised could not be found out', {
      cure: 'it takes chronyc, timedatectl (with systemd) or adjtimex',
    });
  else if (told.isSo) yield ok('the clock is synchronised', { key: told.by });
  else yield bad('warning', 'the clock is not synchronised', { key: told.by, cure: CURE });
  const last = await latest(examined);
  if (last === undefined) return;
  if (last.at > examined.clock.wall() + AHEAD_MS)
    yield bad('warning', 'a file is from the future: the clock was ahead, or has been set back', {
      file: last.file,
      value: new Date(last.at).toISOString(),
      cure: 'set the clock right; a running dracd ends grants at their time all the same',
    });
  else yield ok('no file is from the future');
}
