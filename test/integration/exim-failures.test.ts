/**
 * exim-failures - what a real Exim answers by the recipes of docs/exim.md when dracd or its files fail
 *
 * What holds for all: inbound mail is accepted, and nobody relays who may not.
 */
import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { type Daemon, killAll } from '../support/daemon.js';
import {
  Exim,
  FOREIGN_RECIPIENT,
  LOCAL_RECIPIENT,
  clientAddress,
  recipe,
  sections,
} from '../support/exim.js';
import { withNames } from '../support/page.js';
import { MAIN, mustRun, newDirectory, pause, until } from '../support/processes.js';
import { DROPPED } from '../support/smtp-dialogue.js';

const LIFETIME_MS = 16_000;
const FILES = {
  cdb: '/var/lib/dracd/relay.cdb',
  dbm: '/var/lib/dracd/relay.db',
  list: '/var/lib/dracd/relay.list',
} as const;
type FileSection = keyof typeof FILES;
const SOCKET = '/var/lib/dracd/exim/socketmap';

let exim: Exim;
let daemon: Daemon;

beforeAll(async () => {
  exim = await Exim.start();
});

afterAll(async () => {
  await killAll();
  await (exim as Exim | undefined)?.stop();
});

function report(client: string): Promise<string> {
  return exim.shell(`dracauth -p ${daemon.port} ${client}`);
}

/** What inbound mail gets, then relaying, then inbound mail in a new session. */
async function answers(client: string, how: 'live' | 'played' = 'live'): Promise<number[]> {
  const session = await exim[how](client);
  const codes = [await session.recipient(LOCAL_RECIPIENT), await session.recipient(FOREIGN_RECIPIENT)];
  session.close();
  return [...codes, await exim.ask(client, LOCAL_RECIPIENT, how)];
}

const ACCEPTED = [250, 250, 250];
const REFUSED = [250, 550, 250];
const PUT_OFF = [250, 451, 250];

/** What a client's key is worth to Exim, the time apart. */
async function inFile(section: FileSection, client: string): Promise<string> {
  if (section === 'list') {
    const lines = (await exim.inside.run('cat', FILES.list)).split('\n');
    return lines.includes(client) ? 'yes' : 'no';
  }
  const look = `\${lookup{${client}}${section}{${FILES[section]}}{$value}{no}}`;
  return (await exim.inside.run('exim4', '-be', look)).trim();
}

describe('dracd killed, with a grant in its files', () => {
  const clients = [clientAddress(10, 'v4'), clientAddress(10, 'v6')];
  const ends = new Map<string, number>();

  beforeAll(async () => {
    daemon = await exim.dracd(`${LIFETIME_MS}ms`);
    await exim.configure(recipe('cdb').macros);
    await exim.prepare(recipe('dbm').macros);
    await Promise.all(clients.map(report));
    for (const client of clients) {
      for (const section of ['cdb', 'dbm', 'list'] as const)
        await until('it is in the file', 5_000, async () => (await inFile(section, client)) !== 'no');
      ends.set(client, Number(await inFile('cdb', client)) * 1_000);
    }
    await daemon.kill();
  });

  /** Relays before its end and never after it. */
  async function follow(client: string, how: 'live' | 'played'): Promise<void> {
    const endsAt = ends.get(client) ?? 0;
    const codes = new Set<number>();
    for (let from = 0; from < endsAt;) {
      from = Date.now();
      const code = await exim.ask(client, FOREIGN_RECIPIENT, how);
      if (Date.now() < endsAt) expect(code).toBe(250);
      if (from >= endsAt) expect(code).toBe(550);
      codes.add(code);
      await pause(50);
    }
    expect(codes).toEqual(new Set([250, 550]));
  }

  test('cdb (live) and dbm (played): it ends at its second, and its key is still there', async () => {
    await Promise.all(clients.flatMap((client) => [follow(client, 'live'), follow(client, 'played')]));
    for (const client of clients) {
      expect(await answers(client)).toEqual(REFUSED);
      expect(await answers(client, 'played')).toEqual(REFUSED);
      for (const section of ['cdb', 'dbm'] as const)
        expect(Number(await inFile(section, client)) * 1_000).toBe(ends.get(client));
    }
  });

  test('list: it relays on until dracd --expire-map', async () => {
    await until('its time is over', 2 * LIFETIME_MS, () => Date.now() >= Math.max(...ends.values()));
    await exim.configure(recipe('list').macros);
    for (const client of clients) expect(await answers(client)).toEqual(ACCEPTED);
    await mustRun([...exim.asDracd, process.execPath, MAIN, '--config', daemon.configFile, '--expire-map']);
    for (const client of clients) expect(await answers(client)).toEqual(REFUSED);
  });
});

describe('with grants of an hour', () => {
  const client = clientAddress(20, 'v4');
  const stranger = clientAddress(21, 'v6');
  const directory = newDirectory('exim-hour');

  beforeAll(async () => {
    daemon = await exim.dracd('1h', directory);
    await report(client);
  });

  test.each(['socketmap through a unix socket', 'socketmap over TCP'] as const)(
    '%s: while dracd hangs or is away relaying waits, for all',
    async (section) => {
      await exim.configure(recipe(section).macros);
      const both = (): Promise<number[][]> => Promise.all([answers(client), answers(stranger)]);
      daemon.signal('SIGSTOP');
      expect(await both()).toEqual([PUT_OFF, PUT_OFF]);
      daemon.signal('SIGCONT');
      expect(await both()).toEqual([ACCEPTED, REFUSED]);
      for (const end of ['stop', 'kill'] as const) {
        await daemon[end]();
        expect(await both()).toEqual([PUT_OFF, PUT_OFF]);
        daemon = await exim.dracd('1h', directory);
        expect(await both()).toEqual([ACCEPTED, REFUSED]);
      }
    },
  );

  test('its disk fails: grants relay; for others files say no, and dracd that it cannot tell', async () => {
    const limit = (size: string): Promise<string> =>
      mustRun([...exim.asDracd, 'prlimit', `--pid=${daemon.pid}`, `--fsize=${size}:`]);
    await limit('0');
    await expect(report('203.0.113.30')).rejects.toThrow('system error');
    for (const section of sections) {
      await exim.prepare(recipe(section).macros);
      expect([section, ...(await answers(client, 'played'))]).toEqual([section, ...ACCEPTED]);
      const others = section.startsWith('socketmap') ? PUT_OFF : REFUSED;
      expect([section, ...(await answers('203.0.113.31', 'played'))]).toEqual([section, ...others]);
    }
    await limit('unlimited');
    await until('it recovers', 10_000, () =>
      report('203.0.113.30').then(
        () => true,
        () => false,
      ),
    );
    expect(await answers('203.0.113.30', 'played')).toEqual(ACCEPTED);
    expect(await answers('203.0.113.31', 'played')).toEqual(REFUSED);
  });

  test('what user Debian-exim may not use: relaying waits', async () => {
    const codes: Record<string, number[]> = {};
    for (const [section, file] of [
      ...Object.entries(FILES),
      ['socketmap through a unix socket', SOCKET],
    ] as const) {
      await exim.configure(recipe(section as FileSection).macros);
      expect(await exim.ask(client, FOREIGN_RECIPIENT)).toBe(250);
      daemon.signal('SIGSTOP');
      await exim.inside.run('chmod', '0600', file);
      codes[section] = await answers(client);
      daemon.signal('SIGCONT');
      await exim.inside.run('chmod', section.startsWith('socketmap') ? '0660' : '0644', file);
    }
    expect(codes).toEqual({
      cdb: PUT_OFF,
      dbm: PUT_OFF,
      list: [250, 421, 250],
      'socketmap through a unix socket': PUT_OFF,
    });
    const log = await exim.inside.run('cat', '/var/log/exim4/paniclog');
    for (const file of [...Object.values(FILES), SOCKET])
      expect(log).toMatch(new RegExp(`${file}.*: Permission denied`));
  });
});

describe('files that are not as dracd writes them', () => {
  beforeAll(() => daemon.kill());

  /** The same bytes each time. */
  const noise = (length: number): Uint8Array => {
    let state = length + 1;
    return Uint8Array.from({ length }, () => (state = (state * 48_271) % 0x7fff_ffff) >>> 8);
  };
  const contents = [undefined, '', ...[1, 100, 2_047, 2_048, 5_000, 100_000].map(noise)];

  test.each(Object.entries(FILES))('%s: missing, empty, or random bytes', async (section, file) => {
    await exim.prepare(recipe(section as FileSection).macros);
    const codes: number[][] = [];
    for (const content of contents) {
      if (content === undefined) await exim.inside.run('rm', file);
      else await exim.write(file, content);
      codes.push(await answers('203.0.113.40', 'played'));
      // Networks of one's own stand before, and do not depend on it.
      expect(await answers('127.0.0.1', 'played')).toEqual(ACCEPTED);
    }
    if (section === 'list') {
      expect(codes.slice(0, 2)).toEqual([PUT_OFF, REFUSED]);
      for (const one of codes) expect([PUT_OFF, REFUSED]).toContainEqual(one);
    } else expect(codes).toEqual(contents.map(() => PUT_OFF));
  });

  test('list: a line with a `!` at its end makes nobody relay, thanks to the last item', async () => {
    const { macros } = recipe('list');
    await exim.write(FILES.list, '192.0.2.1\n!192.0.2.2\n');
    await exim.prepare(withNames(macros, { ' : 0.0.0.0': '' }));
    expect(await answers('203.0.113.40', 'played')).toEqual(ACCEPTED);
    await exim.prepare(macros);
    expect(await answers('203.0.113.40', 'played')).toEqual(REFUSED);
  });

  test.each(['net-cdb;/var/lib/dracd/none.cdb', '/var/lib/dracd/none.list'])(
    'a bare %s, as the page warns, ends sessions with inbound mail too',
    async (item) => {
      await exim.configure(`MAIN_RELAY_NETS = 127.0.0.1 : ::::1 : ${item}\n`);
      const session = await exim.live(clientAddress(30, 'v4'));
      expect([DROPPED, 421]).toContain(await session.recipient(LOCAL_RECIPIENT));
    },
  );
});

describe('whatever else stands at the socket', () => {
  const said = {
    'a grant': ['13:OK 1795571821,', ACCEPTED],
    'a refusal': ['9:NOTFOUND ,', REFUSED],
    nothing: ['', PUT_OFF],
    'what is no netstring': ['garbage', PUT_OFF],
    'half an answer': ['13:OK 17955', PUT_OFF],
    'an answer too many': ['9:NOTFOUND ,13:OK 1795571821,', PUT_OFF],
    'another answer': ['7:MAYBE x,', PUT_OFF],
    'that it cannot tell': ['31:TEMP dracd cannot tell at present,', PUT_OFF],
    'that there is no such map': ['16:PERM no such map,', PUT_OFF],
    'a hit without hit = "expiry"': ['5:OK OK,', PUT_OFF],
  } as const;

  test.each(Object.entries(said))('and says %s', async (_what, [answer, expected]) => {
    const socket = path.join(newDirectory('exim-odd'), 'socket');
    const server = createServer((connection) => {
      connection.on('error', () => undefined).once('data', () => connection.end(answer));
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    chmodSync(socket, 0o666);
    try {
      await exim.prepare(withNames(recipe('socketmap through a unix socket').macros, { [SOCKET]: socket }));
      expect(await answers('203.0.113.50', 'played')).toEqual(expected);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
