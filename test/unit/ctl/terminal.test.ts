/** dracctl on a real terminal: colours, the screen of top, and a terminal that is as it was before in every case */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { until } from '../../support/processes.js';
import { closeAll } from '../admin/doors.js';
import { CTL, CountingOperations, stand } from './dracctl.js';
import { Terminal } from './terminal.js';

const terminals: Terminal[] = [];

async function openTerminal(columns = 110, rows = 40): Promise<Terminal> {
  const terminal = await Terminal.open({ columns, rows });
  terminals.push(terminal);
  return terminal;
}

afterEach(async () => {
  await Promise.all(terminals.splice(0).map((terminal) => terminal.close()));
  await closeAll();
});

async function command(): Promise<{ ctl: string; operations: CountingOperations }> {
  const { place, operations } = await stand();
  return { ctl: `${process.execPath} ${CTL} --server ${place}`, operations };
}

const ESCAPE = '\u001b[';

test('a table: colours for what is denied and pinned, unless NO_COLOR says no', async () => {
  const { ctl, operations } = await command();
  operations.put('deny', '192.0.2.9', { reason: 'spam' });
  operations.put('pin', '192.0.2.8', { reason: 'office' });
  const terminal = await openTerminal();
  await terminal.line(`${ctl} list; echo END`);
  await terminal.shows(/^END$/m);
  const coloured = await terminal.screen(true);
  expect(coloured).toContain(`${ESCAPE}1mADDRESS`);
  expect(coloured).toContain(`${ESCAPE}31mdeny`);
  expect(coloured).toContain(`${ESCAPE}32mpin`);
  for (const setting of ['NO_COLOR=1', 'TERM=dumb']) {
    await terminal.line(`clear; ${setting} ${ctl} list; echo END`);
    const text = await terminal.shows(/^192\.0\.2\.9 +deny +no end +spam\n192\.0\.2\.8 +pin[^]*^END$/m);
    expect(text).not.toContain('dracctl:');
    expect(await terminal.screen(true)).not.toContain(ESCAPE);
  }
  // An empty NO_COLOR says nothing.
  await terminal.line(`clear; NO_COLOR= ${ctl} list; echo END`);
  await terminal.shows(/^192\.0\.2\.8 +pin[^]*^END$/m);
  expect(await terminal.screen(true)).toContain(`${ESCAPE}31mdeny`);
});

/** Starts top behind a mark, and answers how to see that all is as it was before. */
async function startTop(terminal: Terminal, ctl: string, options = ''): Promise<() => Promise<void>> {
  await terminal.line('stty -a >before.$$; echo MARK');
  await terminal.shows(/^MARK$/m);
  await terminal.line(`sh -c 'echo $$ >pid; exec ${ctl} top ${options}'; echo status $?`);
  await terminal.shows(/MAY RELAY/);
  expect(await terminal.state()).toEqual({ alternate: true, cursor: false });
  return async () => {
    await terminal.shows(/^MARK$[^]*^\$$/m);
    expect(await terminal.state()).toEqual({ alternate: false, cursor: true });
    expect(await terminal.screen()).not.toContain('MAY RELAY');
    await terminal.line('stty -a | cmp - before.$$ && echo THE SAME; rm before.$$');
    await terminal.shows(/^THE SAME$/m);
  };
}

test('top: what there is and how often things happen, changing; q ends it', async () => {
  const { ctl, operations } = await command();
  operations.put('deny', '192.0.2.9');
  operations.counts = { 'rpc.add.granted': 41, 'lookup.socketmap.hit': 7, 'rpc.malformed': 3 };
  operations.reported = [{ reporter: '\u001b[2Jpop1', outcome: 'granted', count: 41 }];
  const terminal = await openTerminal();
  const isAsBefore = await startTop(terminal, ctl);
  const first = await terminal.shows(/^dracd 9\.8\.7 .* every 1 s {2}q: quit/m);
  expect(first).toMatch(/^denies +1 +unusable +[-\d.]+ +0$/m);
  expect(first).toMatch(/^leases +0 +granted +[-\d.]+ +41$/m);
  expect(first).toMatch(/^socketmap hit +[-\d.]+ +7 +rpc\.malformed +[-\d.]+ +3$/m);
  expect(first).toMatch(/^\\u001b\[2Jpop1 +[-\d.]+ +41 /m);
  operations.counts['rpc.add.granted'] = 100_041;
  await terminal.shows(/granted +[1-9]\d*\.\d +100041$/m);
  operations.trouble = 'the disk refuses writes';
  await terminal.shows(/^the disk refuses writes$/m);
  await terminal.keys('q');
  await terminal.shows(/^status 0$/m);
  await isAsBefore();
});

test.each(['^C', 'SIGTERM', 'SIGHUP', '--count', 'the daemon, and then q'])(
  'top: %s ends it',
  async (how) => {
    const { ctl, operations } = await command();
    const terminal = await openTerminal();
    const isAsBefore = await startTop(terminal, ctl, how === '--count' ? '--count 3' : '');
    if (how === '^C') await terminal.keys('C-c');
    else if (how.startsWith('SIG')) {
      process.kill(Number(readFileSync(path.join(terminal.directory, 'pid'), 'utf8')), how);
    } else if (how !== '--count') {
      await closeAll();
      // It goes on, says what is wrong, and still obeys.
      await terminal.shows(/dracd is not reached: there is no socket/);
      await terminal.keys('q');
    }
    await terminal.shows(/^status 0$/m);
    await isAsBefore();
    expect(operations.asked).toBeGreaterThan(0);
  },
);

test('what these tests would see of a terminal that was not given back', async () => {
  const { ctl } = await command();
  const terminal = await openTerminal();
  await startTop(terminal, ctl);
  process.kill(Number(readFileSync(path.join(terminal.directory, 'pid'), 'utf8')), 'SIGKILL');
  await terminal.shows(/^status 137/m);
  await terminal.type('stty -a | cmp - before.$$ || echo ANOTHER');
  // Enter's code is not turned into a line end any more.
  await terminal.keys('C-j');
  await terminal.shows(/differ[^]*^ *ANOTHER/m);
  expect(await terminal.state()).toEqual({ alternate: true, cursor: false });
});

test('top: ^Z gives the terminal back, and fg takes it again', async () => {
  const { ctl } = await command();
  const terminal = await openTerminal();
  const isAsBefore = await startTop(terminal, ctl);
  await terminal.keys('C-z');
  await terminal.shows(/^MARK$[^]*Stopped[^]*^\$$/m);
  expect(await terminal.state()).toEqual({ alternate: false, cursor: true });
  await terminal.line('fg');
  await terminal.shows(/MAY RELAY/);
  expect(await terminal.state()).toEqual({ alternate: true, cursor: false });
  await terminal.keys('q');
  await isAsBefore();
});

test('top: a terminal that becomes small, and one that is narrow', async () => {
  const { ctl, operations } = await command();
  const terminal = await openTerminal();
  const isAsBefore = await startTop(terminal, ctl);
  await terminal.resize(60, 8);
  await terminal.shows(/^MAY RELAY +now\n(?:.*\n){4,5}$/m);
  await terminal.resize(80, 40);
  const narrow = await terminal.shows(/^ADDS +a second +in all$/m);
  for (const line of narrow.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  const { asked } = operations;
  await until('it goes on', 60_000, () => operations.asked > asked + 1);
  await terminal.resize(110, 40);
  await terminal.keys('q');
  await isAsBefore();
});

test('top: a daemon that cannot be reached is told before the screen is taken', async () => {
  const terminal = await openTerminal();
  await terminal.line(`${process.execPath} ${CTL} --server unix:/nowhere/s top; echo status $?`);
  const text = await terminal.shows(/^status 69$/m);
  expect(text).toMatch(/^dracctl: .*\n {2}cure: is dracd running/m);
});

test('export and import: progress on the terminal, gone at the end', async () => {
  const { ctl, operations } = await command();
  operations.many = 300_000;
  const terminal = await openTerminal();
  await terminal.line(`${ctl} export | wc -l`);
  await terminal.shows(/^\d+ rows *$/m);
  const text = await terminal.shows(/^300000$/m);
  expect(text).toMatch(/^300000 rows; what changes from here: dracctl watch --after a-run:0$/m);
});
