/**
 * configuration - the check `config`: the file is there for the daemon to read again at its next start
 *
 * That it is valid has been found out before any check runs: without it there is nothing to check.
 */
import { stat } from 'node:fs/promises';
import { barrier, modesText, READ, type User } from './access.js';
import type { Examined } from './check.js';
import { bad, type Finding, ok } from './finding.js';

const OTHERS_MAY_WRITE = 0o002;

/** The user that the daemon runs as: the journal is its own. */
export async function daemonUser(store: string): Promise<User | undefined> {
  const stats = await stat(store).catch(() => undefined);
  return stats === undefined ? undefined : { name: 'of the daemon', uid: stats.uid, gids: [stats.gid] };
}

export async function* configuration({ configFile, store }: Examined): AsyncGenerator<Finding> {
  if (configFile === undefined) {
    yield ok('there is no configuration file: the built-in defaults hold');
    return;
  }
  yield ok('it can be read and is valid', { file: configFile });
  const stats = await stat(configFile);
  if ((stats.mode & OTHERS_MAY_WRITE) !== 0)
    yield bad('error', 'everybody may change the configuration, and so let anybody relay', {
      file: configFile,
      value: modesText(stats),
      cure: `chmod o-w ${configFile}`,
    });
  const user = await daemonUser(store);
  const wall = user === undefined ? undefined : await barrier(configFile, user, READ);
  if (wall !== undefined)
    yield bad('warning', "the daemon's user cannot read it: a reload or the next start will fail", {
      file: wall.path,
      value: wall.modes,
      cure: `let uid ${user?.uid ?? 0} read it, such as: chmod a+rX ${wall.path}`,
    });
}
