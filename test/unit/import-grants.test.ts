/** What is taken over of an original database, and what is not: told by the log, and found in the journal. */
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Config, parseConfig } from '../../src/config.js';
import { Fault } from '../../src/core/fault.js';
import type { OperatorEntry } from '../../src/core/operator-entry.js';
import type { Subject } from '../../src/core/subject.js';
import { importGrants } from '../../src/import-grants.js';
import type { Log, LogFields } from '../../src/runtime/log.js';
import { silentLog } from '../../src/runtime/log.js';
import { lockDirectory, prepareDirectory } from '../../src/store/directory.js';
import { ENTRIES_NAME, EntriesFile } from '../../src/store/entries-file.js';
import { readJournal } from '../../src/store/read-journal.js';
import { FakeClock } from '../support/fake-clock.js';
import { OriginalDatabase } from '../support/original-database.js';
import { newDirectory } from '../support/processes.js';

const LEASE = 1_800;

let original: OriginalDatabase;
let directory: string;
let file: string;
let clock: FakeClock;
let now: number;
let said: Record<string, LogFields>;

beforeAll(async () => {
  original = await OriginalDatabase.build();
});
beforeEach(() => {
  directory = newDirectory('import');
  file = path.join(directory, 'dracd.db');
  clock = new FakeClock({ soon: 'microtask' });
  now = clock.wall() / 1_000;
  said = {};
});

const log: Log = {
  ...silentLog,
  info: (event, fields = {}) => (said[event] = fields),
  warn: (event, fields = {}) => (said[event] = fields),
};

const config = (more = ''): Config =>
  parseConfig(`[reporters]\nallow_file = "${directory}/dracd.allow"\n${more}`, 'dracd.toml', directory);

const take = (options: { more?: string; forgetAll?: boolean } = {}): Promise<void> =>
  importGrants({ file, config: config(options.more), forgetAll: options.forgetAll ?? false, clock, log });

/** Client and seconds from now to its end, as a daemon would find them. */
function held(): Record<string, number> {
  const { directory: journal } = config().store;
  const read = readJournal({ directory: journal, lifetimeMs: LEASE * 1_000, clock, log });
  const { release } = read;
  const grants = [...read.grants];
  release();
  expect(new Set(grants.map(({ reporter }) => reporter))).toEqual(
    new Set(grants.length > 0 ? ['127.0.0.1'] : []),
  );
  return Object.fromEntries(grants.map(({ client, expiresAt }) => [client, expiresAt / 1_000 - now]));
}

const told = (): LogFields | undefined => said['import: grants taken over'];

test('live ones with their own ends, none longer than a lease, none that is over', async () => {
  const ends = {
    '203.0.113.1': 600,
    '2001:db8::6': 1,
    '203.0.113.2': 90_000,
    '203.0.113.3': 0,
    '203.0.113.4': -5,
  };
  await original.enter(file, Object.fromEntries(Object.entries(ends).map(([key, end]) => [key, now + end])));
  await take();
  expect(held()).toEqual({ '203.0.113.1': 600, '2001:db8::6': 1, '203.0.113.2': LEASE });
  expect(told()).toMatchObject({ file, records: 5, imported: 3, over: 2, neverGranted: 0, notUnderstood: 0 });
});

test('again changes nothing; later ends count', async () => {
  await original.enter(file, { '203.0.113.1': now + 600 });
  await take();
  await take();
  expect(held()).toEqual({ '203.0.113.1': 600 });
  await original.enter(file, { '203.0.113.1': now + 900 });
  await take();
  expect(held()).toEqual({ '203.0.113.1': 900 });
});

test('-i forgets what the journal holds, and then takes over', async () => {
  await original.enter(file, { '203.0.113.1': now + 600 });
  await take();
  await original.enter(file, { '203.0.113.2': now + 600 }, { sweep: now + 601 });
  await original.enter(file, { '203.0.113.2': now + 600 });
  await take({ forgetAll: true });
  expect(held()).toEqual({ '203.0.113.2': 600 });
});

test('addresses that are never granted are left out: loopback, multicast, listed reporters, the configuration’s', async () => {
  const clients = [
    '127.0.0.1',
    '224.0.0.1',
    '0.0.0.0',
    'fe80::1',
    '203.0.113.10',
    '100.64.7.7',
    '203.0.113.11',
  ];
  await original.enter(file, Object.fromEntries(clients.map((client) => [client, now + 600])));
  await take({ more: 'allow = ["203.0.113.10"]\n[grants]\nnever = ["100.64.7.0/24"]\n' });
  expect(held()).toEqual({ '203.0.113.11': 600 });
  expect(told()).toMatchObject({ imported: 1, neverGranted: 6 });
});

const entry = (
  kind: OperatorEntry['kind'],
  subject: string,
  more: Partial<OperatorEntry> = {},
): OperatorEntry => ({
  kind,
  subject: subject as Subject,
  reason: 'spam',
  author: 'ann',
  createdAt: clock.wall() - 60_000,
  ...more,
});

async function saveEntries(...entries: OperatorEntry[]): Promise<void> {
  const store = config().store.directory;
  prepareDirectory(store);
  await new EntriesFile(store).save(entries);
}

test('what operators have denied is left out and counted, unless the deny is over', async () => {
  const clients = ['203.0.113.1', '203.0.113.65', '203.0.113.2', '2001:db8::6', '2001:db8::7', '203.0.113.3'];
  await original.enter(file, Object.fromEntries(clients.map((client) => [client, now + 600])));
  await saveEntries(
    entry('deny', '203.0.113.1'),
    entry('deny', '203.0.113.64/26', { expiresAt: clock.wall() + 1_000 }),
    entry('deny', '203.0.113.2', { expiresAt: clock.wall() }),
    entry('deny', '2001:db8::6'),
    entry('pin', '203.0.113.3'),
  );
  await take({ forgetAll: true });
  expect(held()).toEqual({ '203.0.113.2': 600, '2001:db8::7': 600, '203.0.113.3': 600 });
  expect(told()).toMatchObject({ imported: 3, denied: 3, neverGranted: 0 });
});

test('no more than grants.max, those that the journal holds included', async () => {
  await original.enter(file, { '203.0.113.1': now + 600, '203.0.113.2': now + 600 });
  await take();
  await original.enter(file, { '203.0.113.3': now + 600, '203.0.113.4': now + 600 });
  await take({ more: '[grants]\nmax = 3\n' });
  expect(Object.keys(held())).toHaveLength(3);
  expect(told()).toMatchObject({ beyondMax: 1 });
});

test('thousands, in several groups', async () => {
  const clients = Array.from({ length: 5_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  await original.enter(file, Object.fromEntries(clients.map((client) => [client, now + 600])), {
    bulk: true,
  });
  await take();
  expect(Object.keys(held())).toHaveLength(5_000);
});

test('a torn one is told of', async () => {
  const clients = Array.from({ length: 200 }, (_, i) => `10.0.0.${i}`);
  await original.enter(file, Object.fromEntries(clients.map((client) => [client, now + 600])), {
    bulk: true,
  });
  truncateSync(file, statSync(file).size - 512);
  await take();
  expect(said['import: not all of the database could be read']).toMatchObject({ file, cut: true });
  expect(Object.keys(held()).length).toBeGreaterThan(100);
});

describe('a Fault, and nothing changed', () => {
  const outcome = async (): Promise<string> =>
    take().then(
      () => 'none',
      (fault: unknown) => (fault instanceof Fault ? `${fault.code} ${fault.message}` : String(fault)),
    );

  test('when there is no such file', async () => {
    expect(await outcome()).toMatch(/^IMPORT .*dracd\.db does not exist/);
  });

  test('when it cannot be told who is denied', async () => {
    await original.enter(file, { '203.0.113.1': now + 600 });
    await saveEntries(entry('deny', '203.0.113.1'));
    const entries = path.join(config().store.directory, ENTRIES_NAME);
    writeFileSync(entries, readFileSync(entries, 'utf8').replace('203.0.113.1', '203.0.113.7'));
    expect(await outcome()).toMatch(/^STORE .*cannot be used: its checksum is wrong/);
    expect(held()).toEqual({});
    await saveEntries();
    expect(await outcome()).toBe('none');
    expect(held()).toEqual({ '203.0.113.1': 600 });
  });

  test('when a daemon runs', async () => {
    await original.enter(file, { '203.0.113.1': now + 600 });
    prepareDirectory(config().store.directory);
    const lock = lockDirectory(config().store.directory);
    expect(await outcome()).toMatch(/^LOCKED another dracd uses the journal/);
    lock.release();
    expect(held()).toEqual({});
    expect(await outcome()).toBe('none');
  });
});
