/** export, import - what comes out goes in again */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { EPOCH } from '../../support/operations.js';
import { newDirectory, run } from '../../support/processes.js';
import { closeAll } from '../admin/doors.js';
import { stand, type Standing } from './dracctl.js';

afterEach(closeAll);

/** Rows of every kind, with texts that need quotes. */
function fill({ operations }: Standing): void {
  operations.put('deny', '198.51.100.0/24', { reason: 'spam, "again"', author: 'ann' });
  operations.put('pin', '2001:db8::/48', { reason: 'office', user: 'zw\u00f6lf' });
  operations.put('grant', '192.0.2.7', { reason: 'ticket 7', user: '=1+1' });
  operations.put('grant', '192.0.2.8');
}

/** What can be imported of a row. */
const kept = ({ operations }: Standing): unknown[] =>
  [...operations.entries.values()]
    .map(({ kind, subject, reason, user, expiresAt }) => ({
      kind,
      subject,
      reason: reason ?? 'imported',
      user,
      // A lifetime is sent, so that what is left of it is a little less.
      hasEnd: expiresAt !== undefined,
    }))
    .sort((a, b) => (a.subject < b.subject ? -1 : 1));

const NAMES = ['rows.jsonl', 'rows.csv'];

test.each(NAMES)('%s: exported, checked, and imported into another dracd', async (name) => {
  const [from, to] = [await stand(), await stand()];
  fill(from);
  const file = path.join(newDirectory('rows'), name);
  expect(await from.ctl(['export', file])).toMatchObject({
    code: 0,
    stdout: '',
    stderr: `4 rows; what changes from here: dracctl watch --after ${EPOCH}:0\n`,
  });
  expect(lstatSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(path.dirname(file))).toEqual([name]);
  expect(await to.ctl(['import', '--dry-run', file])).toMatchObject({
    code: 0,
    stdout: 'would do: 1 deny, 1 pin, 2 grants\n',
  });
  expect(to.operations.calls).toEqual([]);
  expect(await to.ctl(['import', file])).toMatchObject({
    code: 0,
    stdout: '1 deny, 1 pin, 2 grants\n',
    stderr: '',
  });
  expect(kept(to)).toEqual(kept(from));
  expect(to.operations.calls.map(({ call }) => call)).toEqual(['deny', 'pin', 'authorize', 'authorize']);
  const lifetimes = to.operations.calls.flatMap(({ lifetimeMs }) => lifetimeMs ?? []) as number[];
  for (const ms of lifetimes) expect(ms).toBeLessThanOrEqual(3_600_000);
});

test('through pipes, with the format that is said or found', async () => {
  const [from, to] = [await stand(), await stand()];
  fill(from);
  for (const format of ['json', 'csv']) {
    const { stdout, stderr } = await from.ctl(['export', '--format', format]);
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toHaveLength(format === 'csv' ? 6 : 5);
    expect(await to.ctl(['import', '-', '--json'], { input: stdout })).toMatchObject({
      code: 0,
      stdout: '{"denies":1,"pins":1,"grants":2,"over":0,"denied":0,"wrong":0,"refused":0,"dryRun":false}\n',
    });
    expect(kept(to)).toEqual(kept(from));
  }
});

test('export: only some rows', async () => {
  const standing = await stand();
  fill(standing);
  const { stdout } = await standing.ctl(['export', '--format', 'csv', '--kind', 'grant']);
  const lines = stdout.trim().split('\n');
  expect(lines[0]).toBe('address,kind,expiresAt,reporter,reason,user,author,client,createdAt');
  expect(lines.slice(1).map((line) => line.split(',')[0])).toEqual(['192.0.2.7', '192.0.2.8']);
  expect((await standing.ctl(['export', '--within', '192.0.2.8'])).stdout.split('\n')).toHaveLength(2);
});

test('export: a link is followed, a device is written to, and what fails leaves nothing', async () => {
  const standing = await stand();
  fill(standing);
  const directory = newDirectory('rows');
  const at = (name: string): string => path.join(directory, name);
  writeFileSync(at('old'), 'before');
  symlinkSync(at('old'), at('link.csv'));
  expect((await standing.ctl(['export', at('link.csv')])).code).toBe(0);
  expect(lstatSync(at('link.csv')).isSymbolicLink()).toBe(true);
  expect(readFileSync(at('old'), 'utf8')).toMatch(/^address,kind/);
  expect((await standing.ctl(['export', '/dev/null'])).code).toBe(0);
  expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  expect(await standing.ctl(['export', at('none/rows.csv')])).toMatchObject({
    code: 73,
    stderr: expect.stringContaining('none/rows.csv cannot be made: ENOENT') as string,
  });
  expect(await standing.ctl(['export', '/dev/full'])).toMatchObject({
    code: 74,
    stderr: expect.stringMatching(/\/dev\/full cannot be written: ENOSPC/) as string,
  });
  expect((await standing.ctl(['export', at('x.csv'), '--within', '192.0.2.8/24'])).code).toBe(64);
  mkdirSync(at('directory'));
  expect((await standing.ctl(['export', at('directory')])).code).toBe(73);
  expect(existsSync(at('x.csv'))).toBe(false);
  expect(readdirSync(directory).sort()).toEqual(['directory', 'link.csv', 'old']);
});

test('two thousand rows, both ways', async () => {
  const [from, to] = [await stand(), await stand()];
  for (let n = 0; n < 2_000; n += 1) from.operations.put('deny', `10.9.${n >> 8}.${n & 255}`);
  const file = path.join(newDirectory('rows'), 'many.csv');
  expect((await from.ctl(['export', file])).code).toBe(0);
  expect(await to.ctl(['import', file])).toMatchObject({
    code: 0,
    stdout: '2000 denies, 0 pins, 0 grants\n',
  });
  expect([...to.operations.entries.keys()].sort()).toEqual([...from.operations.entries.keys()].sort());
});

test('an export whose reader has seen enough ends in silence', async () => {
  const { place, operations } = await stand();
  operations.many = 200_000;
  const ctl = `${process.execPath} dist/ctl.js --server ${place}`;
  const command = `${ctl} export | head -1; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = await run(['bash', '-c', command], { limitMs: 60_000 });
  expect(stdout).toMatch(/^\{"address":"11\.0\.0\.0".*\}\n0\n$/);
  expect(stderr).toBe('');
});

test('texts of every kind come back as they were, in both formats', async () => {
  const texts = [
    'a, b',
    '"quoted"',
    '""',
    "it's",
    '\u00e9t\u00e9 b\u00fcro',
    '\u65e5\u672c',
    '=1+1',
    ' led by a blank',
  ];
  for (const format of ['json', 'csv']) {
    const [from, to] = [await stand(), await stand()];
    for (const [n, reason] of texts.entries())
      from.operations.put('deny', `192.0.2.${n}`, { reason, user: reason });
    const { stdout } = await from.ctl(['export', '--format', format]);
    expect(await to.ctl(['import', '-'], { input: stdout })).toMatchObject({ code: 0, stderr: '' });
    expect(kept(to)).toEqual(kept(from));
  }
});
