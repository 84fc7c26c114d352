/** Replacement - safe creation beside, and what dead builds leave. */
import {
  closeSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { Replacement } from '../../../src/exports/map-file.js';
import { recordingLog } from '../../support/live-map.js';
import { newDirectory } from '../../support/processes.js';

const noSync = (): Promise<void> => Promise.resolve();
let directory: string;
let target: { path: string; mode: number };

beforeEach(() => {
  directory = newDirectory('map-file');
  target = { path: path.join(directory, 'relay.lmdb'), mode: 0o644 };
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

test('the name changes only when it is published', async () => {
  const { log } = recordingLog();
  const replacement = Replacement.begin(target, log);
  writeFileSync(replacement.fd, 'new');
  expect(() => statSync(target.path)).toThrow('ENOENT');
  expect(path.dirname(replacement.temporary)).toBe(directory);
  await replacement.publish(noSync);
  await replacement.settle();
  expect(readFileSync(target.path, 'utf8')).toBe('new');
  expect(replacement.isSame(replacement.fd)).toBe(true);
  closeSync(replacement.fd);
  expect(readdirSync(directory)).toEqual(['relay.lmdb']);
});

test('what is planted while it is built is not followed', async () => {
  const { log } = recordingLog();
  const precious = path.join(directory, 'precious');
  writeFileSync(precious, 'precious');
  const replacement = Replacement.begin(target, log);
  symlinkSync(precious, target.path);
  await replacement.publish(noSync);
  expect(lstatSync(target.path).isFile()).toBe(true);
  expect(readFileSync(precious, 'utf8')).toBe('precious');
  closeSync(replacement.fd);

  const second = Replacement.begin(target, log);
  rmSync(target.path);
  mkdirSync(target.path);
  await expect(second.publish(noSync)).rejects.toMatchObject({ code: 'MAP' });
  second.discard();
  closeSync(second.fd);
  expect(readdirSync(directory).sort()).toEqual(['precious', 'relay.lmdb']);
});

test('a failed sync is a Fault', async () => {
  const { log } = recordingLog();
  const replacement = Replacement.begin(target, log);
  await expect(replacement.publish(() => Promise.reject(new Error('EIO')))).rejects.toMatchObject({
    code: 'MAP',
  });
  replacement.discard();
  replacement.discard();
  closeSync(replacement.fd);
  expect(readdirSync(directory)).toEqual([]);
});

test('leftovers of dead builds go; a living build and everything else stay', () => {
  const { log, said } = recordingLog();
  const living = Replacement.begin(target, log);
  const dead = Replacement.begin(target, log);
  closeSync(dead.fd);
  const link = '.relay.lmdb.00000000000000aa.building';
  const others = ['.relay.lmdb.short.building', '.other.lmdb.00000000000000bb.building', 'note'];
  for (const name of others) writeFileSync(path.join(directory, name), 'x');
  symlinkSync('/etc/passwd', path.join(directory, link));
  mkdirSync(path.join(directory, '.relay.lmdb.00000000000000cc.building'));
  const next = Replacement.begin(target, log);
  const left = readdirSync(directory).sort();
  expect(left).toEqual(
    [
      ...others,
      '.relay.lmdb.00000000000000cc.building',
      path.basename(living.temporary),
      path.basename(next.temporary),
    ].sort(),
  );
  expect(said.map(({ level }) => level).sort()).toEqual(['info', 'info', 'warn']);
  closeSync(living.fd);
  closeSync(next.fd);
});
