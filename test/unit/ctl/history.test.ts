/** history - the past of an address as `dracd --who` words it, and what it is forgotten with */
import { LineMaker } from '../../../src/audit/record.js';
import { Fault } from '../../../src/core/fault.js';
import { FIRST_RECORD, NOW } from '../../support/operations.js';
import { closeAll } from '../admin/doors.js';
import { stand } from './dracctl.js';

afterEach(closeAll);

const ADDRESS = '192.0.2.7';
const SINCE = new Date(NOW).toISOString();
const UNTIL = NOW + 60_000;
const granted = { author: 'ann', reason: 'ticket 7', user: 'joe', expiresAt: UNTIL };

test('words first, then the records as the files have them; the status is the verdict', async () => {
  const { ctl, operations } = await stand();
  operations.put('grant', ADDRESS, granted);
  const maker = new LineMaker();
  const { author, reason, user } = granted;
  const lines = [
    maker.line({ at: NOW, kind: 'grant', subject: ADDRESS, until: UNTIL, user, author, reason }),
    maker.line({ at: NOW + 2, kind: 'use', subject: ADDRESS, from: NOW + 1, count: 3, privacy: 'hashed' }),
  ];
  expect(await ctl(['history', ADDRESS, '--at', SINCE])).toMatchObject({
    code: 0,
    stdout: `${ADDRESS} could relay: ticket 7\n${lines.join('')}`,
    stderr: '',
  });
  expect(await ctl(['history', '192.0.2.8', '--at', SINCE])).toMatchObject({
    code: 1,
    stdout: '192.0.2.8 could not relay.\n',
  });
  const untold = await ctl(['history', ADDRESS, '--at', '2000-12-31 23:59+00:00']);
  expect(untold.code).toBe(2);
  expect(untold.stdout).toMatch(
    /^It cannot be told of 192\.0\.2\.7\.\n\{"at":"2000-12-31T23:59:00\.000Z","kind":"gap",/,
  );
});

test('--json: one object; times in any spelling', async () => {
  const { ctl, operations } = await stand();
  operations.put('grant', ADDRESS, granted);
  const { code, stdout } = await ctl([
    '--json',
    'history',
    '::ffff:192.0.2.7',
    '--at',
    '2026-09-21T16:13:20+02:00',
  ]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    address: ADDRESS,
    at: SINCE,
    verdict: 'permitted',
    words: `${ADDRESS} could relay: ticket 7`,
    onlyTo: '192.0.2.0/24',
    uses: 3,
    records: [
      {
        at: SINCE,
        kind: 'grant',
        subject: ADDRESS,
        until: new Date(UNTIL).toISOString(),
        user: 'joe',
        author: 'ann',
        reason: 'ticket 7',
      },
      {
        at: new Date(NOW + 2).toISOString(),
        kind: 'use',
        subject: ADDRESS,
        from: new Date(NOW + 1).toISOString(),
        count: 3,
        privacy: 'hashed',
      },
    ],
    gaps: [],
  });
  const long = new Date(FIRST_RECORD - 1).toISOString();
  const [untold = ''] = (await ctl(['--json', 'history', ADDRESS, '--at', long])).stdout.split('\n');
  expect(JSON.parse(untold)).toMatchObject({ verdict: 'unknown', at: long, gaps: [{ kind: 'gap' }] });
});

test('without --at: now', async () => {
  const { ctl } = await stand();
  const before = Date.now();
  const { stdout } = await ctl(['--json', 'history', ADDRESS]);
  const { at } = JSON.parse(stdout) as { at: string };
  expect(Date.parse(at)).toBeGreaterThanOrEqual(before);
  expect(Date.parse(at)).toBeLessThanOrEqual(Date.now());
});

test("somebody else's text is harmless on a terminal", async () => {
  const { ctl, operations } = await stand();
  operations.put('grant', ADDRESS, { ...granted, reason: '\u001b[2J\u009b31m\u202etxt' });
  for (const words of [[], ['--json']]) {
    const { code, stdout } = await ctl([...words, 'history', ADDRESS, '--at', SINCE]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^[\x20-\x7e\n]*$/);
    expect(stdout).toContain('txt');
  }
});

test('what cannot be answered: no audit, files that cannot be read', async () => {
  const { ctl, operations } = await stand();
  operations.fault = new Fault('CONFIG', 'audit.file is not set');
  expect(await ctl(['history', ADDRESS])).toMatchObject({
    code: 2,
    stderr: 'dracctl: audit.file is not set\n',
  });
  operations.fault = new Fault('STORE', 'the audit cannot be read: EIO');
  expect((await ctl(['history', ADDRESS])).code).toBe(75);
});

test('forget: what is gone, and that there was none', async () => {
  const { ctl, operations } = await stand();
  const words = ['forget', ADDRESS, '--reason', 'request 12'];
  operations.put('grant', ADDRESS);
  expect(await ctl(words)).toMatchObject({
    code: 0,
    stdout: '1 grant and 7 records are gone.\n',
    stderr: '',
  });
  expect(await ctl([...words, '--json'])).toMatchObject({ code: 1, stdout: '{"grants":0,"records":0}\n' });
  expect(operations.calls).toMatchObject(
    Array.from({ length: 2 }, () => ({ call: 'forget', client: ADDRESS, reason: 'request 12' })),
  );
});
