/** Commands after a publication, as real processes. The clock's time limit is moved by hand. */
import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command, LIMIT_MS, MAX_OUTPUT, RETRY_MS } from '../../../src/exports/command.js';
import { FakeClock } from '../../support/fake-clock.js';
import { recordingLog, type Said } from '../../support/live-map.js';
import { newDirectory, until } from '../../support/processes.js';

const directory = newDirectory('command');
const file = (name: string): string => path.join(directory, name);

interface Bench {
  readonly command: Command;
  readonly clock: FakeClock;
  readonly said: Said[];
  /** Lets the clock's last words pass until nothing runs. */
  readonly idle: () => Promise<void>;
}

function bench(words: readonly string[], input?: () => number): Bench {
  const clock = new FakeClock();
  const { log, said } = recordingLog();
  const command = new Command({ words, input, path: '/var/lib/dracd/relay.list', clock, log });
  const idle = async (): Promise<void> => {
    let over = false;
    void command.idle().then(() => (over = true));
    // Each end waits a moment of the clock's for the last words.
    await until('nothing runs', 10_000, () => {
      clock.advance(10);
      return over;
    });
  };
  return { command, clock, said, idle };
}

const sh = (script: string): string[] => ['sh', '-c', script];
const errors = (said: readonly Said[]): unknown[] =>
  said.filter(({ level }) => level === 'error').map(({ fields }) => fields);

test('runs the program with its arguments as they are: no shell', async () => {
  const { command, said, idle } = bench(['touch', '--', file('a b;$(echo c)')]);
  command.run();
  await idle();
  expect(existsSync(file('a b;$(echo c)'))).toBe(true);
  expect(said.map(({ level, event }) => [level, event])).toEqual([['debug', 'command: done']]);
});

test('in /, with a PATH and nothing else, reading nothing', async () => {
  const { command, idle } = bench(sh(`(pwd; env | sort; cat) > ${file('environment')}`));
  command.run();
  await idle();
  const [where, ...rest] = readFileSync(file('environment'), 'utf8').trim().split('\n');
  expect(where).toBe('/');
  expect(rest.map((line) => line.split('=')[0]).sort()).toEqual(['LC_ALL', 'PATH', 'PWD']);
});

test('reads what it is given', async () => {
  writeFileSync(file('input'), '192.0.2.7\n');
  const { command, idle } = bench(sh(`cat > ${file('copy')}`), () => openSync(file('input'), 'r'));
  command.run();
  await idle();
  expect(readFileSync(file('copy'), 'utf8')).toBe('192.0.2.7\n');
  command.run();
  await idle();
  expect(readFileSync(file('copy'), 'utf8')).toBe('192.0.2.7\n');
});

test('what cannot be read is a failure, and no descriptor stays open', async () => {
  const { command, said, idle } = bench(['true'], () => openSync(file('missing'), 'r'));
  command.run();
  await idle();
  expect(errors(said)).toEqual([
    expect.objectContaining({ reason: expect.stringContaining('ENOENT') as string }),
  ]);
  writeFileSync(file('input'), '');
  const given: number[] = [];
  const second = bench(['no-such-program'], () => {
    given.push(openSync(file('input'), 'r'));
    return given[0] as number;
  });
  second.command.run();
  await second.idle();
  expect(errors(second.said)).toEqual([
    expect.objectContaining({ reason: expect.stringContaining('ENOENT') as string }),
  ]);
  expect(() => {
    closeSync(given[0] as number);
  }).toThrow(/EBADF/);
});

test('one at a time: runs asked for meanwhile become one more', async () => {
  const script = `test ! -e ${file('lock')} || echo overlap >> ${file('runs')}; touch ${file('lock')}; sleep 0.1; rm ${file('lock')}; echo run >> ${file('runs')}`;
  const { command, idle } = bench(sh(script));
  for (let i = 0; i < 10; i += 1) command.run();
  await idle();
  expect(readFileSync(file('runs'), 'utf8')).toBe('run\nrun\n');
});

test('a failure is told once, with what it said; another one again; and the end of it', async () => {
  const status = file('status');
  const { command, said, idle } = bench(
    sh(`echo out; echo "err $(cat ${status})" >&2; exit $(cat ${status})`),
  );
  for (const code of ['3', '3', '4', '0', '0']) {
    writeFileSync(status, code);
    command.run();
    await idle();
  }
  expect(
    said
      .filter(({ level }) => level !== 'debug')
      .map(({ level, event, fields }) => [level, event, fields['reason'], fields['output']]),
  ).toEqual([
    [
      'error',
      'command: failed, trying again',
      'exit status 3',
      expect.stringMatching(/^out\nerr 3$|^err 3\nout$/),
    ],
    ['error', 'command: failed, trying again', 'exit status 4', expect.stringContaining('err 4')],
    ['info', 'command: works again', undefined, undefined],
  ]);
});

test('one that is killed by a signal has failed', async () => {
  const { command, said, idle } = bench(sh('kill -TERM $$'));
  command.run();
  await idle();
  expect(errors(said)).toEqual([expect.objectContaining({ reason: 'ended by SIGTERM' })]);
});

test('one that says very much is not held up, and little of it is kept', async () => {
  const { command, said, idle } = bench(sh('head -c 5000000 /dev/zero | tr "\\0" x; exit 1'));
  command.run();
  await idle();
  const [told] = errors(said) as { output: string }[];
  expect(told?.output).toBe('x'.repeat(MAX_OUTPUT));
});

test('one that hangs is killed when its time is over, with all that it has started', async () => {
  const pids = file('pids');
  const { command, clock, said, idle } = bench(
    sh(`sleep 1000 & echo $! > ${pids}; echo $$ >> ${pids}; wait`),
  );
  command.run();
  await until(
    'it has started',
    5_000,
    () => existsSync(pids) && readFileSync(pids, 'utf8').split('\n').length === 3,
  );
  clock.advance(LIMIT_MS - 1);
  const alive = (): boolean[] =>
    readFileSync(pids, 'utf8')
      .trim()
      .split('\n')
      .map((pid) => isAlive(Number(pid)));
  expect(alive()).toEqual([true, true]);
  clock.advance(1);
  await idle();
  await until('all are gone', 5_000, () => alive().every((one) => !one));
  expect(errors(said)).toEqual([expect.objectContaining({ reason: 'not done within 10 s, killed' })]);
});

/** Whether a process runs; one that has ended but was not waited for does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('one that leaves its output open in the background has ended all the same', async () => {
  const { command, said, idle } = bench(sh(`sleep 1 & exit 0`));
  command.run();
  await idle();
  expect(said.map(({ event }) => event)).toEqual(['command: done']);
});

test('what failed is tried again every ten seconds, until it works', async () => {
  const flag = file('flag');
  const tries = file('tries');
  const { command, clock, said, idle } = bench(sh(`echo try >> ${tries}; test -e ${flag}`));
  const count = (): number => statSync(tries).size / 4;
  command.run();
  await idle();
  command.tick();
  await idle();
  expect(count()).toBe(1);
  clock.advance(RETRY_MS);
  command.tick();
  await idle();
  expect(count()).toBe(2);
  writeFileSync(flag, '');
  clock.advance(RETRY_MS);
  command.tick();
  await idle();
  clock.advance(RETRY_MS);
  command.tick();
  await idle();
  expect(count()).toBe(3);
  expect(said.filter(({ level }) => level !== 'debug').map(({ event }) => event)).toEqual([
    'command: failed, trying again',
    'command: works again',
  ]);
});
