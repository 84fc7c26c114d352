/** listing, page, filter - rows as a client gets them: filters, pages in order, and many of them without a stall */
import { EventEmitter } from 'node:events';
import type { ListRequest } from '../../../src/admin/gen/dracd/admin/v1/ListRequest.js';
import { type ListCall, ROWS_A_MESSAGE, ROWS_AT_FIRST, sendListing } from '../../../src/admin/listing.js';
import type { Row } from '../../../src/admin/operations.js';
import { parseNetwork } from '../../../src/core/network.js';
import { type Subject, subjectOf } from '../../../src/core/subject.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { EPOCH, NOW, nth, REPORTER } from '../../support/operations.js';
import { until } from '../../support/processes.js';
import { closeAll, open, type Opened } from './doors.js';

afterEach(closeAll);

const subject = (text: string): Subject =>
  subjectOf(parseNetwork(text) ?? { base: Uint8Array.of(), mask: Uint8Array.of() });

async function list(door: Opened, request: ListRequest = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const { rows } of door.client().list(request))
    for (const row of rows) found.push(`${row.kind.slice(5).toLowerCase()} ${row.subject}`);
  return found;
}

async function filled(): Promise<Opened> {
  const door = await open();
  const rows = [
    { kind: 'pin', subject: '192.0.2.0/24', reason: 'x', author: 'a', expiresAt: undefined },
    { kind: 'deny', subject: '198.51.100.7', reason: 'x', author: 'a', expiresAt: NOW + 5 },
    { kind: 'pin', subject: '2001:db8::/32', reason: 'x', author: 'a', expiresAt: undefined },
    { kind: 'grant', subject: '192.0.2.9', reporter: REPORTER, user: 'ann', expiresAt: NOW + 7 },
    { kind: 'grant', subject: '9.0.0.1', expiresAt: NOW + 9 },
    { kind: 'grant', subject: '10.0.0.1', expiresAt: NOW + 9 },
    { kind: 'grant', subject: '2001:db8:1:2::/64', expiresAt: NOW + 9 },
  ] as const;
  for (const row of rows) door.operations.entries.set(row.subject, { ...row, subject: subject(row.subject) });
  return door;
}

test.each([
  [{}, 7],
  [{ kind: 'KIND_GRANT' }, 4],
  [{ within: '192.0.2.0/24' }, 2],
  [{ within: '192.0.2.9' }, 1],
  [{ within: '192.0.2.8/30' }, 1],
  [{ within: '2001:db8::/32' }, 2],
  [{ within: '2001:db8:1:2::7' }, 0],
  [{ reporter: REPORTER }, 1],
  [{ user: 'ann' }, 1],
  [{ user: 'an' }, 0],
  [{ endsBefore: { seconds: NOW / 1_000, nanos: 7_500_000 } }, 2],
  [{ kind: 'KIND_PIN', within: '::/0' }, 1],
] as [ListRequest, number][])('%j: %d rows', async (request, count) => {
  expect(await list(await filled(), request)).toHaveLength(count);
});

const SORTED = [
  'deny 198.51.100.7',
  'pin 192.0.2.0/24',
  'pin 2001:db8::/32',
  'grant 9.0.0.1',
  'grant 10.0.0.1',
  'grant 192.0.2.9',
  'grant 2001:db8:1:2::/64',
];

test.each([1, 2, 3, 6, 7, 8])('pages of %d rows, while rows come and go', async (pageSize) => {
  const door = await filled();
  const found: string[] = [];
  const sizes: number[] = [];
  let token = '';
  do {
    const page = door.client().list({ pageSize, pageToken: token });
    token = '';
    const before = found.length;
    for await (const { rows, nextPageToken } of page) {
      for (const row of rows) found.push(`${row.kind.slice(5).toLowerCase()} ${row.subject}`);
      token = nextPageToken;
    }
    sizes.push(found.length - before);
    // The row that the next page goes on from may be gone by then.
    const last = found.at(-1)?.split(' ')[1] ?? '';
    door.operations.entries.delete(last);
  } while (token !== '');
  expect(found).toEqual(SORTED);
  expect(sizes.slice(0, -1).every((size) => size === pageSize)).toBe(true);
});

test('pages of many rows', async () => {
  const door = await open();
  door.operations.many = 5_000;
  const found: string[] = [];
  for (let token: string | undefined; token !== '';) {
    const page = door.client().list({ pageSize: 1_000, pageToken: token ?? '' });
    token = '';
    for await (const message of page) {
      found.push(...message.rows.map((row) => row.subject));
      token = message.nextPageToken;
    }
  }
  expect(found).toEqual(Array.from({ length: 5_000 }, (_, n) => nth(n)));
});

test('the first message says where a watch goes on', async () => {
  const { client, operations } = await open();
  await client().pin({ subject: '192.0.2.7', reason: 'x' });
  const first = await client().list({}).next();
  expect(first.value).toMatchObject({ position: { epoch: EPOCH, number: operations.position } });
});

test('many rows, in the order of the table, held by nobody', async () => {
  const door = await open();
  const COUNT = 200_000;
  door.operations.many = COUNT;
  let count = 0;
  let last = '';
  for await (const { rows } of door.client().list({})) {
    count += rows.length;
    last = rows.at(-1)?.subject ?? last;
  }
  expect({ count, last }).toEqual({ count: COUNT, last: nth(COUNT - 1) });
  expect(door.server.load.lists).toBe(0);
});

test('messages are small at first, and no longer than they may be', async () => {
  const door = await open();
  door.operations.many = 1_000;
  const sizes: number[] = [];
  for await (const { rows } of door.client().list({})) sizes.push(rows.length);
  expect(sizes).toEqual([0, 16, 32, 64, 128, 256, 256, 248]);
  expect([sizes[1], Math.max(...sizes)]).toEqual([ROWS_AT_FIRST, ROWS_A_MESSAGE]);
});

test('a search that finds nothing in a million rows gives others their turn', async () => {
  const door = await open();
  door.operations.many = 1_000_000;
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  expect(await list(door, { user: 'nobody' })).toEqual([]);
  isOver = true;
  // A scan in one piece leaves six turns; slices leave the more, the slower the machine is.
  expect(turns).toBeGreaterThan(15);
});

test('what a search passes over without a word is no row, and gives others their turn', async () => {
  const door = await open();
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  door.operations.rows = function* () {
    for (let i = 0; i < 200; i += 1) yield undefined;
    yield { kind: 'grant', subject: nth(7), expiresAt: NOW };
    yield undefined;
  };
  setImmediate(count);
  expect(await list(door)).toEqual([`grant ${nth(7)}`]);
  isOver = true;
  expect(turns).toBeGreaterThan(200);
});

test('a client that does not read: rows wait in the table, not for it', async () => {
  const door = await open();
  let taken = 0;
  door.operations.rows = function* () {
    for (let n = 0; n < 1_000_000; n += 1) {
      taken += 1;
      yield { kind: 'grant', subject: nth(n), expiresAt: NOW };
    }
  };
  const stream = door.client().list({});
  expect((await stream.next()).done).toBe(false);
  let before = -1;
  await until('nothing more is taken', 20_000, () => {
    const still = taken === before;
    before = taken;
    return still && taken > 0;
  });
  expect(taken).toBeLessThan(200_000);
  expect(door.server.load.lists).toBe(1);
  stream.cancel();
  await until('the list is given up', 5_000, () => door.server.load.lists === 0);
});

test('one message is under way at a time, however willing the stream is', async () => {
  let [underWay, most, messages] = [0, 0, 0];
  const call = Object.assign(new EventEmitter(), {
    cancelled: false,
    write: (_: unknown, done: () => void): boolean => {
      underWay += 1;
      messages += 1;
      most = Math.max(most, underWay);
      setImmediate(() => {
        underWay -= 1;
        done();
      });
      return true;
    },
  });
  const rows = Array.from({ length: 2_000 }, (_, n): Row => ({
    kind: 'grant',
    subject: nth(n),
    expiresAt: NOW,
  }));
  const listing = { rows, matches: () => true, page: undefined, opening: {} };
  await sendListing(call as unknown as ListCall, listing, {
    clock: systemClock,
    ending: { ended: undefined },
  });
  expect(messages).toBeGreaterThan(2_000 / ROWS_A_MESSAGE);
  expect({ most, underWay }).toEqual({ most: 1, underWay: 0 });
  expect(call.listenerCount('cancelled')).toBe(0);
});

test('lists are limited', async () => {
  const door = await open();
  door.operations.many = 1_000_000;
  const streams = Array.from({ length: 17 }, (_, i) => door.client({ author: `author${i % 3}` }).list({}));
  const ends = await Promise.all(
    streams.map((stream) =>
      stream.next().then(
        () => 'ok',
        (thrown: unknown) => String(thrown),
      ),
    ),
  );
  expect(ends.filter((end) => end !== 'ok')).toEqual([
    'AdminError: there are 16 of the 16 lists at once already: end one, or try again when one has ended',
  ]);
  for (const stream of streams) stream.cancel();
  await until('all are given up', 5_000, () => door.server.load.lists === 0);
});
