/** file-lock - against the locks that Postfix takes, held by another process */
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { tryLockFile, unlockFile, waitForLockFile } from '../../../src/runtime/file-lock.js';
import { LockHolder } from '../../support/live-map.js';
import { newDirectory, pause } from '../../support/processes.js';

type Kind = Parameters<typeof LockHolder.take>[1];

let directory: string;
let file: string;
const open = new Set<number>();

beforeEach(() => {
  directory = newDirectory('file-lock');
  file = path.join(directory, 'file');
  writeFileSync(file, 'text');
});
afterEach(async () => {
  await LockHolder.releaseAll();
  for (const fd of open) closeSync(fd);
  open.clear();
  rmSync(directory, { recursive: true });
});

function descriptor(flags = 'r+'): number {
  const fd = openSync(file, flags);
  open.add(fd);
  return fd;
}

/** Whether another process can take a lock now. */
async function anotherCan(kind: Kind): Promise<boolean> {
  const holder = await LockHolder.take(file, kind);
  await holder.release();
  return holder.locked;
}

test('while nobody holds one it is had, and then by nobody else, in this process or another', async () => {
  expect(tryLockFile(descriptor())).toBe(true);
  expect(tryLockFile(descriptor())).toBe(false);
  expect([await anotherCan('shared'), await anotherCan('exclusive')]).toEqual([false, false]);
});

test('given back, others can have it', async () => {
  const [one, other] = [descriptor(), descriptor()];
  expect(tryLockFile(one)).toBe(true);
  unlockFile(one);
  expect([await anotherCan('shared'), await anotherCan('exclusive')]).toEqual([true, true]);
  expect(tryLockFile(other)).toBe(true);
});

test('ends with its descriptor', async () => {
  const fd = descriptor();
  expect(tryLockFile(fd)).toBe(true);
  closeSync(fd);
  open.delete(fd);
  expect(await anotherCan('exclusive')).toBe(true);
});

test('is the descriptor’s, not the process’s: closing another descriptor of the file does not end it', async () => {
  const other = descriptor();
  expect(tryLockFile(descriptor())).toBe(true);
  closeSync(other);
  open.delete(other);
  expect(await anotherCan('shared')).toBe(false);
});

test.each<Kind>(['shared', 'exclusive'])(
  'another process’s %s lock stands in the way, until it is released',
  async (kind) => {
    const holder = await LockHolder.take(file, kind);
    expect(holder.locked).toBe(true);
    const fd = descriptor();
    expect(tryLockFile(fd)).toBe(false);
    await holder.release();
    expect(tryLockFile(fd)).toBe(true);
  },
);

test('a lock of the other kind, flock(2), does not', async () => {
  const holder = await LockHolder.take(file, 'flock');
  expect([holder.locked, tryLockFile(descriptor())]).toEqual([true, true]);
});

test('waits for another process’s lock, and then has it', async () => {
  const holder = await LockHolder.take(file, 'shared');
  let had = false;
  const waiting = waitForLockFile(descriptor()).then(() => (had = true));
  await pause(100);
  expect(had).toBe(false);
  await holder.release();
  await waiting;
  expect(await anotherCan('shared')).toBe(false);
});

test('what cannot be locked is an error: a descriptor that is not writable, one that is closed', async () => {
  const readable = descriptor('r');
  expect(() => tryLockFile(readable)).toThrow();
  await expect(waitForLockFile(readable)).rejects.toThrow();
  const closed = descriptor();
  closeSync(closed);
  open.delete(closed);
  expect(() => tryLockFile(closed)).toThrow();
});
