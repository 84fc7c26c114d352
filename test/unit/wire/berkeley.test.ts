/** Berkeley DB pages: golden files of the library, and what each kind of damage is called. */
import { databases } from '../../fuzz/databases.mjs';
import { decodeHeader, decodePage, type Header } from '../../../src/wire/berkeley.js';
import { Malformed } from '../../../src/wire/xdr.js';

const PAGE = 512;

/** A file of the vectors, in memory of its own. */
function golden(name: string): Buffer {
  const bytes = databases[name];
  if (bytes === undefined) throw new Error(`no file ${name}`);
  return Buffer.from(bytes);
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** All records of a file, in the order of their keys. */
function recordsOf(file: Buffer): string[] {
  const header = decodeHeader(file);
  const pages = Array.from({ length: file.length / PAGE }, (_, i) =>
    decodePage(file.subarray(i * PAGE, (i + 1) * PAGE), i, header),
  );
  return pages.flatMap(({ records }) => records.map(([key, data]) => `${text(key)} ${text(data)}`)).sort();
}

const PLAIN = ['192.0.2.7 1790000000', '192.0.2.8 1790000001', '2001:db8::6 1790000002'];
const CIDR = ['192.0.2.7/32 1790000000', '192.0.2.8/32 1790000001', '2001:db8::6/128 1790000002'];
const terminated = (records: string[]): string[] =>
  records.map((record) => `${record.replace(' ', '\0 ')}\0`);

test.each([
  ['btree', PLAIN],
  ['btree big-endian', PLAIN],
  ['btree cidr', CIDR],
  ['btree term', terminated(PLAIN)],
  ['btree cidr term', terminated(CIDR)],
  ['btree swept', PLAIN.slice(1)],
  ['btree empty', []],
  ['hash', PLAIN],
  ['hash big-endian', PLAIN],
  ['hash cidr term', terminated(CIDR)],
])('%s', (name, records) => {
  expect(recordsOf(golden(name))).toEqual(records);
});

test('what a header says', () => {
  expect(decodeHeader(golden('btree'))).toEqual({
    method: 'btree',
    version: 9,
    pageBytes: PAGE,
    littleEndian: true,
    lastPage: 1,
  });
  expect(decodeHeader(golden('hash big-endian'))).toMatchObject({ method: 'hash', littleEndian: false });
});

/** The message of the Malformed that fn throws. */
function refusal(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    expect(error).toBeInstanceOf(Malformed);
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

describe('a header that is refused', () => {
  const changed = (change: (bytes: Buffer) => void, name = 'btree'): string => {
    const bytes = golden(name);
    change(bytes);
    return refusal(() => decodeHeader(bytes));
  };

  test.each<[string, (bytes: Buffer) => void, RegExp]>([
    ['no magic number', (bytes) => bytes.writeUInt32LE(7, 12), /^no Berkeley DB file$/],
    ['a queue', (bytes) => bytes.writeUInt32LE(0x042253, 12), /^a queue of Berkeley DB/],
    ['a heap', (bytes) => bytes.writeUInt32BE(0x074582, 12), /^a heap of Berkeley DB/],
    ['version 7', (bytes) => bytes.writeUInt32LE(7, 16), /^btree version 7 .*db_upgrade/],
    ['pages of 256 bytes', (bytes) => bytes.writeUInt32LE(256, 20), /pages of 256 bytes/],
    ['pages of 128 KiB', (bytes) => bytes.writeUInt32LE(131_072, 20), /pages of 131072 bytes/],
    ['pages of 1,000 bytes', (bytes) => bytes.writeUInt32LE(1_000, 20), /pages of 1000 bytes/],
    ['a first page of another kind', (bytes) => bytes.writeUInt8(5, 25), /of another kind/],
    ['encryption', (bytes) => bytes.writeUInt8(1, 24), /encrypted/],
    ['checksums', (bytes) => bytes.writeUInt8(1, 26), /checksums/],
    ['compression', (bytes) => bytes.writeUInt32LE(0x80, 48), /compression/],
    [
      'Berkeley DB 1.85',
      (bytes) => {
        bytes.fill(0);
        bytes.writeUInt32BE(0x053162, 0);
      },
      /1\.85.*db_dump185/,
    ],
  ])('%s', (_what, change, message) => {
    expect(changed(change)).toMatch(message);
  });

  test('a file of 71 bytes, of one, of none', () => {
    for (const length of [71, 1, 0])
      expect(refusal(() => decodeHeader(golden('btree').subarray(0, length)))).toMatch(/too short/);
    expect(decodeHeader(golden('btree').subarray(0, 72)).version).toBe(9);
  });
});

describe('a leaf', () => {
  const header: Header = decodeHeader(golden('btree'));
  const OFFSETS = 26;
  const leaf = (change: (page: Buffer) => void = () => undefined): Buffer => {
    const page = golden('btree').subarray(PAGE);
    change(page);
    return page;
  };
  const read = (change: (page: Buffer) => void): { records: number; unread: number } => {
    const { records, unread } = decodePage(leaf(change), 1, header);
    return { records: records.length, unread };
  };

  test('as it is', () => {
    expect(read(() => undefined)).toEqual({ records: 3, unread: 0 });
  });

  test('gives views, not copies', () => {
    const page = leaf();
    const [first] = decodePage(page, 1, header).records;
    expect(first?.[0].buffer).toBe(page.buffer);
  });

  const typeAt = (page: Buffer, item: number): number => page.readUInt16LE(OFFSETS + 2 * item) + 2;

  test.each([0, 1])('an item marked as deleted (%i) takes its pair away', (item) => {
    expect(read((page) => page.writeUInt8(0x81, typeAt(page, item)))).toEqual({ records: 2, unread: 0 });
  });

  test.each([2, 3])('an item of kind %i is not read, and counted', (kind) => {
    expect(read((page) => page.writeUInt8(kind, typeAt(page, 1)))).toEqual({ records: 2, unread: 1 });
  });

  test.each([0, 37, 510, 511, 65_535])('an item at %i is not read, the others are', (offset) => {
    expect(read((page) => page.writeUInt16LE(offset, OFFSETS + 2))).toEqual({ records: 2, unread: 1 });
  });

  test('an item that is longer than the page is not read', () => {
    expect(read((page) => page.writeUInt16LE(600, typeAt(page, 0) - 2))).toEqual({ records: 2, unread: 1 });
  });

  test.each<[string, (page: Buffer) => void, RegExp]>([
    ['an odd number of items', (page) => page.writeUInt16LE(5, 20), /5 items/],
    ['more items than it has room for', (page) => page.writeUInt16LE(244, 20), /244 items/],
    ['another number', (page) => page.writeUInt32LE(2, 8), /another number/],
    ['an unknown kind', (page) => page.writeUInt8(14, 25), /of kind 14/],
  ])('with %s is damaged', (_what, change, message) => {
    expect(refusal(() => decodePage(leaf(change), 1, header))).toMatch(message);
  });

  test('half a page is damaged', () => {
    expect(refusal(() => decodePage(leaf().subarray(0, 256), 1, header))).toMatch(/256 bytes/);
  });

  test.each([0, 3, 7, 13])('a page of kind %i has no records in a btree', (kind) => {
    expect(read((page) => page.writeUInt8(kind, 25))).toEqual({ records: 0, unread: 0 });
  });
});

describe('a bucket', () => {
  const header: Header = decodeHeader(golden('hash'));
  const buckets = (change: (page: Buffer) => void): { records: number; unread: number } => {
    const file = golden('hash');
    let records = 0;
    let unread = 0;
    for (const number of [1, 2]) {
      const page = file.subarray(number * PAGE, (number + 1) * PAGE);
      if (page.readUInt16LE(20) > 0) change(page);
      const read = decodePage(page, number, header);
      records += read.records.length;
      unread += read.unread;
    }
    return { records, unread };
  };

  test('as it is', () => {
    expect(buckets(() => undefined)).toEqual({ records: 3, unread: 0 });
  });

  test('an item of another kind is not read', () => {
    const { records, unread } = buckets((page) => page.writeUInt8(3, page.readUInt16LE(26)));
    expect(records + unread).toBe(3);
    expect(unread).toBeGreaterThan(0);
  });

  test('an item that begins behind the one before it is not read', () => {
    const { unread } = buckets((page) => page.writeUInt16LE(511, 28));
    expect(unread).toBeGreaterThan(0);
  });
});
