/** segment - durable before it is handed out and before an append calls back; a failure is final. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { Grant } from '../../../src/core/grant.js';
import { GroupEncoder, encodeHeader } from '../../../src/store/frame.js';
import type { Files } from '../../../src/store/files.js';
import {
  ALLOCATION_BYTES,
  Segment,
  damagedName,
  segmentName,
  segmentNumber,
} from '../../../src/store/segment.js';
import { newDirectory } from '../../support/processes.js';
import { encoded, grantOf, segmentBytes } from './journal-bench.js';
import { WatchedFiles } from './watched-files.js';

let root: string;
let file: string;
let files: WatchedFiles;
const NAME = segmentName(1);

beforeEach(() => {
  root = newDirectory('segment');
  mkdirSync(path.join(root, 'journal'));
  file = path.join(root, 'journal', NAME);
  files = new WatchedFiles();
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

const create = (options: { sync?: boolean; files?: Files } = {}): Promise<Segment> =>
  Segment.create({ files, sync: true, file, ...options });

const encoder = new GroupEncoder();
function append(segment: Segment, ...grants: Grant[]): Promise<Error | undefined> {
  encoder.encode(grants);
  return new Promise((resolve) => {
    segment.append(encoder, resolve);
  });
}

const one = [grantOf('10.0.0.1', 1_111)];
const two = [grantOf('10.0.0.2', 2_222), grantOf('2001:db8::2', 3_333)];
const many = (n: number): Grant[] =>
  Array.from({ length: n }, (_, i) => grantOf(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, i + 1));

test('names sort as numbers do, and are read back', () => {
  const numbers = [1, 9, 10, 99, 2 ** 31, 2 ** 52];
  const names = numbers.map(segmentName);
  expect([...names].sort()).toEqual(names);
  expect(names.map(segmentNumber)).toEqual(numbers.map((number) => ({ number, aside: false })));
  expect(segmentNumber(damagedName(segmentName(7)))).toEqual({ number: 7, aside: true });
  expect(segmentNumber(segmentName(2 ** 53))).toBeUndefined();
});

test('a new one is header and zeros, durable with its name before it is handed out', async () => {
  const segment = await create();
  const fsyncs = ['write', 'fsync'].flatMap((name) => [`${name} ${NAME}`, `${name} ${NAME} returned`]);
  const directory = ['open', 'fsync', 'close'].flatMap((name) => [
    `${name} journal`,
    `${name} journal returned`,
  ]);
  expect(files.events).toEqual([`open ${NAME}`, `open ${NAME} returned`, ...fsyncs, ...directory]);
  const bytes = readFileSync(file);
  expect(bytes).toHaveLength(ALLOCATION_BYTES);
  expect(bytes.equals(Buffer.concat([encodeHeader(), Buffer.alloc(ALLOCATION_BYTES - 16)]))).toBe(true);
  // The map's readers have no business here, and nobody but us writes.
  expect(statSync(file).mode & 0o027).toBe(0);
  expect(segment.empty).toBe(true);
  await segment.retire();
});

test('appends are one write and one fdatasync each, and call back after it', async () => {
  const segment = await create();
  files.events.length = 0;
  for (const group of [one, two]) {
    expect(await append(segment, ...group)).toBeUndefined();
    files.events.push('done');
  }
  const append1 = ['write', 'fdatasync'].flatMap((name) => [`${name} ${NAME}`, `${name} ${NAME} returned`]);
  expect(files.events).toEqual([...append1, 'done', ...append1, 'done']);
  const written = segmentBytes(one, two);
  expect(segment.position).toBe(written.length);
  expect(segment.empty).toBe(false);
  expect(readFileSync(file).subarray(0, written.length).equals(written)).toBe(true);
  await segment.retire();
  expect(readFileSync(file).equals(written)).toBe(true);
});

test('without sync nothing is synced', async () => {
  const segment = await create({ sync: false });
  expect(await append(segment, ...one)).toBeUndefined();
  await segment.retire();
  expect(files.count('fsync') + files.count('fdatasync')).toBe(0);
  expect(readFileSync(file).equals(segmentBytes(one))).toBe(true);
});

test('the file grows by whole MiB of zeros, in the write that needs the room', async () => {
  const segment = await create();
  const group = many(20_000);
  const size = encoded(group).length;
  const sizes = new Set<number>();
  for (let i = 0; i < 7; i += 1) {
    files.calls.length = 0;
    expect(await append(segment, ...group)).toBeUndefined();
    sizes.add(statSync(file).size);
    const position = 16 + i * size;
    const grows = Math.ceil((position + size) / ALLOCATION_BYTES) > Math.ceil(position / ALLOCATION_BYTES);
    const length = grows
      ? Math.ceil((position + size) / ALLOCATION_BYTES) * ALLOCATION_BYTES - position
      : size;
    expect(files.calls).toEqual([
      { name: 'write', file: NAME, length },
      { name: 'fdatasync', file: NAME },
    ]);
  }
  expect([...sizes]).toEqual([1, 2, 3].map((n) => n * ALLOCATION_BYTES));
  const bytes = readFileSync(file);
  const written = segmentBytes(...new Array<Grant[]>(7).fill(group));
  expect(bytes.subarray(0, written.length).equals(written)).toBe(true);
  expect(bytes.subarray(written.length).every((byte) => byte === 0)).toBe(true);
  await segment.retire();
  expect(statSync(file).size).toBe(written.length);
});

describe('what is there already', () => {
  test.each([
    ['a file', () => writeFileSync(file, 'precious')],
    ['a link to nowhere', () => symlinkSync(path.join(root, 'target'), file)],
    ['a directory', () => mkdirSync(file)],
  ])('is left alone: %s', async (_, make) => {
    make();
    await expect(create()).rejects.toMatchObject({ code: 'EEXIST' });
    expect(existsSync(path.join(root, 'target'))).toBe(false);
    expect(readdirSync(path.dirname(file))).toEqual([NAME]);
    if (statSync(file, { throwIfNoEntry: false })?.isFile())
      expect(readFileSync(file, 'utf8')).toBe('precious');
  });
});

describe('one that cannot be made durable is not handed out', () => {
  test.each([
    ['write', NAME],
    ['fsync', NAME],
    ['open', 'journal'],
    ['fsync', 'journal'],
  ])('%s of %s', async (name, on) => {
    files.trick = (call) => (call.name === name && call.file === on ? { error: 'EIO' } : undefined);
    await expect(create()).rejects.toMatchObject({ code: 'EIO' });
    expect(readdirSync(path.dirname(file))).toEqual([]);
    expect(files.count('open')).toBe(files.count('close') + (name === 'open' ? 1 : 0));
  });

  test('a short write: the room is gone', async () => {
    files.trick = ({ name }) => (name === 'write' ? { short: 4_096 } : undefined);
    await expect(create()).rejects.toMatchObject({
      code: 'ENOSPC',
      message: `short write: 4096 of ${ALLOCATION_BYTES} bytes`,
    });
    expect(readdirSync(path.dirname(file))).toEqual([]);
  });
});

describe('a failed append', () => {
  test.each([
    ['of the write', { name: 'write', trick: { error: 'EIO' }, reason: 'EIO' }],
    ['of the write, half of it done', { name: 'write', trick: { error: 'EIO', written: 20 }, reason: 'EIO' }],
    [
      'of the write, all of it done',
      { name: 'write', trick: { error: 'EIO', written: encoded(two).length }, reason: 'EIO' },
    ],
    ['by a short write', { name: 'write', trick: { short: 20 }, reason: 'short write: 20 of ' }],
    ['of fdatasync', { name: 'fdatasync', trick: { error: 'EIO' }, reason: 'EIO' }],
  ])('%s is final and cut off', async (_, { name, trick, reason }) => {
    const segment = await create();
    expect(await append(segment, ...one)).toBeUndefined();
    files.trick = (call) => (call.name === name ? trick : undefined);
    const error = await append(segment, ...two);
    expect(error?.message).toContain(reason);
    expect(segment.position).toBe(segmentBytes(one).length);
    files.trick = () => undefined;
    const before = files.calls.length;
    encoder.encode(two);
    expect(() => {
      segment.append(encoder, () => undefined);
    }).toThrow('append after a failure');
    expect(files.calls).toHaveLength(before);
    await segment.retire();
    expect(readFileSync(file).equals(segmentBytes(one))).toBe(true);
    expect(files.calls.slice(before).map((call) => call.name)).toEqual(['ftruncate', 'close']);
  });
});

describe('retire', () => {
  test('removes a segment without a frame, also after a failure', async () => {
    await (await create()).retire();
    expect(readdirSync(path.dirname(file))).toEqual([]);
    const segment = await create();
    files.trick = ({ name }) => (name === 'fdatasync' ? { error: 'EIO' } : undefined);
    expect(await append(segment, ...one)).toBeDefined();
    await segment.retire();
    expect(readdirSync(path.dirname(file))).toEqual([]);
  });

  test('never rejects, and refuses further appends', async () => {
    const segment = await create();
    expect(await append(segment, ...one)).toBeUndefined();
    files.trick = ({ name }) => (name === 'ftruncate' ? { error: 'EIO' } : undefined);
    await segment.retire();
    expect(files.count('close', NAME)).toBe(1);
    expect(readFileSync(file).subarray(0, segment.position).equals(segmentBytes(one))).toBe(true);
    expect(() => {
      segment.append(encoder, () => undefined);
    }).toThrow('append after a failure');
  });
});
