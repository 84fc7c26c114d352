/** The list as text, in each wording. */
import { readFileSync, renameSync } from 'node:fs';
import { list } from '../../../src/exports/list.js';
import { dumpBdb, postmapAll } from '../../support/map-readers.js';
import { mustRun } from '../../support/processes.js';
import { wordedRecords, writeFile } from '../../support/written.js';

const clients = ['192.0.2.7', '10.0.0.1', '2001:db8::6', '192.0.2.0/25', '2001:db8:1:10::/60'];

test('nobody: an empty file', () => {
  expect(readFileSync(writeFile(list, wordedRecords(list, []).records), 'utf8')).toBe('');
});

test('exim: addresses and networks of any length alone, sorted, each once', () => {
  const { records, unsaid } = wordedRecords(list, [...clients, '10.0.0.1']);
  expect(readFileSync(writeFile(list, records), 'utf8')).toBe(
    '10.0.0.1\n192.0.2.0/25\n192.0.2.7\n2001:db8:1:10::/60\n2001:db8::6\n',
  );
  expect(unsaid).toEqual([]);
});

test('opensmtpd: the same, and a line for nobody, so that it is never empty', () => {
  const text = (granted: readonly string[]): string =>
    readFileSync(writeFile(list, wordedRecords(list, granted, { dialects: ['opensmtpd'] }).records), 'utf8');
  expect(text([])).toBe('255.255.255.255\n');
  expect(text(clients)).toBe(
    '10.0.0.1\n192.0.2.0/25\n192.0.2.7\n2001:db8:1:10::/60\n2001:db8::6\n255.255.255.255\n',
  );
});

test('postfix: a cidr: table, which Postfix reads', async () => {
  const file = writeFile(list, wordedRecords(list, clients, { dialects: ['postfix'] }).records);
  expect(readFileSync(file, 'utf8').split('\n')[0]).toBe('10.0.0.1\t1790000001');
  const asked = ['192.0.2.7', '192.0.2.127', '192.0.2.128', '2001:db8:1:1f::1', '2001:db8::6', '2001:db8::7'];
  const found = await postmapAll(`cidr:${file}`, asked);
  expect([...found.keys()]).toEqual(['192.0.2.7', '192.0.2.127', '2001:db8:1:1f::1', '2001:db8::6']);
});

test('postfix, addresses only: input for postmap', async () => {
  const file = writeFile(
    list,
    wordedRecords(list, clients.slice(0, 3), { dialects: ['postfix'], value: 'OK' }).records,
  );
  await mustRun(['postmap', `btree:${file}`]);
  renameSync(`${file}.db`, `${file}.copy.db`);
  expect(await postmapAll(`btree:${file}.copy`, ['192.0.2.7', '2001:db8::6', '192.0.2.8'])).toEqual(
    new Map([
      ['192.0.2.7', 'OK'],
      ['2001:db8::6', 'OK'],
    ]),
  );
  expect(await dumpBdb(`${file}.copy.db`)).toHaveLength(3);
});

test('sendmail: uncompressed IPv6, IPv4 networks written out, no IPv6 networks', () => {
  const some = clients.map((client) => (client === '192.0.2.0/25' ? '192.0.2.8/31' : client));
  const { records, unsaid } = wordedRecords(list, some, { dialects: ['sendmail'], value: 'RELAY' });
  expect(readFileSync(writeFile(list, records), 'utf8')).toBe(
    '10.0.0.1\tRELAY\n192.0.2.7\tRELAY\n192.0.2.8\tRELAY\n192.0.2.9\tRELAY\n2001:db8:0:0:0:0:0:6\tRELAY\n',
  );
  expect(unsaid).toEqual(['2001:db8:1:10::/60']);
});
