/** Records of the original in all its wordings, and what is none. */
import { readRecord } from '../../../src/import/record.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const read = (key: string, data: string): ReturnType<typeof readRecord> =>
  readRecord(bytes(key), bytes(data));

test.each([
  ['192.0.2.7', '1790000000', { client: '192.0.2.7', endsAt: 1_790_000_000, cidrKey: false, termKd: false }],
  ['192.0.2.7/32', '1790000000', { client: '192.0.2.7', cidrKey: true, termKd: false }],
  ['192.0.2.7\0', '1790000000\0', { client: '192.0.2.7', cidrKey: false, termKd: true }],
  ['192.0.2.7/32\0', '1790000000\0', { client: '192.0.2.7', cidrKey: true, termKd: true }],
  ['2001:db8::6/128', '0', { client: '2001:db8::6', endsAt: 0, cidrKey: true }],
  ['2001:DB8:0:0:0:0:0:6', '1', { client: '2001:db8::6', cidrKey: false }],
  ['::ffff:192.0.2.7', '1', { client: '192.0.2.7' }],
  ['0000:0000:0000:0000:0000:ffff:255.255.255.255', '99999999999', { endsAt: 99_999_999_999 }],
])('%j until %j', (key, data, expected) => {
  expect(read(key, data)).toMatchObject(expected);
});

test.each([
  ['', '1790000000'],
  ['\0', '1790000000'],
  ['192.0.2.7', ''],
  ['192.0.2.7', '\0'],
  ['192.0.2.7', 'OK'],
  ['192.0.2.7', '-1'],
  ['192.0.2.7', ' 1790000000'],
  ['192.0.2.7', '1790000000\n'],
  ['192.0.2.7', '1.79e9'],
  ['192.0.2.7', '999999999999'],
  ['192.0.2.7', '1790000000\0\0'],
  ['192.0.2.7\0\0', '1790000000'],
  ['192.0.2', '1790000000'],
  ['192.0.2.0/24', '1790000000'],
  ['192.0.2.7/128', '1790000000'],
  ['2001:db8::6/32', '1790000000'],
  ['192.0.2.7/32/32', '1790000000'],
  ['192.0.2.7/32\n', '1790000000'],
  ['010.0.0.1', '1790000000'],
  ['mail.example.org', '1790000000'],
  [`192.0.2.7${'\0'.repeat(60)}`, '1790000000'],
])('%j until %j is none', (key, data) => {
  expect(read(key, data)).toBeUndefined();
});
