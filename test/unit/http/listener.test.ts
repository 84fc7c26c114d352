import { request } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { AGAIN_MS, type Handler, HttpListener, MAX_EACH } from '../../../src/http/listener.js';
import { FakeClock } from '../../support/fake-clock.js';
import { until } from '../../support/processes.js';

interface Line {
  readonly level: string;
  readonly event: string;
  readonly fields: unknown;
}

function opened(routes: Readonly<Record<string, Handler>>, port = 0) {
  const clock = new FakeClock();
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (event: string, fields?: unknown): void =>
      void lines.push({ level, event, fields });
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { clock, lines, listener: new HttpListener({ address: '127.0.0.1', port, routes, clock, log }) };
}

const status = (port: number, path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      response.resume();
      response.on('close', () => {
        resolve(response.statusCode ?? 0);
      });
    });
    asked.on('error', reject);
    asked.end();
  });

test('a handler that fails is answered 500 and told once a minute; others go on', async () => {
  const { clock, lines, listener } = opened({
    '/broken': () => Promise.reject(new Error('no')),
    '/thrown': () => {
      throw new Error('no');
    },
    '/sound': (_, response) => void response.end('yes'),
  });
  await listener.start();
  const { port } = listener;
  const errors = (): number => lines.filter(({ level }) => level === 'error').length;
  expect(await status(port, '/broken')).toBe(500);
  expect(await status(port, '/thrown')).toBe(500);
  expect(await status(port, '/sound')).toBe(200);
  expect(errors()).toBe(1);
  clock.advance(60_000);
  expect(await status(port, '/broken')).toBe(500);
  expect(errors()).toBe(2);
  await listener.stop();
});

test('a handler that fails in the midst of its answer ends the connection', async () => {
  const { listener } = opened({
    '/half': (_, response) => {
      response.write('half');
      return Promise.reject(new Error('no'));
    },
  });
  await listener.start();
  await expect(status(listener.port, '/half').catch(() => 'ended')).resolves.toBeDefined();
  expect(await status(listener.port, '/none')).toBe(404);
  await listener.stop();
});

describe('a place that somebody else has', () => {
  let other: Server;
  let port: number;

  beforeEach(async () => {
    other = createServer();
    await new Promise<void>((resolve) => {
      other.listen(0, '127.0.0.1', resolve);
    });
    ({ port } = other.address() as { port: number });
  });

  const freed = (): Promise<unknown> => new Promise((resolve) => other.close(resolve));

  test('is told of once, tried again, and had when it is free', async () => {
    const { clock, lines, listener } = opened({ '/': (_, response) => void response.end('yes') }, port);
    await listener.start();
    expect(lines.map(({ level }) => level)).toEqual(['warn']);
    clock.advance(3 * AGAIN_MS);
    await freed();
    await until('it listens', 5_000, () => {
      clock.advance(AGAIN_MS);
      return listener.port === port;
    });
    expect(await status(port, '/')).toBe(200);
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info']);
    expect(clock.pendingTimers).toBe(0);
    await listener.stop();
  });

  test('is not tried any more after a stop', async () => {
    const { clock, listener } = opened({}, port);
    await listener.start();
    await listener.stop();
    expect(clock.pendingTimers).toBe(0);
    await freed();
    expect(listener.port).toBe(0);
  });
});

test('stopped twice, or never started, is stopped', async () => {
  const { listener } = opened({});
  await listener.stop();
  const started = opened({}).listener;
  await started.start();
  await started.stop();
  await started.stop();
  expect(started.port).toBe(0);
});

test('another host has half of the connections, this host what there is, and room is given back', async () => {
  const { listener } = opened({ '/': (_, response) => void response.end('x') });
  await listener.start();
  const sockets: Socket[] = [];
  const knock = (localAddress: string): Socket => {
    const socket = connect({ host: '127.0.0.1', port: listener.port, localAddress });
    sockets.push(socket.on('error', () => undefined).resume());
    return socket;
  };
  const many = Array.from({ length: MAX_EACH + 10 }, () => knock('127.0.0.9'));
  const over = (): number => many.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length;
  await until('what is too many is closed', 5_000, () => over() >= 10);
  expect(await status(listener.port, '/')).toBe(200);
  for (let i = 0; i < MAX_EACH - 1; i += 1) knock('127.0.0.1');
  expect(await status(listener.port, '/')).toBe(200);
  for (const socket of many) socket.destroy();
  await until('it is let in again', 5_000, async () => {
    const again = knock('127.0.0.9');
    let heard = '';
    again.on('data', (bytes: Buffer) => (heard += bytes.toString('latin1')));
    again.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until('an answer or the end', 5_000, () => heard !== '' || again.destroyed || again.readableEnded);
    return heard.startsWith('HTTP/1.1 200');
  });
  for (const socket of sockets) socket.destroy();
  await listener.stop();
});
