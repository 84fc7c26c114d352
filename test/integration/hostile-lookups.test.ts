/**
 * hostile-lookups - peers of the running daemon's look-ups that lie, flood, dawdle and do not read
 *
 * A mail server that asks meanwhile is answered, and rightly; what the others get is the protocol's own
 * refusal or the end of their connection.
 */
import { readFileSync } from 'node:fs';
import type { LookupKind } from '../../src/lookups/lookups.js';
import { Asker, protocols } from '../support/asker.js';
import { Daemon, killAll } from '../support/daemon.js';
import { pause, settlesWithin, until } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const MEBIBYTE = 1024 * 1024;
/**
 * The engine's young generation (28 MiB), read buffers that wait for its collection (64 MiB), connections and the
 * budget of what is held. Read on and held without bound it would be a multiple.
 */
const MOST_GROWTH = 160 * MEBIBYTE;
const CONNECTIONS = 1_024;
const GRANTED = '192.0.2.7';
const kinds = Object.keys(protocols) as LookupKind[];

let daemon: Daemon;
let doors: Record<LookupKind, string>;
const askers: Asker[] = [];

beforeAll(async () => {
  const tables = kinds.map((kind) => `[[lookups]]\nkind = "${kind}"\nlisten = ["127.0.0.1:0"]\n`);
  daemon = await Daemon.start({ more: tables.join('') });
  const [socketmap = '', policy = ''] = daemon.logs.find(({ event }) => event === 'ready')?.[
    'lookups'
  ] as string[];
  doors = { socketmap, policy };
  const reporter = await UdpClient.open(daemon.port);
  expect(await reporter.add(GRANTED)).toBe(SUCCESS);
  reporter.close();
});

afterEach(() => {
  for (const asker of askers.splice(0)) asker.close();
});

afterAll(killAll);

async function open(kind: LookupKind): Promise<Asker> {
  const asker = await Asker.open(doors[kind], kind);
  askers.push(asker);
  return asker;
}

/** Resident memory of the daemon, bytes. */
function resident(): number {
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]) * 1024;
}

const ofPolicy = (text: string): string => `request=smtpd_access_policy\n${text}\n\n`;

const ended: [LookupKind, string, string][] = [
  ['socketmap', 'a length with leading zeros', '0000000015:relay 192.0.2.7,'],
  ['socketmap', 'a length of 10^9', '1000000000:relay 192.0.2.7,'],
  ['socketmap', 'a length of 1,025', `1025:${'x'.repeat(1_025)},`],
  ['socketmap', 'a length without end', '9'.repeat(100_000)],
  ['socketmap', 'a missing comma', '15:relay 192.0.2.7;'],
  ['socketmap', 'a length that is too small', '14:relay 192.0.2.7,'],
  ['socketmap', 'a negative length', '-1:,'],
  ['socketmap', 'no length', ':relay 192.0.2.7,'],
  ['socketmap', 'HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['socketmap', 'TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['policy', '16 KiB and a byte', ofPolicy('x'.repeat(16_384 - 30) + '=')],
  ['policy', 'a value of 1 MiB', ofPolicy(`sender=${'x'.repeat(MEBIBYTE)}`)],
  ['policy', 'a name without end', 'x'.repeat(MEBIBYTE)],
  ['policy', '101 attributes', ofPolicy('x=\n'.repeat(99) + 'x=')],
  ['policy', 'two addresses', ofPolicy('client_address=192.0.2.7\nclient_address=192.0.2.8')],
  ['policy', 'a line without =', ofPolicy('client_address')],
  ['policy', 'nothing', '\n'],
  ['policy', 'another request', 'request=junk\nclient_address=192.0.2.7\n\n'],
  ['policy', 'HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
];

test.each(ended)('%s, %s: no answer and the end, at once and byte by byte', async (kind, _what, text) => {
  const good = await open(kind);
  for (const pieces of [[text], Array.from(text.slice(0, 200))]) {
    const bad = await open(kind);
    for (const piece of pieces) {
      bad.socket.write(Buffer.from(piece, 'latin1'));
      if (pieces.length > 1) await new Promise(setImmediate);
    }
    // Bytewise only the beginning is sent: the end comes when that is already wrong, or the sender ends.
    bad.socket.end();
    expect(await bad.endsWithin(20_000)).toBe(true);
    expect(await bad.answer()).toBeUndefined();
    expect(await good.ask(GRANTED)).toBe('permitted');
  }
});

test('the longest that is allowed is answered', async () => {
  const socketmap = await open('socketmap');
  socketmap.socket.write(`1024:relay ${'x'.repeat(1_018)},`);
  expect(await socketmap.heard()).toBe('not');
  const policy = await open('policy');
  const start = `request=smtpd_access_policy\nclient_address=${GRANTED}\n`;
  policy.socket.write(`${start}x=${'y'.repeat(16_384 - start.length - 4)}\n\n`);
  expect(await policy.heard()).toBe('permitted');
  policy.socket.write(`${start}${'x=\n'.repeat(98)}\n`);
  expect(await policy.heard()).toBe('permitted');
});

test.each(kinds)(
  '%s: keys with blanks, controls and whatever else are no address, and appear nowhere',
  async (kind) => {
    const asker = await open(kind);
    const odd = [
      `${GRANTED} `,
      ` ${GRANTED}`,
      `${GRANTED}\0`,
      `\x1b[31m${GRANTED}`,
      `${GRANTED}\r`,
      '\x80\xff',
      '%s%n',
      '../x',
      'a=b',
      ',',
    ];
    for (const client of odd) expect(await asker.ask(client)).toBe('not');
    expect(await asker.ask(GRANTED)).toBe('permitted');
    expect(daemon.noise).toEqual([]);
    expect(JSON.stringify(daemon.logs)).not.toMatch(/31m|%s%n/);
  },
);

describe.each(kinds)('%s, ten times the connections it takes', (kind) => {
  /** Opens one after the other until none is taken; those beyond are closed by the daemon. */
  async function crowd(count: number): Promise<Asker[]> {
    const all: Asker[] = [];
    while (all.length < count) all.push(...(await Promise.all(Array.from({ length: 64 }, () => open(kind)))));
    await pause(200);
    return all;
  }

  async function end(): Promise<void> {
    for (const asker of askers.splice(0)) asker.close();
    await until('all are gone', 10_000, async () => {
      const some = await Promise.all(Array.from({ length: 64 }, () => Asker.open(doors[kind], kind)));
      const answers = await Promise.all(some.map((one) => one.ask(GRANTED).catch(() => 'closed')));
      for (const one of some) one.close();
      return answers.every((answer) => answer === 'permitted');
    });
  }

  test('none of whom reads: who asked before is answered, memory is bounded, and they are cut off', async () => {
    const good = await open(kind);
    expect(await good.ask(GRANTED)).toBe('permitted');
    const before = resident();
    const state = { over: false };
    let asked = 0;
    const asking = (async () => {
      for (; !state.over; asked += 1) {
        expect(await good.ask(GRANTED)).toBe('permitted');
        await pause(5);
      }
    })();
    const questions = Buffer.concat(Array.from({ length: 400 }, () => protocols[kind].question('192.0.2.8')));
    let most = 0;
    const deaf = await crowd(10 * CONNECTIONS);
    for (let round = 0; round < 10; round += 1) {
      for (const one of deaf) {
        one.socket.pause();
        if (!one.socket.destroyed && one.socket.writableLength < 200_000) one.socket.write(questions);
      }
      await pause(100);
      most = Math.max(most, resident());
    }
    expect(asked).toBeGreaterThan(0);
    expect(most - before).toBeLessThan(MOST_GROWTH);
    // Whoever took no answer for ten seconds is sent away, and there is room again.
    await until('there is room', 30_000, async () => {
      const next = await Asker.open(doors[kind], kind);
      const answer = await next.ask(GRANTED).catch(() => 'closed');
      next.close();
      return answer === 'permitted';
    });
    state.over = true;
    await asking;
    await end();
  });

  test('with half a question: closed ten seconds later, and not before', async () => {
    const slow = await open(kind);
    const started = performance.now();
    const half = protocols[kind].question(GRANTED);
    slow.socket.write(half.subarray(0, half.length - 1));
    expect(await settlesWithin(slow.closed, 9_000)).toBe(false);
    expect(await slow.endsWithin(30_000)).toBe(true);
    expect(performance.now() - started).toBeGreaterThan(9_900);
  });
});

test('at the end it has counted them, and stops at once', async () => {
  const { code } = await daemon.stop();
  expect(code).toBe(0);
  const counted = daemon.logs.find(({ event }) => event === 'counted since the start') ?? {};
  for (const kind of kinds)
    for (const what of ['malformed', 'refused', 'slow'])
      expect(counted[`lookup.${kind}.${what}` as keyof typeof counted]).toBeGreaterThan(0);
  expect(daemon.noise).toEqual([]);
});
