/** server - clients that do not keep to HTTP/2 and gRPC, on real sockets: each costs itself alone, and leaves nothing behind */
import { credentials, makeClientConstructor, status } from '@grpc/grpc-js';
import { existsSync, rmSync } from 'node:fs';
import { type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { MAX_CONNECTIONS } from '../../../src/admin/server.js';
import { until } from '../../support/processes.js';
import { closeAll, open, type Opened } from './doors.js';

const ADMIN = '/dracd.admin.v1.Admin';
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await closeAll();
});

const fileOf = ({ place }: Opened): string => place.slice('unix:'.length);

function dial(door: Opened): Socket {
  const socket = connect({ path: fileOf(door), allowHalfOpen: true });
  socket.on('error', () => undefined).resume();
  sockets.push(socket);
  return socket;
}

function frame(
  [type, flags]: readonly [number, number],
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const [DATA, HEADERS, RESET, SETTINGS, PING, CONTINUATION] = [0, 1, 3, 4, 6, 9] as const;
const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame([SETTINGS, 0], 0)]);

const many = (count: number, bytes: Buffer): Buffer => Buffer.concat(Array<Buffer>(count).fill(bytes));

/** A gRPC message of these bytes. */
function message(bytes: Uint8Array, isCompressed = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = isCompressed;
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

const field = (name: string, value: string): Buffer =>
  Buffer.concat([
    Buffer.from([0x40, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);

/** Calls of Stats that are taken back at once, in as few bytes as it goes. */
function resets(count: number): Buffer {
  const first = Buffer.concat([
    Buffer.from([0x83, 0x86]),
    field(':path', `${ADMIN}/Stats`),
    field(':authority', 'x'),
    field('content-type', 'application/grpc'),
    field('te', 'trailers'),
  ]);
  const again = Buffer.from([0x83, 0x86, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62]);
  const calls = Array.from({ length: count }, (_, i) => [
    frame([HEADERS, 4], 2 * i + 1, i === 0 ? first : again),
    frame([DATA, 0], 2 * i + 1, message(Buffer.alloc(0))),
    frame([RESET, 0], 2 * i + 1, Buffer.from([0, 0, 0, 8])),
  ]);
  return Buffer.concat([PREFACE, ...calls.flat()]);
}

test('who closes his side has gone', async () => {
  const door = await open();
  const openings = ['', 'PRI * HTTP', PREFACE, resets(20)];
  for (const opening of openings) dial(door).end(opening);
  await until('nobody is connected', 20_000, () => door.server.load.connections === 0);
});

test('who does not speak HTTP/2 harms himself alone', async () => {
  const door = await open();
  const nonsense = [
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    Buffer.alloc(5_000, 0xaa),
    Buffer.concat([PREFACE, frame([DATA, 0], 1, Buffer.alloc(16_385))]),
    Buffer.concat([PREFACE, frame([HEADERS, 5], 1, Buffer.alloc(5, 0xff))]),
    Buffer.concat([PREFACE, frame([DATA, 0], 0, Buffer.alloc(3))]),
    Buffer.concat([PREFACE, frame([RESET, 0], 7, Buffer.alloc(4))]),
    Buffer.concat([
      PREFACE,
      frame([HEADERS, 0], 1, Buffer.from([0x82])),
      many(50, frame([CONTINUATION, 0], 1, Buffer.alloc(8_000))),
    ]),
    Buffer.concat([PREFACE, many(3_000, frame([PING, 0], 0, Buffer.alloc(8)))]),
    Buffer.concat([PREFACE, many(3_000, frame([SETTINGS, 0], 0))]),
    resets(1_500),
  ];
  const admin = door.client();
  await admin.stats();
  const hostile = nonsense.map((bytes) => {
    const socket = dial(door);
    socket.write(bytes);
    return socket;
  });
  await until('some are turned away', 20_000, () => door.server.load.connections < hostile.length);
  for (let i = 0; i < 20; i += 1) await admin.stats();
  for (const socket of hostile) socket.destroy();
  await admin.stats();
});

test('more connections than there is room for are closed, told of in one line, and the room is given back', async () => {
  const door = await open();
  const all = Array.from({ length: 1_000 }, () => dial(door));
  await until('it is full', 20_000, () => door.server.load.connections === MAX_CONNECTIONS);
  await until(
    'the others are closed',
    20_000,
    () =>
      all.filter(({ readableEnded, destroyed }) => readableEnded || destroyed).length >=
      1_000 - MAX_CONNECTIONS,
  );
  expect(door.said.filter(({ level }) => level === 'warn')).toMatchObject([
    {
      event: 'admin: a connection was refused',
      fields: { reason: `more than ${MAX_CONNECTIONS} connections` },
    },
  ]);
  for (const socket of all) socket.destroy();
  await until('nobody is connected', 20_000, () => door.server.load.connections === 0);
  await door.client().stats();
});

test('who has broken the protocol does not keep his place, though he does not hang up', async () => {
  const door = await open();
  const broken = [
    frame([DATA, 0], 1, Buffer.alloc(16_385)),
    frame([HEADERS, 5], 1, Buffer.alloc(5, 0xff)),
    frame([DATA, 0], 0, Buffer.alloc(3)),
    frame([RESET, 0], 7, Buffer.alloc(4)),
  ];
  const told = broken.map((bytes) => {
    const socket = dial(door);
    const got: Buffer[] = [];
    socket.on('data', (piece: Buffer) => got.push(piece)).write(Buffer.concat([PREFACE, bytes]));
    return got;
  });
  const fine = dial(door);
  const sent: Buffer[] = [];
  fine.on('data', (piece: Buffer) => sent.push(piece)).write(PREFACE);
  await until('the one that keeps to it is left', 20_000, () => door.server.load.connections === 1);
  expect(fine.readableEnded || fine.destroyed).toBe(false);
  // It was not for a ping that nobody has answered: none was sent yet, also to the one that is left.
  expect(Buffer.concat(sent).toString('hex')).not.toContain('0000080600');
  // SETTINGS, then GOAWAY.
  for (const got of told) expect(Buffer.concat(got).toString('hex')).toMatch(/^.{6}04.*07000000000/);
});

/** A stream of a client that writes and does not read until it is told to. */
function converse(door: Opened, path: string): ClientHttp2Stream {
  const session = connectHttp2('http://localhost', { createConnection: () => dial(door).pause() });
  session.on('error', () => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  return stream.on('error', () => undefined);
}

test('who asks for descriptions and does not read them is not heard any further', async () => {
  const door = await open();
  const stream = converse(door, '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo');
  // list_services = 7
  const request = message(Buffer.from([0x3a, 0x01, 0x2a]));
  const COUNT = 60_000;
  let sent = 0;
  const send = (): void => {
    while (sent < COUNT) {
      sent += 100;
      if (!stream.write(many(100, request))) {
        stream.once('drain', send);
        return;
      }
    }
    stream.end();
  };
  send();
  let before = -1;
  let still = 0;
  await until('no more is taken', 60_000, () => {
    still = sent === before ? still + 1 : 0;
    before = sent;
    return still > 25;
  });
  expect(sent).toBeLessThan(COUNT);
  // When it reads, it goes on.
  let got = 0;
  stream.on('data', ({ length }: Buffer) => (got += length));
  await until('more is taken', 20_000, () => sent > before && got > 100_000);
});

test('health: of what is there, and of what is not', async () => {
  const door = await open();
  const health = new (makeClientConstructor(
    {
      watch: {
        path: '/grpc.health.v1.Health/Watch',
        requestStream: false,
        responseStream: true,
        requestSerialize: (service: string) =>
          Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]),
        requestDeserialize: String,
        responseSerialize: () => Buffer.alloc(0),
        responseDeserialize: (bytes: Buffer) => bytes[1] ?? 0,
      },
    },
    'Health',
  ))(door.place, credentials.createInsecure());
  const watch = (service: string): number[] => {
    const told: number[] = [];
    const stream = (health as unknown as { watch(name: string): NodeJS.ReadableStream }).watch(service);
    stream.on('data', (one: number) => told.push(one)).on('error', () => undefined);
    return told;
  };
  const all = ['', 'dracd.admin.v1.Admin', 'nonsense'].map(watch);
  await until('all are told', 20_000, () => all.every(({ length }) => length === 1));
  expect(all).toEqual([[1], [1], [3]]);
  await door.server.stop();
  await until('the end is told', 20_000, () => all[0]?.length === 2);
  expect(all).toEqual([[1, 2], [1, 2], [3]]);
  health.close();
});

/** The status of a call whose request is these bytes. */
function answer(
  door: Opened,
  body: Buffer,
  { call = 'Rotate', encoding }: { readonly call?: string; readonly encoding?: string } = {},
): Promise<string> {
  return new Promise((resolve) => {
    const session = connectHttp2('http://localhost', { createConnection: () => dial(door) });
    session.on('error', () => undefined);
    const stream = session.request({
      ':method': 'POST',
      ':path': `${ADMIN}/${call}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(encoding === undefined ? {} : { 'grpc-encoding': encoding }),
    });
    const tell = (sent: Record<string, unknown>): void => {
      if (sent['grpc-status'] === undefined) return;
      resolve(
        `${status[Number(sent['grpc-status'])] ?? ''} ${decodeURIComponent(String(sent['grpc-message']))}`,
      );
      session.destroy();
    };
    stream
      .on('response', tell)
      .on('trailers', tell)
      .on('error', () => undefined)
      .resume();
    stream.end(body);
  });
}

const text = (number: number, bytes: readonly number[]): Buffer =>
  Buffer.from([(number << 3) | 2, bytes.length, ...bytes]);

test.each([
  ['a lone byte', [0xff]],
  ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
  ['an overlong NUL', [0xc0, 0x80]],
  ['a character cut short', [0xe2, 0x82]],
  ['beyond U+10FFFF', [0xf7, 0xbf, 0xbf, 0xbf]],
])('what is no UTF-8 is refused: %s', async (_what, bytes) => {
  const door = await open();
  const request = Buffer.concat([text(1, [...Buffer.from('192.0.2.7')]), text(4, [0x61, ...bytes])]);
  expect(await answer(door, message(request), { call: 'Pin' })).toMatch(
    /^INVALID_ARGUMENT reason: has the character U\+FFFD at 1/,
  );
  expect(door.operations.calls).toEqual([]);
});

test('requests that make no sense', async () => {
  const door = await open();
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  expect(bomb.length).toBeLessThan(64 * 1024);
  const cases: [string, Promise<string>][] = [
    ['RESOURCE_EXHAUSTED', answer(door, message(bomb, 1), { encoding: 'gzip' })],
    ['RESOURCE_EXHAUSTED', answer(door, Buffer.from([0, 0xff, 0xff, 0xff, 0xff]))],
    ['INTERNAL', answer(door, message(Buffer.from('9b06'.repeat(30_000), 'hex')))],
    ['INTERNAL', answer(door, message(Buffer.alloc(100, 0xff)))],
    ['INTERNAL', answer(door, message(Buffer.alloc(30), 1), { encoding: 'gzip' })],
    ['UNIMPLEMENTED', answer(door, message(Buffer.alloc(3), 1), { encoding: 'x' })],
    ['UNIMPLEMENTED', answer(door, many(2, message(Buffer.alloc(0))))],
    ['UNIMPLEMENTED', answer(door, Buffer.alloc(0))],
    ['UNIMPLEMENTED', answer(door, message(Buffer.alloc(0)), { call: 'Nonsense' })],
  ];
  for (const [wanted, given] of cases) expect(await given).toMatch(new RegExp(`^${wanted} `));
  expect(door.operations.calls).toEqual([]);
  expect(await answer(door, message(Buffer.alloc(0)))).toBe('OK OK');
});

test('a socket that somebody deletes is made again, and reached', async () => {
  const door = await open();
  const file = fileOf(door);
  const early = door.client();
  await early.stats();
  rmSync(file);
  await until('it is there again', 20_000, () => existsSync(file));
  await door.client().stats();
  await early.stats();
  expect(door.said).toContainEqual({
    level: 'warn',
    event: 'admin: opening its socket anew',
    fields: { path: file, found: 'deleted' },
  });
  await door.server.stop();
  expect(existsSync(file)).toBe(false);
});
