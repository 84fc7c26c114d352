/**
 * sockets - the check `sockets`: a mail server that asks a look-up reaches its door and is answered
 *
 * For Postfix: its programs run as mail_owner, with that user's primary group alone (set_ugid() drops all others), and
 * those in a chroot see what lies below the queue directory.
 */
import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { reasonOf } from '../core/fault.js';
import { type Place, placeText } from '../runtime/place.js';
import { barrier, userNamed, WRITE } from './access.js';
import type { Examined, LookupDoors } from './check.js';
import { bad, type Finding, ok, type Where } from './finding.js';
import { type Postfix, readPostfix } from './postconf.js';
import { question } from './question.js';

async function* answers(place: Place, { kind }: LookupDoors, context: Context): AsyncGenerator<Finding> {
  const { where, examined } = context;
  try {
    const answer = await question(place, kind, { clock: examined.clock, limitMs: examined.answerMs });
    if (answer === 'unknown')
      yield bad('warning', 'dracd answers that it cannot tell at present: mail servers put off', {
        ...where,
        cure: 'its store refuses to write: see its log for "journal", and the check `space`',
      });
    else yield ok('it answers', where);
  } catch (thrown) {
    const isDenied = (thrown as NodeJS.ErrnoException).code === 'EACCES';
    yield isDenied
      ? bad('note', 'you may not ask it', { ...where, cure: 'run it as root (sudo)' })
      : bad('error', `it does not answer: ${reasonOf(thrown)}`, {
          ...where,
          cure: 'start dracd; a socket that is left over is replaced at its start',
        });
  }
}

interface Context {
  readonly where: Where;
  readonly examined: Examined;
  readonly postfix: Postfix | undefined;
}

async function* letsIn(file: string, { where, postfix }: Context): AsyncGenerator<Finding> {
  const user = postfix === undefined ? undefined : userNamed(postfix.mailOwner);
  if (user === undefined) return;
  const wall = await barrier(file, user, WRITE);
  if (wall === undefined) {
    yield ok(`user ${user.name} may connect`, where);
    return;
  }
  const isSocket = wall.path === (await realpath(file));
  const cure = isSocket
    ? `set group = "${user.name}" and mode = "0660" (the user's primary group: others do not count), or mode = "0666"`
    : `let the user pass: chgrp ${user.name} ${wall.path} && chmod g+x ${wall.path}, or chmod o+x`;
  yield bad('error', `Postfix's user ${user.name} is kept out: relaying is put off with 451`, {
    ...where,
    value: `${wall.path}: ${wall.modes}`,
    cure,
  });
}

async function* inChroot(file: string, { where, postfix }: Context): AsyncGenerator<Finding> {
  if (postfix === undefined) return;
  const chrooted = postfix.smtpds.filter(({ isChrooted }) => isChrooted);
  if (chrooted.length === 0) return;
  const queue = await realpath(postfix.queueDirectory).catch(() => postfix.queueDirectory);
  if (!path.relative(queue, await realpath(file)).startsWith('..')) return;
  const isAll = chrooted.length === postfix.smtpds.length;
  yield bad(
    isAll ? 'error' : 'warning',
    `it lies outside of the chroot of ${chrooted.map(({ service }) => service).join(', ')}`,
    {
      ...where,
      value: `${postfix.masterCf}: chroot y; ${queue}`,
      cure: `let it listen below the queue directory: listen = ["unix:${queue}/dracd/${path.basename(file)}"]`,
    },
  );
}

async function* unixDoor(
  place: Place & { path: string },
  doors: LookupDoors,
  context: Context,
): AsyncGenerator<Finding> {
  const { where } = context;
  const stats = await lstat(place.path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (stats === undefined) {
    yield bad('error', 'the socket is not there', {
      ...where,
      cure: 'start dracd, which makes it; see its log for "look-up"',
    });
    return;
  }
  if (!stats.isSocket()) {
    yield bad('error', 'what is there is no socket', {
      ...where,
      cure: `move it away, then: systemctl restart dracd`,
    });
    return;
  }
  yield* answers(place, doors, context);
  yield* letsIn(place.path, context);
  yield* inChroot(place.path, context);
}

export async function* sockets(examined: Examined): AsyncGenerator<Finding> {
  if (examined.lookups.length === 0) {
    yield ok('no look-ups are configured');
    return;
  }
  const read = await readPostfix(examined).catch(() => 'absent' as const);
  const postfix = read === 'absent' ? undefined : read;
  for (const doors of examined.lookups) {
    for (const place of doors.listen) {
      const where = { file: placeText(place), key: `${doors.key}.listen` };
      const context = { where, examined, postfix };
      if (place.transport === 'unix') yield* unixDoor(place, doors, context);
      else if (place.port !== 0) yield* answers(place, doors, context);
    }
  }
}
