/** program - what dracctl says of what is wrong, in words and exit statuses; and output that nobody takes */
import { openSync, closeSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { Fault } from '../../../src/core/fault.js';
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
  [
    ['explain', '192.0.2.0/24'],
    'ADDRESS: "192.0.2.0/24" is a network, .*one address\n  cure: dracctl list 192.0.2.0/24\n$',
  ],
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
  [['authorize', '127.0.0.1', ...WHY], 'ADDRESS: 127.0.0.1 is an address that no client can have'],
  [['pin', 'fe80::/64', ...WHY], 'ADDRESS: fe80::/64 holds addresses that no client can have'],
  [['pin', '64:ff9b::7f00:1', ...WHY], 'ADDRESS: .* is an address that no client can have'],
  [['revoke', '--all', ...WHY], '--all ends every lease; nothing was done\n  cure: say --yes if you mean it'],
  ...['0.0.0.0/0', '::/0', '64.0.0.0/7', '2001::/18'].map(
    (network) =>
      [
        ['deny', network, ...WHY],
        `a deny of ${network} lets nobody in it relay; nothing was done\n  cure: say --yes`,
      ] as const,
  ),
  [
    ['--server', '/run/dracd/admin.sock', 'stats'],
    '--server: .* is no server\n  cure: .* unix:/run/dracd/admin.sock\n',
  ],
  [['--server', 'https://mail:9443', 'stats'], '--server: .* is no server\n  cure: .*without a scheme'],
  [['--server', 'mail.example.org', 'stats'], '--server: .* is no server\n  cure: .*host:port'],
  [['--server', '2001:db8::6:9443', 'stats'], '--server: .* is no server\n  cure: .*brackets'],
  [['--server', '127.0.0.1:65536', 'stats'], '--server: .* is no server'],
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
  [['history', '192.0.2.7', '--at', '2026-02-30T14:03Z'], "'--at <TIME>'.*a time with its zone"],
  [['forget', '192.0.2.7'], "required option '-r, --reason <TEXT>' not specified"],
  [['list', '--limit', '1001'], 'a whole number from 1 to 1000'],
  [['list', '--kind', 'lease'], 'Allowed choices are grant, pin, deny'],
  [['top', '--interval', '0s'], "'--interval <DURATION>' argument '0s'"],
  [['export', '--format', 'xml'], 'Allowed choices are json, csv'],
  [['lits'], "^dracctl: unknown command 'lits'\n.*Did you mean list"],
];

test.each(UNMEANT)('%p', async (words, said) => {
  const { code, stdout, stderr } = await run([process.execPath, CTL, ...words]);
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  expect(stderr).toMatch(new RegExp(said, 's'));
});

test.each(['deny 0.0.0.0/0', 'deny ::/0', 'revoke --all'])('%s --yes', async (words) => {
  const { ctl, operations } = await stand();
  operations.put('grant', '192.0.2.7');
  expect(await ctl([...words.split(' '), '--yes', ...WHY])).toMatchObject({ code: 0, stderr: '' });
  expect(operations.calls).toMatchObject([{ call: words.split(' ')[0] }]);
});

test('networks that are somebody’s are denied without a question', async () => {
  const { ctl } = await stand();
  for (const network of ['10.0.0.0/8', '2001::/19'])
    expect((await ctl(['deny', network, ...WHY])).code).toBe(0);
});

test('what is done is said', async () => {
  const { ctl } = await stand();
  expect((await ctl(['rotate'])).stdout).toBe('The journal has a new segment.\n');
  expect((await ctl(['rotate', '--json'])).stdout).toBe('{"rotated":true}\n');
  expect((await ctl(['shutdown'])).stdout).toBe('dracd is being stopped.\n');
  expect((await ctl(['shutdown', '--json'])).stdout).toBe('{"stopping":true}\n');
});

test('list of an address tells of the networks around it, of a network what is inside', async () => {
  const { ctl, operations } = await stand();
  operations.put('pin', '192.0.2.0/24');
  operations.put('deny', '192.0.2.7');
  operations.put('deny', '192.0.2.8');
  const listed = async (what: string): Promise<string[]> =>
    (await ctl(['list', what])).stdout
      .split('\n')
      .slice(1, -1)
      .map((line) => line.split(' ')[0] ?? '');
  expect(await listed('192.0.2.7')).toEqual(['192.0.2.0/24', '192.0.2.7']);
  expect(await listed('192.0.2.9')).toEqual(['192.0.2.0/24']);
  expect(await listed('192.0.2.0/28')).toEqual(['192.0.2.7', '192.0.2.8']);
});

test('a list that is limited says that there is more, and nothing when there is not', async () => {
  const { ctl, operations } = await stand();
  for (const host of [1, 2, 3]) operations.put('pin', `192.0.2.${host}`);
  const limited = (limit: number) => ctl(['list', '--limit', String(limit), '--json']);
  const said = (rows: string): string => `dracctl: these are the first ${rows}, and there are more\n`;
  const first = await limited(1);
  expect(first.stdout.split('\n')).toHaveLength(2);
  expect(first).toMatchObject({ code: 0, stderr: said('1 row') });
  expect((await limited(2)).stderr).toBe(said('2 rows'));
  expect((await limited(3)).stderr).toBe('');
  expect((await ctl(['list'])).stderr).toBe('');
});

test('revoke tells of what lets it relay on: grants and pins of networks around it, unless it is denied', async () => {
  const { ctl, operations } = await stand();
  operations.put('grant', '203.0.113.0/24', { author: 'ann' });
  operations.put('grant', '203.0.113.7');
  const revoked = (address: string) => ctl(['revoke', address, ...WHY]);
  const still = (address: string, how: string): string =>
    `dracctl: ${address} may still relay: 203.0.113.0/24 is ${how}\n  cure: dracctl deny ${address} --reason REASON\n`;
  const granted = still('203.0.113.7', 'granted');
  expect(await revoked('203.0.113.7')).toMatchObject({ code: 0, stdout: '1 revoked.\n', stderr: granted });
  expect(await revoked('203.0.113.7')).toMatchObject({ code: 1, stdout: '0 revoked.\n', stderr: granted });
  expect(await revoked('203.0.113.0/24')).toMatchObject({ code: 0, stdout: '1 revoked.\n', stderr: '' });
  operations.put('pin', '203.0.113.0/24');
  expect((await revoked('203.0.113.8')).stderr).toBe(still('203.0.113.8', 'pinned'));
  operations.put('deny', '203.0.113.8');
  expect(await revoked('203.0.113.8')).toMatchObject({ code: 1, stderr: '' });
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

test('letters of any script are shown as they are, and columns stay in line', async () => {
  const { ctl, operations } = await stand();
  operations.put('deny', '192.0.2.9', {
    reason: '\u00e9t\u00e9, b\u00fcro',
    user: '\u65e5\u672c',
    author: 'x',
  });
  operations.put('deny', '192.0.2.10', { reason: 'plain', user: 'ann', author: 'x' });
  const [, first = '', second = ''] = (await ctl(['list'])).stdout.split('\n');
  expect(first).toMatch(/ x +\u65e5\u672c +\u00e9t\u00e9, b\u00fcro$/);
  // Two letters of two columns each.
  expect(first.indexOf('\u00e9t\u00e9') + 2).toBe(second.indexOf('plain'));
  expect((await ctl(['explain', '192.0.2.9'])).stdout).toContain('192.0.2.9: \u00e9t\u00e9, b\u00fcro\n');
  operations.fault = new Fault('REFUSED', 'denied by ann: "b\u00fcro\u202e"');
  expect(await ctl(['pin', '192.0.2.7', ...WHY])).toMatchObject({
    code: 2,
    stderr: 'dracctl: denied by ann: "b\u00fcro\\u202e"\n',
  });
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
