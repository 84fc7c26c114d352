/** docs/dracctl.md - its examples are run as they stand there */
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { EXIT_TEXT } from '../../../src/ctl/exit.js';
import { blocks, section } from '../../support/page.js';
import { newDirectory, ROOT, run, until } from '../../support/processes.js';
import { closeAll } from '../admin/doors.js';
import { CTL, stand, type Standing, start, watched } from './dracctl.js';

afterEach(closeAll);

const PAGE = 'docs/dracctl.md';

/** Runs each line of a shell block where `dracctl` is the built program. */
async function play(
  { place }: Standing,
  text: string,
  directory: string,
): Promise<Record<string, number | null>> {
  symlinkSync(CTL, path.join(directory, 'dracctl'));
  const statuses: Record<string, number | null> = {};
  for (const line of text.trimEnd().split('\n')) {
    const env = { DRACCTL_SERVER: place, PATH: `${directory}:${process.env['PATH'] ?? ''}` };
    const { code, stderr } = await run(['sh', '-c', line], { cwd: directory, env, limitMs: 60_000 });
    expect(stderr).not.toContain('dracctl:');
    statuses[line.replace(/ +#.*/, '').replace('dracctl ', '')] = code;
  }
  return statuses;
}

const block = (heading: string, language: string): string =>
  blocks(PAGE, heading).find((one) => one.language === language)?.text ?? '';

test('first things', async () => {
  const standing = await stand();
  expect(await play(standing, block('First things', 'sh'), newDirectory('page'))).toEqual({
    'explain 192.0.2.7': 1,
    list: 0,
    'authorize 192.0.2.7 --reason "ticket 7"': 0,
    'deny 192.0.2.8 --reason spam --for 7d': 0,
    stats: 0,
  });
  expect([...standing.operations.entries.keys()]).toEqual(['grant 192.0.2.7', 'deny 192.0.2.8']);
  const [command = '', said = ''] = block('First things', '').split('\n');
  const { code, stderr } = await standing.ctl(command.replace('$ dracctl ', '').split(' '));
  expect({ code, stderr }).toEqual({ code: 64, stderr: `${said}\n` });
});

test('moving to another host', async () => {
  const standing = await stand();
  const directory = newDirectory('page');
  standing.operations.put('deny', '192.0.2.8', { reason: 'spam' });
  const statuses = await play(standing, block('Moving to another host, and backups', 'sh'), directory);
  expect(Object.values(statuses)).toEqual([0, 0, 0]);
  expect(standing.operations.calls).toMatchObject([{ call: 'deny', subject: '192.0.2.8', reason: 'spam' }]);
  const list = path.join(directory, 'list.csv');
  writeFileSync(list, block('Moving to another host, and backups', 'csv'));
  expect((await standing.ctl(['import', list])).stdout).toBe('1 deny, 1 pin, 0 grants\n');
});

test('following what changes', async () => {
  const standing = await stand();
  const [command = ''] = block('Following what changes', 'sh').split('\n');
  const following = start(standing.place, command.replace('dracctl ', '').split(' '));
  await watched(standing);
  const row = { kind: 'deny', subject: '192.0.2.8', reason: 'spam', expiresAt: undefined } as never;
  standing.operations.change('denied', row);
  await until('it is told', 60_000, () => following.lines().length > 0);
  const told = JSON.parse(following.lines()[0] ?? '') as object;
  const printed = JSON.parse(block('Following what changes', 'json')) as object;
  expect({ ...told, at: '', reason: '' }).toEqual({ ...printed, at: '', reason: '' });
  expect(await following.end()).toBe(0);
});

test('top', async () => {
  const standing = await stand();
  const line = block('top', 'sh').split('\n')[1]?.replace(/ +#.*/, '') ?? '';
  const { code, stdout } = await standing.ctl(line.replace('dracctl ', '').split(' '));
  expect(code).toBe(0);
  expect(stdout.trim().split('\n')).toHaveLength(2);
});

test('it tells of every command, and of the exit statuses that --help tells of', async () => {
  const help = (await run([process.execPath, CTL, '--help'])).stdout;
  const commands = [...help.matchAll(/^ {2}([a-z]+)(?:\|\w+)? .*$/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
  expect(commands.length).toBeGreaterThan(15);
  const table = section(PAGE, 'The commands');
  for (const name of commands) expect(table).toMatch(new RegExp('^\\| .*`' + name + '\\b', 'm'));
  const statuses = [...EXIT_TEXT.matchAll(/^ +(\d+) /gm)].map(([, n]) => n);
  const told = [...section(PAGE, 'Exit status').matchAll(/^\| (\d+) /gm)].map(([, n]) => n);
  expect(told).toEqual(statuses);
});

test('completions are for the shells that there are', () => {
  const shells = [...block('Completions', 'sh').matchAll(/^dracctl completion (\w+) > \/\S+$/gm)];
  expect(shells.map(([, shell]) => shell)).toEqual(['bash', 'zsh', 'fish']);
  expect(readFileSync(path.join(ROOT, 'README.md'), 'utf8')).toContain('docs/dracctl.md');
});
