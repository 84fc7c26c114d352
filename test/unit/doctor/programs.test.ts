/** Other programs: their end, their words, and the end of their time. */
import { Programs } from '../../../src/doctor/programs.js';
import { systemClock } from '../../../src/runtime/clock.js';

const programs = new Programs(systemClock, 30_000);
const sh = programs.find('sh') ?? '';

test('found in the directories of the system, whatever PATH says', () => {
  expect(sh).toMatch(/^\/(?:usr\/)?bin\/sh$/);
  expect(programs.find('no-such-program')).toBeUndefined();
});

test('status, output and the last complaint', async () => {
  expect(await programs.run(sh, ['-c', 'echo out; echo one >&2; echo two >&2; exit 3'])).toEqual({
    status: 3,
    stdout: 'out\n',
    complaint: 'two',
  });
});

test('nothing of the environment is handed on', async () => {
  process.env['DRACD_SECRET'] = 'x';
  const { stdout } = await programs.run(sh, ['-c', 'env']);
  delete process.env['DRACD_SECRET'];
  expect(stdout).toContain('LC_ALL=C');
  expect(stdout).not.toContain('DRACD_SECRET');
});

test('one that cannot be run, one that hangs, one that never ends talking', async () => {
  expect((await programs.run('/nonexistent', [])).complaint).toContain('ENOENT');
  expect(await new Programs(systemClock, 50).run(sh, ['-c', 'exec sleep 60'])).toEqual({
    status: undefined,
    stdout: '',
    complaint: 'no end within 50 ms',
  });
  const talker = await programs.run(sh, ['-c', 'exec yes']);
  expect(talker.status).toBe(0);
  expect(talker.stdout.length).toBeGreaterThan(256 * 1024);
});
