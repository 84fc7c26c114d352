/** directory - made durable and private, refused with a cure when it cannot be trusted, held by one. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '../../../src/core/fault.js';
import {
  directoryExists,
  isUnused,
  listDirectory,
  lockDirectory,
  prepareDirectory,
} from '../../../src/store/directory.js';
import { segmentName } from '../../../src/store/segment.js';
import { mustRun, newDirectory, run } from '../../support/processes.js';

let root: string;
let directory: string;

beforeEach(() => {
  root = newDirectory('directory');
  directory = path.join(root, 'journal');
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

/** The Fault that fn throws. */
function faultOf(fn: () => unknown): Fault {
  try {
    fn();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('no Fault');
}

const modeOf = (file: string): number => statSync(file).mode & 0o7777;

describe('prepareDirectory', () => {
  test('makes it, and what leads to it', () => {
    directory = path.join(root, 'var', 'lib', 'journal');
    expect(directoryExists(directory)).toBe(false);
    prepareDirectory(directory);
    expect(modeOf(directory)).toBe(0o750);
    // Others may have to pass: as the umask says.
    mkdirSync(path.join(root, 'ordinary'));
    expect(modeOf(path.join(root, 'var'))).toBe(modeOf(path.join(root, 'ordinary')));
    expect(directoryExists(directory)).toBe(true);
    prepareDirectory(directory);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('takes one that is there as it is, also through a link', () => {
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(path.join(directory, 'something'), '');
    const link = path.join(root, 'link');
    symlinkSync(directory, link);
    for (const name of [directory, link, `${directory}/`]) {
      prepareDirectory(name);
      expect(directoryExists(name)).toBe(true);
    }
    expect(modeOf(directory)).toBe(0o700);
    expect(readdirSync(directory)).toEqual(['something']);
  });

  test.each([0o770, 0o702, 0o777, 0o1777, 0o2770])('refuses one that others may write in: %p', (mode) => {
    mkdirSync(directory);
    chmodSync(directory, mode);
    for (const ask of [prepareDirectory, directoryExists]) {
      const fault = faultOf(() => ask(directory));
      expect(fault.code).toBe('STORE');
      expect(fault.message).toContain(`chmod go-w ${directory}`);
      expect(fault.message).toContain(`mode ${mode.toString(8).padStart(4, '0')}`);
    }
    expect(modeOf(directory)).toBe(mode);
  });

  test('refuses one that belongs to somebody else', () => {
    const me = process.geteuid?.() ?? 0;
    mkdirSync(directory);
    let foreign = '/';
    if (me === 0) {
      chownSync(directory, 65_534, 65_534);
      foreign = directory;
    }
    for (const ask of [prepareDirectory, directoryExists]) {
      const fault = faultOf(() => ask(foreign));
      expect(fault.code).toBe('STORE');
      expect(fault.message).toContain(`chown ${me} ${foreign}`);
    }
  });

  test.each([
    ['a file', (at: string) => writeFile(at, 'precious')],
    ['a FIFO', (at: string) => mustRun(['mkfifo', at])],
    ['a device', (at: string) => symlink('/dev/null', at)],
  ])('refuses %s in its place', async (kind, make) => {
    await make(directory);
    for (const ask of [prepareDirectory, directoryExists]) {
      const fault = faultOf(() => ask(directory));
      expect(fault.code).toBe('STORE');
      expect(fault.message).toBe(
        `journal directory ${directory} is ${kind}: remove it or name another directory`,
      );
    }
    expect(statSync(directory).isDirectory()).toBe(false);
  });

  test('refuses a symbolic link to nowhere, and does not make its target', () => {
    symlinkSync(path.join(root, 'nowhere'), directory);
    for (const ask of [prepareDirectory, directoryExists]) {
      const fault = faultOf(() => ask(directory));
      expect(fault.code).toBe('STORE');
      expect(fault.message).toBe(
        `journal directory ${directory} is a symbolic link to nowhere: remove it or make its target`,
      );
    }
    expect(readdirSync(root)).toEqual(['journal']);
  });

  test('tells where and why it cannot be made', () => {
    writeFileSync(path.join(root, 'file'), '');
    const below = path.join(root, 'file', 'journal');
    const fault = faultOf(() => {
      prepareDirectory(below);
    });
    expect(fault.code).toBe('STORE');
    expect(fault.message).toContain(`journal directory ${below}: `);
    expect(fault.message).toContain('ENOTDIR');
  });
});

describe('lockDirectory', () => {
  beforeEach(() => {
    prepareDirectory(directory);
  });

  test('is held once, by description and not by process', () => {
    const first = lockDirectory(directory);
    for (let i = 0; i < 3; i += 1) {
      // A refused attempt closes its own descriptor: the lock must outlive that.
      const fault = faultOf(() => lockDirectory(directory));
      expect(fault.code).toBe('LOCKED');
      expect(fault.message).toBe(`another dracd uses the journal directory ${directory}`);
    }
    first.release();
    const second = lockDirectory(directory);
    // Twice is harmless: the descriptor's number may be somebody else's by now.
    first.release();
    expect(faultOf(() => lockDirectory(directory)).code).toBe('LOCKED');
    second.release();
    expect(readdirSync(directory)).toEqual(['lock']);
    expect(modeOf(path.join(directory, 'lock')) & 0o022).toBe(0);
  });

  test('a lock file that lies about is not a lock', () => {
    writeFileSync(path.join(directory, 'lock'), '12345\n');
    lockDirectory(directory).release();
    expect(statSync(path.join(directory, 'lock')).size).toBe(6);
  });

  test('holds against other programs', async () => {
    const lock = path.join(directory, 'lock');
    const take = `import fcntl,sys
fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)`;
    const held = lockDirectory(directory);
    const refused = await run(['python3', '-c', take, lock]);
    expect(refused.stderr).toContain('BlockingIOError');
    held.release();
    await mustRun(['python3', '-c', take, lock]);
  });

  test.each([
    ['a directory', (at: string) => mkdir(at), 'EISDIR'],
    ['a link', (at: string) => symlink('/dev/null', at), 'ELOOP'],
    ['a FIFO', (at: string) => mustRun(['mkfifo', at]), 'is not a file: remove it'],
  ])('refuses %s in place of the lock file', async (_, make, reason) => {
    const lock = path.join(directory, 'lock');
    await make(lock);
    const fault = faultOf(() => lockDirectory(directory));
    expect(fault.code).toBe('STORE');
    expect(fault.message).toContain(lock);
    expect(fault.message).toContain(reason);
  });

  test('leaks no descriptor when it is refused', () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const held = lockDirectory(directory);
    const before = open();
    for (let i = 0; i < 5; i += 1) faultOf(() => lockDirectory(directory));
    expect(open()).toBe(before);
    held.release();
    expect(open()).toBe(before - 1);
  });
});

describe('listDirectory', () => {
  beforeEach(() => {
    prepareDirectory(directory);
  });

  const put = (name: string): void => {
    writeFileSync(path.join(directory, name), '');
  };

  test('of an empty one is empty', () => {
    lockDirectory(directory).release();
    expect(listDirectory(directory)).toEqual({ segments: [], lastNumber: 0, foreign: [] });
  });

  test('the audit’s key is no stranger there', () => {
    for (const name of ['audit.key', 'audit.key.new', 'audit.keys']) put(name);
    expect(listDirectory(directory).foreign).toEqual(['audit.keys']);
  });

  test('sorts by number and knows what is not the journal’s', () => {
    for (const number of [10, 9, 100]) put(segmentName(number));
    put(`${segmentName(200)}.damaged`);
    // More than a number that counts exactly; too few digits; a name with something around it.
    const foreign = [
      `9${'0'.repeat(19)}.journal`,
      '11.journal',
      `${segmentName(12)}~`,
      `x${segmentName(13)}`,
      'README',
    ];
    foreign.forEach(put);
    mkdirSync(path.join(directory, segmentName(300)));
    symlinkSync('/dev/null', path.join(directory, segmentName(301)));
    const found = listDirectory(directory);
    expect(found.segments).toEqual(
      [9, 10, 100].map((number) => ({ number, file: path.join(directory, segmentName(number)) })),
    );
    expect([...found.foreign].sort()).toEqual([...foreign, segmentName(300), segmentName(301)].sort());
    // Their names are taken: a new segment must not collide with them.
    expect(found.lastNumber).toBe(301);
  });

  test('throws what the system says', () => {
    expect(() => listDirectory(path.join(root, 'nowhere'))).toThrow('ENOENT');
  });
});

test('a directory is unused until it was locked, also when it was given back and holds nothing', () => {
  expect(isUnused(directory)).toBe(true);
  prepareDirectory(directory);
  expect(isUnused(directory)).toBe(true);
  lockDirectory(directory).release();
  expect(isUnused(directory)).toBe(false);
});
