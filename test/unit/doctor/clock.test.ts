/**
 * What the witnesses of the time say, and a file from the future.
 *
 * The words are those of chronyc 4.3, timedatectl 252 and adjtimex 1.29.
 */
import { utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Examined } from '../../../src/doctor/check.js';
import { clock } from '../../../src/doctor/clock.js';
import type { Programs, Ran } from '../../../src/doctor/programs.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { newDirectory } from '../../support/processes.js';

/** A host that has these programs, each with what it prints. */
const host = (said: Readonly<Record<string, string>>): Pick<Programs, 'find' | 'run'> => ({
  find: (name) => (name in said ? name : undefined),
  run: (name): Promise<Ran> =>
    Promise.resolve({ status: said[name] === '' ? 1 : 0, stdout: said[name] ?? '', complaint: '' }),
});

async function told(
  said: Readonly<Record<string, string>>,
  store = newDirectory('clock'),
): Promise<string[]> {
  const examined: Partial<Examined> = {
    store,
    maps: [],
    clock: systemClock,
    programs: host(said) as Programs,
  };
  const found: string[] = [];
  for await (const { severity, what, key } of clock(examined as Examined))
    found.push(`${severity} ${what} (${key ?? ''})`);
  return found;
}

const CHRONY =
  'A29FC87B,162.159.200.123,4,1764108000.123,0.000012,-0.000003,0.000004,-3.1,0.001,0.02,0.01,0.0002,64.4,Normal\n';
const CHRONY_ALONE = '00000000,,0,0.000000000,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised\n';

test.each<[string, Readonly<Record<string, string>>, string]>([
  ['nobody can tell', {}, 'note whether the clock is synchronised could not be found out ()'],
  ['chronyc', { chronyc: CHRONY }, 'ok the clock is synchronised (chronyc)'],
  ['chronyc, alone', { chronyc: CHRONY_ALONE }, 'warning the clock is not synchronised (chronyc)'],
  [
    'a chronyc that fails and timedatectl',
    { chronyc: '', timedatectl: 'yes\n' },
    'ok the clock is synchronised (timedatectl)',
  ],
  ['timedatectl', { timedatectl: 'no\n' }, 'warning the clock is not synchronised (timedatectl)'],
  [
    'adjtimex',
    { adjtimex: '         mode: 0\n       status: 64\n' },
    'warning the clock is not synchronised (adjtimex)',
  ],
  [
    'adjtimex',
    { adjtimex: '         mode: 0\n       status: 8193\n' },
    'ok the clock is synchronised (adjtimex)',
  ],
])('%s', async (_, said, first) => {
  expect((await told(said))[0]).toBe(first);
});

test('a file from the future', async () => {
  const store = newDirectory('clock');
  const file = path.join(store, 'segment');
  writeFileSync(file, 'x');
  expect(await told({}, store)).toContain('ok no file is from the future ()');
  const ahead = systemClock.wall() / 1_000 + 3_600;
  utimesSync(file, ahead, ahead);
  expect((await told({}, store))[1]).toMatch(/^warning a file is from the future/);
});
