/** entries-file - what was saved comes back whole; a file that cannot be believed is refused; a failed write changes nothing. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { DENY_ROOM, MAX_ENTRIES, type OperatorEntry } from '../../../src/core/operator-entry.js';
import type { Subject } from '../../../src/core/subject.js';
import { EntriesFile, ENTRIES_NAME, loadEntries, NEW_ENTRIES_NAME } from '../../../src/store/entries-file.js';
import { listDirectory } from '../../../src/store/directory.js';
import type { Files } from '../../../src/store/files.js';
import { newDirectory } from '../../support/processes.js';
import { WatchedFiles } from './watched-files.js';

let directory: string;
let file: string;

beforeEach(() => {
  directory = newDirectory('entries');
  file = path.join(directory, ENTRIES_NAME);
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const entry = (subject: string, more: Partial<OperatorEntry> = {}): OperatorEntry => ({
  kind: 'deny',
  subject: subject as Subject,
  reason: 'spam',
  author: 'ann',
  createdAt: 1_780_000_000_000,
  ...more,
});

const SOME: OperatorEntry[] = [
  entry('192.0.2.7'),
  entry('2001:db8::/32', { kind: 'pin', user: 'office', expiresAt: 1_790_000_000_000 }),
  entry('192.0.2.7', {
    kind: 'grant',
    reason: 'gr\u00fc\u00dfe, "x"\n\u202e\ud800',
    expiresAt: 1_790_000_000_001,
  }),
];

test('nothing is there at first; what was saved comes back; the latest counts', async () => {
  expect(loadEntries(directory)).toEqual([]);
  const entries = new EntriesFile(directory);
  await entries.save(SOME);
  expect(loadEntries(directory)).toEqual(SOME);
  await entries.save(SOME.slice(1));
  expect(loadEntries(directory)).toEqual(SOME.slice(1));
  await entries.save([]);
  expect(loadEntries(directory)).toEqual([]);
  expect(readdirSync(directory)).toEqual([ENTRIES_NAME]);
});

test('as many as there may be, with the longest texts', async () => {
  const many = Array.from({ length: DENY_ROOM * MAX_ENTRIES }, (_, i) =>
    entry(`10.0.${i >> 8}.${i & 255}`, { reason: '\u0001'.repeat(1_000), author: 'a'.repeat(256) }),
  );
  await new EntriesFile(directory).save(many);
  expect(loadEntries(directory)).toEqual(many);
});

test('is not taken for something foreign in the journal’s directory', async () => {
  await new EntriesFile(directory).save(SOME);
  writeFileSync(path.join(directory, NEW_ENTRIES_NAME), 'left over');
  expect(listDirectory(directory).foreign).toEqual([]);
  await new EntriesFile(directory).save(SOME);
  expect(existsSync(path.join(directory, NEW_ENTRIES_NAME))).toBe(false);
});

test('is synced before it is renamed, and the directory after', async () => {
  const files = new WatchedFiles();
  await new EntriesFile(directory, files).save(SOME);
  const order = files.events.filter((event) => /^(?:fsync|rename)/.test(event) && event.endsWith('returned'));
  expect(order).toEqual([
    `fsync ${NEW_ENTRIES_NAME} returned`,
    expect.stringMatching(/^rename/),
    expect.stringMatching(/^fsync .*returned/),
  ]);
});

test.each([
  ['open', { error: 'EACCES' }],
  ['write', { error: 'ENOSPC', written: 20 }],
  ['write', { short: 10 }],
  ['fsync', { error: 'EIO' }],
  ['rename', { error: 'EIO' }],
  ['unlink', { error: 'EIO' }],
] as [keyof Files, NonNullable<ReturnType<WatchedFiles['trick']>>][])(
  'a failed %s is a Fault; what was there stays, and the next save succeeds',
  async (name, trick) => {
    const files = new WatchedFiles();
    const entries = new EntriesFile(directory, files);
    await entries.save(SOME);
    files.trick = (call) => (call.name === name ? trick : undefined);
    await expect(entries.save([])).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringContaining(file) as string,
    });
    expect(loadEntries(directory)).toEqual(SOME);
    files.release();
    await entries.save([]);
    expect(loadEntries(directory)).toEqual([]);
  },
);

/** A file with these lines between its head and its checksum, which is right. */
function withLines(...lines: string[]): string {
  const body = `{"format":"dracd entries","version":1,"entries":[\n${lines.join(',\n')}\n],\n`;
  return `${body}"crc32":"${crc32(body).toString(16).padStart(8, '0')}"}\n`;
}

describe('refused with what to do', () => {
  const line = JSON.stringify(entry('192.0.2.7'));
  const changed = (change: object): string => JSON.stringify({ ...entry('192.0.2.7'), ...change });

  test.each([
    ['another version', withLines(line).replace('"version":1', '"version":2'), 'does not begin'],
    ['no end', withLines(line).slice(0, -3), 'its end is missing'],
    ['nothing', '', 'does not begin'],
    ['a flipped bit', withLines(line).replace('192.0.2.7', '192.0.2.6'), 'its checksum is wrong'],
    ['no JSON', withLines('{'), 'JSON'],
    ['no entry', withLines('1'), 'entry 1 is none'],
    ['an unknown kind', withLines(line, changed({ kind: 'allow' })), 'entry 2 is none'],
    ['an unknown key', withLines(changed({ more: 1 })), 'entry 1 is none'],
    ['host bits', withLines(changed({ subject: '192.0.2.7/24' })), 'entry 1 is none'],
    ['an address that is not canonical', withLines(changed({ subject: '2001:DB8::1' })), 'entry 1 is none'],
    ['a time that is none', withLines(changed({ createdAt: '1' })), 'entry 1 is none'],
    ['a grant without an end', withLines(changed({ kind: 'grant' })), 'entry 1 is none'],
    ['a reason that is too long', withLines(changed({ reason: 'x'.repeat(1_001) })), 'entry 1 is none'],
    ['one twice', withLines(line, line), 'two entries of one kind'],
  ])('%s', (_, text, problem) => {
    writeFileSync(file, text);
    expect(() => loadEntries(directory)).toThrow(expect.objectContaining({ code: 'STORE' }) as Error);
    expect(() => loadEntries(directory)).toThrow(problem);
    expect(() => loadEntries(directory)).toThrow(/Put back a copy, or move it away/);
    expect(readFileSync(file, 'utf8')).toBe(text);
    // The same way of making one is accepted.
    writeFileSync(file, withLines(line));
    expect(loadEntries(directory)).toEqual([entry('192.0.2.7')]);
  });

  test('a directory, and a symbolic link', () => {
    mkdirSync(file);
    expect(() => loadEntries(directory)).toThrow('not a file');
    rmSync(file, { recursive: true });
    symlinkSync('/etc/hostname', file);
    expect(() => loadEntries(directory)).toThrow('ELOOP');
  });
});
