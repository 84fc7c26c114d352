/** Databases that Berkeley DB itself has written, whole, torn, damaged and mutated; and what is no database. */
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { Fault } from '../../../src/core/fault.js';
import { bdb } from '../../../src/exports/bdb.js';
import { readDatabase, type Survey } from '../../../src/import/database.js';
import { mustRun, newDirectory } from '../../support/processes.js';
import { type Build, builds, nameOf, OriginalDatabase } from '../../support/original-database.js';
import { recordsOf, writeFile } from '../../support/written.js';

const PAGE = 512;
const END = 1_790_000_000;
const COUNT = 600;

let original: OriginalDatabase;
let file: string;

beforeAll(async () => {
  original = await OriginalDatabase.build();
});
beforeEach(() => {
  file = path.join(newDirectory('database'), 'dracd.db');
});

interface Found extends Survey {
  readonly ends: Record<string, number>;
}

function read(name = file): Found {
  const ends: Record<string, number> = {};
  const survey = readDatabase(name, ({ client, endsAt }) => {
    ends[client] = Math.max(ends[client] ?? 0, endsAt);
  });
  if (survey === undefined) throw new Error(`no file ${name}`);
  return { ...survey, ends };
}

/** The Fault of a database that cannot be read. */
function refusal(name = file): string {
  try {
    readDatabase(name, () => undefined);
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
    expect(error).toMatchObject({ code: 'IMPORT' });
    return (error as Fault).message;
  }
  throw new Error('it was read');
}

/** Many clients of both families, each with an end of its own. */
function clients(count: number): Record<string, number> {
  const names = Array.from({ length: count }, (_, i) =>
    i % 3 === 0 ? `2001:db8:${(i + 1).toString(16)}::${(i + 1).toString(16)}` : `10.${i >> 8}.${i & 255}.1`,
  );
  return Object.fromEntries(names.map((name, i) => [name, END + i]));
}

const all: readonly Build[] = [...builds, { method: 'hash' }, { method: 'hash', cidr: true, term: true }];

test.each(all.map((build) => [nameOf(build), build] as const))(
  '%s: every client, and the options',
  async (_, build) => {
    const wanted = clients(COUNT);
    await original.enter(file, wanted, build);
    const found = read();
    expect(found.ends).toEqual(wanted);
    expect(found).toMatchObject({
      method: build.method ?? 'btree',
      records: COUNT,
      options: { cidrKey: build.cidr ?? false, termKd: build.term ?? false },
      ours: false,
      notUnderstood: 0,
      damagedPages: 0,
      cut: false,
    });
  },
);

test('what the original has swept is not there; pages that are free again are not read', async () => {
  const wanted = clients(COUNT);
  await original.enter(file, wanted, { sweep: END + COUNT - 40 });
  const left = Object.entries(wanted).filter(([, second]) => second >= END + COUNT - 40);
  expect(read().ends).toEqual(Object.fromEntries(left));
  await original.enter(file, {}, { sweep: END + 10_000 });
  expect(read()).toMatchObject({ records: 0, options: undefined, damagedPages: 0 });
});

test.each([512, 1024, 4096, 65_536])('pages of %i bytes, either byte order', async (pageBytes) => {
  const lines = Object.entries(clients(2_000)).map((pair) => pair.join('\n'));
  for (const order of [1234, 4321]) {
    const name = `${file}.${order}`;
    const how = ['-c', `db_pagesize=${pageBytes}`, '-c', `db_lorder=${order}`];
    await mustRun(['db5.3_load', '-T', '-t', 'btree', ...how, name], { input: `${lines.join('\n')}\n` });
    expect(read(name)).toMatchObject({ records: 2_000, damagedPages: 0, cut: false, ends: clients(2_000) });
  }
});

test('duplicates: the latest end of a client counts; too long and other records are counted', async () => {
  const records = [
    ['192.0.2.7', '5'],
    ['192.0.2.7', '9'],
    ['192.0.2.7', '7'],
    ['192.0.2.8', 'x'.repeat(3_000)],
    ['name', '7'],
  ];
  const input = `${records.flat().join('\n')}\n`;
  await mustRun(['db5.3_load', '-T', '-t', 'btree', '-c', 'duplicates=1', '-c', 'db_pagesize=512', file], {
    input,
  });
  expect(read()).toMatchObject({ ends: { '192.0.2.7': 9 }, notUnderstood: 2, damagedPages: 0 });
});

describe('a torn file', () => {
  beforeEach(() => original.enter(file, clients(COUNT)));

  test('is read as far as it goes', () => {
    const { size } = statSync(file);
    truncateSync(file, PAGE * Math.floor(size / PAGE / 2) + 100);
    const found = read();
    expect(found.cut).toBe(true);
    expect(found.records).toBeGreaterThan(COUNT / 4);
    expect(found.records).toBeLessThan(COUNT);
    expect(clients(COUNT)).toMatchObject(found.ends);
  });

  test('with pages of rubbish and of zeros: the others are read', () => {
    const bytes = readFileSync(file);
    bytes.fill(0xee, 2 * PAGE, 3 * PAGE);
    bytes.fill(0, 3 * PAGE, 4 * PAGE);
    writeFileSync(file, bytes);
    const found = read();
    expect(found).toMatchObject({ damagedPages: 1, cut: false });
    expect(found.records).toBeGreaterThan(COUNT - 20);
    expect(clients(COUNT)).toMatchObject(found.ends);
  });

  test('whose pages lead in a circle is read as any other', () => {
    const bytes = readFileSync(file);
    for (let at = PAGE; at < bytes.length; at += PAGE) {
      bytes.writeUInt32LE(1, at + 12);
      bytes.writeUInt32LE(1, at + 16);
    }
    writeFileSync(file, bytes);
    expect(read().ends).toEqual(clients(COUNT));
  });

  test('whatever is done to its bytes: no more records than pages have room for, or a Fault', () => {
    const bytes = readFileSync(file).subarray(0, 8 * PAGE);
    const change = fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 40 }),
        fc.nat({ max: bytes.length }),
        (list, length) => {
          const after = Buffer.from(bytes.subarray(0, Math.max(length, bytes.length - PAGE)));
          for (const [at, byte] of list) after[at % after.length] = byte;
          writeFileSync(file, after);
          try {
            expect(read().records).toBeLessThanOrEqual((8 * PAGE) / 4);
          } catch (error) {
            if (!(error instanceof Fault)) throw error;
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('what is no database', () => {
  test('no file is no error', () => {
    expect(readDatabase(file, () => undefined)).toBeUndefined();
    expect(readDatabase(path.join(file, 'below'), () => undefined)).toBeUndefined();
  });

  test.each<[string, () => unknown, RegExp]>([
    ['an empty file', () => writeFileSync(file, ''), /is no Berkeley DB file: too short/],
    ['text', () => writeFileSync(file, '192.0.2.7 1790000000\n'.repeat(100)), /is no Berkeley DB file/],
    ['rubbish', () => writeFileSync(file, Buffer.alloc(4_096, 0xa5)), /is no Berkeley DB file/],
    ['a directory', () => mkdirSync(file), /is a directory, not a database/],
    ['a FIFO', () => mustRun(['mkfifo', file]), /is a FIFO, not a database/],
    ['a device', () => symlinkSync('/dev/zero', file), /is no regular file, not a database/],
  ])('%s', async (_what, make, message) => {
    await make();
    expect(refusal()).toMatch(message);
    expect(refusal()).toContain(file);
  });

  test('a huge file is not read', () => {
    writeFileSync(file, '');
    truncateSync(file, 2 ** 31 + 1);
    expect(refusal()).toMatch(/2147483649 bytes/);
  });
});

describe('a file that everybody could have written', () => {
  beforeEach(() => original.enter(file, { '192.0.2.7': END }));

  test('by its mode', () => {
    expect(read().records).toBe(1);
    chmodSync(file, 0o646);
    expect(refusal()).toMatch(/everybody may write to .*dracd\.db; chmod o-w/);
  });

  test('by its directory, also through a link', () => {
    const link = path.join(newDirectory('link'), 'dracd.db');
    symlinkSync(file, link);
    expect(read(link).records).toBe(1);
    chmodSync(path.dirname(file), 0o1777);
    expect(refusal()).toContain(`everybody may write to ${path.dirname(file)}`);
    expect(refusal(link)).toContain(`everybody may write to ${path.dirname(file)}`);
  });
});

describe('a file of our own', () => {
  const written = (pairs: [string, string][], terminated: boolean): string =>
    writeFile(bdb, recordsOf(pairs, terminated));

  test('is known as ours, and as changed once the original has worked on it', async () => {
    const ours = written([['192.0.2.7', String(END)]], true);
    expect(read(ours)).toMatchObject({ ours: true, options: { cidrKey: false, termKd: true } });
    await original.enter(ours, {}, { term: true });
    expect(read(ours).ours).toBe(true);
    await original.enter(ours, { '192.0.2.8': END }, { term: true });
    expect(read(ours)).toMatchObject({ ours: false, records: 2 });
    await original.enter(ours, {}, { term: true, sweep: END + 1 });
    // Empty, and still worded as before.
    expect(read(ours)).toMatchObject({ ours: false, records: 0, options: { cidrKey: false, termKd: true } });
  });

  test('with many pages is known as ours, and not when it is cut', () => {
    const pairs = Object.entries(clients(20_000)).map(([client, second]): [string, string] => [
      client,
      String(second),
    ]);
    const ours = written(pairs, false);
    expect(read(ours)).toMatchObject({ ours: true, records: 20_000 });
    truncateSync(ours, statSync(ours).size - 4_096);
    expect(read(ours)).toMatchObject({ ours: false, cut: true });
  });

  test('is not ours with one byte changed', () => {
    const ours = written([['192.0.2.7', String(END)]], false);
    const bytes = readFileSync(ours);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(ours, bytes);
    expect(read(ours).ours).toBe(false);
  });
});
