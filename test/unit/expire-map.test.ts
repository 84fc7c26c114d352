/** expire-map - on the safe side whatever is broken; maps of every format, written and read for real */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { parseConfig } from '../../src/config.js';
import { Fault } from '../../src/core/fault.js';
import type { Grant } from '../../src/core/grant.js';
import type { OperatorEntry } from '../../src/core/operator-entry.js';
import type { Subject } from '../../src/core/subject.js';
import { expireMaps } from '../../src/expire-map.js';
import { formats, type FormatName } from '../../src/exports/formats.js';
import { exclusive } from '../../src/exports/map-lock.js';
import { systemClock } from '../../src/runtime/clock.js';
import { silentLog } from '../../src/runtime/log.js';
import { ENTRIES_NAME, EntriesFile } from '../../src/store/entries-file.js';
import { FORMAT_VERSION, encodeHeader } from '../../src/store/frame.js';
import { Journal } from '../../src/store/journal.js';
import { segmentName } from '../../src/store/segment.js';
import { recordingLog } from '../support/live-map.js';
import { mapReaders } from '../support/map-readers.js';
import { newDirectory } from '../support/processes.js';
import { grantOf, segmentBytes } from './store/journal-bench.js';

const NOW = 1_790_000_000_000;
const LIFETIME_MS = 1_800_000;
const NOBODY = 65_534;
const STALE = '192.0.2.1';
const LIVE = '192.0.2.22';
const clock = { ...systemClock, wall: () => NOW };
const names = Object.keys(formats) as FormatName[];

let directory: string;
let journal: string;
let rules: string;
let { log, said } = recordingLog();

beforeEach(() => {
  directory = newDirectory('expire');
  journal = path.join(directory, 'journal');
  rules = path.join(directory, 'tcp.smtp');
  writeFileSync(rules, '203.0.113.:deny\n:allow\n');
  ({ log, said } = recordingLog());
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const fileOf = (format: FormatName): string =>
  path.join(directory, `map-${format}${mapReaders[format].suffix}`);

/** A configuration with these exports; `more` for what stands in each of them. */
function config(some: readonly FormatName[] = names, more = '') {
  const tables = some.map((format) => {
    const own = format === 'tcprules' ? `rules = "${rules}"\n` : '';
    return `[[exports]]\nformat = "${format}"\npath = "${fileOf(format)}"\n${own}${more}`;
  });
  return parseConfig(`[store]\ndirectory = "${journal}"\n${tables.join('')}`, 'test', directory);
}

/** Maps as a daemon leaves them that was killed. */
async function leaveMaps(some: readonly FormatName[] = names): Promise<void> {
  const grants = [grantOf(STALE, NOW), grantOf(LIVE, NOW + 600_000)];
  for (const { format, ...rest } of config(some).exports) {
    const options = { ...rest, clock, log: silentLog, snapshot: () => grants };
    const map = exclusive(formats[format].create(options), options);
    await map.open();
    await map.close();
  }
}

function leaveJournal(...grants: Grant[]): void {
  mkdirSync(journal, { mode: 0o750 });
  writeFileSync(path.join(journal, segmentName(1)), segmentBytes(grants));
}

/** Whom a map permits; undefined when it is not there. */
async function permitted(format: FormatName): Promise<string[] | undefined> {
  const file = fileOf(format);
  if (!existsSync(file)) return undefined;
  const found = await mapReaders[format].dump(file);
  return [...found.keys()].filter((key) => key === STALE || key === LIVE).sort();
}

async function everyMap(some: readonly FormatName[] = names): Promise<Record<string, string[] | undefined>> {
  const all: Record<string, string[] | undefined> = {};
  for (const format of some) all[format] = await permitted(format);
  return all;
}

const each = <T>(value: T, some: readonly FormatName[] = names): Record<string, T> =>
  Object.fromEntries(some.map((format) => [format, value]));

async function failure(options: Partial<Parameters<typeof expireMaps>[0]> = {}): Promise<Fault | undefined> {
  try {
    await expireMaps({ config: config(), clock, log, ...options });
    return undefined;
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault);
    return thrown as Fault;
  }
}

test('what is over goes out of a map of every format, what is not stays', async () => {
  await leaveMaps();
  expect(await everyMap()).toEqual(each([STALE, LIVE]));
  leaveJournal(grantOf(STALE, NOW), grantOf(LIVE, NOW + 600_000));
  expect(await failure()).toBeUndefined();
  expect(await everyMap()).toEqual(each([LIVE]));
});

test('a command that fails is told; the map is right and stays', async () => {
  await leaveMaps(['list']);
  leaveJournal(grantOf(STALE, NOW), grantOf(LIVE, NOW + 600_000));
  const failing = config(['list'], 'command = ["false"]\n');
  const fault = await failure({ config: failing });
  expect(fault?.message).toContain(
    `map ${fileOf('list')} is right, but its readers may not know: its command failed`,
  );
  expect(await permitted('list')).toEqual([LIVE]);
  // The positive control.
  expect(await failure({ config: config(['list'], 'command = ["true"]\n') })).toBeUndefined();
});

test('a grant that ends later than a lease from now, of before the clock was set back, counts for nothing', async () => {
  const latest = NOW + LIFETIME_MS + 60_000;
  leaveJournal(grantOf(LIVE, latest), grantOf(STALE, latest + 1));
  expect(await failure()).toBeUndefined();
  expect(await everyMap()).toEqual(each([LIVE]));
});

const made = (kind: OperatorEntry['kind'], subject: string, times: Partial<OperatorEntry> = {}) => ({
  ...{ kind, subject: subject as Subject, reason: 'r', author: 'a', createdAt: NOW },
  ...times,
});

test('what operators have pinned stays, what they have denied goes', async () => {
  await leaveMaps();
  leaveJournal(grantOf(LIVE, NOW + 600_000));
  await new EntriesFile(journal).save([made('pin', STALE), made('deny', LIVE)]);
  expect(await failure()).toBeUndefined();
  expect(await everyMap()).toEqual(each([STALE]));
});

test('what an operator let relay for a while counts for nothing when the clock was set back since', async () => {
  leaveJournal();
  const later = NOW + 3_600_000;
  await new EntriesFile(journal).save([
    made('grant', STALE, { createdAt: later, expiresAt: later + 600_000 }),
    made('grant', LIVE, { createdAt: NOW - 1_000, expiresAt: NOW + 600_000 }),
  ]);
  expect(await failure()).toBeUndefined();
  expect(await everyMap()).toEqual(each([LIVE]));
});

test('entries that cannot be read empty every map, and nothing is left locked', async () => {
  await leaveMaps();
  leaveJournal(grantOf(LIVE, NOW + 600_000));
  await new EntriesFile(journal).save([made('deny', LIVE)]);
  const file = path.join(journal, ENTRIES_NAME);
  writeFileSync(file, readFileSync(file, 'utf8').replace(LIVE, STALE));
  expect(await failure()).toMatchObject({ code: 'STORE', message: expect.stringContaining(file) as string });
  expect(await everyMap()).toEqual(each([]));
  const options = { directory: journal, lifetimeMs: LIFETIME_MS, durability: 'memory', clock, log } as const;
  const { journal: held } = await Journal.open(options);
  await held.close();
});

describe('a journal that cannot be read empties every map, and is told of', () => {
  test.each([
    [
      'others may write in it',
      () => {
        leaveJournal(grantOf(LIVE, NOW + 600_000));
        chmodSync(journal, 0o770);
      },
    ],
    [
      'it belongs to another user',
      () => {
        leaveJournal(grantOf(LIVE, NOW + 600_000));
        chownSync(journal, NOBODY, NOBODY);
      },
    ],
    [
      'it is a file',
      () => {
        writeFileSync(journal, '');
      },
    ],
    [
      'it is a symbolic link to nowhere',
      () => {
        symlinkSync(path.join(directory, 'nowhere'), journal);
      },
    ],
    [
      'a newer dracd has written it',
      () => {
        leaveJournal();
        const header = encodeHeader();
        header.writeUInt32BE(FORMAT_VERSION + 1, 8);
        header.writeUInt32BE(crc32(header.subarray(0, 12)), 12);
        writeFileSync(path.join(journal, segmentName(2)), header);
      },
    ],
    [
      'its lock is no file',
      () => {
        leaveJournal(grantOf(LIVE, NOW + 600_000));
        mkdirSync(path.join(journal, 'lock'));
      },
    ],
  ])('%s', async (_, breakIt) => {
    await leaveMaps();
    breakIt();
    expect(await failure()).toMatchObject({ code: 'STORE' });
    expect(await everyMap()).toEqual(each([]));
    expect(said).toContainEqual({
      level: 'error',
      event: 'journal: cannot be read: no grant can be proven, the maps are emptied',
      fields: { reason: expect.stringContaining(journal) as string },
    });
  });

  test('but not the maps of a daemon that runs, of another user, or none', async () => {
    await leaveMaps(['lmdb', 'list', 'bdb']);
    writeFileSync(journal, '');
    const options = { path: fileOf('lmdb'), mode: 0o644, clock, log, snapshot: () => [] };
    const running = exclusive(formats.lmdb.create(options), options);
    await running.open();
    chownSync(fileOf('list'), NOBODY, NOBODY);
    const before = [statSync(fileOf('lmdb')), statSync(fileOf('list'))];
    expect(await failure()).toMatchObject({ code: 'STORE' });
    const after = [statSync(fileOf('lmdb')), statSync(fileOf('list'))];
    await running.close();
    expect(after.map(({ ino, mtimeMs }) => [ino, mtimeMs])).toEqual(
      before.map(({ ino, mtimeMs }) => [ino, mtimeMs]),
    );
    expect(await permitted('bdb')).toEqual([]);
    expect(await permitted('cdb')).toBeUndefined();
    expect(await permitted('tcprules')).toBeUndefined();
    // The journal is the only thing to complain of.
    expect(said.filter(({ level }) => level === 'error')).toHaveLength(1);
  });
});

describe('a map that cannot be written', () => {
  test('is removed, whatever its format, except for one that holds more than grants; the fault is told', async () => {
    await leaveMaps();
    leaveJournal(grantOf(LIVE, NOW + 600_000));
    const broken = config(names, 'group = "no-such-group"\n');
    const fault = await failure({ config: broken });
    expect(fault?.message).toContain('group no-such-group is not in /etc/group');
    expect(await everyMap()).toEqual({ ...each(undefined), tcprules: [STALE, LIVE] });
    const removed = said
      .filter(({ event }) => event.startsWith('map: removed'))
      .map(({ fields }) => fields['path']);
    expect(removed).toEqual(names.filter((name) => name !== 'tcprules').map(fileOf));
  });

  test('keeps no other from being written, and with its rules right again it is written', async () => {
    await leaveMaps();
    leaveJournal(grantOf(LIVE, NOW + 600_000));
    writeFileSync(rules, '192.0.2.1:perhaps\n');
    expect(await failure()).toMatchObject({ code: 'CONFIG' });
    expect(await everyMap()).toEqual({ ...each([LIVE]), tcprules: [STALE, LIVE] });
    writeFileSync(rules, ':allow\n');
    expect(await failure()).toBeUndefined();
    expect(await everyMap()).toEqual(each([LIVE]));
  });

  test('because a daemon with another journal has it, is left to that daemon', async () => {
    leaveJournal();
    const options = {
      path: fileOf('lmdb'),
      mode: 0o644,
      clock,
      log,
      snapshot: () => [grantOf(LIVE, NOW + 600_000)],
    };
    const running = exclusive(formats.lmdb.create(options), options);
    await running.open();
    expect(await failure({ config: config(['lmdb']) })).toMatchObject({ code: 'LOCKED' });
    expect(await permitted('lmdb')).toEqual([LIVE]);
    await running.close();
  });

  test('what stands at its path and is no map is left alone', async () => {
    leaveJournal();
    mkdirSync(fileOf('list'));
    expect((await failure())?.message).toContain('is a directory');
    expect(statSync(fileOf('list')).isDirectory()).toBe(true);
    expect(await permitted('lmdb')).toEqual([]);
  });
});

test('maps that are not configured any more are looked after where they are, and not made', async () => {
  await leaveMaps(['bdb', 'cdb', 'lmdb']);
  leaveJournal(grantOf(LIVE, NOW + 600_000));
  chownSync(fileOf('cdb'), NOBODY, NOBODY);
  expect(
    await failure({ config: config(['lmdb']), left: config(['bdb', 'cdb', 'list']).exports }),
  ).toBeUndefined();
  expect(await everyMap()).toEqual({
    lmdb: [LIVE],
    bdb: [LIVE],
    cdb: [STALE, LIVE],
    list: undefined,
    tcprules: undefined,
  });
});

test('a daemon that runs keeps everything as it is', async () => {
  await leaveMaps();
  leaveJournal();
  const options = { directory: journal, lifetimeMs: LIFETIME_MS, durability: 'memory', clock, log } as const;
  const { journal: held } = await Journal.open(options);
  expect(await failure()).toBeUndefined();
  expect(await everyMap()).toEqual(each([STALE, LIVE]));
  await held.close();
  expect(await failure()).toBeUndefined();
  expect(await everyMap()).toEqual(each([]));
});

test("the site's own rules stay in a file of tcprules", async () => {
  await leaveMaps(['tcprules']);
  writeFileSync(journal, '');
  expect(await failure({ config: config(['tcprules']) })).toMatchObject({ code: 'STORE' });
  expect(readFileSync(fileOf('tcprules')).includes('203.0.113.')).toBe(true);
});
