/** operations - what operators are told: wishes, rows, explanations, faults and the audit, over a real ledger. */
import fc from 'fast-check';
import { Changes } from '../../src/changes.js';
import { Fault } from '../../src/core/fault.js';
import type { ClientAddress } from '../../src/core/address.js';
import type { Subject } from '../../src/core/subject.js';
import { EntryBook } from '../../src/entry-book.js';
import type { Act, Answer } from '../../src/audit/audit.js';
import { MAX_TOLD } from '../../src/audit/who.js';
import { spoken } from '../../src/explain.js';
import { LedgerOperations } from '../../src/operations.js';
import type { OperatorEntry } from '../../src/core/operator-entry.js';
import { at, LIFETIME, POP, World } from './core/world.js';

const by = { author: 'ann', reason: 'abuse' };
const subject = (text: string): Subject => text as Subject;
const wish = (text: string, more: object = {}) => ({ subject: subject(text), ...by, ...more });

/** Operations over a world whose disk and maps answer at once. */
function office(world = new World(1_000, 3_600_000, { ipv6Prefix: 64, always: ['198.18.0.0/24'] })) {
  const acts: Act[] = [];
  const asked: (string | number)[] = [];
  const past: { answer?: Answer } = {};
  const saved: OperatorEntry[][] = [];
  const clock = {
    wall: () => world.w,
    mono: () => world.m,
    soon: (fn: () => void) => void world.tasks.push(fn),
  };
  const faults: { save?: Fault } = {};
  const changes = new Changes({ clock, epoch: 'e' });
  const book = new EntryBook({
    file: {
      save: async (entries) => {
        await Promise.resolve();
        if (faults.save !== undefined) throw faults.save;
        saved.push([...entries]);
      },
    },
    standing: world.standing,
    entries: world.entries,
    diary: {
      intend: () => Promise.resolve(),
      done: (all) => {
        for (const { by, entry, kind } of all) changes.entry(kind, entry, by);
      },
    },
  });
  const operations = new LedgerOperations({
    ledger: world.ledger,
    standing: world.standing,
    never: world.never,
    book,
    changes,
    audit: {
      act: (act) => void acts.push(act),
      forget: (client) => {
        asked.push('forget', client, world.ledger.size);
        return Promise.resolve(7);
      },
      who: (client, when) => {
        asked.push('who', client, when);
        return Promise.resolve(past.answer);
      },
    },
    clock,
    lifetimeMs: LIFETIME,
    unsaid: (one) => (one === '192.0.2.64/27' ? 'no words' : undefined),
    stats: () => ({}),
    reports: () => [],
    reload: () => {
      throw new Fault('CONFIG', 'a mistake');
    },
    rotate: () => undefined,
    shutdown: () => undefined,
  });
  /** Lets the world go on until the call is answered. */
  async function done<T>(call: Promise<T>): Promise<T> {
    const state = { isOver: false };
    const watched = call.finally(() => (state.isOver = true));
    watched.catch(() => undefined);
    while (!state.isOver) {
      world.settle();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return watched;
  }
  const rows = (filter: Parameters<typeof operations.rows>[0] = {}) =>
    [...operations.rows(filter)].filter((row) => row !== undefined);
  return { acts, asked, done, faults, operations, past, rows, saved, world };
}

test("a deny ends operators' grants of which all is denied, for good; others keep what is not", async () => {
  const { done, operations, rows, world } = office();
  for (const one of ['192.0.2.8', '192.0.2.0/28', '203.0.113.0/24'])
    await done(operations.authorize({ ...wish(one), lifetimeMs: 60_000 }));
  await done(operations.deny(wish('192.0.2.0/24')));
  await done(operations.deny(wish('203.0.113.9')));
  const grants = (): string[] => rows({ kind: 'grant' }).map((row) => row.subject);
  expect(grants()).toEqual(['203.0.113.0/24']);
  await done(operations.remove('deny', subject('192.0.2.0/24'), { author: 'a', reason: 'r' }));
  const relays = (client: string) => world.ledger.ask(client as ClientAddress).verdict;
  expect(['192.0.2.8', '203.0.113.8', '203.0.113.9'].map(relays)).toEqual(['not', 'permitted', 'not']);
});

test('each act is told to the audit with its author, what became of it, and how many', async () => {
  const { acts, done, operations, world } = office();
  world.add('192.0.2.7');
  await done(operations.deny(wish('192.0.2.7', { user: 'joe' })));
  await done(operations.authorize({ ...wish('192.0.2.8'), lifetimeMs: 5_000 }));
  await done(operations.revoke({ all: true }, by));
  await done(operations.remove('pin', subject('192.0.2.9'), by));
  await expect(done(operations.pin(wish('127.0.0.1')))).rejects.toMatchObject({ code: 'REFUSED' });
  await expect(operations.reload('ann')).rejects.toMatchObject({ code: 'CONFIG' });
  expect(
    acts.map(({ author, count, outcome, reason, subject: one, what }) => [
      what,
      one,
      author,
      reason,
      outcome,
      count,
    ]),
  ).toEqual([
    ['deny', '192.0.2.7', 'ann', 'abuse', 'done', undefined],
    ['authorize', '192.0.2.8', 'ann', 'abuse', 'done', undefined],
    ['revoke', 'all', 'ann', 'abuse', 'done', 1],
    ['unpin', '192.0.2.9', 'ann', 'abuse', 'there was none', undefined],
    ['pin', '127.0.0.1', 'ann', 'abuse', expect.stringContaining('no client can have'), undefined],
    ['reload', undefined, 'ann', undefined, 'a mistake', undefined],
  ]);
});

test('forget: leases and grants first, then the records; no act of it names the address', async () => {
  const { acts, asked, done, operations, rows, world } = office();
  world.add('192.0.2.7');
  world.add('192.0.2.8');
  await done(operations.authorize({ ...wish('192.0.2.7'), lifetimeMs: 5_000 }));
  await done(operations.pin(wish('192.0.2.7')));
  const before = acts.length;
  expect(await done(operations.forget(at('192.0.2.7'), by))).toEqual({ grants: 2, records: 7 });
  expect(asked).toEqual(['forget', '192.0.2.7', 1]);
  expect(rows().map(({ kind, subject: one }) => `${kind} ${one}`)).toEqual([
    'pin 192.0.2.7',
    'grant 192.0.2.8',
  ]);
  expect(acts.slice(before)).toEqual([{ what: 'forget', ...by, at: world.w, outcome: 'done', count: 7 }]);
});

test("an operator's grant of a network outlives the revocation, and the forgetting, of an address inside it", async () => {
  const { done, operations, rows, world } = office();
  await done(operations.authorize({ ...wish('203.0.113.0/24'), lifetimeMs: 60_000 }));
  const within = (text: string) => done(operations.revoke({ within: subject(text) }, by));
  const grants = (): string[] => rows({ kind: 'grant' }).map((row) => row.subject);
  expect(await within('203.0.113.7')).toBe(0);
  expect(await done(operations.forget(at('203.0.113.7'), by))).toEqual({ grants: 0, records: 7 });
  expect(grants()).toEqual(['203.0.113.0/24']);
  expect(world.ledger.ask(at('203.0.113.7')).verdict).toBe('permitted');
  expect(await within('203.0.113.0/24')).toBe(1);
  expect(grants()).toEqual([]);
  expect(world.ledger.ask(at('203.0.113.7')).verdict).toBe('not');
});

test('forget: what has ended is not remembered of it, nor of what covered it; of others it is', async () => {
  const { done, operations, world } = office();
  const all = ['192.0.2.7', '192.0.2.77', '2001:db8:5:6::7', '2001:db8:5:7::7'];
  for (const one of all) world.add(one);
  await done(operations.revoke({ all: true }, by));
  const rules = (): string[] => all.map((one) => operations.explain(at(one)).rule);
  expect(rules()).toEqual(['ended', 'ended', 'ended', 'ended']);
  await done(operations.forget(at('192.0.2.7'), by));
  await done(operations.forget(at('2001:db8:5:6::7'), by));
  expect(rules()).toEqual(['none', 'ended', 'none', 'ended']);
  // Also what the forgetting itself has ended.
  world.add('192.0.2.7');
  expect(operations.explain(at('192.0.2.7')).rule).toBe('grant');
  await done(operations.forget(at('192.0.2.7'), by));
  expect(operations.explain(at('192.0.2.7')).rule).toBe('none');
});

test('history: what the audit answers, no more records than say something; without files that there are none', async () => {
  const { asked, operations, past } = office();
  await expect(operations.history(at('192.0.2.7'), 5)).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringContaining('audit.file is not set') as string,
  });
  const record = { at: 4, kind: 'grant', subject: '192.0.2.7' } as const;
  const records = Array.from({ length: 1_000 }, (_, from) => ({ ...record, from }));
  const answer = { verdict: 'permitted', words: 'it could', uses: 3 } as const;
  past.answer = { ...answer, records, gaps: records };
  const few = records.slice(0, MAX_TOLD);
  expect(await operations.history(at('192.0.2.7'), 5)).toEqual({ ...answer, records: few, gaps: few });
  expect(asked.slice(3)).toEqual(['who', '192.0.2.7', 5]);
});

test('what cannot be stored changes nothing; what a map cannot show stands, and both are said', async () => {
  const { done, faults, operations, rows, world } = office();
  faults.save = new Fault('STORE', 'no room');
  await expect(done(operations.deny(wish('192.0.2.7')))).rejects.toMatchObject({ code: 'STORE' });
  expect(rows()).toEqual([]);
  delete faults.save;
  world.mapFault = new Fault('MAP', 'the map is degraded');
  await expect(done(operations.deny(wish('192.0.2.7')))).rejects.toMatchObject({
    code: 'MAP',
    message:
      'the deny of 192.0.2.7 stands, and live look-ups obey it; but not all is done: the map is degraded',
  });
  expect(operations.explain(at('192.0.2.7')).rule).toBe('deny');
});

test('refused before anything is written: what maps have no words for, texts that are too long', async () => {
  const { done, operations, saved } = office();
  for (const one of [
    operations.pin(wish('192.0.2.64/27')),
    operations.pin(wish('192.0.2.7', { reason: 'x'.repeat(1_001) })),
    operations.deny(wish('192.0.2.7', { author: 'x'.repeat(257) })),
    operations.deny(wish('192.0.2.7', { user: 'x'.repeat(257) })),
    operations.deny(wish('192.0.2.7', { lifetimeMs: Number.NaN })),
    operations.pin(wish('198.51.100.7')),
    operations.pin(wish('2002::/19')),
  ])
    await expect(done(one)).rejects.toMatchObject({ code: 'REFUSED', temporary: false });
  expect(saved).toEqual([]);
});

test('rows: entries first, then leases; each filter alone and together', async () => {
  const { done, operations, rows, world } = office();
  world.add('192.0.2.50');
  world.add('2001:db8:1:2::6');
  await done(operations.pin(wish('203.0.113.0/24')));
  await done(operations.deny(wish('192.0.2.60', { lifetimeMs: 30_000 })));
  await done(operations.authorize({ ...wish('192.0.2.70', { user: 'joe' }), lifetimeMs: 10_000 }));
  const of = (filter: Parameters<typeof rows>[0]): string[] =>
    rows(filter).map((row) => `${row.kind} ${row.subject}`);
  const all = [
    'pin 203.0.113.0/24',
    'deny 192.0.2.60',
    'grant 192.0.2.70',
    'grant 192.0.2.50',
    'grant 2001:db8:1:2::/64',
  ];
  expect(of({})).toEqual(all);
  expect(of({ kind: 'grant' })).toEqual(all.slice(2));
  expect(of({ kind: 'pin' })).toEqual(all.slice(0, 1));
  expect(of({ user: 'joe' })).toEqual(['grant 192.0.2.70']);
  expect(of({ reporter: POP })).toEqual(all.slice(3));
  expect(of({ within: subject('203.0.113.9') })).toEqual(all.slice(0, 1));
  expect(of({ within: subject('192.0.2.0/24'), kind: 'grant' })).toEqual(all.slice(2, 4));
  expect(of({ within: subject('2001:db8:1:2::77') })).toEqual(all.slice(4));
  expect(of({ endsBefore: world.w + 30_001 })).toEqual(all.slice(1, 3));
  expect(rows({ within: subject('2001:db8:1:2::77') })).toEqual([
    {
      kind: 'grant',
      subject: '2001:db8:1:2::/64',
      client: '2001:db8:1:2::6',
      expiresAt: world.w + LIFETIME,
      reporter: POP,
    },
  ]);
});

test('rows that do not fit let others run now and then', () => {
  const { operations, world } = office(new World(10_000));
  for (let i = 0; i < 3_000; i += 1) world.report(`10.0.${i >> 8}.${i & 255}`);
  world.settle();
  expect([...operations.rows({ within: subject('192.0.2.0/24') })]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

describe('explain', () => {
  test('says who, why, until when, and what to do', async () => {
    const { done, operations, world } = office();
    world.w = 1_800_000_000_000;
    world.add('192.0.2.50');
    world.add('2001:db8:1:2::6');
    await done(operations.pin(wish('203.0.113.0/24', { user: 'office' })));
    await done(operations.authorize({ ...wish('192.0.2.70'), lifetimeMs: 600_000 }));
    const words = (client: string): string => operations.explain(at(client)).words;
    expect(words('192.0.2.50')).toBe(
      `192.0.2.50 may relay: the server ${POP} reported a mailbox login. That holds until 2027-01-15T08:01:00Z, for 1 minute more; another login lengthens it.`,
    );
    expect(words('2001:db8:1:2::9')).toContain('(as part of 2001:db8:1:2::/64) may relay: the server');
    expect(words('203.0.113.9')).toBe(
      '203.0.113.9 (as part of 203.0.113.0/24) may relay: it was pinned by ann on 2027-01-15T08:00:00Z for office: "abuse". That holds until that is taken back.',
    );
    expect(words('192.0.2.70')).toContain('it was granted by ann');
    expect(words('198.18.0.9')).toContain('lists the network under grants.always');
    expect(words('198.51.100.9')).toContain('grants.never');
    expect(words('127.0.0.1')).toContain('no client can have this address');
    expect(words('192.0.2.99')).toContain('no login from it has been reported lately');
    world.pass(LIFETIME + 120_000);
    expect(words('192.0.2.50')).toContain('its lease ended 2 minutes ago');
    world.degraded = 'disk';
    expect(words('192.0.2.99')).toContain('cannot be told');
    expect(operations.explain(at('192.0.2.99'))).toMatchObject({ verdict: 'unknown', rule: 'degraded' });
  });

  test('gives the verdict that look-ups give, always', async () => {
    const client = fc.constantFrom(
      '203.0.113.1',
      '203.0.113.2',
      '198.18.0.1',
      '198.51.100.1',
      '127.0.0.1',
      '2001:db8:1:1::1',
    );
    const what = fc.constantFrom(
      'pin' as const,
      'deny' as const,
      'authorize' as const,
      'report' as const,
      'pass' as const,
      'degrade' as const,
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(what, client), { maxLength: 12 }), async (steps) => {
        const { done, operations, world } = office();
        for (const [kind, one] of steps) {
          if (kind === 'report') world.report(one);
          else if (kind === 'pass') world.pass(30_000);
          else if (kind === 'degrade') world.degraded = world.degraded === undefined ? 'disk' : undefined;
          else await done(operations[kind]({ ...wish(one), lifetimeMs: 40_000 }).catch(() => undefined));
          world.settle();
          for (const asked of ['203.0.113.1', '198.18.0.1', '198.51.100.1', '127.0.0.1', '2001:db8:1:1::2']) {
            const { endedAt, verdict, words } = operations.explain(at(asked));
            const said = world.ledger.ask(at(asked));
            expect([asked, verdict]).toEqual([asked, said.verdict]);
            expect(endedAt).toBe(said.verdict === 'not' ? said.endedAt : undefined);
            expect(words.startsWith('It cannot be told')).toBe(verdict === 'unknown');
            expect(words.includes('may not relay')).toBe(verdict === 'not');
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test.each([
    [0, '0 seconds'],
    [1_999, '1 second'],
    [60_000, '1 minute'],
    [7_199_999, '119 minutes'],
    [7_200_000, '2 hours'],
    [172_800_000, '2 days'],
  ])('%i ms are %s', (ms, text) => {
    expect(spoken(ms)).toBe(text);
  });
});
