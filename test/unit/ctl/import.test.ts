/** import - a file is checked before anything is done, by itself and by dracd; mistakes have line numbers */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Fault } from '../../../src/core/fault.js';
import { diskFault } from '../../support/operations.js';
import { newDirectory } from '../../support/processes.js';
import { closeAll } from '../admin/doors.js';
import { stand } from './dracctl.js';

afterEach(closeAll);

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
  [
    '{"address":"192.0.2.1","kind":"deny","expiresAt":"2027-02-31T00:00:00Z"}',
    'expiresAt: must be a time such as',
  ],
  [
    '{"address":"192.0.2.1","kind":"deny","expiresAt":"2027-02-29T00:00:00+01:00"}',
    'expiresAt: must be a time',
  ],
  [
    '{"address":"192.0.2.1","kind":"deny","expiresAt":"2027-02-28T24:00:00Z"}',
    'expiresAt: must be a time such as',
  ],
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
  const input = [
    '{',
    GOOD,
    over,
    '',
    `{"address":"2001:db8::1:2","kind":"grant","expiresAt":"${IN_AN_HOUR}"}`,
  ].join('\n');
  expect(await ctl(['import', '-', '--partial', '--reason', 'moved here'], { input })).toMatchObject({
    code: 65,
    stdout: '1 deny, 0 pins, 1 grant; 1 is over; 1 is wrong\n',
    stderr: 'dracctl: -:1: is no JSON\ndracctl: 1 row of - left out\n',
  });
  expect(operations.calls).toMatchObject([
    { call: 'deny', subject: '192.0.2.99', reason: 'moved here', lifetimeMs: undefined },
    { call: 'authorize', subject: '2001:db8::1:2' },
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
    stdout: '1 deny, 0 pins, 0 grants\n',
  });
});

const rowsOf = (rows: readonly (readonly [string, string])[]): string =>
  ['address,kind', ...rows.map((row) => row.join(','))].join('\n');

test('what dracd would refuse is foreseen, line by line; then nothing is done, or with --partial the rest', async () => {
  const { ctl, operations } = await stand();
  operations.refusals.set('192.0.2.9', new Fault('REFUSED', '192.0.2.9 may never relay'));
  const input = rowsOf([
    ['192.0.2.1', 'pin'],
    ['192.0.2.9', 'pin'],
    ['192.0.2.2', 'deny'],
  ]);
  const line = 'dracctl: -:3: 192.0.2.9 may never relay\n';
  expect(await ctl(['import', '-', '--dry-run'], { input })).toMatchObject({
    code: 2,
    stdout: 'would do: 1 deny, 1 pin, 0 grants; 1 would be refused\n',
    stderr: `${line}dracctl: 1 row would be refused\n`,
  });
  expect(await ctl(['import', '-'], { input })).toMatchObject({
    code: 2,
    stderr: `${line}dracctl: 1 row would be refused; nothing was done\n  cure: mend the file, or say --partial to do the rest of it\n`,
  });
  expect(operations.calls).toEqual([]);
  expect(await ctl(['import', '-', '--partial'], { input })).toMatchObject({
    code: 2,
    stdout: '1 deny, 1 pin, 0 grants; 1 was refused\n',
    stderr: `${line}dracctl: 1 row was refused\n`,
  });
  expect(operations.calls.map(({ subject }) => subject)).toEqual(['192.0.2.2', '192.0.2.1']);
});

test('denies go first; a pin of what is denied goes with them, and a grant does not', async () => {
  const { ctl, operations } = await stand();
  const end = new Date(Date.now() + 3_600_000).toISOString();
  const input = `address,kind,expiresAt
192.0.2.1,grant,${end}
198.51.100.1,grant,${end}
192.0.2.1,pin,
192.0.2.0/24,deny,
192.0.2.0/23,pin,
`;
  expect(await ctl(['import', '-', '--json'], { input })).toMatchObject({
    code: 0,
    stdout: '{"denies":1,"pins":2,"grants":1,"over":0,"denied":1,"wrong":0,"refused":0,"dryRun":false}\n',
  });
  expect(operations.calls).toMatchObject([
    { call: 'deny', subject: '192.0.2.0/24' },
    { call: 'pin', subject: '192.0.2.1', evenIfDenied: true },
    { call: 'pin', subject: '192.0.2.0/23', evenIfDenied: true },
    { call: 'authorize', subject: '198.51.100.1' },
  ]);
});

test('room: pins and grants up to their limit, denies up to theirs, what is there already counted once', async () => {
  const { ctl, operations } = await stand();
  for (let n = 0; n < 9_998; n += 1) operations.put('pin', `10.9.${n >> 8}.${n & 255}`, { author: 'ann' });
  // Leases stand behind, and are no entries.
  operations.many = 5;
  const pins = ['10.9.0.0', '192.0.2.1', '192.0.2.2', '192.0.2.3'].map(
    (address) => [address, 'pin'] as const,
  );
  const input = rowsOf([...pins, ['192.0.2.4', 'deny']]);
  const { code, stdout, stderr } = await ctl(['import', '-', '--dry-run'], { input });
  expect({ code, stdout }).toEqual({
    code: 2,
    stdout: 'would do: 1 deny, 3 pins, 0 grants; 1 would be refused\n',
  });
  expect(stderr).toMatch(
    /^dracctl: -:5: there is no room for it: dracd keeps 10000 pins and grants .* 20000 entries\n/,
  );
  expect((await ctl(['import', '-'], { input })).stdout).toBe('0 denies, 0 pins, 0 grants; 1 was refused\n');
  expect(operations.calls).toEqual([]);
});

test('room is counted first: what there is none for is not asked about, but when what is before it is refused', async () => {
  const { ctl, operations } = await stand();
  for (let n = 0; n < 19_999; n += 1) operations.put('deny', `10.9.${n >> 8}.${n & 255}`, { author: 'ann' });
  const refuse = (address: string): void => {
    operations.refusals.set(address, new Fault('REFUSED', `${address} is refused`));
  };
  const denies = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => [address, 'deny'] as const);
  const input = rowsOf(denies);
  // Neither the second nor the third is asked about.
  refuse('192.0.2.2');
  refuse('192.0.2.3');
  const full = await ctl(['import', '-'], { input });
  expect(full).toMatchObject({ code: 2, stdout: '0 denies, 0 pins, 0 grants; 2 were refused\n' });
  expect(full.stderr).toMatch(
    /^dracctl: -:3: there is no room for it.*\ndracctl: -:4: there is no room for it/,
  );
  const dry = await ctl(['import', '-', '--dry-run'], { input });
  expect(dry.stdout).toBe('would do: 1 deny, 0 pins, 0 grants; 2 would be refused\n');
  expect(dry.stderr).not.toContain('is refused');
  // The first leaves its room to the second, and that to the third.
  refuse('192.0.2.1');
  operations.refusals.delete('192.0.2.3');
  const rest = await ctl(['import', '-', '--partial'], { input });
  expect(rest).toMatchObject({
    code: 2,
    stdout: '1 deny, 0 pins, 0 grants; 2 were refused\n',
    stderr: expect.stringMatching(
      /^dracctl: -:2: 192.0.2.1 is refused\ndracctl: -:3: 192.0.2.2 is refused\n/,
    ) as string,
  });
  expect(operations.calls).toMatchObject([{ call: 'deny', subject: '192.0.2.3' }]);
});

test('a deny of a good part of the world is asked about', async () => {
  const { ctl, operations } = await stand();
  const input = rowsOf([
    ['192.0.2.1', 'deny'],
    ['0.0.0.0/1', 'deny'],
  ]);
  expect(await ctl(['import', '-'], { input })).toMatchObject({
    code: 64,
    stdout: '0 denies, 0 pins, 0 grants\n',
    stderr: `dracctl: line 3 denies 0.0.0.0/1: mail for a good part of the world; nothing was done
  cure: say --yes if you mean it\n`,
  });
  const dry = await ctl(['import', '-', '--dry-run'], { input });
  expect(dry).toMatchObject({ code: 0, stdout: 'would do: 2 denies, 0 pins, 0 grants\n', stderr: '' });
  expect(operations.calls).toEqual([]);
  expect(await ctl(['import', '-', '--yes'], { input })).toMatchObject({ code: 0, stderr: '' });
  expect(operations.calls.map(({ subject }) => subject).sort()).toEqual(['0.0.0.0/1', '192.0.2.1']);
});

test('files without rows: nothing, blank lines, a heading alone', async () => {
  const { ctl, operations } = await stand();
  const directory = newDirectory('rows');
  for (const [name, text] of [
    ['empty.csv', ''],
    ['empty.jsonl', ''],
    ['heading.csv', 'address,kind\n'],
    ['blank.csv', '\n\n'],
    ['blank.jsonl', '\n \n'],
  ] as const) {
    const file = path.join(directory, name);
    writeFileSync(file, text);
    for (const extra of [[], ['--dry-run']])
      expect(await ctl(['import', file, ...extra])).toMatchObject({
        code: 0,
        stdout: `${extra.length > 0 ? 'would do: ' : ''}0 denies, 0 pins, 0 grants\n`,
        stderr: '',
      });
  }
  expect(operations.calls).toEqual([]);
});
