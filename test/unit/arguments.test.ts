/** The command line: dracd's own, the original's, and what is neither. */
import { CommanderError } from 'commander';
import { parseArguments } from '../../src/arguments.js';

const dracd = (...words: string[]) => parseArguments(['node', '/usr/lib/dracd/dist/main.js', ...words]);
const original = (...words: string[]) => parseArguments(['node', '/usr/sbin/rpc.dracd', ...words]);

const NONE = { checkConfig: false, expireMap: false, init: false };

/** What is said on standard error by a command line that is refused. */
function refusal(fn: () => unknown): string {
  const write = process.stderr.write.bind(process.stderr);
  let said = '';
  process.stderr.write = (text: string | Uint8Array): boolean => {
    said += String(text);
    return true;
  };
  try {
    fn();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    expect(error.exitCode).not.toBe(0);
    return said;
  } finally {
    process.stderr.write = write;
  }
  throw new Error('it was accepted');
}

test('dracd without words is dracd, rpc.dracd is the original with its defaults', () => {
  expect(dracd()).toEqual({ ...NONE, original: false });
  expect(original()).toEqual({ ...NONE, original: true });
});

test.each([
  [['-i'], { init: true }],
  [['-e', '60'], { expire: 60 }],
  [['/etc/mail/dracd.db'], { database: '/etc/mail/dracd.db' }],
  [['-i', '-e', '5', '/x/y.db'], { init: true, expire: 5, database: '/x/y.db' }],
  [['-e5', '/x/y.db', '-i'], { init: true, expire: 5, database: '/x/y.db' }],
  [['-ie', '5'], { init: true, expire: 5 }],
  [['--config', 'f'], { config: 'f' }],
])('rpc.dracd %j', (words, expected) => {
  expect(original(...words)).toEqual({ ...NONE, original: true, ...expected });
});

test('a DBFILE makes it the original whatever its name, and is an absolute path', () => {
  expect(dracd('-e', '7', '/etc/mail/dracd.db')).toEqual({
    ...NONE,
    original: true,
    expire: 7,
    database: '/etc/mail/dracd.db',
  });
  expect(dracd('dracd.db').database).toBe(`${process.cwd()}/dracd.db`);
});

test('--import takes a file, and -i with it', () => {
  expect(dracd('--import', '/etc/mail/dracd.db', '-i')).toEqual({
    ...NONE,
    init: true,
    import: '/etc/mail/dracd.db',
    original: false,
  });
});

test('--who takes an address in any spelling, and --at a time with its zone', () => {
  const asked = { ...NONE, original: false, who: '2001:db8::7' };
  expect(dracd('--who', '2001:DB8:0::7')).toEqual(asked);
  for (const time of ['2026-11-25T14:03:22Z', '2026-11-25t15:03:22+01:00', '2026-11-25 14:03:22.000Z'])
    expect(dracd('--who', '2001:db8::7', '--at', time)).toEqual({ ...asked, at: 1_795_615_402_000 });
});

test.each([
  [['--who', 'pop.example.org'], /must be an IP address/],
  [['--who', '192.0.2.0/24'], /must be an IP address/],
  [['--who', '192.0.2.7', '--at', '2026-11-25T14:03:22'], /a time with its zone/],
  [['--who', '192.0.2.7', '--at', '2026-13-25T14:03Z'], /a time with its zone/],
  [['--who', '192.0.2.7', '--at', '14:03Z'], /a time with its zone/],
  [['--at', '2026-11-25T14:03Z'], /--at needs --who/],
  [['--who', '192.0.2.7', '--check-config'], /exclude each other/],
])('dracd %j is refused', (words, message) => {
  expect(refusal(() => dracd(...words))).toMatch(message);
});

test.each([
  [['-e', '0'], /whole number of minutes from 1 to 10080/],
  [['-e', '30m'], /whole number/],
  [['-e', '10081'], /whole number/],
  [['/etc/mail/dracd'], /must end in \.db/],
  [['/a.db', '/b.db'], /too many arguments/],
  [['-x'], /unknown option/],
  [['--import'], /argument missing/],
  [['--import', 'f', '--expire-map'], /exclude each other/],
])('rpc.dracd %j is refused', (words, message) => {
  expect(refusal(() => original(...words))).toMatch(message);
});
