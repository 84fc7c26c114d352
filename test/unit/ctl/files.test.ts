/** export, import - what comes out goes in again; a file is checked before anything is done; mistakes have line numbers */
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
import { diskFault, EPOCH } from '../../support/operations.js';
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
    stdout: 'would do: 1 denies, 1 pins, 2 grants\n',
  });
  expect(to.operations.calls).toEqual([]);
  expect(await to.ctl(['import', file])).toMatchObject({
    code: 0,
    stdout: '1 denies, 1 pins, 2 grants\n',
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
      stdout: '{"denies":1,"pins":1,"grants":2,"over":0,"wrong":0,"refused":0,"dryRun":false}\n',
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

const IN_AN_HOUR = new Date(Date.now() + 3_600_000).toISOString();
const IN_YEARS = new Date(Date.now() + 400 * 86_400_000).toISOString();

/** A line of a file, and what is said of it. */
const WRONG = [
  ['{', 'is no JSON'],
  ['[]', 'is no JSON object'],
  ['{"address":1}', 'address: must be text'],
  ['{"adress":"192.0.2.1"}', 'has the unknown key "adress"; known are address, kind'],
  ['{"kind":"pin"}', 'address: must be an address or network'],
  ['{"address":"192.0.2.1","kind":"lease"}', 'kind: must be grant, pin or deny'],
  ['{"address":"192.0.2.7/24","kind":"deny"}', 'address: .*the network is 192.0.2.0/24'],
  ['{"address":"010.0.0.1","kind":"pin"}', 'address: .*no leading zeros'],
  ['{"address":"10.0.0.0/7","kind":"pin"}', 'address: 10.0.0.0/7 is too large to be let relay'],
  ['{"address":"192.0.2.1","kind":"grant"}', 'expiresAt: a grant must have an end'],
  ['{"address":"192.0.2.1","kind":"pin","expiresAt":"tomorrow"}', 'expiresAt: must be a time such as 2027'],
  [`{"address":"192.0.2.1","kind":"grant","expiresAt":"${IN_YEARS}"}`, 'expiresAt: .*to 7 days from now'],
  [`{"address":"192.0.2.1","kind":"deny","expiresAt":"${IN_YEARS}"}`, 'expiresAt: .*to 365 days from now'],
  ['{"address":"192.0.2.1","kind":"pin","reason":"a\\u0007"}', 'reason: has the character U\\+0007'],
  [`{"address":"192.0.2.1","kind":"pin","user":"${'x'.repeat(129)}"}`, 'user: has 129 characters'],
] as const;
const GOOD = '{"address":"192.0.2.99","kind":"deny"}';

test('every mistake of a file is told with its line, and nothing is done', async () => {
  const { ctl, operations } = await stand();
  const file = path.join(newDirectory('rows'), 'bad.jsonl');
  writeFileSync(file, [GOOD, ...WRONG.map(([line]) => line), GOOD].join('\n'));
  const { code, stdout, stderr } = await ctl(['import', file]);
  expect({ code, stdout }).toEqual({ code: 65, stdout: '' });
  const lines = stderr.split('\n');
  for (const [i, [, words]] of WRONG.entries())
    expect(lines[i]).toMatch(new RegExp(`^dracctl: ${file}:${i + 2}: ${words}`));
  expect(lines.slice(WRONG.length)).toEqual([
    `dracctl: ${file}:${WRONG.length + 2}: deny 192.0.2.99 is in line 1 already`,
    `dracctl: ${WRONG.length + 1} rows are wrong; nothing was done`,
    '  cure: mend the file, or say --partial to do the rest of it',
    '',
  ]);
  expect(operations.calls).toEqual([]);
});

test('--partial does the rest, and the exit status still tells', async () => {
  const { ctl, operations } = await stand();
  const over = '{"address":"192.0.2.1","kind":"grant","expiresAt":"2020-01-01T00:00:00Z"}';
  const input = ['{', GOOD, over, '', `{"address":"::1:2","kind":"grant","expiresAt":"${IN_AN_HOUR}"}`].join(
    '\n',
  );
  expect(await ctl(['import', '-', '--partial', '--reason', 'moved here'], { input })).toMatchObject({
    code: 65,
    stdout: '1 denies, 0 pins, 1 grants; 1 are over; 1 are wrong\n',
    stderr: 'dracctl: -:1: is no JSON\ndracctl: 1 rows of - were left out\n',
  });
  expect(operations.calls).toMatchObject([
    { call: 'deny', subject: '192.0.2.99', reason: 'moved here', lifetimeMs: undefined },
    { call: 'authorize', subject: '::1:2' },
  ]);
});

test('CSV: columns in any order, some left out; what is wrong with them', async () => {
  const { ctl, operations } = await stand();
  const good = 'kind,reason,address\r\npin,"two\nlines"x,192.0.2.1\r\ndeny,"a, b",192.0.2.2\r\n';
  expect((await ctl(['import', '-', '--dry-run'], { input: good })).stderr).toContain(
    '-:2: has a quote in the',
  );
  expect(await ctl(['import', '-'], { input: good.replace('"x', '"') })).toMatchObject({
    code: 65,
    stderr: expect.stringContaining('-:2: reason: has the character U+000A') as string,
  });
  expect((await ctl(['import', '-'], { input: good.replace('"two\nlines"x', 'office') })).code).toBe(0);
  expect(operations.calls).toMatchObject([
    { subject: '192.0.2.2', reason: 'a, b' },
    { subject: '192.0.2.1', reason: 'office' },
  ]);
  const said = async (input: string): Promise<string> =>
    (await ctl(['import', '-', '--format', 'csv'], { input })).stderr;
  expect(await said('kind,adress\n')).toContain('-:1: has the unknown column "adress"');
  expect(await said('kind,kind,address\n')).toContain('-:1: names a column twice');
  expect(await said('192.0.2.1\n')).toContain('-:1: has the unknown column "192.0.2.1"');
  expect(await said('reason\nx\n')).toContain('-:1: the first line must name the columns');
  expect(await said('kind,address\npin\n')).toContain('-:2: has 1 fields; the heading has 2');
  expect(await said('kind,address\npin,"x\n')).toContain('-:2: has a quote that is never closed');
});

test('more mistakes than can be read are counted', async () => {
  const { ctl } = await stand();
  const { stderr } = await ctl(['import', '-'], { input: '{\n'.repeat(50) });
  expect(stderr.split('\n').slice(19, 22)).toEqual([
    'dracctl: -:20: is no JSON',
    'dracctl: and 30 more',
    'dracctl: 50 rows are wrong; nothing was done',
  ]);
});

test('a file that is not there, and one without rows', async () => {
  const { ctl } = await stand();
  expect(await ctl(['import', '/nowhere/rows.csv'])).toMatchObject({
    code: 66,
    stderr: expect.stringContaining('/nowhere/rows.csv cannot be read: ENOENT') as string,
  });
  expect(await ctl(['import', '-'], { input: '' })).toMatchObject({
    code: 0,
    stdout: '0 denies, 0 pins, 0 grants\n',
  });
});

test('what the daemon cannot do stops it, with the line; the file can be imported again', async () => {
  const { ctl, operations } = await stand();
  operations.fault = diskFault();
  const again = await ctl(['import', '-'], { input: GOOD });
  expect(again).toMatchObject({ code: 75, stdout: '0 denies, 0 pins, 0 grants\n' });
  expect(again.stderr).toContain('dracctl: -:1: journal: the disk refuses writes: ENOSPC');
  expect(await ctl(['import', '-'], { input: GOOD })).toMatchObject({
    code: 0,
    stdout: '1 denies, 0 pins, 0 grants\n',
  });
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
