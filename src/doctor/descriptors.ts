/**
 * descriptors - the check `descriptors`: the daemon may open more files and connections
 *
 * Each connection of a mail server, a POP3 server or an operator takes one. When none is left new ones are not
 * taken, and snapshots cannot be written.
 */
import type { Examined } from './check.js';
import { bad, type Finding, ok } from './finding.js';
import { daemonOf, descriptorLimit } from './process.js';

const FULL = 0.95;
const HIGH = 0.8;

export async function* descriptors({ store }: Examined): AsyncGenerator<Finding> {
  const found = await daemonOf(store);
  if (found === 'hidden') {
    yield bad('note', "the daemon's descriptors could not be counted", { cure: 'run it as root (sudo)' });
    return;
  }
  if (found === 'absent') {
    yield bad('note', 'no daemon runs whose descriptors could be counted', {});
    return;
  }
  const limit = await descriptorLimit(found.pid);
  const used = found.descriptors.length;
  const where = {
    file: `/proc/${found.pid}/limits`,
    key: 'Max open files',
    value: `${used} of ${limit} used`,
  };
  const cure =
    'raise LimitNOFILE= (systemctl edit dracd; by hand: ulimit -n), then restart; or see who holds so many connections: ss -xtp';
  if (used >= limit * FULL) yield bad('error', 'the daemon has hardly a descriptor left', { ...where, cure });
  else if (used >= limit * HIGH)
    yield bad('warning', "most of the daemon's descriptors are used", { ...where, cure });
  else yield ok('there are descriptors left', where);
}
