/** written - a container's file as its writer makes it, in this thread */
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import type { ClientAddress } from '../../src/core/address.js';
import type { Container } from '../../src/exports/container.js';
import type { Wording } from '../../src/exports/dialect.js';
import type { Entry } from '../../src/exports/entry.js';
import { Output } from '../../src/exports/output.js';
import { Records } from '../../src/exports/records.js';
import { newDirectory } from './processes.js';

/** Writes records to a new file; answers its name. */
export function writeFile(container: Container, records: Records): string {
  const file = path.join(newDirectory('written'), 'relay');
  const fd = openSync(file, 'wx');
  try {
    const output = new Output(fd);
    container.write(records, output);
    output.finish();
  } finally {
    closeSync(fd);
  }
  return file;
}

/** Records of keys and values, all of the same age. */
export function recordsOf(pairs: Iterable<readonly [string, string]>, terminated: boolean): Records {
  const records = new Records(terminated);
  for (const [key, value] of pairs) records.add(key, value, 0);
  return records;
}

/** "192.0.2.7" or "192.0.2.0/24" as an entry that ends at 1790000001. */
export function entryOf(text: string): Entry {
  const [client = '', length] = text.split('/');
  const prefix = length === undefined ? (client.includes(':') ? 128 : 32) : Number(length);
  return { client: client as ClientAddress, prefix, expiresAt: 1_790_000_000_001 };
}

/** The records that a container makes of clients and networks, and which of these it has no words for. */
export function wordedRecords(
  container: Container,
  texts: readonly string[],
  wording: Partial<Wording> = {},
): { records: Records; unsaid: string[] } {
  const words = container.words({
    dialects: container.dialects.slice(0, 1),
    cidrKey: false,
    termKd: false,
    ...wording,
  });
  const records = new Records(words.terminated);
  const unsaid: string[] = [];
  for (const [key, value] of words.fixed) records.add(key, value, 0);
  for (const text of texts) {
    const entry = entryOf(text);
    const keys = words.keys(entry);
    if (keys === undefined) unsaid.push(text);
    else for (const key of keys) records.add(key, words.value(key, entry), entry.expiresAt);
  }
  return { records, unsaid };
}
