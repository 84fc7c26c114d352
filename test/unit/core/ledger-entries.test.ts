/** ledger and entries - operators' entries, revocation and leases together, against a simple model; and each alone. */
import fc from 'fast-check';
import { Fault } from '../../../src/core/fault.js';
import { overlaps, type Network } from '../../../src/core/network.js';
import { FOUND_STEP, SCAN_STEP } from '../../../src/core/revoker.js';
import { networkOfSubject, type Subject, subjectOf } from '../../../src/core/subject.js';
import { entryOf } from '../../../src/exports/entry.js';
import { keysForPostfix } from '../../../src/exports/postfix-keys.js';
import { isLongerThan, isRefusedBeside, permitting, type PostfixMap } from '../../support/postfix-map.js';
import { at, LIFETIME, POP, World } from './world.js';

const OTHER = at('192.0.2.2');
const within = (subject: string) => ({ within: subject as Subject });

describe('a model', () => {
  const CLIENTS = [
    ...Array.from({ length: 8 }, (_, i) => `203.0.113.${i}`),
    ...Array.from({ length: 3 }, (_, i) => `2001:db8:1:1::${i + 1}`),
    ...['2001:db8:1:2::1', '2001:db8:1:2::1:1', '2001:db8:1::1', '2001:db8:1::1:1'],
  ];
  const SUBJECTS = [
    ...['203.0.113.0', '203.0.113.3', '2001:db8:1:1::1', '2001:db8:1:2::1'],
    ...['203.0.113.0/29', '203.0.113.0/30', '203.0.113.2/31', '203.0.113.4/30', '203.0.113.0/24'],
    ...['2001:db8:1:1::/64', '2001:db8:1::/48', '2001:db8:1:1::/126'],
    ...['2001:db8:1::/64', '2001:db8:1:2::1:1', '2001:db8:1:2::1:0/112', '2001:db8:1::1:1'],
  ];
  type Step =
    | ['report', string, string]
    | ['come', 'grant' | 'pin' | 'deny', string, number]
    | ['go', 'grant' | 'pin' | 'deny', string]
    | ['revoke', string]
    | ['revoke reporter', string]
    | ['revoke all']
    | ['renew']
    | ['pass', number];
  const kind = fc.constantFrom('grant' as const, 'pin' as const, 'deny' as const);
  const subject = fc.constantFrom(...SUBJECTS);
  const lifetime = fc.constantFrom(20_000, 50_000, 120_000);
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.tuple(fc.constant('report'), fc.constantFrom(...CLIENTS), fc.constantFrom(POP, OTHER)),
    },
    { weight: 4, arbitrary: fc.tuple(fc.constant('come'), kind, subject, lifetime) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('go'), kind, subject) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('revoke'), fc.constantFrom(...SUBJECTS, ...CLIENTS)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('revoke reporter'), fc.constantFrom(POP, OTHER)) },
    { weight: 1, arbitrary: fc.constant(['revoke all']) },
    { weight: 2, arbitrary: fc.constant(['renew']) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('pass'), fc.constantFrom(10_000, 30_000)) },
  ) as fc.Arbitrary<Step>;

  /** What should be, kept in the simplest way. */
  class Model {
    now = 0;
    readonly leases = new Map<string, { network: Network; deadline: number; reporter: string }>();
    readonly entries = new Map<string, { kind: string; network: Network; deadline: number }>();

    of(what: string, network: Network): boolean {
      return [...this.entries.values()].some(
        (entry) => entry.kind === what && overlaps(entry.network, network),
      );
    }

    end(matches: (network: Network, reporter: string) => boolean): void {
      for (const [text, { network, reporter }] of this.leases)
        if (matches(network, reporter)) this.leases.delete(text);
    }

    endWithin(subject: string): void {
      const network = networkOfSubject(subject as Subject);
      // What is inside a wide lease ends that, and all inside it.
      const wide = [...this.leases.values()].find(
        (lease) =>
          overlaps(lease.network, network) && lease.network.mask.filter((byte) => byte > 0).length === 8,
      );
      const isInside = wide !== undefined && network.mask.filter((byte) => byte > 0).length > 8;
      this.end((lease) => overlaps(lease, isInside ? wide.network : network));
    }

    step([what, ...rest]: Step): void {
      if (what === 'report') {
        const [client = '', reporter = ''] = rest as string[];
        const host = networkOfSubject(client as Subject);
        if (this.of('deny', host)) return;
        const wide = client.includes(':') ? `${client.replace(/::.*/, '::')}/64` : client;
        const subject = this.of('deny', networkOfSubject(wide as Subject)) ? client : wide;
        const network = networkOfSubject(subject as Subject);
        this.leases.set(subject, { network, deadline: this.now + LIFETIME, reporter });
      } else if (what === 'come') {
        const [kind, subject, ms] = rest as [string, string, number];
        // Pins have no end here.
        const deadline = kind === 'pin' ? Infinity : this.now + ms;
        this.entries.set(`${kind} ${subject}`, {
          kind,
          network: networkOfSubject(subject as Subject),
          deadline,
        });
        if (kind === 'deny') this.endWithin(subject);
      } else if (what === 'go') this.entries.delete(rest.join(' '));
      else if (what === 'revoke') this.endWithin(rest[0] as string);
      else if (what === 'revoke reporter') this.end((_, reporter) => reporter === rest[0]);
      else if (what === 'revoke all') this.leases.clear();
      else if (what === 'pass') this.now += rest[0] as number;
      for (const list of [this.leases, this.entries])
        for (const [text, { deadline }] of list) if (deadline <= this.now) list.delete(text);
    }

    /** What Postfix makes of the client otherwise than it should, but for the limits of its search. */
    mistakes(client: string, map: PostfixMap): string[] {
      const key = permitting(map.keys, at(client));
      const denials = [...this.entries.values()].filter((entry) => entry.kind === 'deny');
      const expected = this.permits(client);
      if (expected === (key !== undefined)) return [];
      if (this.of('deny', networkOfSubject(client as Subject))) return [`denied, and found as ${key ?? ''}`];
      if (!expected) return isLongerThan(key ?? '', at(client)) ? [] : [`found as ${key ?? ''}`];
      const isWordless = [...this.entries.values()].some(({ kind, network }) => {
        const entry = entryOf({ client: subjectOf(network), expiresAt: 0 });
        return kind !== 'deny' && keysForPostfix(entry) === undefined;
      });
      if (isWordless) return [];
      const subjects = denials.map(({ network }) => subjectOf(network));
      return isRefusedBeside(subjects, at(client)) ? [] : ['not found'];
    }

    permits(client: string): boolean {
      const host = networkOfSubject(client as Subject);
      return (
        !this.of('deny', host) &&
        (this.of('pin', host) ||
          this.of('grant', host) ||
          [...this.leases.values()].some(({ network }) => overlaps(network, host)))
      );
    }
  }

  function act(world: World, [what, ...rest]: Step): void {
    if (what === 'report') {
      world.report(rest[0] as string, at(rest[1] as string));
      world.settle();
    } else if (what === 'come') {
      const [kind, subject, ms] = rest as ['grant' | 'pin' | 'deny', string, number];
      expect(world.come(kind, subject, kind === 'pin' ? undefined : ms)).toBeUndefined();
    } else if (what === 'go') {
      const [kind, subject] = rest as ['grant' | 'pin' | 'deny', string];
      expect(world.go(kind, subject)).toBeUndefined();
    } else if (what === 'revoke') world.revoke(within(rest[0] as string));
    else if (what === 'revoke reporter') world.revoke({ reporter: at(rest[0] as string) });
    else if (what === 'revoke all') world.revoke({ all: true });
    else if (what === 'renew') world.renew();
    else world.pass(rest[0] as number);
  }

  test('decisions, leases and maps say what the model says, whatever operators and reporters do', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (sequence) => {
        const world = new World(100, 0, { ipv6Prefix: 64 });
        const model = new Model();
        for (const one of sequence) {
          act(world, one);
          model.step(one);
          for (const client of CLIENTS) {
            const said = world.ledger.ask(at(client)).verdict;
            const inMap = world.isShown(at(client));
            const expected = model.permits(client);
            expect([one, client, said === 'permitted', inMap]).toEqual([one, client, expected, expected]);
            expect([one, client, model.mistakes(client, world.postfix)]).toEqual([one, client, []]);
          }
          expect([one, world.ledger.size]).toEqual([one, model.leases.size]);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('revocation', () => {
  test('is durable before anything changes, and gone from the map when it is done', () => {
    const world = new World();
    for (const client of ['10.0.0.1', '10.0.0.2', '10.9.0.1']) world.add(client);
    const told: unknown[] = [];
    world.ledger.revoke(within('10.0.0.0/24'), (...args) => told.push(args));
    world.run();
    expect(world.revoked).toEqual(['10.0.0.0/24']);
    expect([world.permits(at('10.0.0.1')), world.map.size, told]).toEqual([true, 3, []]);
    world.settle();
    expect(told).toEqual([[2, undefined]]);
    expect([...world.map.keys()]).toEqual(['10.9.0.1']);
    expect(world.permits(at('10.0.0.1'))).toBe(false);
    expect(world.changes.slice(-2)).toEqual(['revoked 10.0.0.1', 'revoked 10.0.0.2']);
  });

  test('that the store refuses changes nothing', () => {
    const world = new World();
    world.add('10.0.0.1');
    const told: unknown[] = [];
    world.ledger.revoke({ all: true }, (...args) => told.push(args));
    const fault = new Fault('STORE', 'disk on fire');
    world.settle(fault);
    expect(told).toEqual([[0, fault]]);
    expect(world.permits(at('10.0.0.1'))).toBe(true);
    expect(world.add('10.0.0.2')).toBe('granted');
  });

  test('reports that came before are settled before and taken too, those after stay', () => {
    const world = new World();
    const before = world.report('10.0.0.1');
    const order: string[] = [];
    world.ledger.revoke({ all: true }, (count) =>
      order.push(`revoked ${count}, told ${before.outcomes.join()}`),
    );
    const after = world.report('10.0.0.2');
    world.settle();
    expect(order).toEqual(['revoked 1, told granted']);
    expect(after.outcomes).toEqual(['granted']);
    expect([...world.ledger.grants()].map(({ client }) => client)).toEqual(['10.0.0.2']);
    expect([...world.map.keys()]).toEqual(['10.0.0.2']);
  });

  test('of many lets other work run when its time is over, however few it has taken away', () => {
    const world = new World(1_000);
    for (let i = 0; i < 500; i += 1) world.report(`10.0.${i >> 8}.${i & 255}`);
    world.settle();
    world.lookMs = 1;
    let count = 0;
    world.ledger.revoke({ within: '10.0.0.0/8' as Subject }, (n) => (count = n));
    world.tasks.shift()?.();
    world.stored.shift()?.();
    expect(world.ledger.size).toBeGreaterThan(400);
    expect(world.ledger.size).toBeLessThan(500);
    world.settle();
    expect([world.ledger.size, count]).toEqual([0, 500]);
  });

  test('of few among many goes in steps, too', () => {
    const world = new World(10_000);
    const count = SCAN_STEP * 2;
    for (let i = 0; i < count; i += 1) world.report(`10.0.${i >> 8}.${i & 255}`);
    world.report('10.1.0.1');
    world.settle();
    let told: number | undefined;
    world.ledger.revoke({ within: '10.1.0.0/16' as Subject }, (n) => (told = n));
    world.tasks.shift()?.();
    world.stored.shift()?.();
    expect([world.ledger.size, told]).toEqual([count + 1, undefined]);
    world.tasks.shift()?.();
    expect([world.ledger.size, told]).toEqual([count + 1, undefined]);
    world.settle();
    expect([world.ledger.size, told]).toEqual([count, 1]);
  });

  test('of many goes in steps; what is still there relays no more, and what is granted meanwhile stays', () => {
    const world = new World(10_000);
    const count = FOUND_STEP * 3;
    const client = (i: number): string => `10.0.${i >> 8}.${i & 255}`;
    for (let i = 0; i < count; i += 1) world.report(client(i));
    world.settle();
    const told: number[] = [];
    world.ledger.revoke({ all: true }, (n) => told.push(n));
    world.tasks.shift()?.();
    world.stored.shift()?.();
    expect([world.ledger.size, told]).toEqual([count - FOUND_STEP, []]);
    expect(world.permits(at(client(count - 1)))).toBe(false);
    // It comes back while the search has not reached it; and a jump of the clock writes nothing doomed again.
    const back = world.report(client(count - 1));
    world.tasks.shift()?.();
    world.tasks.shift()?.();
    world.stored.shift()?.();
    expect([back.outcomes, world.ledger.size]).toEqual([['renewed'], FOUND_STEP]);
    world.w += 3_600_000;
    world.ledger.sweep();
    world.settle();
    expect(told).toEqual([count - 1]);
    expect([...world.ledger.grants()].map((grant) => grant.client)).toEqual([client(count - 1)]);
    expect(
      new Set(
        world.journal
          .flat()
          .slice(count)
          .map((grant) => grant.client),
      ),
    ).toEqual(new Set([client(count - 1)]));
    expect(world.map.size).toBe(1);
  });

  test('on a reporter’s word: told of each lease, and what another reports meanwhile stays', () => {
    const world = new World();
    for (const client of ['10.0.0.1', '10.0.0.2']) world.add(client);
    world.report('10.0.0.3', OTHER);
    world.settle();
    world.ledger.revoke({ reporter: POP }, () => undefined);
    world.tasks.shift()?.();
    world.stored.shift()?.();
    const renewed = world.report('10.0.0.2', OTHER);
    world.settle();
    expect(renewed.outcomes).toEqual(['granted']);
    expect(world.revoked).toContain('10.0.0.1');
    expect([...world.ledger.grants()].map(({ client }) => client).sort()).toEqual(['10.0.0.2', '10.0.0.3']);
  });

  test('on a reporter’s word: what the store was told of is ended in steps, relays no more and is not written again', () => {
    const world = new World(10_000);
    const count = FOUND_STEP * 3;
    const client = (i: number): string => `10.0.${i >> 8}.${i & 255}`;
    for (let i = 0; i < count; i += 1) world.report(client(i));
    world.settle();
    const told: number[] = [];
    world.ledger.revoke({ reporter: POP }, (n) => told.push(n));
    while (world.revoked.length === 0) (world.tasks.shift() ?? world.stored.shift())?.();
    world.stored.shift()?.();
    expect([world.revoked.length, world.ledger.size, told]).toEqual([count, count - FOUND_STEP, []]);
    expect(world.permits(at(client(count - 1)))).toBe(false);
    const written = world.journal.length;
    world.w += 3_600_000;
    world.ledger.sweep();
    world.settle();
    expect([world.ledger.size, told, world.journal.slice(written).flat()]).toEqual([0, [count], []]);
  });

  test('of an address inside a wide lease ends the lease', () => {
    const world = new World(100, 0, { ipv6Prefix: 64 });
    world.add('2001:db8:1:2::6');
    expect(world.revoke(within('2001:db8:1:2::99')).count).toBe(1);
    expect(world.revoked).toEqual(['2001:db8:1:2::/64']);
    expect([world.permits(at('2001:db8:1:2::6')), world.map.size]).toEqual([false, 0]);
  });

  test('a map that cannot follow is told of; the leases are gone', () => {
    const world = new World();
    world.add('10.0.0.1');
    world.mapFault = new Fault('MAP', 'no');
    expect(world.revoke(within('10.0.0.1'))).toEqual({ count: 1, fault: world.mapFault });
    expect(world.permits(at('10.0.0.1'))).toBe(false);
  });

  test('a place is used again only once its time is over, and expires no other client', () => {
    const world = new World();
    world.add('10.0.0.1');
    world.pass(LIFETIME / 2);
    world.revoke(within('10.0.0.1'));
    world.add('10.0.0.2');
    world.pass(LIFETIME / 2);
    expect([world.ledger.size, world.permits(at('10.0.0.2'))]).toEqual([1, true]);
    world.add('10.0.0.3');
    world.pass(LIFETIME / 2);
    expect([...world.map.keys()]).toEqual(['10.0.0.3']);
    world.pass(LIFETIME);
    expect([world.ledger.size, world.map.size]).toEqual([0, 0]);
  });
});

describe('entries', () => {
  test('a report for a denied client is refused, and nothing is written', () => {
    const world = new World();
    world.come('deny', '10.0.0.0/24');
    expect(world.report('10.0.0.7').outcomes).toEqual(['unusable']);
    expect(world.journal.flat()).toEqual([]);
    expect(world.add('10.0.1.7')).toBe('granted');
  });

  test('a deny inside the site’s own network leaves the rest of it, and comes back', () => {
    const world = new World(100, 0, { always: ['203.0.113.0/30'] });
    world.build();
    const shown = (): boolean[] => ['203.0.113.1', '203.0.113.2'].map((one) => world.isShown(at(one)));
    expect(shown()).toEqual([true, true]);
    world.come('deny', '203.0.113.1');
    expect(shown()).toEqual([false, true]);
    world.go('deny', '203.0.113.1');
    expect(shown()).toEqual([true, true]);
    expect([...world.map.keys()]).toEqual(['203.0.113.0/30']);
    expect(world.renewals).toBe(0);
  });

  test('a deny ends with its time, and a grant, to the map and to decisions', () => {
    const world = new World();
    world.come('grant', '10.0.0.1', 1_000);
    world.come('grant', '10.0.1.0/24', 1_000);
    world.come('deny', '10.0.0.2', 1_000);
    expect([...world.map.keys()]).toEqual(['10.0.0.1', '10.0.1.0/24']);
    world.pass(999);
    expect(world.permits(at('10.0.1.9'))).toBe(true);
    // At the moment of the question, before any sweep.
    world.m += 1;
    world.w += 1;
    expect(world.permits(at('10.0.1.9'))).toBe(false);
    world.pass(0);
    expect([...world.map.keys()]).toEqual([]);
    expect(world.changes).toEqual(['over grant 10.0.0.1', 'over grant 10.0.1.0/24', 'over deny 10.0.0.2']);
    expect(world.add('10.0.0.2')).toBe('granted');
  });

  test('a lease that a pin has hidden shows again when the pin goes', () => {
    const world = new World();
    world.come('pin', '10.0.0.0/24');
    world.add('10.0.0.7');
    expect([...world.map.keys()]).toEqual(['10.0.0.0/24']);
    world.go('pin', '10.0.0.0/24');
    expect([...world.map.keys()]).toEqual(['10.0.0.7']);
  });

  describe('a lease that ends in a file that was built with what hides it, which has the same keys', () => {
    const SUBJECTS = [
      // A client whose lease covers a network, what is pinned, who is denied, and another.
      ['203.0.113.1', '203.0.113.0/24', '203.0.113.7', '203.0.113.9'],
      ['203.0.113.1', '203.0.112.0/23', '203.0.113.7', '203.0.113.9'],
      ['2001:db8:a:b::1', '2001:db8:a:b::/64', '2001:db8:a:b::7', '2001:db8:a:b::9'],
      ['2001:db8:a:c::1', '2001:db8:a::/48', '2001:db8:a:c::7', '2001:db8:a:c::9'],
    ] as const;
    const permits = (world: World, client: string): boolean[] => [
      world.permits(at(client)),
      world.isShown(at(client)),
      world.postfix.permits(at(client)),
    ];
    const ALL = [true, true, true];
    const NONE = [false, false, false];

    test.each(SUBJECTS)('%s in %s; %s is denied, and %s may relay', (...subjects) => {
      const [client, pin, denied, other] = subjects;
      const world = new World(100, 0, { ipv6Prefix: 64, ipv4Prefix: 24 });
      world.add(client);
      expect([world.ledger.size, permits(world, other)]).toEqual([1, ALL]);
      world.come('pin', pin);
      world.renew();
      world.come('deny', denied);
      expect([world.ledger.size, permits(world, denied), permits(world, other)]).toEqual([0, NONE, ALL]);
      world.go('deny', denied);
      expect([permits(world, denied), permits(world, other)]).toEqual([ALL, ALL]);
      world.go('pin', pin);
      expect([permits(world, client), permits(world, other)]).toEqual([NONE, NONE]);
      expect(world.postfix.keys).toEqual(new Map());
    });
  });

  test('when the clock jumps, ends move with it, and nothing ends early or late', () => {
    const world = new World();
    world.come('grant', '10.0.0.1', 60_000);
    const end = world.w + 60_000;
    world.w += 3_600_000;
    world.pass(0);
    expect(world.standing.get('grant', '10.0.0.1' as Subject)?.expiresAt).toBe(end + 3_600_000);
    world.pass(59_999);
    expect(world.permits(at('10.0.0.1'))).toBe(true);
    world.pass(1);
    expect(world.permits(at('10.0.0.1'))).toBe(false);
  });

  test('the clock was set back while they were in force: a start restores all of what is left', () => {
    const world = new World();
    world.come('deny', '10.0.0.1', 60_000);
    world.w -= 3_600_000;
    world.pass(20_000);
    const restarted = new World();
    restarted.w = world.w;
    restarted.entries.restore(world.standing.entries());
    restarted.pass(39_999);
    expect(restarted.ledger.ask(at('10.0.0.1'))).toEqual({ verdict: 'not', never: true });
    restarted.pass(1);
    expect(restarted.ledger.ask(at('10.0.0.1'))).toEqual({ verdict: 'not' });
  });

  test('restored ones never have more time than at first, and what is over is not', () => {
    const world = new World();
    const entry = world.entry('grant', '10.0.0.1', 60_000);
    const over = world.entry('deny', '10.0.0.2', 10_000);
    // The clock was two hours ahead when they were made.
    const ahead = { ...entry, createdAt: entry.createdAt + 7_200_000, expiresAt: world.w + 7_260_000 };
    world.pass(20_000);
    world.entries.restore([ahead, over]);
    expect(world.standing.size).toBe(1);
    world.pass(59_999);
    expect(world.permits(at('10.0.0.1'))).toBe(true);
    world.pass(1);
    expect(world.permits(at('10.0.0.1'))).toBe(false);
  });

  test('what is denied is not restored', () => {
    const world = new World();
    world.entries.restore([world.entry('deny', '10.0.0.1')]);
    world.ledger.restore([
      { client: at('10.0.0.1'), reporter: POP, expiresAt: world.w + 1_000 },
      { client: at('10.0.0.2'), reporter: POP, expiresAt: world.w + 1_000 },
    ]);
    expect([...world.ledger.grants()].map(({ client }) => client)).toEqual(['10.0.0.2']);
  });

  test('a deny whose leases cannot be ended stands, is told of, and hides them', () => {
    const world = new World();
    world.add('10.0.0.7');
    const told: unknown[] = [];
    world.entries.change([{ come: world.entry('deny', '10.0.0.0/24') }], (fault) => told.push(fault));
    world.settle(new Fault('STORE', 'disk on fire'));
    expect(told).toEqual([expect.objectContaining({ code: 'STORE' })]);
    expect([world.permits(at('10.0.0.7')), world.map.size, world.ledger.size]).toEqual([false, 0, 1]);
  });

  test('the same while the map cannot be changed: it is built anew, or it would show them', () => {
    const world = new World();
    world.add('10.0.0.7');
    world.mapFault = new Fault('MAP', 'full');
    const told: unknown[] = [];
    world.entries.change([{ come: world.entry('deny', '10.0.0.0/24') }], (fault) => told.push(fault));
    world.mapFault = undefined;
    world.settle(new Fault('STORE', 'disk on fire'));
    expect(told).toEqual([expect.objectContaining({ code: 'MAP' })]);
    expect([world.permits(at('10.0.0.7')), world.map.size, world.ledger.size]).toEqual([false, 0, 1]);
  });

  test('configured never wins over a pin', () => {
    const world = new World();
    world.come('pin', '198.51.0.0/16');
    for (const [client, expected] of [
      ['198.51.100.7', false],
      ['198.51.101.7', true],
    ] as const)
      expect([world.permits(at(client)), world.isShown(at(client))]).toEqual([expected, expected]);
  });
});
