/** kept-door - sockets of the real system that others delete or put their own in the place of */
import { chmodSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type Server, type Socket, connect, createServer } from 'node:net';
import path from 'node:path';
import { parsePlace } from '../../../src/config-place.js';
import { Fault } from '../../../src/core/fault.js';
import { KeptDoor, LOOKS_BETWEEN_TRIES } from '../../../src/runtime/kept-door.js';
import { recordingLog } from '../../support/live-map.js';
import { newDirectory, until } from '../../support/processes.js';

let directory: string;
let file: string;
let door: KeptDoor;
let { log, said } = recordingLog();
const servers: Server[] = [];
const sockets: Socket[] = [];

async function open(text: string): Promise<KeptDoor> {
  const place = parsePlace(text);
  if (place === undefined) throw new RangeError(text);
  return KeptDoor.open({
    place,
    who: 'look-up',
    key: '[[lookups]] listen',
    fault: (message, cause) => new Fault('LISTEN', message, cause),
    halfOpen: true,
    mode: 0o606,
    maxConnections: 10,
    onDrop: () => undefined,
    onError: () => undefined,
    onSocket: (socket) => {
      socket.on('error', () => undefined).on('data', () => socket.write('ours'));
    },
    log,
  });
}

beforeEach(async () => {
  directory = newDirectory('kept-door');
  file = path.join(directory, 'sockets', 's');
  ({ log, said } = recordingLog());
  door = await open(`unix:${file}`);
  said.splice(0);
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await door.close();
  for (const server of servers.splice(0)) server.close();
  rmSync(directory, { recursive: true });
});

/** A connection, and what its other side says to each of our words. */
class Peer {
  readonly #socket: Socket;

  constructor() {
    this.#socket = connect(file).setEncoding('utf8');
    this.#socket.on('error', () => undefined);
    sockets.push(this.#socket);
  }

  hears(): Promise<string> {
    return new Promise((resolve) => {
      this.#socket.once('data', (text) => {
        resolve(String(text));
      });
      this.#socket.once('error', (error: NodeJS.ErrnoException) => {
        resolve(error.code ?? '');
      });
      this.#socket.write('?');
    });
  }
}

const hear = (): Promise<string> => new Peer().hears();

/** Another program's socket. */
async function occupy(): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).on('data', () => socket.write('theirs'));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(file, resolve));
  return server;
}

/** Looks until it is so. */
function looksUntil(what: string, ask: () => boolean | Promise<boolean>): Promise<void> {
  return until(what, 5_000, () => {
    door.look();
    return ask();
  });
}

const isOurs = async (): Promise<boolean> => (await hear()) === 'ours';
const events = (): string[] => said.map(({ level, event }) => `${level} ${event}`);
const ANEW = 'warn look-up: opening its socket anew';
const TROUBLE = 'error look-up: out of reach, trying again';
const WELL = 'info look-up: within reach again';

test('a door that nobody touches stays as it is', async () => {
  const before = lstatSync(file);
  for (let look = 0; look < 3 * LOOKS_BETWEEN_TRIES; look += 1) door.look();
  chmodSync(file, 0o600);
  door.look();
  expect(lstatSync(file).ino).toBe(before.ino);
  expect(await hear()).toBe('ours');
  expect(said).toEqual([]);
});

test('deleted, it is opened anew with its mode, again and again; who is connected goes on', async () => {
  const early = new Peer();
  expect(await early.hears()).toBe('ours');
  for (let time = 1; time <= 3; time += 1) {
    rmSync(file);
    expect(await hear()).toBe('ENOENT');
    await looksUntil('it is there again', () => existsSync(file));
    expect(await hear()).toBe('ours');
    expect((lstatSync(file).mode & 0o7777).toString(8)).toBe('606');
    expect(await early.hears()).toBe('ours');
    expect(events()).toEqual(Array<string>(time).fill(ANEW));
  }
  expect(said[0]?.fields).toEqual({ path: file, found: 'deleted' });
});

test('renamed away, or deleted with its directory, it is opened anew', async () => {
  renameSync(file, `${file}.elsewhere`);
  await looksUntil('it is there again', () => existsSync(file));
  expect(await hear()).toBe('ours');
  rmSync(path.dirname(file), { recursive: true });
  await looksUntil('it is there again', () => existsSync(file));
  expect(await hear()).toBe('ours');
  expect(events()).toEqual([ANEW, ANEW, 'info look-up: directory made']);
});

test('a socket in its place that nobody answers is replaced', async () => {
  rmSync(file);
  const server = await occupy();
  // Under another name, or the program that ends would remove it.
  renameSync(file, `${file}.theirs`);
  await new Promise((resolve) => server.close(resolve));
  servers.pop();
  const elsewhere = `${file}.theirs`;
  if (existsSync(elsewhere)) renameSync(elsewhere, file);
  expect(await hear()).toBe('ECONNREFUSED');
  await looksUntil('it is ours', isOurs);
  expect(said[0]).toEqual({
    level: 'warn',
    event: 'look-up: opening its socket anew',
    fields: { path: file, found: 'replaced by another socket' },
  });
});

test('a socket in its place that another program answers is left alone and told of once; it is ours again when that ends', async () => {
  rmSync(file);
  const server = await occupy();
  const theirs = lstatSync(file).ino;
  let tries = 0;
  server.on('connection', () => (tries += 1));
  // More than one try, each answered by the other program.
  await looksUntil('it has been tried three times', () => tries >= 3);
  expect(lstatSync(file).ino).toBe(theirs);
  expect(await hear()).toBe('theirs');
  expect(events()).toEqual([ANEW, TROUBLE]);
  expect(said[1]?.fields['reason']).toMatch(/another program answers there; stop that program/);
  // What ends well removes its socket.
  servers.pop();
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
  await looksUntil('it is ours', isOurs);
  expect(events()).toEqual([ANEW, TROUBLE, ANEW, WELL]);
});

test('tries are few while nothing changes', async () => {
  rmSync(file);
  const server = await occupy();
  let tries = 0;
  server.on('connection', () => (tries += 1));
  door.look();
  await until('it has been tried', 5_000, () => tries === 1 && events().includes(TROUBLE));
  for (let look = 1; look < LOOKS_BETWEEN_TRIES; look += 1) {
    door.look();
    await new Promise(setImmediate);
  }
  expect(tries).toBe(1);
  await looksUntil('it has been tried again', () => tries === 2);
});

test.each([
  [
    'a file',
    () => {
      writeFileSync(file, 'mine');
    },
  ],
  [
    'a directory',
    () => {
      mkdirSync(file);
    },
  ],
])(
  '%s in its place is left alone and told of once, and the door is opened when it is gone',
  async (_, make) => {
    rmSync(file);
    make();
    const { ino } = lstatSync(file);
    await looksUntil('it is told', () => events().includes(TROUBLE));
    for (let look = 0; look < 3 * LOOKS_BETWEEN_TRIES; look += 1) {
      door.look();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(lstatSync(file).ino).toBe(ino);
    expect(events()).toEqual([ANEW, TROUBLE]);
    rmSync(file, { recursive: true });
    await looksUntil('it is ours', isOurs);
    expect(events()).toEqual([ANEW, TROUBLE, ANEW, WELL]);
  },
);

test('its own socket put back is its own socket', async () => {
  renameSync(file, `${file}.elsewhere`);
  mkdirSync(file);
  await looksUntil('it is told', () => events().includes(TROUBLE));
  rmSync(file, { recursive: true });
  renameSync(`${file}.elsewhere`, file);
  await looksUntil('it is told', () => events().includes(WELL));
  expect(await hear()).toBe('ours');
  expect(events()).toEqual([ANEW, TROUBLE, WELL]);
});

test('closed while it is being opened anew, nothing is left', async () => {
  rmSync(file);
  door.look();
  await door.close();
  expect(existsSync(file)).toBe(false);
  expect(existsSync(`${file}.new`)).toBe(false);
  door.look();
  await new Promise(setImmediate);
  expect(existsSync(file)).toBe(false);
});

test('a port has nothing that could be taken away', async () => {
  const port = await open('127.0.0.1:0');
  port.look();
  await port.close();
  expect(said).toEqual([]);
});
