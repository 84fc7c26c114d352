/** writer - lines get to the file, through crashes, full disks, days and moved files; what cannot is counted. */
import { chmodSync, mkdirSync, renameSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { recordIn } from '../../../src/audit/record.js';
import { FAKE_EPOCH_MS } from '../../support/fake-clock.js';
import { newDirectory } from '../../support/processes.js';
import { DAY_MS, disk, Writing } from './writing.js';

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const TODAY = dayOf(FAKE_EPOCH_MS);

test('lines are written in order, to a file of mode 0640, appended to what is there', async () => {
  const first = new Writing();
  await first.writer.start();
  const lines = Array.from({ length: 3_000 }, (_, i) => first.line('grant', `10.0.0.${i}`));
  for (const line of lines) first.writer.add(line);
  await first.writer.stop();
  expect(first.read()).toBe(lines.join(''));
  expect(statSync(first.file).mode & 0o777).toBe(0o640);

  const second = new Writing({ directory: first.directory });
  await second.writer.start();
  const more = second.line();
  second.writer.add(more, true);
  await second.writer.stop();
  expect(second.read()).toBe(lines.join('') + more);
  expect(second.said).toEqual([]);
});

test('each file that is opened begins with the head', async () => {
  const head = () => ['head 1\n', 'head 2\n'][Symbol.iterator]() as Iterator<string, undefined>;
  const one = new Writing({ head });
  await one.writer.start();
  const lines = [one.line(), one.line()];
  one.writer.add(lines[0] ?? '');
  expect(await one.writer.complete()).toBe(true);
  one.writer.add(lines[1] ?? '');
  await one.writer.stop();
  expect(one.read(`audit.jsonl.${TODAY}.1`)).toBe(`head 1\nhead 2\n${lines[0] ?? ''}`);
  expect(one.read()).toBe(`head 1\nhead 2\n${lines[1] ?? ''}`);
});

test('a torn last line is closed off', async () => {
  const one = new Writing();
  const whole = one.line();
  writeFileSync(one.file, whole + whole.slice(0, 30));
  await one.writer.start();
  one.writer.add(whole);
  await one.writer.stop();
  expect(one.read()).toBe(`${whole}${whole.slice(0, 30)}\n${whole}`);
});

test('a file is completed when its day is over, by the day of its first record, and at its size', async () => {
  const one = new Writing({ maxFileBytes: 200 });
  const yesterday = one.maker.line({ at: FAKE_EPOCH_MS - DAY_MS, kind: 'grant' });
  writeFileSync(one.file, yesterday);
  await one.writer.start();
  for (let i = 0; i < 3; i += 1) {
    for (let k = 0; k < 3; k += 1) one.writer.add(one.line());
    await one.writer.flush();
  }
  one.clock.advance(DAY_MS);
  one.writer.add(one.line());
  await one.writer.stop();
  const old = dayOf(FAKE_EPOCH_MS - DAY_MS);
  expect(one.names()).toEqual([
    'audit.jsonl',
    `audit.jsonl.${old}.1`,
    `audit.jsonl.${TODAY}.1`,
    `audit.jsonl.${TODAY}.2`,
    `audit.jsonl.${TODAY}.3`,
  ]);
  expect(one.read(`audit.jsonl.${old}.1`)).toBe(yesterday);
  expect(one.read().split('\n')).toHaveLength(2);
});

test('complete files are removed when the whole of their day is older than the retention', async () => {
  const one = new Writing({ retentionMs: 2 * DAY_MS });
  const name = (days: number, number = 1): string =>
    `audit.jsonl.${dayOf(FAKE_EPOCH_MS - days * DAY_MS)}.${number}`;
  const foreign = [
    'audit.jsonl.gz',
    'audit.jsonl.2000-01-01',
    'other.2000-01-01.1',
    'audit.jsonl.2000-99-99.1',
  ];
  for (const file of [name(4), name(3), name(3, 2), name(2), name(1), `${name(4)}.new`, ...foreign])
    writeFileSync(path.join(one.directory, file), 'x\n');
  await one.writer.start();
  await one.writer.stop();
  expect(one.names()).toEqual([...foreign, 'audit.jsonl', name(2), name(1)].sort());
});

test('a file that was moved or removed is opened anew', async () => {
  const one = new Writing();
  await one.writer.start();
  const write = async (): Promise<string> => {
    const line = one.line();
    one.clock.advance(3_000);
    one.writer.add(line);
    await one.writer.flush();
    return line;
  };
  const first = await write();
  renameSync(one.file, path.join(one.directory, 'moved'));
  const second = await write();
  expect(one.read()).toBe(second);
  expect(one.read('moved')).toBe(first);
  unlinkSync(one.file);
  const third = await write();
  expect(one.read()).toBe(third);
  await one.writer.stop();
  expect(one.said).toEqual([]);
});

test('a full disk: one line in the log, lines wait, are written when there is room, and none is torn or twice', async () => {
  const full = disk(500);
  const one = new Writing({ on: full });
  await one.writer.start();
  const lines: string[] = [];
  for (let i = 0; i < 30; i += 1) {
    lines.push(one.line('grant', `10.0.0.${i}`));
    one.writer.add(lines.at(-1) ?? '');
    one.clock.advance(1_100);
    await one.writer.flush();
  }
  expect(one.read()).toHaveLength(500);
  expect(one.writer.degraded).toContain('no space left on device');
  expect(one.said.map(({ level }) => level)).toEqual(['error']);
  full.room = 333;
  await one.writer.flush();
  expect(one.writer.degraded).toContain('no space');
  full.room = Infinity;
  await one.writer.flush();
  expect(one.read()).toBe(lines.join(''));
  expect(one.writer.degraded).toBeUndefined();
  expect(one.said.map(({ level }) => level)).toEqual(['error', 'info']);
  await one.writer.stop();
});

test('what cannot be kept is counted, and told of in the file when there is room again', async () => {
  const full = disk(0);
  const one = new Writing({ on: full, maxHeldBytes: 1_000 });
  await one.writer.start();
  const lines = Array.from({ length: 50 }, (_, i) => one.line('grant', `10.0.0.${i}`));
  one.writer.add(lines[0] ?? '');
  await one.writer.flush();
  const from = one.clock.wall();
  for (const line of lines.slice(1)) one.writer.add(line);
  one.clock.advance(5_000);
  const { lost } = one.writer;
  expect(lost).toBeGreaterThan(30);
  expect(one.writer.hasRoom).toBe(false);
  full.room = Infinity;
  await one.writer.flush();
  const later = one.line('pin');
  one.writer.add(later);
  await one.writer.stop();
  const read = one
    .read()
    .split('\n')
    .filter((line) => line !== '');
  expect(read).toHaveLength(50 - lost + 2);
  expect(`${read.slice(0, 50 - lost).join('\n')}\n`).toBe(lines.slice(0, 50 - lost).join(''));
  const gap = recordIn(read.at(-2) ?? '');
  expect(gap).toMatchObject({ kind: 'gap', from, at: one.clock.wall(), count: lost });
  expect(gap?.reason).toContain('no space left on device');
  expect(read.at(-1)).toBe(later.trimEnd());
  expect(one.said.map(({ event }) => event)).toEqual([
    'audit: records cannot be written, and wait',
    'audit: records are written again',
  ]);
});

test('a disk that is too slow loses and tells too', async () => {
  const one = new Writing({ maxHeldBytes: 1_000 });
  await one.writer.start();
  for (let i = 0; i < 40; i += 1) one.writer.add(one.line());
  expect(one.writer.degraded).toContain('slowly');
  await one.writer.flush();
  expect(one.writer.degraded).toBeUndefined();
  expect(one.read()).toContain('"kind":"gap"');
  expect(one.said.map(({ level }) => level)).toEqual(['error', 'info']);
  await one.writer.stop();
});

test('a file that is replaced in the midst of a line gets the whole line', async () => {
  const full = disk(250);
  const one = new Writing({ on: full });
  await one.writer.start();
  const lines = Array.from({ length: 5 }, (_, i) => one.line('grant', `10.0.0.${i}`));
  for (const line of lines) one.writer.add(line);
  await one.writer.flush();
  renameSync(one.file, path.join(one.directory, 'moved'));
  full.room = Infinity;
  await one.writer.flush();
  const inOld = lines.filter((line) => one.read('moved').includes(line));
  expect(inOld.length).toBeGreaterThan(0);
  expect(one.read()).toBe(lines.slice(inOld.length).join(''));
  await one.writer.stop();
});

test('a file that cannot be completed is written on, said once, and completed later', async () => {
  const sick = { ...disk(), syncs: false };
  const one = new Writing({ on: sick, maxFileBytes: 100 });
  await one.writer.start();
  const lines = Array.from({ length: 6 }, () => one.line());
  for (const line of lines.slice(0, 5)) {
    one.writer.add(line);
    await one.writer.flush();
  }
  expect(await one.writer.complete()).toBe(false);
  expect(one.read()).toBe(lines.slice(0, 5).join(''));
  expect(one.writer.degraded).toContain('cannot be completed');
  expect(one.said.map(({ level }) => level)).toEqual(['error']);
  sick.syncs = true;
  one.clock.advance(61_000);
  // What the timer has begun may still go by the time of before.
  await one.writer.flush();
  await one.writer.flush();
  one.writer.add(lines[5] ?? '');
  await one.writer.flush();
  expect(one.read(`audit.jsonl.${TODAY}.1`)).toBe(lines.slice(0, 5).join(''));
  expect(one.read()).toBe(lines[5]);
  expect(one.writer.degraded).toBeUndefined();
  await one.writer.stop();
});

test.each([
  ['a directory that is not there', (directory: string) => path.join(directory, 'no', 'audit.jsonl')],
  [
    'a directory in its place',
    (directory: string) => {
      mkdirSync(path.join(directory, 'audit.jsonl'));
      return path.join(directory, 'audit.jsonl');
    },
  ],
  [
    'a link',
    (directory: string) => {
      symlinkSync('/tmp/elsewhere', path.join(directory, 'audit.jsonl'));
      return path.join(directory, 'audit.jsonl');
    },
  ],
])('the start fails for %s, and names the cure', async (_, prepare) => {
  const { LiveFile } = await import('../../../src/audit/live-file.js');
  const directory = newDirectory('audit');
  chmodSync(directory, 0o755);
  const one = new Writing({ file: new LiveFile(prepare(directory)) });
  await expect(one.writer.start()).rejects.toMatchObject({ code: 'CONFIG' });
  await expect(one.writer.start()).rejects.toThrow('Name a file in a directory that dracd may write in');
});

test('a full disk at the start is no reason not to start', async () => {
  const full = disk(0);
  const one = new Writing({ on: full });
  const before = `${one.line()}torn`;
  writeFileSync(one.file, before);
  await one.writer.start();
  expect(one.writer.degraded).toContain('no space');
  const line = one.line();
  one.writer.add(line);
  full.room = Infinity;
  await one.writer.flush();
  expect(one.read()).toBe(`${before}\n${line}`);
  await one.writer.stop();
});
