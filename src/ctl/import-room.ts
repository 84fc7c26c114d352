/**
 * import-room - which rows of a file dracd has no room for, beside the entries that it has
 *
 * dracd itself can tell of one row at a time only. Entries stand first in its list, so that no lease is read.
 */
import { hasRoom, MAX_ENTRIES, DENY_ROOM } from '../core/operator-entry.js';
import { parseNetwork } from '../core/network.js';
import { subjectOf } from '../core/subject.js';
import type { Job } from './commands.js';
import { deniedBy } from './import-plan.js';
import type { Entry } from './import-row.js';
import { kindText } from './output.js';

export const NO_ROOM =
  `there is no room for it: dracd keeps ${MAX_ENTRIES} pins and grants of operators, and with denies ` +
  `${DENY_ROOM * MAX_ENTRIES} entries`;

export interface Row {
  readonly kind: Entry['kind'];
  readonly subject: string;
}

const keyOf = ({ kind, subject }: Row): string => `${kind} ${subject}`;

/** The entries that dracd has. */
export async function present({ client }: Job): Promise<Row[]> {
  const found: Row[] = [];
  const messages = client.list({});
  for await (const { rows } of messages)
    for (const row of rows) {
      // A lease is on a reporter's word, and so are all that follow.
      if (row.reporter !== '') {
        messages.cancel();
        return found;
      }
      found.push({ kind: kindText(row), subject: row.subject });
    }
  return found;
}

/** Those of the entries, in their order, that dracd would refuse because it is full beside what is present. */
export function beyondRoom(entries: readonly Entry[], before: readonly Row[]): Entry[] {
  const isDenied = deniedBy(entries);
  // A deny ends the grants that it holds.
  const stays = ({ kind, subject }: Row): boolean => {
    const network = kind === 'grant' ? parseNetwork(subject) : undefined;
    return network === undefined || !isDenied(subjectOf(network));
  };
  const rows = before.filter(stays);
  const keys = new Set(rows.map(keyOf));
  let allowing = rows.filter(({ kind }) => kind !== 'deny').length;
  return entries.filter((entry) => {
    const key = keyOf(entry);
    if (keys.has(key)) return false;
    if (!hasRoom(entry.kind, { all: keys.size, allowing })) return true;
    keys.add(key);
    if (entry.kind !== 'deny') allowing += 1;
    return false;
  });
}
