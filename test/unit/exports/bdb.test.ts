/** Berkeley DB files, judged by Berkeley DB: db5.3_verify, db5.3_dump; and read by Postfix. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { bdb } from '../../../src/exports/bdb.js';
import { MAX_KEY, MAX_VALUE } from '../../../src/exports/records.js';
import { dumpBdb, postmapAll, verifyBdb } from '../../support/map-readers.js';
import { run } from '../../support/processes.js';
import { recordsOf, wordedRecords, writeFile } from '../../support/written.js';

const byBytes = (one: readonly [string, string], other: readonly [string, string]): number =>
  Buffer.compare(Buffer.from(one[0], 'latin1'), Buffer.from(other[0], 'latin1'));

/** Writes, lets Berkeley DB judge, and compares what it finds. Answers how many pages the file has. */
async function proven(pairs: readonly (readonly [string, string])[], terminated = false): Promise<number> {
  const file = writeFile(bdb, recordsOf(pairs, terminated));
  await verifyBdb(file);
  const end = terminated ? '\0' : '';
  expect(await dumpBdb(file)).toEqual(
    [...pairs].sort(byBytes).map(([key, value]) => [`${key}${end}`, `${value}${end}`]),
  );
  return readFileSync(file).length / 4096;
}

const numbered = (count: number, key = 8, value = 8): [string, string][] =>
  Array.from({ length: count }, (_, i) => [String(i).padStart(key, 'k'), String(i).padStart(value, 'v')]);

test('nothing is a valid database', async () => {
  expect(await proven([])).toBe(2);
});

test.each([1, 2, 3])('%i records', async (count) => {
  expect(await proven(numbered(count), true)).toBe(2);
});

test('around the end of a page: one leaf, then a root above two', async () => {
  const pages = new Set<number>();
  // 28 bytes a pair: 145 of them fit.
  for (const count of [144, 145, 146, 147]) pages.add(await proven(numbered(count)));
  expect([...pages]).toEqual([2, 4]);
});

test('thousands of records: leaves in a chain, one level above', async () => {
  expect(await proven(numbered(10_000), true)).toBeGreaterThan(50);
});

test('large records: five levels, each verified', async () => {
  const pages = await proven(numbered(400, MAX_KEY, 900));
  expect(pages).toBeGreaterThan(200);
});

test('the largest records that there may be', async () => {
  expect(await proven(numbered(7, MAX_KEY, MAX_VALUE))).toBeGreaterThan(7);
});

test('any keys and values', async () => {
  const text = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    maxLength: 200,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(text, text), { selector: ([key]) => key, maxLength: 150 }),
      async (pairs) => {
        await proven(pairs);
      },
    ),
    { numRuns: 15 },
  );
});

test('a damaged page is not passed: the judge is awake', async () => {
  const file = writeFile(bdb, recordsOf(numbered(1_000), true));
  const bytes = readFileSync(file);
  bytes.writeUInt32LE(77, 4096 * 2 + 16);

  writeFileSync(file, bytes);
  expect((await run(['db5.3_verify', '-q', file])).code).not.toBe(0);
});

test('no two files have the same id: a shared cache would take one for the other', () => {
  const ids = [1, 2].map(() => readFileSync(writeFile(bdb, recordsOf([], true))).toString('hex', 52, 72));
  expect(ids[0]).not.toBe(ids[1]);
});

test('Postfix finds 20,000 of 20,000 clients, and no others', async () => {
  const clients = Array.from({ length: 20_000 }, (_, i) => `10.${i % 7}.${(i >> 8) & 255}.${i & 255}`);
  const { records } = wordedRecords(bdb, [...clients, '2001:db8::6', '2001:db8:1:2::/64']);
  const file = writeFile(bdb, records);

  renameSync(file, `${file}.db`);
  const strangers = clients.map((client) => client.replace(/^10/, '11'));
  const found = await postmapAll(`btree:${file}`, [...clients, ...strangers, '2001:db8::6', '2001:db8:1:2']);
  expect(found.size).toBe(new Set(clients).size + 2);
  expect(new Set(found.values())).toEqual(new Set(['1790000001']));
});
