/** Constant databases, read by tinycdb and by Postfix. */
import { readFileSync, renameSync } from 'node:fs';
import fc from 'fast-check';
import { cdb, cdbBytes, MAX_CDB_BYTES } from '../../../src/exports/cdb.js';
import { dumpCdb, postmapAll } from '../../support/map-readers.js';
import { mustRun, run } from '../../support/processes.js';
import { recordsOf, wordedRecords, writeFile } from '../../support/written.js';

test('nothing is a valid database', async () => {
  const file = writeFile(cdb, recordsOf([], false));
  expect(await dumpCdb(file)).toEqual([]);
  expect((await run(['cdb', '-q', file, 'x'])).code).toBe(100);
  expect(readFileSync(file)).toHaveLength(2048);
});

test("is what the original author's format says: the same bytes as `cdb -c` makes of the same records", async () => {
  const pairs: [string, string][] = Array.from({ length: 3_000 }, (_, i) => [
    `10.0.${i >> 8}.${i & 255}`,
    String(i),
  ]);
  const ours = writeFile(cdb, recordsOf(pairs, false));
  const input = (await dumpCdb(ours)).map(
    ([key, value]) => `+${key.length},${value.length}:${key}->${value}\n`,
  );
  await mustRun(['cdb', '-c', `${ours}.theirs`], { input: `${input.join('')}\n` });
  expect(input).toHaveLength(3_000);
  expect(readFileSync(ours).equals(readFileSync(`${ours}.theirs`))).toBe(true);
});

test('any keys and values are found', async () => {
  const text = fc.string({
    unit: fc.integer({ min: 1, max: 127 }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(text, text), { selector: ([key]) => key, maxLength: 300 }),
      async (pairs) => {
        const file = writeFile(cdb, recordsOf(pairs, false));
        expect(new Map(await dumpCdb(file))).toEqual(new Map(pairs));
        for (const [key, value] of pairs.slice(0, 5))
          expect(await mustRun(['cdb', '-q', '--', file, key])).toBe(value);
      },
    ),
    { numRuns: 10 },
  );
});

test('Postfix finds 20,000 of 20,000 clients, and no others', async () => {
  const clients = Array.from({ length: 20_000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`);
  const file = writeFile(cdb, wordedRecords(cdb, [...clients, '2001:db8::6']).records);
  renameSync(file, `${file}.cdb`);
  const strangers = clients.map((client) => client.replace(/^10/, '11'));
  const found = await postmapAll(`cdb:${file}`, [...clients, ...strangers, '2001:db8::6']);
  expect([found.size, found.get('10.1.0.77')]).toEqual([20_001, '1790000001']);
});

test('what its pointers cannot reach is refused before a byte is written', () => {
  expect(cdbBytes(0, 0)).toBe(2048);
  const most = MAX_CDB_BYTES - 2048 - 24;
  expect(cdbBytes(1, most)).toBe(MAX_CDB_BYTES);
  expect(() => cdbBytes(1, most + 1)).toThrow(expect.objectContaining({ code: 'MAP' }) as Error);
  expect(() => cdbBytes(200_000_000, 0)).toThrow(/4294967295 are the most/);
});
