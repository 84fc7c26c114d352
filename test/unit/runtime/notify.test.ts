/** notify - what systemd hears on its datagram socket, and when the watchdog is fed */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { notify, watchdogIntervalMs } from '../../../src/runtime/notify.js';
import { childEnvironment, newDirectory, settlesWithin, until } from '../../support/processes.js';

const PATIENCE_MS = 20_000;

/**
 * Python, because Node has no unix datagram sockets: one line for each datagram, its assignments and the sender's pid.
 * As systemd does, it closes what comes with a barrier, for which the helper waits.
 */
const LISTENER = `
import array, os, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind(sys.argv[1])
print('listening', flush=True)
while True:
    text, control, _, _ = s.recvmsg(4096, 256)
    for _, kind, data in control:
        if kind == socket.SCM_RIGHTS: [os.close(fd) for fd in array.array('i', data)]
    if text.startswith(b'BARRIER=1'): continue
    pid = [struct.unpack('3i', data)[0] for _, kind, data in control if kind == socket.SCM_CREDENTIALS]
    print(text.decode().strip().replace('\\n', ' '), *pid, flush=True)
`;

/** What stands in for systemd. */
class Listener {
  readonly directory = newDirectory('notify');
  readonly socket = path.join(this.directory, 'notify.sock');
  readonly lines: string[] = [];
  #child: ChildProcess | undefined;

  async listen(): Promise<void> {
    const child = spawn('python3', ['-c', LISTENER, this.socket], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: childEnvironment(),
    });
    this.#child = child;
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      this.lines.push(...lines);
    });
    await until('the socket', PATIENCE_MS, () => this.lines.shift() === 'listening');
  }

  /** SIGSTOP and SIGCONT: systemd has something else to do. */
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  async close(): Promise<void> {
    if (this.#child !== undefined) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.directory, { recursive: true });
  }
}

let listener: Listener;
beforeEach(() => {
  listener = new Listener();
});
afterEach(() => listener.close());

test('the assignments arrive in one datagram, in the name of this process', async () => {
  await listener.listen();
  await notify({ NOTIFY_SOCKET: listener.socket }, 'READY=1', 'STATUS=all is well');
  await until('a datagram', PATIENCE_MS, () => listener.lines.length > 0);
  expect(listener.lines).toHaveLength(1);
  expect(listener.lines[0]).toContain('READY=1');
  expect(listener.lines[0]).toContain('STATUS=all is well');
  expect(listener.lines[0]).toContain(`MAINPID=${process.pid}`);
});

test('one after the other', async () => {
  await listener.listen();
  for (const assignment of ['READY=1', 'WATCHDOG=1', 'STOPPING=1']) {
    await notify({ NOTIFY_SOCKET: listener.socket }, assignment);
  }
  await until('three datagrams', PATIENCE_MS, () => listener.lines.length >= 3);
  expect(listener.lines.map((line) => /READY=1|WATCHDOG=1|STOPPING=1/.exec(line)?.[0])).toEqual([
    'READY=1',
    'WATCHDOG=1',
    'STOPPING=1',
  ]);
});

test('the helper stays until the message has been taken', async () => {
  await listener.listen();
  listener.signal('SIGSTOP');
  const sent = notify({ NOTIFY_SOCKET: listener.socket }, 'READY=1');
  expect(await settlesWithin(sent, 500)).toBe(false);
  listener.signal('SIGCONT');
  await sent;
  await until('a datagram', PATIENCE_MS, () => listener.lines.length > 0);
  expect(listener.lines[0]).toContain('READY=1');
});

test('without a socket in the environment nothing is sent', async () => {
  await listener.listen();
  await notify({}, 'READY=1');
  await notify({ NOTIFY_SOCKET: listener.socket }, 'WATCHDOG=1');
  await until('a datagram', PATIENCE_MS, () => listener.lines.length > 0);
  expect(listener.lines).toHaveLength(1);
  expect(listener.lines[0]).toContain('WATCHDOG=1');
});

test('a socket that nobody reads is passed over', async () => {
  await expect(notify({ NOTIFY_SOCKET: listener.socket }, 'READY=1')).resolves.toBeUndefined();
});

describe('the watchdog is fed', () => {
  test.each([
    ['30000000', 15_000],
    ['1000', 100],
  ])('WATCHDOG_USEC=%s: every %d ms', (usec, ms) => {
    expect(watchdogIntervalMs({ WATCHDOG_USEC: usec })).toBe(ms);
  });

  test.each([undefined, '', '0', '-1', 'soon', 'Infinity', '1e9'])('not with WATCHDOG_USEC=%s', (usec) => {
    expect(watchdogIntervalMs({ WATCHDOG_USEC: usec })).toBeUndefined();
  });
});
