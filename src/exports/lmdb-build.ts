/**
 * lmdb-build - a whole LMDB map from the live grants, beside and renamed into place
 *
 * Works in steps between which other work goes on; 1 M grants take between one and two seconds. Readers
 * find the old file until the new one is complete and on the disk.
 *
 * Errors: Fault MAP or LIBRARY; the unfinished file is then gone.
 */
import { closeSync } from 'node:fs';
import { numberToAddress } from '../core/address.js';
import { isNetwork } from '../core/subject.js';
import type { DeniedKeys } from './denied-keys.js';
import { DENIED_UNTIL, entryOf } from './entry.js';
import type { LiveMapOptions } from './format.js';
import { inOrder, type LeanRow, type Row } from './in-order.js';
import { LmdbFile } from './lmdb-file.js';
import { Replacement } from './map-file.js';
import { eachKeyForPostfix } from './postfix-keys.js';

/** Puts a run of grants; `last` is the greatest key before it. Answers the greatest key after it. */
function putRun(file: LmdbFile, run: readonly Row[], last: string): string {
  let greatest = last;
  file.transact((entries) => {
    greatest = last;
    for (const { client, expiresAt } of run) {
      // A client that the snapshot names twice is not greater the second time.
      const isGreater = client > greatest;
      const status = isGreater ? entries.append(client, expiresAt) : entries.putKey(client, expiresAt);
      if (status !== 0) return status;
      if (isGreater) greatest = client;
    }
    return 0;
  });
  return greatest;
}

/** The keys of what may relay, and of what may not. */
function* keyed({ lean, snapshot, undivided }: LiveMapOptions, denied: DeniedKeys): Generator<LeanRow> {
  for (const client of denied.keys()) yield { client, expiresAt: DENIED_UNTIL };
  for (const permission of undivided?.().lean() ?? lean?.() ?? snapshot()) {
    const { client, expiresAt } = permission;
    if (typeof client === 'number') {
      if (denied.isEmpty || denied.mayPermit(numberToAddress(client))) yield permission;
    } else if (!isNetwork(client)) {
      if (denied.mayPermit(client)) yield permission;
    } else
      for (const key of eachKeyForPostfix(entryOf({ client, expiresAt })))
        if (denied.mayPermit(key)) yield { client: key, expiresAt };
  }
}

/** Puts the snapshot into a file that nobody reads yet. Answers how many keys that is. */
async function fill(file: LmdbFile, options: LiveMapOptions, denied: DeniedKeys): Promise<number> {
  let count = 0;
  let last = '';
  for (const run of inOrder(keyed(options, denied))) {
    if (run.length > 0) {
      last = putRun(file, run, last);
      count += run.length;
    }
    await new Promise<void>((resolve) => {
      options.clock.soon(resolve);
    });
  }
  return count;
}

/** Builds the map at options.path, with the keys that are denied; answers the file, open and unlocked, and how many keys it holds. */
export async function buildLmdbFile(
  options: LiveMapOptions,
  { denied, mapBytes }: { readonly denied: DeniedKeys; readonly mapBytes: number },
): Promise<{ file: LmdbFile; entries: number }> {
  const replacement = Replacement.begin(options, options.log);
  let file: LmdbFile | undefined;
  try {
    file = LmdbFile.create(replacement, mapBytes, denied);
    const entries = await fill(file, options, denied);
    file.reserve();
    await file.publish();
    return { file, entries };
  } catch (thrown) {
    replacement.discard();
    if (file === undefined) closeSync(replacement.fd);
    else file.close();
    throw thrown;
  }
}
