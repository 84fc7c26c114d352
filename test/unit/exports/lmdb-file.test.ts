/** LmdbFile - its lock and that of Postfix's readers, its transactions, its size over many of them, and what it notices. */
import {
  chmodSync,
  closeSync,
  fstatSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import type { ClientAddress } from '../../../src/core/address.js';
import { LmdbFile } from '../../../src/exports/lmdb-file.js';
import { Replacement } from '../../../src/exports/map-file.js';
import { STATUS } from '../../../src/exports/liblmdb.js';
import { EXPIRES_AT, grants, LockHolder, recordingLog, VALUE } from '../../support/live-map.js';
import { dump, lookup } from '../../support/postmap.js';
import { mustRun, newDirectory, pause, until } from '../../support/processes.js';

const at = (text: string): ClientAddress => text as ClientAddress;
const MAP_BYTES = 2 ** 30;
const PAGE = 4_096;

let directory: string;
let file: string;
let map: LmdbFile;

async function published(mapBytes = MAP_BYTES): Promise<LmdbFile> {
  const { log } = recordingLog();
  const created = LmdbFile.create(Replacement.begin({ path: file, mode: 0o644 }, log), mapBytes);
  await created.publish();
  return created;
}

beforeEach(async () => {
  directory = newDirectory('lmdb-file');
  file = path.join(directory, 'relay.lmdb');
  map = await published();
});

afterEach(async () => {
  await LockHolder.releaseAll();
  map.close();
  rmSync(directory, { recursive: true, force: true });
});

function put(client: string, expiresAt = EXPIRES_AT): void {
  map.transact((entries) => entries.putKey(at(client), expiresAt));
}

describe('entries', () => {
  test.each([
    [1_790_000_000_000, '1790000000'],
    [1_790_000_000_001, '1790000001'],
    [1_789_999_999_999.5, '1790000000'],
  ])(
    'a grant that ends at %d ms stands there with %s, never a moment too early',
    async (expiresAt, value) => {
      put('192.0.2.1', expiresAt);
      expect(await lookup(file, '192.0.2.1')).toBe(value);
    },
  );

  test('to append what is not greater is refused, to put it is not', () => {
    map.transact((entries) => entries.append('192.0.2.2', EXPIRES_AT));
    expect(() => {
      map.transact((entries) => entries.append('192.0.2.1', EXPIRES_AT));
    }).toThrow(/relay\.lmdb cannot be written: .*KEYEXIST/);
    map.transact((entries) => entries.putKey(at('192.0.2.1'), EXPIRES_AT));
  });

  test('to remove what is not there is no failure', () => {
    map.transact((entries) => entries.removeKey(at('192.0.2.1')));
  });
});

describe('transactions', () => {
  test('all or nothing', async () => {
    put('192.0.2.1');
    expect(() => {
      map.transact((entries) => {
        entries.putKey(at('192.0.2.2'), EXPIRES_AT);
        return 28;
      });
    }).toThrow(/No space left on device: make room/);
    expect(() => {
      map.transact((entries) => {
        entries.putKey(at('192.0.2.3'), EXPIRES_AT);
        throw new Error('a bug');
      });
    }).toThrow('a bug');
    put('192.0.2.4');
    expect([...(await dump(file)).keys()]).toEqual(['192.0.2.1', '192.0.2.4']);
  });

  test('a body that finds the map full runs again from its beginning, and nothing is there twice', async () => {
    map.close();
    map = await published(2 ** 16);
    let runs = 0;
    const many = grants(5_000);
    map.transact((entries) => {
      runs += 1;
      for (const { client, expiresAt } of many) {
        const status = entries.putKey(at(client), expiresAt);
        if (status !== STATUS.OK) return status;
      }
      return STATUS.OK;
    });
    expect(runs).toBeGreaterThan(1);
    expect((await dump(file)).size).toBe(5_000);
  });

  test('a failure is no damage, even if it has written something', async () => {
    put('192.0.2.1');
    await pause(20);
    expect(() => {
      map.transact(() => {
        truncateSync(file, statSync(file).size + PAGE);
        return 5;
      });
    }).toThrow(/full, or its disk fails/);
    expect(map.damage()).toBeUndefined();
    put('192.0.2.2');
    expect((await dump(file)).size).toBe(2);
  });

  test('a map that cannot grow is not touched again', async () => {
    map.close();
    // It doubles until that is more than a process can address.
    map = await published(2 ** 40);
    put('192.0.2.1');
    expect(() => {
      map.transact(() => STATUS.MAP_FULL);
    }).toThrow(/Cannot allocate memory/);
    expect(map.damage()).toBe('it could not grow');
    expect(await lookup(file, '192.0.2.1')).toBe(VALUE);
  });

  test('the file does not grow with what comes and goes', () => {
    const many = grants(1_000);
    const round = (): void => {
      for (let from = 0; from < many.length; from += 50) {
        const some = many.slice(from, from + 50);
        map.transact((entries) =>
          some.reduce((status, { client }) => status || entries.putKey(at(client), EXPIRES_AT), 0),
        );
      }
      for (let from = 0; from < many.length; from += 50) {
        const some = many.slice(from, from + 50);
        map.transact((entries) =>
          some.reduce((status, { client }) => status || entries.removeKey(client), 0),
        );
      }
    };
    for (let i = 0; i < 5; i += 1) round();
    const { size } = statSync(file);
    for (let i = 0; i < 200; i += 1) round();
    expect(statSync(file).size).toBeLessThanOrEqual(size + 4 * PAGE);
  });
});

describe('the lock', () => {
  test('ours keeps readers and writers of Postfix away, and lets them in afterwards', async () => {
    expect(map.tryLock()).toBe(true);
    for (const kind of ['shared', 'exclusive'] as const) {
      const refused = await LockHolder.take(file, kind);
      expect([kind, refused.locked]).toEqual([kind, false]);
      await refused.release();
    }
    let answer: string | undefined;
    const answered = lookup(file, '192.0.2.1').then((value) => (answer = value ?? 'nothing'));
    await pause(300);
    expect(answer).toBeUndefined();
    put('192.0.2.1');
    map.unlock();
    await answered;
    expect(answer).toBe(VALUE);
  });

  test.each(['shared', 'exclusive'] as const)('theirs keeps us away: %s', async (kind) => {
    const theirs = await LockHolder.take(file, kind);
    expect([theirs.locked, map.tryLock()]).toEqual([true, false]);
    await theirs.release();
    expect(map.tryLock()).toBe(true);
    map.unlock();
  });

  test('the control: a lock of another kind keeps nobody away', async () => {
    const other = await LockHolder.take(file, 'flock');
    expect([other.locked, map.tryLock()]).toEqual([true, true]);
    map.unlock();
    await other.release();
  });

  test('it outlives descriptors of the file that this process closes', async () => {
    expect(map.tryLock()).toBe(true);
    closeSync(openSync(file, 'r+'));
    const refused = await LockHolder.take(file, 'shared');
    expect(refused.locked).toBe(false);
    await refused.release();
    map.unlock();
  });

  test('it is held from the creation of the file to its publication, and dropped by closing it', async () => {
    const { log } = recordingLog();
    const replacement = Replacement.begin({ path: file, mode: 0o644 }, log);
    const next = LmdbFile.create(replacement, MAP_BYTES);
    const early = await LockHolder.take(replacement.temporary, 'shared');
    expect(early.locked).toBe(false);
    await early.release();
    await next.publish();
    const late = await LockHolder.take(file, 'exclusive');
    expect(late.locked).toBe(true);
    await late.release();
    expect(next.tryLock()).toBe(true);
    next.close();
    await until('the lock is free', 5_000, async () => {
      const last = await LockHolder.take(file, 'exclusive');
      await last.release();
      return last.locked;
    });
  });
});

test('a temporary name that was exchanged for a link is not followed', () => {
  const { log } = recordingLog();
  const replacement = Replacement.begin({ path: path.join(directory, 'other'), mode: 0o644 }, log);
  const precious = path.join(directory, 'precious');
  closeSync(openSync(precious, 'w'));
  unlinkSync(replacement.temporary);
  symlinkSync(precious, replacement.temporary);
  const other = LmdbFile.create(replacement, MAP_BYTES);
  other.transact((entries) => entries.putKey(at('192.0.2.1'), EXPIRES_AT));
  expect(statSync(precious).size).toBe(0);
  expect(fstatSync(replacement.fd).size).toBeGreaterThan(PAGE);
  other.close();
});

describe('what it notices', () => {
  test('nothing, when nobody else was there', async () => {
    expect(map.damage()).toBeUndefined();
    put('192.0.2.1');
    await lookup(file, '192.0.2.1');
    expect([map.damage(), map.mend()]).toEqual([undefined, undefined]);
  });

  const harms: [string, string, () => unknown][] = [
    ['no file', 'deleted', () => unlinkSync(file)],
    ['another place', 'deleted', () => renameSync(file, `${file}.away`)],
    ['no directory', 'deleted', () => rmSync(directory, { recursive: true })],
    ['less', 'truncated', () => truncateSync(file, PAGE)],
    ['more', 'written to', () => truncateSync(file, 2 ** 20)],
    [
      'the same, moved back',
      'its times',
      () => mustRun(['sh', '-c', 'mv "$1" "$1.x"; mv "$1.x" "$1"', 'sh', file]),
    ],
    ['old times', 'written to', () => utimesSync(file, 1, 1)],
    [
      'postmap',
      'written to',
      () => mustRun(['postmap', '-i', `lmdb:${directory}/relay`], { input: 'a b\n' }),
    ],
  ];

  test.each(harms)('%s: %s', async (_, found, harm) => {
    put('192.0.2.1');
    // Time that is counted in steps goes on.
    await pause(20);
    await harm();
    expect(map.damage()).toContain(found);
  });

  test('bytes in the middle, with size and time as they were', async () => {
    put('192.0.2.1');
    await pause(20);
    const { atime, mtime } = statSync(file);
    const fd = openSync(file, 'r+');
    writeSync(fd, Buffer.alloc(100, 0xa5), 0, 100, 3 * PAGE - 100);
    closeSync(fd);
    utimesSync(file, atime, mtime);
    expect(map.damage()).toBeDefined();
  });

  test('another name or mode is not damage, and the mode is given back', async () => {
    linkSync(file, `${file}.link`);
    expect(map.damage()).toBeUndefined();
    chmodSync(file, 0o600);
    expect(map.damage()).toBeUndefined();
    expect(map.mend()).toBe('mode 0600');
    expect([map.damage(), map.mend()]).toEqual([undefined, undefined]);
    expect(statSync(file).mode & 0o7777).toBe(0o644);
    await pause(20);
    unlinkSync(`${file}.link`);
    expect(map.damage()).toContain('its times');
  });
});
