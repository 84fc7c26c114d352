/** mute - servers that say nothing, or nothing more: when a client gives up, and that it leaves nothing behind then */
import { createServer as createHttp2, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { AdminClient, type ClientOptions } from '../../../src/admin/client.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { marked } from '../../../src/wire/grpc.js';
import { Authority } from '../../support/certificates.js';
import { FakeClock } from '../../support/fake-clock.js';
import { newDirectory, until } from '../../support/processes.js';

const TIMEOUT_MS = 1_000;
/** Beyond the time limit, and before a connection is looked after. */
const LONG_MS = 30_000;

const directory = newDirectory('mute');
const ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

/** A client whose timers fire when the test says so. */
function made(options: Pick<ClientOptions, 'server' | 'tls'>): { client: AdminClient; time: FakeClock } {
  const time = new FakeClock();
  const clock = { ...systemClock, after: time.after.bind(time) };
  const client = new AdminClient({ timeoutMs: TIMEOUT_MS, clock, ...options });
  ends.push(() => {
    client.close();
  });
  return { client, time };
}

async function listening(server: Server, at: ListenOptions): Promise<void> {
  ends.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(at, resolve));
}

/** The status of what a call is rejected with. */
const statusOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'done',
    (thrown: unknown) => (thrown as { status?: unknown }).status ?? thrown,
  );

interface Speaking {
  readonly server: string;
  readonly streams: ServerHttp2Stream[];
}

/** Speaks HTTP/2, answers pings, and of calls only what a test says. */
async function speaking(name: string): Promise<Speaking> {
  const file = path.join(directory, name);
  const streams: ServerHttp2Stream[] = [];
  const sessions: ServerHttp2Session[] = [];
  const server = createHttp2();
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    streams.push(stream);
  });
  await listening(server, { path: file });
  ends.push(() => {
    for (const session of sessions) session.destroy();
  });
  return { server: `unix:${file}`, streams };
}

const HEAD = { ':status': 200, 'content-type': 'application/grpc+proto' };
const EMPTY = marked(new Uint8Array());

test.each(['a socket', 'a port'])(
  '%s that accepts and says nothing is left when the client is closed',
  async (what) => {
    const sockets: Socket[] = [];
    const mute = createServer((socket) => {
      socket.on('error', () => undefined).resume();
      sockets.push(socket);
    });
    ends.push(() => {
      for (const socket of sockets) socket.destroy();
    });
    const file = path.join(directory, 'silent');
    await listening(mute, what === 'a socket' ? { path: file } : { host: '127.0.0.1', port: 0 });
    const authority = await Authority.make(directory, 'ca');
    const own = await authority.sign('operator', { names: 'email:ann@example.org', use: 'clientAuth' });
    const { client, time } = made(
      what === 'a socket'
        ? { server: `unix:${file}` }
        : {
            server: `127.0.0.1:${(mute.address() as AddressInfo).port}`,
            tls: { ...own, ca: authority.cert },
          },
    );
    const asked = statusOf(client.stats());
    await until('it is connected', 20_000, () => sockets.length === 1);
    time.advance(TIMEOUT_MS);
    expect(await asked).toBe('DEADLINE_EXCEEDED');
    expect(sockets[0]?.destroyed).toBe(false);
    // No time passes from here on.
    client.close();
    await until('the connection is given up', 20_000, () => sockets[0]?.destroyed === true);
    await until('nothing is waited for', 20_000, () => time.pendingTimers === 0);
  },
);

test('a list that nothing comes of ends; a watch does not', async () => {
  const { server, streams } = await speaking('list');
  const { client, time } = made({ server });
  const watch = client.watch({}).next();
  await until('it watches', 20_000, () => streams.length === 1);
  const list = statusOf(client.list({}).next());
  await until('it lists', 20_000, () => streams.length === 2);
  time.advance(LONG_MS);
  expect(await list).toBe('DEADLINE_EXCEEDED');
  streams[0]?.respond(HEAD);
  streams[0]?.write(EMPTY);
  expect(await watch).toMatchObject({ done: false, value: { changes: [] } });
});

test('a list: the time that its reader takes is not that of the server; each message has its own', async () => {
  const { server, streams } = await speaking('slow');
  const { client, time } = made({ server });
  const list = client.list({});
  const first = list.next();
  await until('it lists', 20_000, () => streams.length === 1);
  time.advance(TIMEOUT_MS - 1);
  streams[0]?.respond(HEAD);
  streams[0]?.write(EMPTY);
  expect(await first).toMatchObject({ done: false, value: { rows: [] } });
  time.advance(LONG_MS);
  const second = list.next();
  time.advance(TIMEOUT_MS - 1);
  streams[0]?.write(EMPTY);
  expect(await second).toMatchObject({ done: false, value: { rows: [] } });
  const third = statusOf(list.next());
  time.advance(TIMEOUT_MS);
  expect(await third).toBe('DEADLINE_EXCEEDED');
});
