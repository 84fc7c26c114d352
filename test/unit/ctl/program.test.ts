/** program - what dracctl says of what is wrong, in words and exit statuses; and output that nobody takes */
import { openSync, closeSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { EXIT_TEXT } from '../../../src/ctl/exit.js';
import { diskFault } from '../../support/operations.js';
import { childEnvironment, run } from '../../support/processes.js';
import { closeAll } from '../admin/doors.js';
import { CTL, stand } from './dracctl.js';

afterEach(closeAll);

const WHY = ['--reason', 'x'];

/** Each names what is wrong as it stands on the command line, and the cure. */
const WRONG: readonly (readonly [readonly string[], string])[] = [
  [['pin', '10.0.0.1/8', ...WHY], 'ADDRESS: "10.0.0.1/8" has bits set .*; the network is 10.0.0.0/8'],
  [['deny', '2001:db8::1/48', ...WHY], 'ADDRESS: .*; the network is 2001:db8::/48'],
  [['pin', '0.0.0.0/0', ...WHY], 'ADDRESS: .* name networks of at least /8'],
  [['pin', '010.0.0.1', ...WHY], 'ADDRESS: "010.0.0.1" is no address or network; write 192.0.2.7 or'],
  [['pin', '127.1', ...WHY], 'ADDRESS: .*write 192.0.2.7 or 2001:db8::6'],
  [['explain', '[2001:db8::1]'], 'ADDRESS: .*no leading zeros, zone, brackets or host name'],
  [['explain', 'fe80::1%eth0'], 'ADDRESS: .*zone'],
  [['explain', 'mail.example.org'], 'ADDRESS: .*host name'],
  [['explain', '192.0.2.0/24'], 'ADDRESS: "192.0.2.0/24" is no address'],
  [['history', '192.0.2.0/24'], 'ADDRESS: "192.0.2.0/24" is no address'],
  [['forget', '192.0.2.7', '--reason', 'of 192.0.2.7'], '--reason: must not name the address'],
  [['forget', '192.0.2', ...WHY], 'ADDRESS: "192.0.2" is no address'],
  [['list', '192.0.2.7/24'], 'NETWORK: .*the network is 192.0.2.0/24'],
  [['list', '--reporter', '1.2.3'], '--reporter: "1.2.3" is no address'],
  [['deny', '192.0.2.7', '--reason', ' '], '--reason: must say why, for the audit'],
  [['deny', '192.0.2.7', ...WHY, '--user', 'x'.repeat(129)], '--user: has 129 characters; at most 128'],
  [['authorize', '192.0.2.7', ...WHY, '--for', '365d'], '--for: .* is not from 1 s to 7 days'],
  [['pin', '192.0.2.7', ...WHY, '--for', '366d'], '--for: .* is not from 1 s to 365 days'],
  [['revoke', ...WHY], 'name one of NETWORK, --reporter and --all'],
  [['revoke', '192.0.2.7', '--all', ...WHY], 'name one of NETWORK, --reporter and --all'],
];

test.each(WRONG)('%p', async (words, said) => {
  const { ctl, operations } = await stand();
  const { code, stdout, stderr } = await ctl(words);
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  expect(stderr).toMatch(new RegExp(`^dracctl: ${said}`));
  expect(operations.calls).toEqual([]);
});

/** What the command line itself cannot mean. */
const UNMEANT: readonly (readonly [readonly string[], string])[] = [
  [
    ['pin', '192.0.2.7', ...WHY, '--for', '-5s'],
    "option '--for <DURATION>' argument '-5s'.*90s, 30m, 12h or 7d",
  ],
  [['pin', '192.0.2.7', ...WHY, '--for', '0s'], "'--for <DURATION>' argument '0s'"],
  [['pin', '192.0.2.7', ...WHY, '--for', '1y'], "'--for <DURATION>' argument '1y'"],
  [['pin', '192.0.2.7'], "required option '-r, --reason <TEXT>' not specified"],
  [['pin', ...WHY], "missing required argument 'ADDRESS'"],
  [['history', '192.0.2.7', '--at', '2026-11-25 14:03'], "'--at <TIME>'.*a time with its zone"],
  [['history', '192.0.2.7', '--at', '2026-13-25T14:03Z'], "'--at <TIME>'.*a time with its zone"],
  [['forget', '192.0.2.7'], "required option '-r, --reason <TEXT>' not specified"],
  [['list', '--limit', '1001'], 'a whole number from 1 to 1000'],
  [['list', '--kind', 'lease'], 'Allowed choices are grant, pin, deny'],
  [['top', '--interval', '0s'], "'--interval <DURATION>' argument '0s'"],
  [['export', '--format', 'xml'], 'Allowed choices are json, csv'],
  [['lits'], "unknown command 'lits'\n.*Did you mean list"],
];

test.each(UNMEANT)('%p', async (words, said) => {
  const { code, stdout, stderr } = await run([process.execPath, CTL, ...words]);
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  expect(stderr).toMatch(new RegExp(said, 's'));
});

test('two wrong fields are two lines', async () => {
  const { ctl } = await stand();
  expect((await ctl(['pin', '1.2.3', '--reason', ' '])).stderr).toMatch(
    /^dracctl: ADDRESS: .*\ndracctl: --reason: .*\n$/,
  );
});

test('what the daemon says, as exit status', async () => {
  const { ctl, operations, server } = await stand();
  operations.put('deny', '192.0.2.9', { reason: 'spam' });
  expect((await ctl(['explain', '192.0.2.9'])).code).toBe(1);
  expect((await ctl(['unpin', '192.0.2.7', ...WHY])).code).toBe(1);
  operations.fault = diskFault();
  expect(await ctl(['pin', '192.0.2.7', ...WHY])).toMatchObject({
    code: 75,
    stderr: 'dracctl: journal: the disk refuses writes: ENOSPC\n  cure: try again in a moment\n',
  });
  expect((await ctl(['pin', '192.0.2.7', ...WHY])).code).toBe(0);
  await server.stop();
  const gone = await ctl(['stats']);
  expect(gone.code).toBe(69);
  expect(gone.stderr).toMatch(/cure: is dracd running, and is this the path in \[admin\] listen\?\n$/);
});

test('a port without certificates', async () => {
  const { code, stderr } = await run([process.execPath, CTL, '--server', '127.0.0.1:9480', 'stats']);
  expect({ code, stderr }).toEqual({
    code: 64,
    stderr: 'dracctl: 127.0.0.1:9480 needs --cert, --key and --ca\n',
  });
});

test('--help tells of every exit status', async () => {
  const { code, stdout } = await run([process.execPath, CTL, '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain(EXIT_TEXT);
  expect(stdout).toMatch(/watch .*what changes/);
});

test('a reader that has seen enough is no failure', async () => {
  const { place, operations } = await stand();
  operations.many = 200_000;
  for (const command of ['list', 'list --json', 'export', 'top --interval 1s', 'watch']) {
    operations.change('granted', { kind: 'grant', subject: '192.0.2.1', expiresAt: 1 } as never);
    const words = command === 'watch' ? 'watch --after a-run:0' : command;
    // What watches and has nothing more to say does not notice; something more is said.
    const more = setInterval(() => {
      operations.change('renewed', { kind: 'grant', subject: '192.0.2.1', expiresAt: 1 } as never);
    }, 50);
    const line = `${process.execPath} ${CTL} --server ${place} ${words} | head -1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await run(['bash', '-c', line], { limitMs: 60_000 });
    clearInterval(more);
    expect(stdout.split('\n')).toEqual([expect.any(String), '0', '']);
    expect(stderr).toBe('');
  }
});

test('output that cannot be written is a failure', async () => {
  const { place } = await stand();
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [CTL, '--server', place, 'stats'], {
    env: childEnvironment(),
    stdio: ['ignore', full, 'pipe'],
  });
  closeSync(full);
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(code).toBe(74);
  expect(said).toMatch(/^dracctl: standard output cannot be written: .*ENOSPC/);
});

test("what is no terminal gets no escape sequences, and somebody else's text is harmless", async () => {
  const { ctl, operations } = await stand();
  operations.put('deny', '192.0.2.9', { reason: '\u001b[2J\u009b31m\u202etxt' });
  const table = await ctl(['list']);
  expect(table.stdout).toMatch(/^ADDRESS +KIND +ENDS IN +BY +USER +REASON\n192\.0\.2\.9 +deny +no end +/);
  expect(table.stdout).toMatch(/^[\x20-\x7e\n]*$/);
  const { stdout } = await ctl(['list', '--json']);
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/u);
  expect((JSON.parse(stdout) as { reason: string }).reason).toBe('\u001b[2J\u009b31m\u202etxt');
});

test('top without a terminal: lines, and objects', async () => {
  const { ctl, operations } = await stand();
  operations.put('pin', '192.0.2.9');
  operations.counts = { 'rpc.add.granted': 5 };
  const lines = (await ctl(['top', '--count', '2'])).stdout.split('\n');
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/^time +leases +pins +denies +granted\/s +refused\/s +look-ups\/s +away\/s$/);
  expect(lines[2]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z +0 +1 +0 +0\.0 +0\.0 +0\.0 +0\.0$/);
  operations.reported = [{ reporter: 'pop1', outcome: 'granted', count: 5 }];
  const [object = ''] = (await ctl(['top', '--count', '1', '--json'])).stdout.split('\n');
  expect(JSON.parse(object)).toMatchObject({
    state: { pins: 1, version: '9.8.7' },
    perSecond: { adds: { granted: 0 }, reporters: { pop1: 0 } },
  });
  // One question before the first line, and one for each.
  expect(operations.asked).toBe(5);
});
