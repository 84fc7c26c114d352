/** The programs as a person or a script runs them: flags, exit statuses, messages. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { version } from '../../src/version.js';
import { Daemon, killAll } from '../support/daemon.js';
import { blocks } from '../support/page.js';
import { dump, lookup } from '../support/postmap.js';
import {
  MAIN,
  ROOT,
  childEnvironment,
  freePort,
  inMinutes,
  newDirectory,
  run,
  until,
} from '../support/processes.js';

const DRACAUTH = path.join(ROOT, 'dist/dracauth.js');
const dracd = (...args: string[]) => run([process.execPath, MAIN, ...args]);
/** The same when a grant of ten minutes is over. */
const dracdLater = (...args: string[]) => run([...inMinutes(11), process.execPath, MAIN, ...args]);
const dracauth = (args: string[], env: Record<string, string> = {}) =>
  run([process.execPath, DRACAUTH, ...args], { env });

afterAll(killAll);

describe('dracd', () => {
  test('--version and --help', async () => {
    expect(await dracd('--version')).toMatchObject({ code: 0, stdout: `dracd ${version()}\n` });
    expect((await dracd('--help')).stdout).toContain('--expire-map');
  });

  test.each([
    [['-e', '0'], 'minutes'],
    [['-e', '-5'], 'minutes'],
    [['-e', 'x'], 'minutes'],
    [['--no-such-flag'], 'unknown option'],
    [['/etc/mail/dracd'], 'must end in .db'],
    [['/etc/mail/dracd.db', '/etc/mail/other.db'], 'too many arguments'],
  ])('%j is refused with exit status 2', async (args, words) => {
    const ended = await dracd(...args);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(words);
  });

  test('--check-config reports all mistakes, and exit status 2', async () => {
    const directory = newDirectory('check');
    const file = path.join(directory, 'dracd.toml');
    writeFileSync(file, '[rpc]\nport = -1\n[log]\nlevel = "loud"\n');
    const ended = await dracd('--check-config', '--config', file);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toContain(`${file}: key rpc.port = -1: must be a whole number from 0 to 65535`);
    expect(ended.stderr).toContain(`${file}: key log.level = "loud": must be`);
    writeFileSync(file, '[rpc]\nport = 4711\n');
    expect(await dracd('--check-config', '--config', file)).toMatchObject({
      code: 0,
      stdout: `${file}: ok\n`,
    });
    expect((await dracd('--check-config', '--config', `${file}.missing`)).code).toBe(2);
  });

  test('runs without any configuration, with its state in ./var', async () => {
    const directory = newDirectory('bare');
    const child = run(['timeout', '--signal=TERM', '4', process.execPath, MAIN], { cwd: directory });
    const map = path.join(directory, 'var/relay.lmdb');
    await until('a map under ./var', 4_000, () => existsSync(map));
    expect((await dump(map)).size).toBe(0);
    const ended = await child;
    expect(ended.stdout).toContain('"event":"ready"');
    expect(ended.stdout).toContain('"event":"stopped"');
    expect(statSync(path.join(directory, 'var/journal')).mode & 0o777).toBe(0o750);
  });

  test('an allow file that cannot be read is exit status 2, and names the file', async () => {
    const directory = newDirectory('allow');
    const file = path.join(directory, 'dracd.toml');
    mkdirSync(path.join(directory, 'allow'));
    writeFileSync(
      file,
      `[rpc]\nrpcbind = "off"\n[reporters]\nallow_file = "${directory}/allow"\n[store]\ndirectory = "${directory}/journal"\n[[exports]]\nformat = "lmdb"\npath = "${directory}/relay.lmdb"\n`,
    );
    const ended = await dracd('--config', file);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(`${directory}/allow: key reporters.allow_file: cannot be read`);
  });

  test('-i forgets all grants; without it they are there again', async () => {
    const first = await Daemon.start();
    expect((await dracauth(['-p', String(first.port), '10.1.1.1'])).code).toBe(0);
    await first.stop();
    const second = await Daemon.start({ directory: first.directory });
    expect(await lookup(second.mapPath, '10.1.1.1')).toMatch(/^\d+$/);
    await second.stop();
    const forgetting = spawn(process.execPath, [MAIN, '-i', '--config', first.configFile], {
      env: childEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(forgetting, 'exit');
    let said = '';
    forgetting.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    await until('it is ready', 10_000, () => said.includes('"event":"ready"'));
    expect((await dump(first.mapPath)).size).toBe(0);
    forgetting.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    const third = await Daemon.start({ directory: first.directory });
    expect((await dump(third.mapPath)).size).toBe(0);
    await third.stop();
  });

  test('--expire-map takes out what is over, keeps what is not, and leaves a running daemon alone', async () => {
    const daemon = await Daemon.start({ lifetime: '10m' });
    expect((await dracauth(['-p', String(daemon.port), '10.1.1.2'])).code).toBe(0);
    const live = await dracd('--expire-map', '--config', daemon.configFile);
    expect(live.code).toBe(0);
    expect(live.stdout).toContain('a daemon runs');
    await daemon.kill();
    expect((await dump(daemon.mapPath)).size).toBe(1);
    expect((await dracd('--expire-map', '--config', daemon.configFile)).code).toBe(0);
    expect((await dump(daemon.mapPath)).size).toBe(1);
    expect((await dracdLater('--expire-map', '--config', daemon.configFile)).code).toBe(0);
    expect((await dump(daemon.mapPath)).size).toBe(0);
  });

  test('--expire-map takes out what is over also when the allow file cannot be read, and says so', async () => {
    const daemon = await Daemon.start({ lifetime: '10m' });
    expect((await dracauth(['-p', String(daemon.port), '10.1.1.2'])).code).toBe(0);
    await daemon.kill();
    // A directory can be read by nobody, root included.
    mkdirSync(path.join(daemon.directory, 'dracd.allow'));
    const refused = await dracd('--config', daemon.configFile);
    expect(refused.code).toBe(2);
    expect((await dump(daemon.mapPath)).size).toBe(1);
    const ended = await dracdLater('--expire-map', '--config', daemon.configFile);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('reporters.allow_file');
    expect((await dump(daemon.mapPath)).size).toBe(0);
  });
});

describe('dracauth', () => {
  let daemon: Daemon;
  beforeAll(async () => {
    daemon = await Daemon.start({ addresses: ['127.0.0.1', '::1'] });
  });

  test.each([[[]], [['--tcp']]])('reports IPv4 and IPv6 with %j', async (extra) => {
    const ended = await dracauth([
      '-p',
      String(daemon.port),
      '-s',
      '127.0.0.1',
      ...extra,
      '10.2.0.1',
      '2001:db8::21',
    ]);
    expect(ended).toMatchObject({
      code: 0,
      stdout: '10.2.0.1: success\n2001:db8::21: success\n',
      stderr: '',
    });
    expect(await lookup(daemon.mapPath, '2001:db8::21')).toMatch(/^\d+$/);
  });

  test('over IPv6', async () => {
    expect((await dracauth(['-s', '::1', '-p', String(daemon.port), '10.2.0.2'])).code).toBe(0);
  });

  test('takes IP, then TCPREMOTEIP, from the environment', async () => {
    const port = ['-p', String(daemon.port)];
    expect((await dracauth(port, { IP: '10.2.0.3', TCPREMOTEIP: '10.2.0.4' })).stdout).toBe(
      '10.2.0.3: success\n',
    );
    expect((await dracauth(port, { TCPREMOTEIP: '10.2.0.4' })).stdout).toBe('10.2.0.4: success\n');
  });

  test('who cannot be told the answers has all addresses reported all the same', async () => {
    const clients = ['10.2.0.6', '10.2.0.7', '10.2.0.8'];
    const words = [process.execPath, DRACAUTH, '-p', String(daemon.port), ...clients];
    const ended = await run(['sh', '-c', 'exec "$@" > /dev/full', 'sh', ...words]);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    for (const client of clients) expect(await lookup(daemon.mapPath, client)).toMatch(/^\d+$/);
  });

  test('the exit status is the answer, of several the highest', async () => {
    const ended = await dracauth(['-p', String(daemon.port), '127.0.0.9', '10.2.0.5']);
    expect(ended).toMatchObject({ code: 1, stdout: '127.0.0.9: permission denied\n10.2.0.5: success\n' });
  });

  test.each([[[]], [['010.0.0.1']], [['localhost']], [['-p', '70000', '10.0.0.1']], [['--nonsense']]])(
    '%j is a usage error: 64',
    async (args) => {
      const ended = await dracauth(args);
      expect(ended.code).toBe(64);
      expect(ended.stderr).not.toBe('');
    },
  );

  test('through a link, as the README installs it', async () => {
    const bin = newDirectory('bin');
    for (const [name, target] of [
      ['dracd', MAIN],
      ['dracauth', DRACAUTH],
    ] as const) {
      const link = path.join(bin, name);
      symlinkSync(target, link);
      expect(await run([link, '--version'])).toMatchObject({ code: 0, stderr: '' });
    }
  });

  test("the page's post-login script reports, and becomes the program it was given", async () => {
    const bin = newDirectory('postlogin');
    const script = blocks('docs/reporters.md', 'Dovecot').find(({ language }) => language === 'sh');
    writeFileSync(path.join(bin, 'postlogin'), script?.text ?? '', { mode: 0o755 });
    // What rpcbind would tell it.
    const told = `#!/bin/sh\nexec ${process.execPath} ${DRACAUTH} -p ${daemon.port} "$@"\n`;
    writeFileSync(path.join(bin, 'dracauth'), told, { mode: 0o755 });
    const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, IP: '10.2.0.6' };
    const ended = await run([path.join(bin, 'postlogin'), 'echo', 'the', 'mailbox'], { env });
    expect(ended).toMatchObject({ code: 0, stdout: 'the mailbox\n', stderr: '' });
    await until('it is granted', 5_000, async () => (await lookup(daemon.mapPath, '10.2.0.6')) !== undefined);
  });

  test('a name with several addresses: the next is tried when one does not answer', async () => {
    const only6 = await Daemon.start({ addresses: ['::1'] });
    const only4 = await Daemon.start({ addresses: ['127.0.0.1'] });
    const hosts = path.join(newDirectory('hosts'), 'hosts');
    writeFileSync(hosts, '127.0.0.1 dracd.test\n::1 dracd.test\n');
    const named = ['unshare', '--mount', 'sh', '-c', `mount --bind ${hosts} /etc/hosts && exec "$@"`, 'sh'];
    for (const { port } of [only6, only4]) {
      for (const transport of [[], ['--tcp']]) {
        const words = ['-s', 'dracd.test', ...transport, '-p', String(port), '10.2.0.7'];
        const ended = await run([...named, process.execPath, DRACAUTH, ...words]);
        expect(ended).toMatchObject({ code: 0, stderr: '' });
      }
    }
    await only6.stop();
    await only4.stop();
  });

  test('no server: 69; no answer: 75', async () => {
    const port = String(await freePort());
    expect((await dracauth(['--tcp', '-p', port, '10.0.0.1'])).code).toBe(69);
    expect((await dracauth(['-p', port, '-t', '1', '-s', '192.0.2.300', '10.0.0.1'])).code).toBe(69);
    daemon.signal('SIGSTOP');
    expect((await dracauth(['-p', String(daemon.port), '-t', '1', '10.0.0.1'])).code).toBe(75);
    daemon.signal('SIGCONT');
  });
});
