/** feed, watcher - every change once and in order, whoever joins when; and who does not read is cut off */
import { MAX_WATCHERS } from '../../../src/admin/service.js';
import { MAX_BEHIND } from '../../../src/admin/watcher.js';
import { EPOCH, lease } from '../../support/operations.js';
import { until } from '../../support/processes.js';
import { closeAll, open, type Opened, refusal } from './doors.js';

afterEach(closeAll);

interface Reader {
  readonly numbers: number[];
  readonly positions: number[];
  readonly ended: Promise<string>;
  stop(): void;
}

/** Reads a watch to its end. */
function read(door: Opened, after?: number, author = 'ann'): Reader {
  const stream = door
    .client({ author })
    .watch({ after: after === undefined ? null : { epoch: EPOCH, number: after } });
  const numbers: number[] = [];
  const positions: number[] = [];
  const run = async (): Promise<string> => {
    try {
      for await (const { changes, position } of stream) {
        numbers.push(...changes.map(({ number }) => number));
        positions.push(position?.number ?? -1);
      }
      return 'end';
    } catch (thrown) {
      return String(thrown);
    }
  };
  return {
    numbers,
    positions,
    ended: run(),
    stop: () => {
      stream.cancel();
    },
  };
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

function happen({ operations }: Opened, count: number): void {
  for (let i = 0; i < count; i += 1) operations.change('granted', lease(i));
}

test('from now on: first that it has begun, then what changes', async () => {
  const door = await open();
  happen(door, 3);
  const reader = read(door);
  await until('it has begun', 5_000, () => reader.positions.length === 1);
  expect(reader.positions).toEqual([3]);
  await door.client().pin({ subject: '192.0.2.7', reason: 'office' });
  await until('the pin is told', 5_000, () => reader.numbers.length === 1);
  expect(reader.positions).toEqual([3, 4]);
});

test('what a change says', async () => {
  const door = await open();
  const stream = door.client().watch({ after: { epoch: EPOCH, number: 0 } });
  expect((await stream.next()).value).toEqual({ changes: [], position: { epoch: EPOCH, number: 0 } });
  await door.client({ author: 'ann' }).deny({ subject: '192.0.2.7', reason: 'spam' });
  const { value } = await stream.next();
  expect(value).toMatchObject({
    changes: [
      {
        number: 1,
        kind: 'KIND_DENIED',
        row: { kind: 'KIND_DENY', subject: '192.0.2.7' },
        author: 'local (says: ann)',
        reason: 'spam',
      },
    ],
    position: { epoch: EPOCH, number: 1 },
  });
});

test('whoever joins while things change is told each change once, in order', async () => {
  const door = await open();
  happen(door, 2_000);
  const readers = [read(door, 0), read(door, 1_999), read(door, 700)];
  for (let round = 0; round < 12; round += 1) {
    happen(door, 300);
    await new Promise((resolve) => setImmediate(resolve));
    readers.push(read(door, 100 * round));
    await until('something arrives', 20_000, () => (readers[0]?.positions.length ?? 0) > round / 4);
  }
  const total = door.operations.position;
  await until('all is told', 90_000, () => readers.every(({ numbers }) => numbers.at(-1) === total));
  expect(readers.map(({ numbers }) => numbers)).toEqual(
    [0, 1_999, 700, ...range(0, 11).map((round) => 100 * round)].map((after) => range(after + 1, total)),
  );
  // One for all, and none that was only needed to catch up.
  happen(door, 1);
  await until('the last is told', 5_000, () => readers.every(({ numbers }) => numbers.at(-1) === total + 1));
  expect(door.operations.watchers).toBe(1);
});

test('a position that is not remembered', async () => {
  const door = await open();
  happen(door, 10);
  door.operations.forgotten = 5;
  expect(await read(door, 4).ended).toContain('not remembered');
  const reader = read(door, 5);
  await until('the rest is told', 5_000, () => reader.numbers.length === 5);
  expect(door.operations.watchers).toBe(1);
});

test('one that never reads is cut off; the others miss nothing', async () => {
  const door = await open();
  const idle = door.client().watch({});
  await idle.next();
  const reader = read(door);
  await until('both watch', 5_000, () => door.server.load.watchers === 2 && reader.positions.length === 1);
  const isCut = (): boolean => door.said.some(({ fields }) => fields['reason'] === 'TOO_SLOW');
  while (!isCut()) {
    happen(door, 1_000);
    const total = door.operations.position;
    await until('the other is told', 60_000, () => reader.numbers.at(-1) === total);
    if (total > 40 * MAX_BEHIND) throw new Error('it was never cut off');
  }
  expect(door.server.load.watchers).toBe(1);
  expect(reader.numbers).toEqual(range(1, door.operations.position));
  // When it reads at last it is told why; what it has is in order, and it can go on from there.
  let last = 0;
  const cut = (async () => {
    for await (const { changes } of idle)
      for (const { number } of changes) {
        expect(number).toBe(last + 1);
        last = number;
      }
  })();
  expect(await refusal(cut)).toMatchObject({ status: 'RESOURCE_EXHAUSTED', reason: 'TOO_SLOW' });
  const again = read(door, last);
  await until('it has caught up', 20_000, () => again.numbers.at(-1) === door.operations.position);
  expect(again.numbers).toEqual(range(last + 1, door.operations.position));
});

test('who goes away, by ending the call or the connection, is forgotten', async () => {
  const door = await open();
  const one = read(door);
  const client = door.client();
  const other = client.watch({});
  await other.next();
  await until('both watch', 5_000, () => door.server.load.watchers === 2);
  client.close();
  other.cancel();
  one.stop();
  await until('nobody watches', 5_000, () => door.server.load.watchers === 0);
  expect(door.operations.watchers).toBe(0);
});

test('at the stop they are told', async () => {
  const door = await open();
  const reader = read(door);
  await until('it watches', 5_000, () => door.server.load.watchers === 1 && reader.positions.length === 1);
  await door.server.stop();
  expect(await reader.ended).toBe('AdminError: dracd is being stopped');
});

test('so many and no more', async () => {
  const door = await open();
  const readers = range(1, MAX_WATCHERS).map((i) => read(door, undefined, i % 2 === 0 ? 'ann' : 'bob'));
  await until('all watch', 20_000, () => readers.every(({ positions }) => positions.length === 1));
  expect(await read(door).ended).toContain(
    `local (says: ann) has ${MAX_WATCHERS / 2} of the ${MAX_WATCHERS} watches`,
  );
  expect(await read(door, undefined, 'eve').ended).toContain(`there are ${MAX_WATCHERS} of the`);
});
