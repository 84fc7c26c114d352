/**
 * operations-page - the walk of docs/operations.md, typed as it stands there into the built programs, and the answers that it shows
 *
 * What differs from day to day (times, how long something goes on, the operator's name) is not compared. The page's ports are
 * free ones here, rpcbind is left alone, and for `npm start` stands what it runs after the build.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Block, blocks, section, withNames } from '../support/page.js';
import { childEnvironment, freePort, MAIN, newDirectory, ROOT, run, until } from '../support/processes.js';

const PAGE = 'docs/operations.md';
const WAIT_MS = 60_000;
const WATCH = 'dracctl watch\n';
const DOCTOR = 'dracctl doctor --config var/dracd.toml\n';

const groups: ChildProcess[] = [];

afterEach(async () => {
  for (const child of groups.splice(0)) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, 'exit');
    process.kill(-child.pid, 'SIGKILL');
    await ended;
  }
});

/** Starts a shell in a process group of its own; what it has printed so far. */
function start(
  script: string,
  cwd: string,
): { readonly child: ChildProcess; readonly printed: () => string } {
  const child = spawn('sh', ['-c', script], {
    cwd,
    detached: true,
    env: childEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  groups.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (more: string) => (text += more));
  return { child, printed: () => text };
}

/** Without what differs each time. */
function shape(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z/g, 'TIME')
    .replace(/\b\d+[dhm] \d+[hms]\b/g, 'SPAN')
    .replace(/for \d+ \w+ more/g, 'for SPAN more')
    .replace(/^\d{10}$/gm, 'SECOND')
    .replace(/local \(says: \S+\)/g, 'local (says: SOMEBODY)')
    .replace(/(?<= )\d+\.\d(?=\s)/g, 'RATE')
    .replace(/ +/g, ' ');
}

/** Types the page's blocks one after another; those without a language are what has been printed until then. */
class Walk {
  readonly directory = newDirectory('walk');
  readonly #functions: string;
  /** What was printed since the last answer. */
  #printed = '';
  #watch: (() => string) | undefined;
  /** So many answers were compared. */
  answers = 0;

  constructor(functions: string) {
    this.#functions = functions;
  }

  async take({ language, text }: Block): Promise<void> {
    if (language === '') await this.#compare(text);
    else if (text === WATCH) await this.#beginWatch();
    else this.#printed += await this.type(text);
  }

  get printed(): string {
    return this.#printed;
  }

  async type(text: string): Promise<string> {
    const { stdout, stderr } = await run(['sh', '-c', this.#functions + text], { cwd: this.directory });
    expect(stderr).toBe('');
    return stdout;
  }

  async #beginWatch(): Promise<void> {
    this.#watch = start(this.#functions + WATCH, this.directory).printed;
    const watchers = async (): Promise<boolean> =>
      (JSON.parse(await this.type('dracctl --json stats')) as { watchers: number }).watchers > 0;
    await until('it watches', WAIT_MS, watchers);
  }

  async #compare(expected: string): Promise<void> {
    const watch = this.#watch;
    if (watch !== undefined) {
      await until('the watch tells of it', WAIT_MS, () => watch().endsWith('\n'));
      this.#printed = watch();
      this.#watch = undefined;
    }
    expect(shape(this.#printed)).toBe(shape(expected));
    this.#printed = '';
    this.answers += 1;
  }
}

test('the walk does what it says, and each answer is as it is shown', async () => {
  const [starting, functions, ...steps] = blocks(PAGE, 'Ten minutes');
  const [port, http] = [await freePort(), await freePort()];
  const typed = withNames(functions?.text ?? '', {
    'node dist/': `${process.execPath} ${ROOT}/dist/`,
    '4800': String(port),
  });
  const walk = new Walk(typed);
  const daemon = start(
    withNames(starting?.text ?? '', {
      '4800': `${port}\nrpcbind = "off"`,
      '[audit]': `[http]\nlisten = "127.0.0.1:${http}"\n[audit]`,
      'npm start --': `exec ${process.execPath} ${MAIN}`,
    }),
    walk.directory,
  );
  await until('it is ready', WAIT_MS, () => {
    if (daemon.child.exitCode !== null) throw new Error(`it has ended: ${daemon.printed()}`);
    return daemon.printed().includes('"event":"ready"');
  });
  const here = (text: string): string => text.replaceAll('127.0.0.1:9479', `127.0.0.1:${http}`);
  expect(steps.at(-1)?.text).toBe(DOCTOR);
  for (const { language, text } of steps.slice(0, -1)) await walk.take({ language, text: here(text) });
  expect(walk.answers).toBe(9);
  expect(walk.printed).toContain('203.0.113.9 could relay on ');
  const named = section(PAGE, 'For programs');
  for (const name of Object.keys(JSON.parse(await walk.type('dracctl --json stats')) as object))
    expect(named).toContain(`\`${name.replace(/^counted\..*/, 'counted.*')}\``);
  const found = await walk.type(DOCTOR);
  expect(found).toContain('operators are answered');
  expect(found).toContain(path.join(walk.directory, 'var/relay.lmdb'));

  // What the page says of an ordinary user who reads the files himself.
  const who = typed.replace('dracd() {', 'dracd() { setpriv --reuid=nobody --regid=nogroup --clear-groups');
  const refused = await run(['sh', '-c', `${who}dracd --who 203.0.113.9`], { cwd: walk.directory });
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('EACCES: permission denied');

  // What the page says of a pipe: the end, when dracd goes.
  const piped = start(`${typed}dracctl top`, walk.directory);
  await until('it has a line', WAIT_MS, () => piped.printed().split('\n').length > 2);
  daemon.child.kill('SIGTERM');
  await once(daemon.child, 'exit');
  await until('top has ended', WAIT_MS, () => piped.child.exitCode !== null);
  expect(piped.child.exitCode).toBe(69);
  expect(piped.printed()).toContain('dracctl: ');
  expect(daemon.child.exitCode).toBe(0);
  expect(readFileSync(path.join(walk.directory, 'var/audit.jsonl'), 'utf8')).toContain('"kind":"stop"');
  expect(untold(path.join(walk.directory, 'var/audit.jsonl'))).toEqual([]);
});

/** Records of a file that have a kind, or a key, that no example of docs/audit.md has. */
function untold(file: string): string[] {
  const known = new Map<string, Set<string>>();
  const read = (line: string): { kind: string; keys: string[] } => {
    const record = JSON.parse(line) as { kind: string };
    return { kind: record.kind, keys: Object.keys(record) };
  };
  const examples = blocks('docs/audit.md', 'What is recorded').find(({ language }) => language === 'json');
  for (const { kind, keys } of (examples?.text ?? '').trimEnd().split('\n').map(read))
    known.set(kind, new Set([...(known.get(kind) ?? []), ...keys]));
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .filter((line) => {
      const { kind, keys } = read(line);
      return !keys.every((key) => known.get(kind)?.has(key));
    });
}
