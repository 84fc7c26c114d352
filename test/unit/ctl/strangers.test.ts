/** strangers - what dracctl says of servers that are not dracd, or answer what no dracd answers, or nothing at all */
import { createServer as createHttp2, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { marked } from '../../../src/wire/grpc.js';
import { type Ended, newDirectory, run } from '../../support/processes.js';
import { CTL } from './dracctl.js';

const directory = newDirectory('strangers');
const ends: (() => void)[] = [];
let count = 0;

afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

async function listening(server: Server): Promise<string> {
  count += 1;
  const file = path.join(directory, String(count));
  ends.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(file, resolve));
  return `unix:${file}`;
}

/** Speaks HTTP/2 and answers calls so. */
function answering(answer: (stream: ServerHttp2Stream) => void): Promise<string> {
  const sessions: ServerHttp2Session[] = [];
  const server = createHttp2();
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream) => {
    stream.on('error', () => undefined).resume();
    answer(stream);
  });
  ends.push(() => {
    for (const session of sessions) session.destroy();
  });
  return listening(server);
}

const ctl = (server: string, ...words: string[]): Promise<Ended> =>
  run([process.execPath, CTL, '--server', server, ...words]);

const GRPC = { ':status': 200, 'content-type': 'application/grpc' };

/** Answers with a web page. */
const page = (status: number) => (stream: ServerHttp2Stream) => {
  stream.respond({ ':status': status, 'content-type': 'text/html; charset=utf-8' });
  stream.end('<!doctype html><title>mail</title>'.repeat(1_000));
};

/** Answers with this message, and that all went well. */
const message = (bytes: Uint8Array) => (stream: ServerHttp2Stream) => {
  stream.respond(GRPC, { waitForTrailers: true });
  stream.on('wantTrailers', () => {
    stream.sendTrailers({ 'grpc-status': '0' });
  });
  stream.end(bytes);
};

/** Refuses it, with these words and details. */
const refusal = (words: string, details?: Uint8Array) => (stream: ServerHttp2Stream) => {
  const bytes = details && { 'grpc-status-details-bin': Buffer.from(details).toString('base64') };
  stream.respond({ ...GRPC, 'grpc-status': '9', 'grpc-message': words, ...bytes }, { endStream: true });
};

const GARBAGE = new Uint8Array(40).fill(0xff);

test.each([
  ['a page', page(200), 'HTTP status 200, text/html; charset=utf-8'],
  ['a page that says that there is none', page(404), 'HTTP status 404, text/html; charset=utf-8'],
  [
    'nothing, and no type',
    (stream: ServerHttp2Stream) => {
      stream.respond({ ':status': 204 }, { endStream: true });
    },
    'HTTP status 204, no content-type',
  ],
])('what answers with %s is not dracd', async (_, answer, what) => {
  const server = await answering(answer);
  for (const command of ['stats', 'list'])
    expect(await ctl(server, command)).toMatchObject({
      code: 69,
      stdout: '',
      stderr: `dracctl: what answers at ${server} is not dracd: it answers with ${what}
  cure: is this the place in [admin] listen, and is there no proxy or web server before it?\n`,
    });
});

test.each([
  ['a message', message(marked(GARBAGE))],
  ['a mark of a message', message(GARBAGE)],
  ['details of a refusal', refusal('no', GARBAGE)],
])('garbage as %s: it is said whose answer cannot be understood', async (_, answer) => {
  const server = await answering(answer);
  for (const command of ['stats', 'list']) {
    const { code, stdout, stderr } = await ctl(server, command);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(
      /^dracctl: the answer of unix:\S+ cannot be understood: .+\n {2}cure: is it dracd/,
    );
    expect(stderr).toContain(`the answer of ${server} `);
  }
});

test('a server that talks too much is cut short, and one that does not is heard out', async () => {
  const words = await ctl(await answering(refusal('w'.repeat(450))), 'stats');
  expect(words).toMatchObject({ code: 2, stderr: expect.stringMatching(/w{450}\n$/) as string });
  const more = await ctl(await answering(refusal('w'.repeat(8_000))), 'stats');
  expect(more).toMatchObject({ code: 2, stderr: expect.stringMatching(/[^w]w{500}\.\.\.\n$/) as string });
});

const mute = (): Server => {
  const sockets: Socket[] = [];
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
  });
  return createServer((socket) => {
    socket.on('error', () => undefined).resume();
    sockets.push(socket);
  });
};

test.each([
  ['takes calls and never answers', () => answering(() => undefined)],
  ['accepts and says nothing', () => listening(mute())],
])('a server that %s: dracctl ends', async (_, server) => {
  const place = await server();
  for (const command of ['stats', 'list', 'export'])
    expect(await ctl(place, '--timeout', '1s', command)).toMatchObject({
      code: 75,
      stdout: '',
      stderr: expect.stringMatching(
        `^dracctl: no answer from ${place} within 1 s\n  cure: .*try a longer --timeout`,
      ) as string,
    });
});
