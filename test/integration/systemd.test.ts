/**
 * systemd - the unit files, what the daemon tells a service manager, and the one-shot that expires the map
 */
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { NotifySocket } from '../support/notify-socket.js';
import { blocks } from '../support/page.js';
import { dump, lookup } from '../support/postmap.js';
import { MAIN, ROOT, mustRun, newDirectory, pause, run, until } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const UNITS = path.join(ROOT, 'systemd');
/** Each service with the most that it may be exposed, times ten. rpc-dracd runs as root, as the original did. */
const services = [
  ['dracd.service', 15],
  ['dracd-expire.service', 15],
  ['rpc-dracd.service', 21],
  ['rpc-dracd-expire.service', 15],
] as const;
const units = [...services.map(([unit]) => unit), 'dracd-expire.timer', 'rpc-dracd-expire.timer'] as const;

afterAll(killAll);

/** The units as they are supplied, but for this machine's Node, wherever that is; and drop-ins for them, by unit. */
function unitDirectory(dropIns: Readonly<Record<string, string>> = {}): string {
  const directory = newDirectory('units');
  for (const unit of units) {
    const text = readFileSync(path.join(UNITS, unit), 'utf8');
    writeFileSync(path.join(directory, unit), text.replaceAll('/usr/bin/node', process.execPath));
  }
  for (const [unit, text] of Object.entries(dropIns)) {
    mkdirSync(path.join(directory, `${unit}.d`));
    writeFileSync(path.join(directory, `${unit}.d/override.conf`), text);
  }
  return directory;
}

/** What `systemd-analyze verify` says of the units in a directory. */
async function verify(directory: string): Promise<string> {
  const ended = await run(['systemd-analyze', 'verify', ...units.map((unit) => path.join(directory, unit))]);
  return ended.code === 0 ? ended.stdout + ended.stderr : `exit ${String(ended.code)}: ${ended.stderr}`;
}

describe('the unit files', () => {
  test('systemd-analyze verify has nothing to say', async () => {
    expect(await verify(unitDirectory())).toBe('');
  });

  test('verify would say if a key were wrong (it still exits 0)', async () => {
    const directory = unitDirectory();
    const file = path.join(directory, 'dracd.service');
    writeFileSync(file, readFileSync(file, 'utf8').replace('RestartSec=', 'RestartSeconds='));
    expect(await verify(directory)).toMatch(/Unknown key/);
  });

  test("the page's drop-ins: for another grace, and for exports elsewhere", async () => {
    const [grace = '', places = ''] = blocks('docs/service.md', 'As a service')
      .filter(({ language }) => language === 'ini')
      .map(({ text }) => text);
    const dropIns = {
      'dracd-expire.timer': grace,
      'dracd.service': places,
      'dracd-expire.service': places,
    };
    expect(await verify(unitDirectory(dropIns))).toBe('');
    // The control: drop-ins are read.
    for (const [unit, text] of Object.entries(dropIns)) {
      const wrong = { ...dropIns, [unit]: text.replace(/^(\w+)=/m, '$1x=') };
      expect(await verify(unitDirectory(wrong))).toContain(`${unit}.d/override.conf`);
    }
    expect(grace).toMatch(/^OnCalendar=\nOnCalendar=/m);
    const [, calendar = ''] = /^OnCalendar=(.+)$/m.exec(grace) ?? [];
    const times = await mustRun(['systemd-analyze', 'calendar', '--iterations=2', calendar], {
      env: { TZ: 'UTC' },
    });
    const [first = 0, second = 0] = [...times.matchAll(/(?:Next elapse|Iter\. #2): \w+ (\S+ \S+) UTC/g)].map(
      ([, time = '']) => Date.parse(`${time.replace(' ', 'T')}Z`),
    );
    expect(second - first).toBe(10_000);
  });

  test.each(services)('%s is exposed by %i tenths at most', async (unit, most) => {
    const command = [
      'systemd-analyze',
      'security',
      '--offline=true',
      `--threshold=${most}`,
      path.join(UNITS, unit),
    ];
    const ended = await run(command);
    expect({ code: ended.code, last: ended.stdout.trim().split('\n').at(-1) }).toEqual({
      code: 0,
      last: expect.stringMatching(/exposure level for .*: [012]\.\d/) as string,
    });
  });

  test('sysusers and tmpfiles make the user, the map directory for all and the journal for nobody else', async () => {
    const root = newDirectory('root');
    mkdirSync(path.join(root, 'etc'));
    mkdirSync(path.join(root, 'usr/lib'), { recursive: true });
    for (const kind of ['sysusers.d', 'tmpfiles.d'])
      cpSync(path.join(UNITS, kind), path.join(root, 'usr/lib', kind), { recursive: true });
    await mustRun(['systemd-sysusers', `--root=${root}`]);
    await mustRun(['systemd-tmpfiles', `--root=${root}`, '--create']);
    const [, , uid] =
      /^dracd:.*$/m.exec(readFileSync(path.join(root, 'etc/passwd'), 'utf8'))?.[0].split(':') ?? [];
    const map = statSync(path.join(root, 'var/lib/dracd'));
    const journal = statSync(path.join(root, 'var/lib/dracd/journal'));
    expect([map.mode & 0o7777, map.uid]).toEqual([0o755, Number(uid)]);
    expect([journal.mode & 0o7777, journal.uid]).toEqual([0o750, Number(uid)]);
    expect(readdirSync(path.join(root, 'etc'))).toContain('dracd');
  });

  test('the one-shot is skipped while the daemon runs, and the daemon waits for it when it starts', () => {
    const [daemon, oneShot] = services.map(([unit]) => readFileSync(path.join(UNITS, unit), 'utf8'));
    const [, marker = ''] = /^ConditionPathExists=!\/run\/(\S+)$/m.exec(oneShot ?? '') ?? [];
    expect(daemon).toMatch(new RegExp(`^RuntimeDirectory=dracd ${marker}$`, 'm'));
    expect(daemon).toMatch(/^After=.* dracd-expire\.service$/m);
    // So that it has its turn whatever the one-shot does, each minute.
    const [, seconds] = /^TimeoutStartSec=(\d+)$/m.exec(oneShot ?? '') ?? [];
    expect(Number(seconds)).toBeLessThan(60);
  });

  test('they run the daemon as it is built and do not start it again for a wrong configuration', async () => {
    const text = readFileSync(path.join(UNITS, 'dracd.service'), 'utf8');
    const original = readFileSync(path.join(UNITS, 'rpc-dracd.service'), 'utf8');
    expect(original).toMatch(/^RestartPreventExitStatus=2$/m);
    expect(original).toMatch(
      /^ExecStart=\S+ --enable-source-maps \/usr\/sbin\/rpc\.dracd \$RPC_DRACD_OPTIONS$/m,
    );
    expect(text).toMatch(/^Type=notify$/m);
    expect(text).toMatch(/^NotifyAccess=all$/m);
    expect(text).toMatch(/^RestartPreventExitStatus=2$/m);
    expect(text).toMatch(/^ExecStart=\S+ --enable-source-maps \/usr\/lib\/dracd\/dist\/main\.js$/m);
    const file = path.join(newDirectory('config'), 'dracd.toml');
    writeFileSync(file, '[rpc]\nport = "any"\n');
    expect((await run([process.execPath, MAIN, '--config', file])).code).toBe(2);
  });
});

test('it tells a service manager READY=1 when it is ready, WATCHDOG=1 again and again, and STOPPING=1', async () => {
  const socket = await NotifySocket.open();
  try {
    const env = { NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: '1000000' };
    const daemon = await Daemon.start({ env });
    await socket.ready();
    expect((await dump(daemon.mapPath)).size).toBe(0);
    const fed = (): number => socket.messages.filter((message) => message.includes('WATCHDOG=1')).length;
    await until('WATCHDOG=1 three times', 5_000, () => fed() >= 3);
    expect((await daemon.stop()).code).toBe(0);
    await until('STOPPING=1', 2_000, () => socket.messages.some((message) => message.includes('STOPPING=1')));
  } finally {
    socket.close();
  }
});

test('a daemon that is stopped (SIGSTOP) feeds no watchdog', async () => {
  const socket = await NotifySocket.open();
  try {
    const daemon = await Daemon.start({ env: { NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: '400000' } });
    await until('WATCHDOG=1', 5_000, () => socket.messages.some((message) => message.includes('WATCHDOG=1')));
    daemon.signal('SIGSTOP');
    // What was on its way before it stopped.
    await pause(2_000);
    const count = socket.messages.length;
    await pause(1_500);
    expect(socket.messages.length).toBe(count);
    daemon.signal('SIGCONT');
    await until('WATCHDOG=1 again', 5_000, () => socket.messages.length > count);
    await daemon.stop();
  } finally {
    socket.close();
  }
});

describe('where the filter of system calls forbids to change owners (~@privileged)', () => {
  const filtered = [
    'strace',
    '-f',
    '-o',
    '/dev/null',
    '-e',
    'trace=fchown',
    '-e',
    'inject=fchown:error=EPERM',
  ];

  test('it starts: its files are its own already', async () => {
    const daemon = await Daemon.start({ prefix: filtered });
    expect((await dump(daemon.mapPath)).size).toBe(0);
    await daemon.stop();
  });

  test('positive control: in a directory that hands on another group it cannot', async () => {
    const directory = newDirectory('handed-on');
    chownSync(directory, 0, 1);
    chmodSync(directory, 0o2755);
    const daemon = Daemon.launch({ directory, prefix: filtered });
    expect((await daemon.exited).code).toBe(1);
    expect(daemon.noise.join('\n')).toContain('cannot be given to group');
  });
});

describe('dracd --expire-map', () => {
  const LEASE_MS = 12_000;
  const expire = (daemon: Daemon): ReturnType<typeof run> =>
    run([process.execPath, MAIN, '--config', daemon.configFile, '--expire-map']);

  test('takes out what is over while the daemon is down, leaves the rest, and does nothing while it lives', async () => {
    const daemon = await Daemon.start({ lifetime: `${LEASE_MS}ms` });
    const client = await UdpClient.open(daemon.port);
    expect(await client.add('192.0.2.1')).toBe(SUCCESS);
    const granted = performance.now();
    /** Half a lease is far more than any step here takes, on a busy machine too. */
    const sinceThen = (leases: number): Promise<void> =>
      pause(Math.max(0, granted + leases * LEASE_MS + 300 - performance.now()));
    const untouched = statSync(daemon.mapPath);
    expect((await expire(daemon)).code).toBe(0);
    expect(statSync(daemon.mapPath)).toMatchObject({ ino: untouched.ino, mtimeMs: untouched.mtimeMs });

    await sinceThen(0.5);
    expect(await client.add('192.0.2.22')).toBe(SUCCESS);
    client.close();
    await daemon.kill();
    await sinceThen(1);
    // A file cannot know the time.
    expect(await lookup(daemon.mapPath, '192.0.2.1')).toBeDefined();
    const ended = await expire(daemon);
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
    expect([...(await dump(daemon.mapPath)).keys()]).toEqual(['192.0.2.22']);
    await sinceThen(1.6);
    expect((await expire(daemon)).code).toBe(0);
    expect((await dump(daemon.mapPath)).size).toBe(0);

    const again = await Daemon.start({ directory: daemon.directory });
    expect((await dump(again.mapPath)).size).toBe(0);
    await again.stop();
  });

  test('a machine where the daemon has never run is no error', async () => {
    const directory = newDirectory('never');
    const file = path.join(directory, 'dracd.toml');
    writeFileSync(
      file,
      `[store]\ndirectory = "${directory}/journal"\n[[exports]]\nformat = "lmdb"\npath = "${directory}/relay.lmdb"\n`,
    );
    const ended = await run([process.execPath, MAIN, '--config', file, '--expire-map']);
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
  });
});
