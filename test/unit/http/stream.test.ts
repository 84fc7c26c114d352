import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { EVERY_MS, MAX_EACH, MAX_STREAMS, SLOW_MS, Stream } from '../../../src/http/stream.js';
import { FakeClock } from '../../support/fake-clock.js';
import { until } from '../../support/processes.js';

const POINT = { at: 1, live: 2, reports: {}, refusals: {}, lookups: {} };
let server: Server;
let stream: Stream;
let clock: FakeClock;
/** What a section says; large for those who are to be slow. */
let said = 'one';

beforeEach(async () => {
  clock = new FakeClock();
  stream = new Stream({ points: () => [POINT], sections: () => ({ status: said }), clock });
  stream.start();
  server = createServer((request, response) => void stream.handler(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
});
afterEach(async () => {
  said = 'one';
  stream.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

interface Reading {
  readonly response: IncomingMessage;
  readonly text: () => string;
  readonly over: () => boolean;
}

function read(localAddress = '127.0.0.1'): Promise<Reading> {
  return new Promise((resolve, reject) => {
    const { port } = server.address() as { port: number };
    const asked = get({ host: '127.0.0.1', port, agent: false, localAddress }, (response) => {
      let text = '';
      let over = false;
      response.setEncoding('utf8').on('data', (more: string) => (text += more));
      response.on('close', () => (over = true));
      response.on('error', () => undefined);
      resolve({ response, text: () => text, over: () => over });
    });
    asked.on('error', reject);
  });
}

test('it begins with the history and the page, and then tells what is new', async () => {
  const reading = await read();
  expect(reading.response.headers['content-type']).toContain('text/event-stream');
  await until('the beginning', 5_000, () => reading.text().includes('event: page'));
  expect(reading.text()).toBe(
    `retry: 3000\n\nevent: history\ndata: [${JSON.stringify(POINT)}]\n\nevent: page\ndata: {"status":"one"}\n\n`,
  );
  said = 'two\nlines';
  clock.advance(EVERY_MS);
  await until('the next', 5_000, () =>
    reading.text().endsWith('event: page\ndata: {"status":"two\\nlines"}\n\n'),
  );
  stream.point({ ...POINT, live: 3 });
  await until('the point', 5_000, () => reading.text().includes('event: point\ndata: {"at":1,"live":3'));
});

test('one that has left is forgotten', async () => {
  const reading = await read();
  expect(stream.size).toBe(1);
  reading.response.destroy();
  await until('it is forgotten', 5_000, () => stream.size === 0);
});

test('there is room for so many', async () => {
  const all = await Promise.all(Array.from({ length: MAX_STREAMS }, () => read()));
  expect(all.map(({ response }) => response.statusCode)).toEqual(all.map(() => 200));
  const more = await read();
  expect([more.response.statusCode, more.response.headers['retry-after']]).toEqual([503, '60']);
  expect(stream.size).toBe(MAX_STREAMS);
});

test('another host has half, and has its place again when it has gone', async () => {
  const all = await Promise.all(Array.from({ length: MAX_EACH }, () => read('127.0.0.9')));
  const statuses = all.map(({ response }) => response.statusCode);
  expect(statuses).toEqual(all.map(() => 200));
  expect((await read('127.0.0.9')).response.statusCode).toBe(503);
  expect((await read('127.0.0.10')).response.statusCode).toBe(200);
  expect((await read()).response.statusCode).toBe(200);
  all[0]?.response.destroy();
  await until('it is forgotten', 5_000, () => stream.size === MAX_EACH + 1);
  expect((await read('127.0.0.9')).response.statusCode).toBe(200);
});

test('a reader that takes nothing is sent nothing more, and cut off; others are not', async () => {
  const slow = await read();
  const quick = await read();
  slow.response.pause();
  said = 'x'.repeat(8_000_000);
  clock.advance(EVERY_MS);
  said = 'small';
  await until('the quick one has all', 20_000, () => quick.text().length > 8_000_000);
  clock.advance(SLOW_MS - EVERY_MS);
  expect(stream.size).toBe(2);
  clock.advance(EVERY_MS);
  await until('the slow one is gone', 5_000, () => stream.size === 1);
  expect(quick.over()).toBe(false);
  slow.response.resume();
  await until('its end', 5_000, slow.over);
  expect(slow.text()).not.toContain('small');
});

test('stopped, it ends all and leaves no timer', async () => {
  const reading = await read();
  stream.stop();
  await until('the end', 5_000, reading.over);
  expect(clock.pendingTimers).toBe(0);
});
