/** A file put in place as a whole, and watched. */
import {
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { SnapshotFile } from '../../../src/exports/snapshot-file.js';
import { LockHolder, recordingLog, type Said } from '../../support/live-map.js';
import { newDirectory } from '../../support/processes.js';

let target: string;
let said: Said[];
let snapshot: SnapshotFile;

beforeEach(() => {
  target = path.join(newDirectory('snapshot'), 'relay');
  const recording = recordingLog();
  said = recording.said;
  snapshot = new SnapshotFile({ path: target, mode: 0o644 }, recording.log);
});

afterEach(() => LockHolder.releaseAll());

/** Publishes a text. */
function put(text: string): Promise<number> {
  return snapshot.replace((fd) => Promise.resolve(writeSync(fd, text)));
}

test('what was written is in place, and answered', async () => {
  expect(await put('one')).toBe(3);
  expect(readFileSync(target, 'utf8')).toBe('one');
  const { ino } = statSync(target);
  expect(await put('three')).toBe(5);
  expect(statSync(target).ino).not.toBe(ino);
  expect(snapshot.damage()).toBeUndefined();
  expect(readdirSync(path.dirname(target))).toEqual(['relay']);
  expect(said).toEqual([]);
});

test('readers may lock it: nobody holds a lock on what is in place', async () => {
  await put('one');
  for (const kind of ['shared', 'exclusive', 'flock'] as const) {
    const holder = await LockHolder.take(target, kind);
    expect(holder.locked).toBe(true);
    await holder.release();
  }
});

test('what cannot be written leaves the old file and nothing beside it', async () => {
  await put('one');
  await expect(snapshot.replace(() => Promise.reject(new Error('no more')))).rejects.toMatchObject({
    code: 'MAP',
    message: expect.stringContaining('no more') as string,
  });
  expect(readFileSync(target, 'utf8')).toBe('one');
  expect(readdirSync(path.dirname(target))).toEqual(['relay']);
  expect(snapshot.damage()).toBeUndefined();
});

const away = (): void => {
  rmSync(target, { recursive: true });
};

test.each<[string, () => void, string | RegExp]>([
  ['deleted', away, 'deleted'],
  [
    'a symbolic link',
    () => {
      away();
      symlinkSync('/etc/hostname', target);
    },
    'replaced by a symbolic link',
  ],
  [
    'a directory',
    () => {
      away();
      mkdirSync(target);
    },
    'replaced by something that is no file',
  ],
  [
    'another file',
    () => {
      writeFileSync(`${target}.x`, 'one');
      away();
      linkSync(`${target}.x`, target);
    },
    'replaced by another file',
  ],
  [
    'longer',
    () => {
      writeFileSync(target, 'longer');
    },
    'written to by someone else',
  ],
  [
    'written',
    () => {
      writeFileSync(target, 'two');
    },
    'written to by someone else',
  ],
  [
    'written, its times set back',
    () => {
      const { atime, mtime } = statSync(target);
      writeFileSync(target, 'two');
      utimesSync(target, atime, mtime);
    },
    /written to|times were changed/,
  ],
  [
    'another mode',
    () => {
      chmodSync(target, 0o666);
    },
    'its mode, owner, links or times were changed',
  ],
  [
    'another name',
    () => {
      linkSync(target, `${target}.y`);
    },
    'its mode, owner, links or times were changed',
  ],
])('%s: noticed', async (_, harm, found) => {
  await put('one');
  expect(snapshot.damage()).toBeUndefined();
  harm();
  expect(snapshot.damage()).toMatch(found);
});

test('is opened for reading, and only if it is what was published', async () => {
  await put('one');
  const fd = snapshot.openForReading();
  expect(readFileSync(fd, 'utf8')).toBe('one');
  closeSync(fd);
  writeFileSync(`${target}.x`, 'two');
  unlinkSync(target);
  symlinkSync(`${target}.x`, target);
  expect(() => snapshot.openForReading()).toThrow(/ELOOP/);
  unlinkSync(target);
  linkSync(`${target}.x`, target);
  expect(() => snapshot.openForReading()).toThrow(/not the file that was published/);
});

test('what is wrong with its place each time is told once', async () => {
  mkdirSync(path.join(path.dirname(target), '.relay.0123456789abcdef.building'));
  for (let i = 0; i < 3; i += 1) await put(`text ${i}`);
  expect(said.map(({ level }) => level)).toEqual(['warn']);
});
