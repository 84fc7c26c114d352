/** ledger - reports, groups, expiry, the cap, jumps of the clock, restart; what covers more than an address. */
import { Fault } from '../../../src/core/fault.js';
import type { Grant } from '../../../src/core/grant.js';
import { MAX_GROUP, MAX_WAITING, REWRITE_STEP, SWEEP_STEP } from '../../../src/core/ledger.js';
import { FOREVER } from '../../../src/core/standing.js';
import type { Subject } from '../../../src/core/subject.js';
import { at, LIFETIME, POP, World } from './world.js';

const storeFault = new Fault('STORE', 'disk on fire');

test('SUCCESS only after the store and the map', () => {
  const world = new World();
  world.holdMap = true;
  const { outcomes } = world.report('10.0.0.1');
  world.run();
  expect(world.journal).toHaveLength(1);
  expect(outcomes).toEqual([]);
  expect(world.permits(at('10.0.0.1'))).toBe(false);
  world.stored.shift()?.();
  expect(outcomes).toEqual([]);
  world.shown.shift()?.();
  expect(world.map.get(at('10.0.0.1'))).toBe(world.w + LIFETIME);
  expect(outcomes).toEqual(['granted']);
  expect(world.permits(at('10.0.0.1'))).toBe(true);
});

test('strangers and unusable addresses are refused at once, and nothing is written', () => {
  const world = new World();
  expect(world.report('10.0.0.1', at('10.9.9.9')).outcomes).toEqual(['stranger']);
  expect(world.report('127.0.0.1').outcomes).toEqual(['unusable']);
  expect(world.report('192.0.2.1').outcomes).toEqual(['unusable']);
  expect(world.report('198.51.100.7').outcomes).toEqual(['unusable']);
  world.settle();
  expect(world.journal).toEqual([]);
  expect(world.map.size).toBe(0);
});

test('a failed write gives failed, and no grant', () => {
  const world = new World();
  const { outcomes } = world.report('10.0.0.1');
  world.settle(storeFault);
  expect(outcomes).toEqual(['failed']);
  expect(world.permits(at('10.0.0.1'))).toBe(false);
  expect(world.map.size).toBe(0);
  expect(world.add('10.0.0.1')).toBe('granted');
});

test('a map that cannot say yes gives failed', () => {
  const world = new World();
  world.mapFault = new Fault('MAP', 'gone');
  expect(world.add('10.0.0.1')).toBe('failed');
});

test('reports that come during a write form the next group', () => {
  const world = new World();
  const first = world.report('10.0.0.1');
  world.run();
  const later = [world.report('10.0.0.2'), world.report('10.0.0.3')];
  world.run();
  expect(world.journal.map((group) => group.length)).toEqual([1]);
  world.stored.shift()?.();
  expect(first.outcomes).toEqual(['granted']);
  expect(later.map((one) => one.outcomes)).toEqual([[], []]);
  world.settle();
  expect(world.journal.map((group) => group.length)).toEqual([1, 2]);
  expect(later.map((one) => one.outcomes)).toEqual([['granted'], ['granted']]);
});

test('groups and the queue are bounded; the overflow fails rather than waits', () => {
  const world = new World(1_000_000);
  const reports = Array.from({ length: MAX_WAITING + 3 }, (_, i) =>
    world.report(`10.1.${i >> 8}.${i & 255}`),
  );
  expect(reports.filter((one) => one.outcomes[0] === 'failed')).toHaveLength(3);
  world.settle();
  expect(Math.max(...world.journal.map((group) => group.length))).toBe(MAX_GROUP);
  expect(reports.filter((one) => one.outcomes[0] === 'granted')).toHaveLength(MAX_WAITING);
  expect(reports.every((one) => one.outcomes.length === 1)).toBe(true);
});

test('the same client twice in one group is one grant', () => {
  const world = new World();
  const both = [world.report('10.0.0.1'), world.report('10.0.0.1')];
  world.settle();
  expect(both.map((one) => one.outcomes)).toEqual([['granted'], ['renewed']]);
  expect(world.ledger.size).toBe(1);
});

test('a renewal within the same second is stored, and spares the map that says so already', () => {
  const world = new World();
  world.pass(100);
  world.add('10.0.0.1');
  const shown = world.w + LIFETIME;
  world.pass(200);
  expect(world.add('10.0.0.1')).toBe('renewed');
  expect(world.journal.at(-1)?.[0]?.expiresAt).toBe(world.w + LIFETIME);
  expect(world.map.get(at('10.0.0.1'))).toBe(shown);
  world.pass(1_000);
  expect(world.add('10.0.0.1')).toBe('renewed');
  expect(world.map.get(at('10.0.0.1'))).toBe(world.w + LIFETIME);
});

describe('expiry', () => {
  test('exact at the question, and out of the map within half a second, never early', () => {
    const world = new World();
    world.add('10.0.0.1');
    world.pass(LIFETIME - 1);
    expect(world.map.has(at('10.0.0.1'))).toBe(true);
    expect(world.permits(at('10.0.0.1'))).toBe(true);
    world.m += 1;
    world.w += 1;
    expect(world.permits(at('10.0.0.1'))).toBe(false);
    world.pass(250);
    expect(world.map.has(at('10.0.0.1'))).toBe(false);
    expect(world.ledger.size).toBe(0);
  });

  test('a renewal lengthens, and the old end does not remove it', () => {
    const world = new World();
    world.add('10.0.0.1');
    world.pass(LIFETIME / 2);
    expect(world.add('10.0.0.1')).toBe('renewed');
    world.pass(LIFETIME / 2 + 1_000);
    expect(world.map.get(at('10.0.0.1'))).toBe(world.w + LIFETIME / 2 - 1_000);
    expect(world.permits(at('10.0.0.1'))).toBe(true);
    world.pass(LIFETIME / 2);
    expect(world.map.size).toBe(0);
  });

  test('a renewal in flight is not taken out of the map behind its SUCCESS', () => {
    const world = new World();
    world.add('10.0.0.1');
    world.pass(LIFETIME - 100);
    const { outcomes } = world.report('10.0.0.1');
    world.run();
    world.holdMap = true;
    world.stored.shift()?.();
    world.pass(1_000);
    while (world.shown.length > 0) world.shown.shift()?.();
    expect(outcomes).toEqual(['renewed']);
    expect(world.map.has(at('10.0.0.1'))).toBe(true);
  });

  test('many at once go in small steps', () => {
    const world = new World(1_000_000);
    for (let i = 0; i < 3 * SWEEP_STEP; i += 1) world.report(`10.2.${i >> 8}.${i & 255}`);
    world.settle();
    world.m += LIFETIME + 1_000;
    world.w += LIFETIME + 1_000;
    world.ledger.sweep();
    expect(world.ledger.size).toBe(2 * SWEEP_STEP);
    world.run();
    expect(world.ledger.size).toBe(0);
    expect(world.map.size).toBe(0);
  });

  test.each([3_600_000, -7_200_000, -1_700_000_000_000])(
    'a wall clock that jumps by %d ms ends nothing early and extends nothing',
    (jump) => {
      const world = new World();
      world.add('10.0.0.1');
      world.pass(LIFETIME / 2);
      world.w += jump;
      world.pass(0);
      expect(world.said).toEqual([`jump ${jump}`]);
      expect(world.permits(at('10.0.0.1'))).toBe(true);
      expect(world.add('10.0.0.2')).toBe('granted');
      expect(world.map.get(at('10.0.0.2'))).toBe(world.w + LIFETIME);
      world.pass(LIFETIME / 2 + 500);
      expect(world.permits(at('10.0.0.1'))).toBe(false);
      expect(world.map.has(at('10.0.0.1'))).toBe(false);
      expect(world.map.has(at('10.0.0.2'))).toBe(true);
    },
  );
});

describe('what is stored after a jump of the wall clock', () => {
  const HOUR = 3_600_000;
  /** What a journal gives back: the latest end that was written for each client. */
  const stored = (world: World): Map<string, number> => {
    const ends = new Map<string, number>();
    for (const { client, expiresAt } of world.journal.flat())
      ends.set(client, Math.max(expiresAt, ends.get(client) ?? 0));
    return ends;
  };
  const many = (count: number): string[] =>
    Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 0xff}`);

  test('says when each grant ends by the new time, in groups of bounded size', () => {
    const world = new World(5_000);
    const clients = many(2_500);
    for (const client of clients) world.report(client);
    world.settle();
    const groups = world.journal.length;
    world.pass(10_000);
    world.w += HOUR;
    world.pass(0);
    world.settle();
    const ends = stored(world);
    for (const client of clients) expect(ends.get(client)).toBe(world.w + LIFETIME - 10_000);
    expect(world.journal.length).toBeGreaterThanOrEqual(groups + 3);
    for (const group of world.journal) expect(group.length).toBeLessThanOrEqual(MAX_GROUP + REWRITE_STEP);
    expect(world.map.get(at('10.0.0.1'))).toBe(world.w + LIFETIME - 10_000);
    // Written again, not renewed.
    world.pass(LIFETIME - 10_000 + 500);
    expect(world.ledger.size).toBe(0);
    expect(world.map.size).toBe(0);
  });

  test('without a jump nothing is written again', () => {
    const world = new World();
    world.add('10.0.0.1');
    world.pass(1_000);
    world.settle();
    expect(world.journal).toHaveLength(1);
  });

  test('is tried again until the disk takes it', () => {
    const world = new World();
    world.add('10.0.0.1');
    world.w += HOUR;
    world.pass(0);
    world.settle(storeFault);
    world.pass(250);
    world.settle();
    expect(stored(world).get('10.0.0.1')).toBe(world.w + LIFETIME - 250);
    world.pass(250);
    world.settle();
    expect(world.journal).toHaveLength(3);
  });

  test('a grant that ends while it is written again stays ended, and reports go on meanwhile', () => {
    const world = new World();
    world.add('10.0.0.1');
    world.pass(LIFETIME - 100);
    world.w += HOUR;
    world.pass(0);
    const { outcomes } = world.report('10.0.0.2');
    world.run();
    world.pass(500);
    expect(world.ledger.size).toBe(0);
    world.settle();
    expect(outcomes).toEqual(['granted']);
    expect([...world.map.keys()]).toEqual(['10.0.0.2']);
    expect(world.permits(at('10.0.0.1'))).toBe(false);
  });
});

describe('the cap', () => {
  test('refuses new grants, lets renewals go on, alarms once, and says when there is room again', () => {
    const world = new World(2);
    world.add('10.0.0.1');
    world.pass(10_000);
    world.add('10.0.0.2');
    expect(world.add('10.0.0.3')).toBe('full');
    expect(world.add('10.0.0.4')).toBe('full');
    expect(world.add('10.0.0.2')).toBe('renewed');
    expect(world.said).toEqual(['full 2']);
    world.pass(LIFETIME - 9_000);
    expect(world.said).toEqual(['full 2', 'room']);
    expect(world.add('10.0.0.3')).toBe('granted');
  });

  test('counts what waits for the disk, so that a burst cannot pass it', () => {
    const world = new World(3);
    const reports = Array.from({ length: 10 }, (_, i) => world.report(`10.0.0.${i}`));
    world.settle();
    expect(reports.filter((one) => one.outcomes[0] === 'granted')).toHaveLength(3);
    expect(world.ledger.size).toBe(3);
  });
});

test('what may not be granted any more does not come back', () => {
  const world = new World();
  const grant = (client: string): Grant => ({
    client: at(client),
    reporter: POP,
    expiresAt: world.w + 5_000,
  });
  world.ledger.restore([grant('198.51.100.7'), grant('10.0.0.1'), grant('192.0.2.1')]);
  expect([...world.ledger.grants()].map((one) => one.client)).toEqual(['10.0.0.1']);
});

describe('restore', () => {
  test('what is left of a grant, never more than a lease, nothing that is over', () => {
    const world = new World();
    const grant = (client: string, leftMs: number): Grant => ({
      client: at(client),
      reporter: POP,
      expiresAt: world.w + leftMs,
    });
    world.ledger.restore([
      grant('10.0.0.1', 5_000),
      grant('10.0.0.2', 99 * LIFETIME),
      grant('10.0.0.3', 0),
      grant('10.0.0.4', -5),
    ]);
    expect([...world.ledger.grants()].map((one) => one.client)).toEqual(['10.0.0.1', '10.0.0.2']);
    const lean = Array.from(world.ledger.shown.lean(), (one) => ({ ...one }));
    expect(lean).toEqual([
      { client: 0x0a000001, expiresAt: world.w + 5_000 },
      { client: 0x0a000002, expiresAt: world.w + LIFETIME },
    ]);
    world.pass(5_250);
    expect(world.ledger.size).toBe(1);
    world.pass(LIFETIME);
    expect(world.ledger.size).toBe(0);
  });
});

describe('a question', () => {
  const CLIENT = at('10.0.0.1');

  test('is answered yes with the end that the map carries, and no from that very moment', () => {
    const world = new World();
    expect(world.ledger.ask(CLIENT)).toEqual({ verdict: 'not' });
    world.add('10.0.0.1');
    expect(world.ledger.ask(CLIENT)).toEqual({ verdict: 'permitted', expiresAt: world.w + LIFETIME });
    expect(world.ledger.ask(CLIENT)).toMatchObject({ expiresAt: world.map.get(CLIENT) });
    world.pass(LIFETIME - 1);
    expect(world.ledger.ask(CLIENT).verdict).toBe('permitted');
    world.m += 1;
    world.w += 1;
    // Not swept yet.
    expect(world.ledger.ask(CLIENT)).toEqual({ verdict: 'not', endedAt: world.w });
    world.pass(250);
    expect(world.ledger.ask(CLIENT)).toEqual({ verdict: 'not' });
  });

  test('is not answered no while the store cannot keep a grant, and yes all the same', () => {
    const world = new World();
    world.add('10.0.0.1');
    world.degraded = 'disk on fire';
    expect(world.ledger.ask(CLIENT).verdict).toBe('permitted');
    expect(world.ledger.ask(at('10.0.0.2'))).toEqual({ verdict: 'unknown' });
    world.pass(LIFETIME + 250);
    expect(world.ledger.ask(CLIENT)).toEqual({ verdict: 'unknown' });
    world.degraded = undefined;
    expect(world.ledger.ask(CLIENT)).toEqual({ verdict: 'not' });
  });

  test('is answered with when the grant ended, for as long as that is remembered', () => {
    const world = new World(100, 3_600_000);
    world.add('10.0.0.1');
    const end = world.w + LIFETIME;
    world.pass(LIFETIME + 250);
    expect(world.ledger.size).toBe(0);
    expect(world.ledger.ask(CLIENT)).toEqual({ verdict: 'not', endedAt: end });
    expect(world.ledger.ask(at('10.0.0.2'))).toEqual({ verdict: 'not' });
    world.pass(3_600_000 - 250);
    expect(world.ledger.ask(CLIENT)).toEqual({ verdict: 'not', endedAt: end });
    world.pass(1);
    expect(world.ledger.ask(CLIENT)).toEqual({ verdict: 'not' });
  });

  test('a grant anew is a yes, and its end the one that is told then', () => {
    const world = new World(100, 3_600_000);
    world.add('10.0.0.1');
    world.pass(LIFETIME + 250);
    world.add('10.0.0.1');
    const end = world.w + LIFETIME;
    expect(world.ledger.ask(CLIENT)).toEqual({ verdict: 'permitted', expiresAt: end });
    world.pass(LIFETIME + 250);
    expect(world.ledger.ask(CLIENT)).toEqual({ verdict: 'not', endedAt: end });
  });

  test('tells ends by the wall clock as it is now', () => {
    const world = new World(100, 3_600_000);
    world.add('10.0.0.1');
    world.pass(LIFETIME + 1_000);
    world.w += 86_400_000;
    world.pass(0);
    const verdict = world.ledger.ask(CLIENT);
    expect(verdict).toEqual({ verdict: 'not', endedAt: world.w - 1_000 });
  });
});

describe('a lease of a /64', () => {
  const wide = { ipv6Prefix: 64 };

  test('lets its neighbours relay, and the map says the network once', () => {
    const world = new World(100, 60_000, wide);
    expect(world.add('2001:db8:1:2::6')).toBe('granted');
    expect([...world.map.keys()]).toEqual(['2001:db8:1:2::/64']);
    for (const [client, verdict] of [
      ['2001:db8:1:2::6', 'permitted'],
      ['2001:db8:1:2:ffff::7', 'permitted'],
      ['2001:db8:1:3::6', 'not'],
    ] as const)
      expect([client, world.ledger.ask(at(client)).verdict]).toEqual([client, verdict]);
    expect(world.add('2001:db8:1:2::7')).toBe('renewed');
    expect(world.ledger.size).toBe(1);
  });

  test('is stored with the client that was reported, and shown under it', () => {
    const world = new World(100, 0, wide);
    world.add('2001:db8:1:2::6');
    expect(world.journal[0]).toMatchObject([{ client: '2001:db8:1:2::6', reporter: POP }]);
    expect([...world.ledger.grants()]).toMatchObject([{ client: '2001:db8:1:2::6' }]);
    expect([...world.ledger.shown.permissions()]).toEqual([
      { client: '2001:db8:1:2::/64', expiresAt: world.w + LIFETIME },
    ]);
  });

  test('ends for all of them, and each is told when', () => {
    const world = new World(100, 60_000, wide);
    world.add('2001:db8:1:2::6');
    const ended = world.w + LIFETIME;
    world.pass(LIFETIME + 500);
    expect(world.map.size).toBe(0);
    expect(world.ledger.ask(at('2001:db8:1:2::99'))).toEqual({ verdict: 'not', endedAt: ended });
  });

  test('a client that was here twice, alone and with its /64, is told the later end', () => {
    const world = new World(100, 3_600_000, wide);
    const client = '2001:db8:1:2::6';
    world.never.setHosts([at('2001:db8:1:2::25')]);
    world.add(client);
    expect([...world.map.keys()]).toEqual([client]);
    world.pass(LIFETIME + 500);
    world.never.setHosts([]);
    world.add(client);
    expect([...world.map.keys()]).toEqual(['2001:db8:1:2::/64']);
    const ended = world.w + LIFETIME;
    world.pass(LIFETIME + 500);
    expect(world.ledger.ask(at(client))).toEqual({ verdict: 'not', endedAt: ended });
  });

  test('two clients of one network in one group are one grant', () => {
    const world = new World(100, 0, wide);
    const reports = ['2001:db8:1:2::6', '2001:db8:1:2::7'].map((client) => world.report(client));
    world.settle();
    expect(reports.map(({ outcomes }) => outcomes[0])).toEqual(['granted', 'renewed']);
    expect(world.ledger.size).toBe(1);
  });

  test('comes back from the store as the configuration now says, the later end first', () => {
    const stored = (world: World): Grant[] => [
      { client: at('2001:db8:1:2::6'), reporter: POP, expiresAt: world.w + 30_000 },
      { client: at('2001:db8:1:2::7'), reporter: POP, expiresAt: world.w + 20_000 },
    ];
    const now = new World(100, 0, wide);
    now.ledger.restore(stored(now));
    expect([...now.ledger.shown.permissions()]).toEqual([
      { client: '2001:db8:1:2::/64', expiresAt: now.w + 30_000 },
    ]);
    const exact = new World();
    exact.ledger.restore(stored(exact));
    expect([...exact.ledger.shown.permissions()].map(({ client }) => client)).toEqual([
      '2001:db8:1:2::6',
      '2001:db8:1:2::7',
    ]);
  });

  test('that the host has moved into goes on for its clients, and not for the host', () => {
    const world = new World(100, 0, wide);
    world.add('2001:db8:1:2::6');
    world.never.setHosts([at('2001:db8:1:2::25')]);
    expect(world.permits(at('2001:db8:1:2::6'))).toBe(true);
    expect(world.permits(at('2001:db8:1:2::25'))).toBe(false);
    // Its next lease covers the address alone.
    expect(world.add('2001:db8:1:2::6')).toBe('granted');
    expect([...world.map.keys()]).toEqual(['2001:db8:1:2::/64', '2001:db8:1:2::6']);
  });
});

describe("the site's own networks", () => {
  const site = { always: ['198.51.100.0/23', '203.0.113.0/24'] };

  test('relay without a login and without an end, except what may never', () => {
    const world = new World(100, 0, site);
    expect(world.ledger.ask(at('203.0.113.7'))).toEqual({ verdict: 'permitted', expiresAt: FOREVER });
    expect(world.ledger.ask(at('198.51.101.7')).verdict).toBe('permitted');
    expect(world.ledger.ask(at('198.51.100.7'))).toEqual({ verdict: 'not', never: true });
    expect(world.ledger.ask(at('192.0.2.77'))).toEqual({ verdict: 'not' });
    expect([...world.ledger.shown.permissions()].map(({ client }) => client)).toEqual([
      '198.51.101.0/24',
      '203.0.113.0/24',
    ]);
  });

  test('a login from there is granted, and changes no map: it says so already', () => {
    const world = new World(100, 0, { always: ['203.0.113.7', '203.0.113.64/26'] });
    for (const client of ['203.0.113.7', '203.0.113.65', '203.0.113.8'])
      expect(world.add(client)).toBe('granted');
    expect([...world.map.keys()]).toEqual(['203.0.113.8']);
    const removed: Subject[] = [];
    const change = world.show.bind(world);
    world.show = (one) => {
      removed.push(...one.remove);
      change(one);
    };
    world.pass(LIFETIME + 500);
    // Their end must not take the site's own entry out of the map.
    expect(removed).toEqual(['203.0.113.8']);
    expect(world.permits(at('203.0.113.7'))).toBe(true);
    expect([...world.ledger.shown.permissions()].map(({ client }) => client)).toEqual([
      '203.0.113.7',
      '203.0.113.64/26',
    ]);
  });
});

test('while the ledger is full a client without a grant may have fetched mail: that is not a no', () => {
  const world = new World(1);
  world.add('10.0.0.1');
  expect(world.ledger.ask(at('10.0.0.2')).verdict).toBe('not');
  expect(world.add('10.0.0.2')).toBe('full');
  expect(world.ledger.ask(at('10.0.0.2')).verdict).toBe('unknown');
  expect(world.ledger.ask(at('10.0.0.1')).verdict).toBe('permitted');
  world.pass(LIFETIME + 500);
  expect(world.ledger.ask(at('10.0.0.2')).verdict).toBe('not');
});
