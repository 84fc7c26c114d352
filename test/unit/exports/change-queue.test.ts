/** ChangeQueue - order, slices, and who is told. */
import { ChangeQueue, MAX_OWED } from '../../../src/exports/change-queue.js';
import type { ClientAddress } from '../../../src/core/address.js';
import { grant, grants } from '../../support/live-map.js';

const FULL = -30_792;

function recorder(failAt = Infinity) {
  const calls: string[] = [];
  const call = (text: string): number => {
    if (calls.length === failAt) return FULL;
    calls.push(text);
    return 0;
  };
  return {
    calls,
    put: ({ client }: { client: string }) => call(`+${client}`),
    remove: (client: string) => call(`-${client}`),
    deny: (client: string) => call(`!${client}`),
    allow: ({ client }: { client: string }) => call(`?${client}`),
    hide: (client: string) => call(`x${client}`),
  };
}

const always = (): boolean => true;

const clients = (...names: string[]): ClientAddress[] => names as ClientAddress[];

test('takes several changes in one slice, in order', () => {
  const queue = new ChangeQueue();
  const told: number[] = [];
  queue.push({ put: [grant('192.0.2.1')], remove: ['192.0.2.2' as ClientAddress] }, () => told.push(1));
  queue.push({ put: [], remove: [] }, () => told.push(2));
  queue.push({ put: [], remove: ['192.0.2.1' as ClientAddress] }, () => told.push(3));
  const writer = recorder();
  expect(queue.writeSlice(writer, always)).toBe(0);
  expect(writer.calls).toEqual(['-192.0.2.2', '+192.0.2.1', '-192.0.2.1']);
  for (const done of queue.written()) done();
  expect(told).toEqual([1, 2, 3]);
  expect(queue.isEmpty).toBe(true);
});

test('the parts of a change are made in their order', () => {
  const queue = new ChangeQueue();
  const [inside, gone] = clients('192.0.2.2', '192.0.2.3') as [ClientAddress, ClientAddress];
  queue.push(
    {
      put: [grant('192.0.2.1')],
      remove: clients('192.0.2.4'),
      deny: [{ client: inside, isInside: true }],
      allow: [{ client: gone, around: [] }],
      hide: clients('192.0.2.5'),
    },
    () => undefined,
  );
  const writer = recorder();
  expect(queue.writeSlice(writer, always)).toBe(0);
  expect(writer.calls).toEqual(['x192.0.2.5', '-192.0.2.4', '!192.0.2.2', '?192.0.2.3', '+192.0.2.1']);
});

test('a large change takes several slices and is told once, at its end', () => {
  const queue = new ChangeQueue();
  let told = 0;
  queue.push({ put: grants(2_500), remove: [] }, () => (told += 1));
  queue.push({ put: [grant('192.0.2.1')], remove: [] }, () => (told += 10));
  const writer = recorder();
  const slices: number[] = [];
  while (!queue.isEmpty) {
    const before = writer.calls.length;
    queue.writeSlice(writer, always);
    slices.push(writer.calls.length - before);
    for (const done of queue.written()) done();
    if (slices.length < 3) expect(told).toBe(0);
  }
  expect(slices).toEqual([1_000, 1_000, 501]);
  expect(told).toBe(11);
  expect(writer.calls).toEqual([...grants(2_500).map(({ client }) => `+${client}`), '+192.0.2.1']);
});

test('goes on a little even without time', () => {
  const queue = new ChangeQueue();
  queue.push({ put: grants(100), remove: [] }, () => undefined);
  const writer = recorder();
  let slices = 0;
  for (; !queue.isEmpty; slices += 1) {
    queue.writeSlice(writer, () => false);
    queue.written();
  }
  expect(slices).toBe(4);
  expect(writer.calls).toHaveLength(100);
});

test('a slice that failed can be written again, and a built map restarts the change', () => {
  const queue = new ChangeQueue();
  queue.push({ put: grants(1_500), remove: [] }, () => undefined);
  expect(queue.writeSlice(recorder(10), always)).toBe(FULL);
  const again = recorder();
  queue.writeSlice(again, always);
  expect(again.calls).toHaveLength(1_000);
  queue.written();
  queue.restart();
  const restarted = recorder();
  queue.writeSlice(restarted, always);
  expect(restarted.calls[0]).toBe('+10.0.0.0');
});

test('abandoned, it names all who wait, and is empty', () => {
  const queue = new ChangeQueue();
  const done = (): void => undefined;
  queue.push({ put: grants(2), remove: [] }, done);
  queue.push({ put: grants(2), remove: [] }, done);
  expect(queue.abandon()).toEqual([done, done]);
  expect(queue.isEmpty).toBe(true);
});

describe('what is owed', () => {
  /** Everything that the queue would write, in order. */
  function drain(queue: ChangeQueue): string[] {
    const writer = recorder();
    while (!queue.isEmpty) {
      queue.writeSlice(writer, always);
      queue.written();
    }
    return writer.calls;
  }

  test('after a failure all are told, and only what was to go waits on', () => {
    const queue = new ChangeQueue();
    const told: string[] = [];
    queue.push({ put: [grant('192.0.2.1')], remove: clients('192.0.2.2') }, () => told.push('first'));
    queue.push({ put: [grant('192.0.2.3')], remove: [] }, () => told.push('second'));
    queue.push({ put: [], remove: clients('192.0.2.4', '192.0.2.5') }, () => told.push('third'));
    for (const done of queue.fail()) done();
    expect(told).toEqual(['first', 'second', 'third']);
    for (const done of queue.fail()) done();
    expect(told).toHaveLength(3);
    expect(drain(queue)).toEqual(['-192.0.2.2', '-192.0.2.4', '-192.0.2.5']);
  });

  test('a failure in the middle of a large removal owes the whole of it', () => {
    const queue = new ChangeQueue();
    queue.push({ put: [], remove: grants(1_500).map(({ client }) => client) }, () => undefined);
    queue.writeSlice(recorder(), always);
    queue.written();
    queue.fail();
    expect(drain(queue)).toHaveLength(1_500);
  });

  test('what waited at the mark, owed or not, is done by the build; what came during it is not', () => {
    const queue = new ChangeQueue();
    const told: string[] = [];
    queue.owe({ put: [], remove: clients('192.0.2.1') });
    queue.push({ put: [grant('192.0.2.2')], remove: [] }, () => told.push('waited'));
    queue.mark();
    queue.owe({ put: [grant('192.0.2.3')], remove: [] });
    for (const done of queue.restart()) done();
    expect(told).toEqual(['waited']);
    expect(queue.hasLost).toBe(false);
    expect(drain(queue)).toEqual(['+192.0.2.3']);
  });

  test('nothing to owe is nothing that waits', () => {
    const queue = new ChangeQueue();
    queue.owe({ put: [], remove: [] });
    expect(queue.isEmpty).toBe(true);
  });

  test('it is bounded, and says what was lost since the mark', () => {
    const queue = new ChangeQueue();
    const many = new Array<ClientAddress>(MAX_OWED / 2).fill('192.0.2.1' as ClientAddress);
    queue.owe({ put: [], remove: many });
    queue.owe({ put: [], remove: many });
    expect(queue.hasLost).toBe(false);
    queue.owe({ put: [], remove: clients('192.0.2.2') });
    expect(queue.hasLost).toBe(true);
    queue.mark();
    expect(queue.hasLost).toBe(false);
    queue.restart();
    expect(queue.isEmpty).toBe(true);
    queue.owe({ put: [], remove: many });
    queue.owe({ put: [], remove: many });
    expect(queue.hasLost).toBe(false);
    queue.written();
    expect(queue.abandon()).toHaveLength(2);
    queue.owe({ put: [], remove: clients('192.0.2.2') });
    expect([queue.hasLost, queue.isEmpty]).toEqual([false, false]);
  });

  test('what was written makes room', () => {
    const queue = new ChangeQueue();
    for (let i = 0; i < 3; i += 1) {
      queue.owe({ put: [], remove: new Array<ClientAddress>(MAX_OWED).fill('192.0.2.1' as ClientAddress) });
      expect(queue.hasLost).toBe(false);
      const writer = { put: () => 0, remove: () => 0, deny: () => 0, allow: () => 0, hide: () => 0 };
      while (!queue.isEmpty) {
        queue.writeSlice(writer, always);
        queue.written();
      }
    }
  });
});
