/**
 * permissions - the check `permissions`: nobody but the daemon can let relay, and it can read whom to believe
 *
 * Whoever may write to the journal, to a map, or to a directory of one of them or of a socket, may let anybody relay or
 * answer in the daemon's place.
 */
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { parseAllowFile } from '../core/reporters.js';
import { reasonOf } from '../core/fault.js';
import { readSmallFile } from '../runtime/read-file.js';
import { barrier, modesText, READ } from './access.js';
import type { Examined } from './check.js';
import { daemonUser } from './configuration.js';
import { bad, type Finding, ok } from './finding.js';

const OTHERS_MAY_WRITE = 0o002;
const GROUP_MAY_WRITE = 0o020;
/** As /tmp: who may write there may add files, but not replace those of others. */
const STICKY = 0o1000;
const MAX_ALLOW_BYTES = 8 * 1024 * 1024;
const LINES_TOLD = 5;

interface Watched {
  readonly path: string;
  readonly key: string;
  /** Whether the group's right to write is too much as well. */
  readonly isOwnersAlone: boolean;
}

function watched({ store, maps, lookups, adminSockets }: Examined): Watched[] {
  const doors = lookups.flatMap(({ key, listen }) =>
    listen.flatMap((place) => (place.transport === 'unix' ? [{ path: place.path, key }] : [])),
  );
  const sockets = [...doors, ...adminSockets.map((file) => ({ path: file, key: 'admin.listen' }))];
  return [
    { path: store, key: 'store.directory', isOwnersAlone: true },
    ...maps.flatMap(({ path: file, key }) => [
      { path: file, key, isOwnersAlone: true },
      { path: path.dirname(file), key, isOwnersAlone: false },
    ]),
    ...sockets.map(({ path: file, key }) => ({ path: path.dirname(file), key, isOwnersAlone: false })),
  ];
}

async function* writable(examined: Examined): AsyncGenerator<Finding> {
  const seen = new Set<string>();
  let count = 0;
  for (const { path: file, key, isOwnersAlone } of watched(examined)) {
    // What is not there is told by the checks whose business it is.
    const real = await realpath(file).catch(() => undefined);
    if (real === undefined || seen.has(real)) continue;
    seen.add(real);
    const stats = await stat(real);
    const isOpen = (stats.mode & OTHERS_MAY_WRITE) !== 0;
    if (!isOpen && (!isOwnersAlone || (stats.mode & GROUP_MAY_WRITE) === 0)) {
      count += 1;
      continue;
    }
    const isShared = (stats.mode & STICKY) !== 0;
    const cure = isShared ? 'use a directory of its own' : `chmod ${isOpen ? 'go' : 'g'}-w ${real}`;
    const who = isOpen ? 'everybody' : 'its group';
    yield bad(isShared ? 'warning' : 'error', `${who} may write here, and so let anybody relay`, {
      file: real,
      key,
      value: modesText(stats),
      cure,
    });
  }
  if (count > 0) yield ok(`${count} files and directories are writable by nobody else`);
}

async function* allowFile({ allowFile: file, store }: Examined): AsyncGenerator<Finding> {
  const where = { file, key: 'reporters.allow_file' };
  const stats = await stat(file).catch((error: unknown) => error as NodeJS.ErrnoException);
  if (!('mode' in stats)) {
    // Without one, the configuration alone says whom to believe.
    if (stats.code === 'ENOENT' || stats.code === 'ENOTDIR') return;
    throw stats;
  }
  if ((stats.mode & OTHERS_MAY_WRITE) !== 0)
    yield bad('error', 'everybody may name reporters, and so let anybody relay', {
      ...where,
      value: modesText(stats),
      cure: `chmod o-w ${file}`,
    });
  const user = await daemonUser(store);
  const wall = user === undefined ? undefined : await barrier(file, user, READ);
  if (wall !== undefined)
    yield bad('error', "the daemon's user cannot read it: a reload or the next start will fail", {
      ...where,
      value: `${wall.path}: ${wall.modes}`,
      cure: `let uid ${user?.uid ?? 0} read it, such as: chmod a+rX ${wall.path}`,
    });
  let text: string;
  try {
    text = readSmallFile(file, MAX_ALLOW_BYTES);
  } catch (thrown) {
    yield bad('error', `it cannot be read: ${reasonOf(thrown)}`, {
      ...where,
      cure: 'mend or remove the file',
    });
    return;
  }
  const { networks, warnings } = parseAllowFile(text);
  for (const { line, message } of warnings.slice(0, LINES_TOLD))
    yield bad('warning', `a line says less than it seems to: ${message}`, {
      ...where,
      value: `line ${line}`,
      cure: 'correct the line, then: systemctl reload dracd',
    });
  yield ok('the list of reporters can be read', { ...where, value: `${networks.length} networks` });
}

export async function* permissions(examined: Examined): AsyncGenerator<Finding> {
  yield* writable(examined);
  yield* allowFile(examined);
}
