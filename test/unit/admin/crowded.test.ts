/** shares, port - one who wants all lists, watches, questions or connections leaves some to the others */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { MAX_EACH } from '../../../src/admin/port.js';
import { MAX_HISTORIES, MAX_LISTS, MAX_WATCHERS } from '../../../src/admin/service.js';
import type { TlsOptions } from '../../../src/admin/tls.js';
import { Authority, type Certificate } from '../../support/certificates.js';
import { newDirectory, until } from '../../support/processes.js';
import type { Incoming } from '../../../src/admin/calls.js';
import { closeAll, open, type Opened, refusal } from './doors.js';

let tls: TlsOptions;
let serverCa: string;
const clients: Record<string, Certificate> = {};

beforeAll(async () => {
  const directory = newDirectory('crowded');
  const ca = await Authority.make(directory, 'ca');
  serverCa = ca.cert;
  const server = await ca.sign('server', { names: 'IP:127.0.0.1', use: 'serverAuth' });
  for (const name of ['ann', 'desk', 'robot'])
    clients[name] = await ca.sign(name, { names: `DNS:${name}.example`, use: 'clientAuth' });
  const viewers = ['desk.example', 'robot.example'];
  tls = { ...server, clientCa: ca.cert, viewers, operators: ['ann.example'] };
});

const sockets: Socket[] = [];
const streams: Incoming<unknown>[] = [];
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.cancel();
  for (const socket of sockets.splice(0)) socket.destroy();
  await closeAll();
});

const start = (): Promise<Opened> => open({ at: '127.0.0.1:0', tls });

/** A client whose connection is its own. */
function by(door: Opened, name: string) {
  const certificate = clients[name];
  if (certificate === undefined) throw new RangeError(name);
  return door.client({ tls: { ...certificate, ca: serverCa } });
}

/** Streams, one after another until one is refused: how many there were, why there are no more, and what ends them. */
async function asMany(
  one: () => Incoming<unknown>,
): Promise<{ count: number; words: string; cancel: () => void }> {
  const made: Incoming<unknown>[] = [];
  for (let count = 0; ; count += 1) {
    const stream = one();
    made.push(stream);
    streams.push(stream);
    const failed = await stream.next().then(
      () => undefined,
      (thrown: unknown) => thrown as Error & { status: string; reason: string },
    );
    if (failed === undefined) continue;
    expect([failed.status, failed.reason]).toEqual(['RESOURCE_EXHAUSTED', 'TOO_MANY']);
    const cancel = (): void => {
      for (const each of made) each.cancel();
    };
    return { count, words: failed.message, cancel };
  }
}

test('lists: one viewer has half, viewers three quarters, operators the rest', async () => {
  const door = await start();
  door.operations.many = 1_000_000;
  const [desk, robot, ann] = [by(door, 'desk'), by(door, 'robot'), by(door, 'ann')];
  const first = await asMany(() => desk.list({}));
  expect(first.count).toBe(MAX_LISTS / 2);
  expect(first.words).toContain('desk.example has 8 of the 16 lists at once');
  const second = await asMany(() => robot.list({}));
  expect(second.count).toBe(MAX_LISTS / 4);
  expect(second.words).toContain('viewers have 12 of the 16 lists at once');
  expect((await asMany(() => ann.list({}))).count).toBe(MAX_LISTS / 4);
  first.cancel();
  await until('the lists of one are given back', 20_000, () => door.server.load.lists === MAX_LISTS / 2);
  const again = robot.list({});
  streams.push(again);
  expect((await again.next()).done).toBe(false);
});

test('watches: a viewer does not keep an operator out', async () => {
  const door = await start();
  // A connection has 32 calls at once.
  const desks = Array.from({ length: 3 }, () => by(door, 'desk'));
  let next = 0;
  const { count, words, cancel } = await asMany(() => {
    next += 1;
    return (desks[Math.floor(next / 30)] ?? by(door, 'desk')).watch({});
  });
  expect(count).toBe(MAX_WATCHERS / 2);
  expect(words).toContain('desk.example has 64 of the 128 watches at once');
  const watch = by(door, 'ann').watch({});
  streams.push(watch);
  await watch.next();
  expect(door.server.load.watchers).toBe(MAX_WATCHERS / 2 + 1);
  cancel();
  await until('one watches', 20_000, () => door.server.load.watchers === 1);
  const again = by(door, 'desk').watch({});
  streams.push(again);
  expect((await again.next()).done).toBe(false);
});

test('questions about the past: a viewer does not keep an operator out', async () => {
  const door = await start();
  door.operations.holds = true;
  const [desk, ann] = [by(door, 'desk'), by(door, 'ann')];
  const asked = Array.from({ length: MAX_HISTORIES / 2 }, () => desk.history({ address: '192.0.2.7' }));
  await until('they are being answered', 20_000, () => door.operations.held.length === asked.length);
  expect((await refusal(desk.history({ address: '192.0.2.7' }))).message).toContain(
    'desk.example has 2 of the 4',
  );
  const other = ann.history({ address: '192.0.2.7' });
  await until('the operator is answered', 20_000, () => door.operations.held.length > asked.length);
  for (const goOn of door.operations.held) goOn();
  expect((await Promise.all([...asked, other])).map(({ verdict }) => verdict)).toEqual(
    Array(asked.length + 1).fill('VERDICT_NOT'),
  );
});

/** Connections that say nothing, from one address. */
function knock(door: Opened, count: number, localAddress: string): Socket[] {
  const port = Number(door.place.split(':')[1]);
  const made = Array.from({ length: count }, () =>
    connect({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined),
  );
  sockets.push(...made);
  return made;
}

const isOver = ({ destroyed, readableEnded }: Socket): boolean => destroyed || readableEnded;

test('connections: one address leaves room for others, and has it back when they have ended', async () => {
  const door = await start();
  const knocked = knock(door, MAX_EACH + 20, '127.0.0.9').map((socket) => socket.resume());
  await until('some are turned away', 20_000, () => knocked.filter(isOver).length >= 20);
  expect(door.said).toContainEqual({
    level: 'warn',
    event: 'admin: a connection was refused',
    fields: expect.objectContaining({ from: '127.0.0.9' }) as object,
  });
  expect((await by(door, 'desk').stats()).stats.length).toBeGreaterThan(0);
  for (const socket of knocked) socket.destroy();
  await until('only the viewer is there', 20_000, () => door.server.load.connections === 1);
  const [again] = knock(door, 1, '127.0.0.9');
  await until('it is let in', 20_000, () => door.server.load.connections === 2);
  expect(again === undefined || isOver(again)).toBe(false);
});

test('connections: one certificate leaves room for others, from wherever it comes', async () => {
  const door = await start();
  const { cert, key } = clients['desk'] ?? { cert: '', key: '' };
  const context = createSecureContext({
    ca: readFileSync(serverCa),
    cert: readFileSync(cert),
    key: readFileSync(key),
  });
  const own = ['127.0.0.11', '127.0.0.12'].flatMap((address) => knock(door, MAX_EACH / 2 + 10, address));
  const secured = own.map((socket) =>
    connectTls({
      socket,
      secureContext: context,
      ALPNProtocols: ['h2'],
      servername: '',
      checkServerIdentity: () => undefined,
    })
      .on('error', () => undefined)
      .resume(),
  );
  await until('some are turned away', 20_000, () => secured.filter(isOver).length >= 20);
  expect((await by(door, 'ann').stats()).stats.length).toBeGreaterThan(0);
  expect(door.server.load.connections).toBe(MAX_EACH + 1);
  for (const socket of own) socket.destroy();
  await until('the operator is left', 20_000, () => door.server.load.connections === 1);
  expect((await by(door, 'desk').stats()).stats.length).toBeGreaterThan(0);
});
