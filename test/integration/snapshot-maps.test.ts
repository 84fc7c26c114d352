/**
 * snapshot-maps - Postfix with the files that dracd writes anew as a whole, by the recipes of docs/postfix.md
 *
 * Each table is read by one smtpd, and by one in a chroot. What becomes of the files when dracd is down is in
 * fail-closed.test.ts, what a damaged one means in failures.test.ts.
 */
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { section, withNames } from '../support/page.js';
import { FOREIGN_RECIPIENT, LOCAL_RECIPIENT, Postfix, recipe } from '../support/postfix.js';
import { newDirectory, pause, until } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const PAGE = 'docs/postfix.md';
const SECTION = 'Snapshot maps';
const LIFETIME_MS = 15_000;
const STATE = '/var/lib/dracd';

/** The words between backquotes in a section that are these, as the page has them. */
function said(...words: readonly string[]): readonly string[] {
  const text = section(PAGE, SECTION);
  for (const word of words)
    if (!text.includes(`\`${word}\``)) throw new Error(`${PAGE} does not say \`${word}\``);
  return words;
}

/** The page's tables for dracd.toml, and what main.cf says for each. */
function tables(directory: string) {
  const cdb = recipe(SECTION, { [STATE]: directory });
  const [format = '', file = '', btree = ''] = said(
    'format = "bdb"',
    `path = "${STATE}/relay.db"`,
    `check_client_access btree:${STATE}/relay`,
  );
  const [list = '', dialect = '', cidr = ''] = said(
    'format = "list"',
    'dialect = "postfix"',
    'check_client_access cidr:PATH',
  );
  const listed = path.join(directory, 'relay.cidr');
  const bdb = withNames(`[[exports]]\n${format}\n${file}\n`, { [STATE]: directory });
  const instead = (words: string): string =>
    withNames(cdb.mainCf, { [`check_client_access cdb:${directory}/relay`]: words });
  // What makes a process serve one connection, and soon.
  const line = /^smtp +inet .* smtpd\n +(-o .*)$/m.exec(section(PAGE, SECTION))?.[1] ?? '';
  const options = [...line.matchAll(/-o (\S+)/g)].map(([, option = '']) => option);
  if (options.length === 0) throw new Error(`${PAGE} has no line for master.cf`);
  return {
    toml: `${cdb.toml}${bdb}[[exports]]\n${list}\n${dialect}\npath = "${listed}"\n`,
    cdb: { text: cdb.mainCf },
    btree: { text: instead(withNames(btree, { [STATE]: directory })) },
    cidr: { text: instead(withNames(cidr, { PATH: listed })), options },
  };
}

const directory = newDirectory('snapshots');
const { toml, ...types } = tables(directory);
const rows = Object.entries(types).flatMap(([type, one]) => [
  { type, ...one, chroot: false },
  { type, ...one, chroot: true },
]);

let daemon: Daemon;
let postfix: Postfix;
let client: UdpClient;

beforeAll(async () => {
  daemon = await Daemon.start({ directory, lifetime: `${LIFETIME_MS}ms`, more: toml });
  postfix = await Postfix.start(rows);
  client = await UdpClient.open(daemon.port);
});

afterAll(async () => {
  (client as UdpClient | undefined)?.close();
  await killAll();
  await (postfix as Postfix | undefined)?.stop();
});

const everywhere = (address: string): Promise<number[]> =>
  Promise.all(rows.map((_, smtpd) => postfix.ask(address, FOREIGN_RECIPIENT, smtpd)));
const all = (code: number): number[] => rows.map(() => code);

test.each([
  ['192.0.2.7', '192.0.2.77'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:66'],
])('%s relays from the next connection on, and its neighbour never', async (address, other) => {
  expect(await everywhere(address)).toEqual(all(554));
  expect(await client.add(address)).toBe(SUCCESS);
  const over = performance.now() + LIFETIME_MS;
  await until('it relays everywhere', LIFETIME_MS, async () =>
    (await everywhere(address)).every((code) => code === 250),
  );
  const sessions = await Promise.all(rows.map((_, smtpd) => postfix.session(address, smtpd)));
  for (const session of sessions) expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(250);
  expect(await everywhere(other)).toEqual(all(554));

  await pause(Math.max(0, over - performance.now()));
  await until('it is over everywhere', 10_000, async () =>
    (await everywhere(address)).every((code) => code === 554),
  );
  for (const session of sessions) {
    // What the page warns of: a session keeps the file that it began with.
    expect(await session.recipient(FOREIGN_RECIPIENT)).toBe(250);
    expect(await session.recipient(LOCAL_RECIPIENT)).toBe(250);
    session.close();
  }
});

test('a process that is not told to serve one connection only keeps a cidr: table, as the page warns', async () => {
  const cidr = rows.find(({ type }) => type === 'cidr')?.text ?? '';
  const other = await Postfix.start([cidr]);
  try {
    expect(await other.ask('192.0.2.9', FOREIGN_RECIPIENT)).toBe(554);
    const old = other.processes();
    expect(await client.add('192.0.2.9')).toBe(SUCCESS);
    const at = rows.findIndex(({ type }) => type === 'cidr');
    const relays = async (): Promise<boolean> =>
      (await postfix.ask('192.0.2.9', FOREIGN_RECIPIENT, at)) === 250;
    await until('it relays there', LIFETIME_MS, relays);
    await until('an old process is asked', 10_000, async () => {
      const { code, process } = await other.askWhom('192.0.2.9', FOREIGN_RECIPIENT);
      expect(code).toBe(old.has(process) ? 554 : 250);
      return old.has(process);
    });
  } finally {
    await other.stop();
  }
});
