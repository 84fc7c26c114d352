/** The place of a map and the file that is put there: safe creation beside, cures, and what dead builds leave. */
import {
  chmodSync,
  chownSync,
  closeSync,
  fstatSync,
  linkSync,
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
import { inspectPlace, Replacement, type MapTarget } from '../../../src/exports/map-file.js';
import { recordingLog } from '../../support/live-map.js';
import { mustRun, newDirectory } from '../../support/processes.js';

const noSync = (): Promise<void> => Promise.resolve();
const NOBODY = 65_534;
let directory: string;
let target: MapTarget;

/** What a call throws, asked as another user: Node runs as root here, to whom everything is allowed. */
function asNobody(call: () => void): unknown {
  process.setegid?.(NOBODY);
  process.seteuid?.(NOBODY);
  try {
    call();
  } catch (thrown) {
    return thrown;
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
  throw new Error('nothing was thrown');
}

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
  await replacement.publish((fd) => {
    // The content is on the disk before the name is.
    expect([fd, readdirSync(directory)]).toEqual([replacement.fd, [path.basename(replacement.temporary)]]);
    return Promise.resolve();
  });
  await replacement.settle();
  expect(readFileSync(target.path, 'utf8')).toBe('new');
  expect(statSync(target.path).ino).toBe(fstatSync(replacement.fd).ino);
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

test.each([
  ['a FIFO', (file: string) => mustRun(['mkfifo', file])],
  [
    'a hard link',
    (file: string) => {
      linkSync(path.join(directory, 'precious'), file);
      return '';
    },
  ],
])('%s planted while it is built is replaced, not opened', async (_, plant) => {
  const { log } = recordingLog();
  const precious = path.join(directory, 'precious');
  writeFileSync(precious, 'precious');
  const replacement = Replacement.begin(target, log);
  await plant(target.path);
  await replacement.publish(noSync);
  expect(lstatSync(target.path).ino).toBe(fstatSync(replacement.fd).ino);
  expect([readFileSync(precious, 'utf8'), statSync(precious).nlink]).toEqual(['precious', 1]);
  closeSync(replacement.fd);
});

test('a second name of the old file is told of, because its readers will not notice', async () => {
  const { log, said } = recordingLog();
  writeFileSync(target.path, 'old');
  const first = Replacement.begin(target, log);
  await first.publish(noSync);
  closeSync(first.fd);
  expect(said).toEqual([]);
  linkSync(target.path, path.join(directory, 'backup'));
  const second = Replacement.begin(target, log);
  await second.publish(noSync);
  closeSync(second.fd);
  expect(said).toMatchObject([{ level: 'warn', fields: { path: target.path, links: 2 } }]);
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

test('leftovers of dead builds go; a living build and everything else stay', async () => {
  const { log, said } = recordingLog();
  const living = Replacement.begin(target, log);
  const dead = Replacement.begin(target, log);
  closeSync(dead.fd);
  const link = '.relay.lmdb.00000000000000aa.building';
  const others = ['.relay.lmdb.short.building', '.other.lmdb.00000000000000bb.building', 'note'];
  for (const name of others) writeFileSync(path.join(directory, name), 'x');
  symlinkSync('/etc/passwd', path.join(directory, link));
  await mustRun(['mkfifo', path.join(directory, '.relay.lmdb.00000000000000dd.building')]);
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
  expect(said.map(({ level }) => level).sort()).toEqual(['info', 'info', 'info', 'warn']);
  expect(readFileSync('/etc/passwd', 'utf8')).toContain('root');
  closeSync(living.fd);
  closeSync(next.fd);
});

describe('the place', () => {
  test('what is missing of the directory is made, for all to walk through whatever the umask', () => {
    const { log, said } = recordingLog();
    target = { ...target, path: path.join(directory, 'a/b/relay.lmdb') };
    const umask = process.umask(0o077);
    try {
      inspectPlace(target, log);
    } finally {
      process.umask(umask);
    }
    expect(['a', 'a/b'].map((name) => statSync(path.join(directory, name)).mode & 0o777)).toEqual([
      0o755, 0o755,
    ]);
    expect(said.map(({ level }) => level)).toEqual(['info']);
    inspectPlace(target, log);
    expect(said).toHaveLength(1);
  });

  test.each([
    ['group', 0o775],
    ['others', 0o757],
    ['all, even with the sticky bit', 0o1777],
  ])('a directory that its %s may write to is warned of', (_, mode) => {
    const { log, said } = recordingLog();
    chmodSync(directory, mode);
    inspectPlace(target, log);
    expect(said).toMatchObject([{ level: 'warn', fields: { directory } }]);
  });

  test('a directory of another user is warned of', () => {
    const { log, said } = recordingLog();
    chownSync(directory, NOBODY, NOBODY);
    inspectPlace(target, log);
    expect(said).toMatchObject([{ level: 'warn', fields: { directory, uid: NOBODY } }]);
  });

  test('a file where a directory should be is a Fault with the path', () => {
    const { log } = recordingLog();
    writeFileSync(path.join(directory, 'file'), '');
    target = { ...target, path: path.join(directory, 'file/relay.lmdb') };
    expect(() => {
      inspectPlace(target, log);
    }).toThrow(`map ${target.path}`);
  });
});

describe('cures', () => {
  test('a directory that may not be written to', () => {
    const { log } = recordingLog();
    expect(asNobody(() => Replacement.begin(target, log))).toMatchObject({
      code: 'MAP',
      message: expect.stringMatching(
        /relay\.lmdb cannot be built beside: EACCES.*\(uid 65534\) write to the directory/,
      ) as string,
    });
  });

  test('a group that the daemon is not in', () => {
    const { log } = recordingLog();
    chmodSync(directory, 0o777);
    expect(asNobody(() => Replacement.begin({ ...target, group: 'mail' }, log))).toMatchObject({
      code: 'MAP',
      message: expect.stringMatching(/cannot be given to group mail: EPERM.*usermod -a -G mail/) as string,
    });
    expect(readdirSync(directory)).toEqual([]);
  });

  test('a group that does not exist', () => {
    const { log } = recordingLog();
    expect(() => Replacement.begin({ ...target, group: 'no-such' }, log)).toThrow('groupadd no-such');
    expect(readdirSync(directory)).toEqual([]);
  });
});

test('the file has its owner and mode before it has its name, and the umask has no say', async () => {
  const { log } = recordingLog();
  const umask = process.umask(0o077);
  try {
    const replacement = Replacement.begin({ ...target, mode: 0o640, group: 'mail' }, log);
    const { mode, gid } = fstatSync(replacement.fd);
    expect([mode & 0o7777, gid]).toEqual([0o640, 8]);
    await replacement.publish(noSync);
    closeSync(replacement.fd);
  } finally {
    process.umask(umask);
  }
  expect(statSync(target.path).mode & 0o7777).toBe(0o640);
});
