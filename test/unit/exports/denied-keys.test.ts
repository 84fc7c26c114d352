/**
 * denied-keys, postfix-keys - a denied client is never found to be permitted, whatever came and went in which order;
 * and what else is refused is what the limits say.
 */
import fc from 'fast-check';
import { addressFromBytes, addressToBytes, type ClientAddress } from '../../../src/core/address.js';
import { contains, networkOf } from '../../../src/core/network.js';
import type { LiveEntry } from '../../../src/core/operator-entry.js';
import { Standing } from '../../../src/core/standing.js';
import { networkOfSubject, type Permission, type Subject, subjectOf } from '../../../src/core/subject.js';
import { DeniedKeys, keysOfDenial } from '../../../src/exports/denied-keys.js';
import { entryOf } from '../../../src/exports/entry.js';
import { isNeeded, keysForPostfix, postfixKeys } from '../../../src/exports/postfix-keys.js';
import { built, isLongerThan, isRefusedBeside, permitting, PostfixMap } from '../../support/postfix-map.js';
import { searches } from '../../support/searches.js';
import { at } from '../core/world.js';

const keysOf = (text: string): string[] => [...keysOfDenial(text as Subject)];

test.each<[string, string[]]>([
  ['192.0.2.7', ['192.0.2.7']],
  ['192.0.2.6/31', ['192.0.2.6', '192.0.2.7']],
  ['192.0.2.0/24', ['192.0.2']],
  ['192.0.2.0/23', ['192.0.2', '192.0.3']],
  ['2001:db8::6', ['2001:db8::6']],
  ['2001:db8:1:2::/64', ['2001:db8:1:2']],
  ['2001:db8::/48', ['2001:db8:0', '2001:db8:']],
  ['2001:db8::/80', ['2001:db8:0:0:0', '2001:db8:']],
  ['2001:db8::6:0/112', ['2001:db8:0:0:0:0:6', '2001:db8::6']],
  ['2001:0:0:5::/64', ['2001:0:0:5', '2001::5']],
  ['2001:0:0:5::/80', ['2001:0:0:5:0', '2001:0:0:5:', '2001::5:0']],
  // The run at its end is longer than the one inside: that is never the one which is shortened.
  ['2:0:0:5::/112', ['2:0:0:5:0:0:0', '2:0:0:5:']],
  ['2001:db8:1:2:3:4:5:6/127', ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:7']],
])('%s is denied as %j', (denied, expected) => {
  expect(keysOf(denied)).toEqual(expected);
});

test.each([
  ['a /17 has 128 keys', '10.0.0.0/17', 128],
  ['a /56 has 256, of which the first has two', '2001:db8:1::/56', 257],
  ['all of IPv4', '0.0.0.0/0', 65_536],
])('%s', (_, denied, count) => {
  expect(keysOf(denied)).toHaveLength(count);
});

/** Groups of which texts with `::` are made, in all the places that it can have. */
const group = fc.constantFrom(0, 0, 0, 1, 2, 0xffff);
const ipv6 = fc
  .tuple(
    fc.constantFrom(0x2001, 0x2001, 0xfd00),
    fc.constantFrom(0, 0, 0xdb8),
    ...new Array<typeof group>(6).fill(group),
  )
  .map((groups) => addressFromBytes(Uint8Array.from(groups.flatMap((one) => [one >> 8, one & 0xff]))));
const ipv4 = fc
  .tuple(fc.constantFrom(0, 1), fc.constantFrom(0, 7, 128), fc.constantFrom(0, 1, 2, 127, 128, 255))
  .map((last) => addressFromBytes(Uint8Array.of(10, ...last)));
const client = fc.oneof({ weight: 3, arbitrary: ipv6 }, ipv4);

function subjectIn(longs: readonly number[], shorts: readonly number[]): fc.Arbitrary<Subject> {
  return fc.tuple(client, fc.constantFrom(...longs), fc.constantFrom(...shorts)).map(([one, long, short]) => {
    const bytes = addressToBytes(one);
    return subjectOf(networkOf(bytes, bytes.length === 4 ? short : long));
  });
}
const denied = subjectIn(
  [16, 32, 45, 48, 60, 64, 64, 77, 80, 96, 110, 112, 112, 126, 128, 128, 128],
  [13, 16, 20, 23, 24, 28, 31, 32, 32],
);
const allowed = subjectIn(
  [30, 32, 32, 46, 48, 48, 62, 64, 80, 128, 128],
  [15, 16, 23, 24, 28, 30, 32],
).filter((one) => keysForPostfix(entryOf({ client: one, expiresAt: 0 })) !== undefined);

test('every client of a denied network meets one of its keys, and none of an address outside before it', () => {
  fc.assert(
    fc.property(
      denied,
      fc.array(client, { minLength: 1, maxLength: 30 }),
      client,
      (subject, others, outside) => {
        const network = networkOfSubject(subject);
        const keys = new Set(keysOfDenial(subject));
        const table = new DeniedKeys();
        table.add({ client: subject, isInside: true });
        for (const other of others) {
          const bytes = addressToBytes(other);
          if (bytes.length !== network.base.length) continue;
          const inside = addressFromBytes(
            network.base.map((byte, i) => byte | ((bytes[i] ?? 0) & ~(network.mask[i] ?? 0))),
          );
          const search = searches.postfix(inside);
          const met = search.findIndex((key) => keys.has(key));
          expect([inside, met >= 0]).toEqual([inside, true]);
          const before = search.slice(0, met + 1).filter((key) => key === outside && table.mayPermit(key));
          if (!contains(network, addressToBytes(outside))) expect([inside, before]).toEqual([inside, []]);
          // What is met by no client outside cannot be said of a network that may relay either.
          if (postfixKeys(entryOf({ client: subject, expiresAt: 0 })) !== undefined)
            expect([...keys]).toEqual(postfixKeys(entryOf({ client: subject, expiresAt: 0 })));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('a denial that needs no keys is in nobody’s shadow: no address outside is met on the way of one inside', () => {
  let shadowed = 0;
  fc.assert(
    fc.property(denied, client, (subject, other) => {
      const network = networkOfSubject(subject);
      const bytes = addressToBytes(other);
      fc.pre(bytes.length === network.base.length);
      const inside = addressFromBytes(
        network.base.map((byte, i) => byte | ((bytes[i] ?? 0) & ~(network.mask[i] ?? 0))),
      );
      const outside = searches
        .postfix(inside)
        .filter((cut) => isText(cut) && at(cut) === cut && !contains(network, addressToBytes(at(cut))));
      if (outside.length === 0) return;
      shadowed += 1;
      expect([inside, outside, isNeeded({ client: subject, isInside: false })]).toEqual([
        inside,
        outside,
        true,
      ]);
    }),
    { numRuns: 5_000 },
  );
  expect(shadowed).toBeGreaterThan(10);
});

const entry = (kind: LiveEntry['kind'], subject: Subject): LiveEntry => ({
  kind,
  subject,
  reason: 'r',
  author: 'a',
  createdAt: 0,
  expiresAt: undefined,
  deadline: Infinity,
});

type Step =
  | readonly ['pin' | 'unpin', Subject]
  | readonly ['deny' | 'undeny', Subject]
  | readonly ['lease' | 'end', ClientAddress];

const step = (subjects: readonly Subject[], clients: readonly ClientAddress[]): fc.Arbitrary<Step> =>
  fc.oneof(
    fc.tuple(
      fc.constantFrom('deny' as const, 'deny' as const, 'undeny' as const),
      fc.constantFrom(...subjects),
    ),
    fc.tuple(fc.constantFrom('pin' as const, 'pin' as const, 'unpin' as const), fc.constantFrom(...subjects)),
    fc.tuple(
      fc.constantFrom('lease' as const, 'lease' as const, 'end' as const),
      fc.constantFrom(...clients),
    ),
  );

/** A site with a map, whose leases are single addresses. */
class Site {
  readonly leases = new Set<ClientAddress>();
  readonly standing: Standing;
  readonly map: PostfixMap;

  constructor(always: readonly Subject[], never: readonly Subject[]) {
    this.standing = new Standing(always.map(networkOfSubject), never.map(networkOfSubject));
    this.map = new PostfixMap(() => this.undivided);
    this.map.open();
  }

  readonly undivided = {
    denials: () => this.standing.denials(),
    permissions: () => this.permissions(),
    lean: () => this.permissions(),
  };

  *permissions(): Generator<Permission> {
    yield* this.standing.undivided(0);
    for (const one of this.leases)
      if (!this.standing.denies(one) && !this.standing.covers(one, 0))
        yield { client: one, expiresAt: 1_000 };
  }

  isDenied(one: ClientAddress): boolean {
    return this.standing.denial(one, 0) !== undefined || this.standing.against(one) === 'never';
  }

  permits(one: ClientAddress): boolean {
    return !this.isDenied(one) && (this.leases.has(one) || this.standing.allowance(one, 0) !== undefined);
  }

  /** As the ledger and its entries do it. */
  step([what, subject]: Step): void {
    const { leases, map, standing } = this;
    const done = (): void => undefined;
    if (what === 'pin') {
      if (
        standing.against(subject) !== undefined ||
        keysForPostfix(entryOf({ client: subject, expiresAt: 0 })) === undefined
      )
        return;
      const pin = entry('pin', subject);
      standing.set(pin);
      map.apply(standing.shownOf(pin, 0), done);
    } else if (what === 'unpin') {
      if (standing.delete('pin', subject) !== undefined) map.renew(done);
    } else if (what === 'deny') {
      const change = standing.deny(entry('deny', subject));
      const network = networkOfSubject(subject);
      const ended = [...leases].filter((one) => contains(network, addressToBytes(one)));
      for (const one of ended) leases.delete(one);
      map.apply({ ...change, remove: [...change.remove, ...ended] }, done);
    } else if (what === 'undeny') map.apply(standing.allow(subject, 0), done);
    else if (what === 'lease') {
      const one = subject;
      if (this.isDenied(one)) return;
      leases.add(one);
      if (!standing.covers(one, 0)) map.apply({ put: [{ client: one, expiresAt: 1_000 }], remove: [] }, done);
    } else if (leases.delete(subject as ClientAddress) && !standing.covers(subject, 0))
      map.apply({ put: [], remove: [subject] }, done);
  }
}

/** A client, those who are written like it with more behind or less, and those beside it. */
function kin(one: ClientAddress): ClientAddress[] {
  const near = [1, 0x80].flatMap((bit) => {
    const bytes = addressToBytes(one);
    return bytes.length === 4
      ? [2, 3].map((place) => addressFromBytes(bytes.with(place, (bytes[place] ?? 0) ^ bit)))
      : [5, 7, 11, 13, 15].map((place) => addressFromBytes(bytes.with(place, (bytes[place] ?? 0) ^ bit)));
  });
  const longer = one.includes('::') ? [`${one}:1`, `${one}:1:2`, `${one}:0`] : [];
  return [one, ...near, ...longer.flatMap((text) => (isText(text) ? [at(text)] : []))];
}
const isText = (text: string): boolean =>
  !text.includes(':::') && (at(text) as string | undefined) !== undefined;

test('whatever comes and goes: nobody who is denied is let relay, and who may is, but for the limits', () => {
  const tally = { denied: 0, permitted: 0 };
  fc.assert(
    fc.property(
      fc
        .record({
          denies: fc.array(denied, { minLength: 2, maxLength: 5 }),
          pins: fc.array(allowed, { minLength: 1, maxLength: 4 }),
          clients: fc.array(client, { minLength: 3, maxLength: 8 }),
          never: fc.array(denied, { maxLength: 1 }),
          always: fc.array(allowed, { maxLength: 1 }),
        })
        .chain((world) => {
          const subjects = [...world.denies, ...world.pins, ...world.clients];
          return fc.tuple(
            fc.constant(world),
            fc.array(step(subjects, world.clients.flatMap(kin)), { maxLength: 14 }),
          );
        }),
      ([{ always, clients, denies, never, pins }, steps]) => {
        const site = new Site(always, never);
        const bases = [...denies, ...pins].map((one) => addressFromBytes(networkOfSubject(one).base));
        const asked = [...clients, ...bases].flatMap(kin);
        for (const one of steps) {
          site.step(one);
          const fresh = built(site.undivided);
          const denials = Array.from(site.standing.denials(), (each) => each.client);
          for (const who of asked)
            for (const keys of [site.map.keys, fresh]) {
              const key = permitting(keys, who);
              const said = [one, who, key];
              if (site.isDenied(who)) {
                expect([...said, 'denied']).toEqual([one, who, undefined, 'denied']);
                tally.denied += 1;
              } else if (site.permits(who)) {
                if (key === undefined)
                  expect([...said, isRefusedBeside(denials, who)]).toEqual([...said, true]);
                tally.permitted += 1;
              } else if (key !== undefined)
                expect([...said, isLongerThan(key, who)]).toEqual([...said, true]);
            }
        }
      },
    ),
    { numRuns: 40 },
  );
  expect(Math.min(tally.denied, tally.permitted)).toBeGreaterThan(100);
});

test('a key stays denied until the last that needs it goes', () => {
  const site = new Site(['10.0.0.0/16' as Subject], []);
  const [host, half] = ['10.0.7.1', '10.0.7.0/25'] as [Subject, Subject];
  site.step(['deny', half]);
  site.step(['deny', host]);
  site.step(['undeny', half]);
  expect([site.map.permits(at('10.0.7.1')), site.map.permits(at('10.0.7.2'))]).toEqual([false, true]);
  site.step(['deny', half]);
  site.step(['undeny', host]);
  expect(site.map.permits(at('10.0.7.1'))).toBe(false);
  site.step(['undeny', half]);
  expect([...site.map.keys]).toEqual([['10.0', '4294967295']]);
});

test('one denied address in a pinned /48 is one key, and neither coming nor going builds anything anew', () => {
  const site = new Site(['2001:db8:a::/48' as Subject], []);
  const before = new Map(site.map.keys);
  site.step(['deny', '2001:db8:a:b::6' as Subject]);
  expect(site.map.keys.size).toBe(before.size + 1);
  expect(site.map.permits(at('2001:db8:a:b::6'))).toBe(false);
  // Those around it may.
  for (const one of ['2001:db8:a:b::7', '2001:db8:a:b::', '2001:db8:a:b:1::6', '2001:db8:a:c::6'])
    expect([one, site.map.permits(at(one))]).toEqual([one, true]);
  site.step(['undeny', '2001:db8:a:b::6' as Subject]);
  expect(site.map.keys).toEqual(before);
  expect(site.map.written).toBeLessThan(6);
  expect(site.map.renewals).toBe(0);
});

test('an address stays denied where Postfix would find the key of a shorter one', () => {
  const site = new Site([], []);
  site.step(['lease', at('2001:db8::6')]);
  expect(site.map.permits(at('2001:db8::6:1'))).toBe(true);
  site.step(['deny', '2001:db8::6:1' as Subject]);
  expect([site.map.permits(at('2001:db8::6:1')), site.map.permits(at('2001:db8::6'))]).toEqual([false, true]);
  // Also when the other comes later.
  site.step(['end', at('2001:db8::6')]);
  site.step(['lease', at('2001:db8::6')]);
  expect([site.map.permits(at('2001:db8::6:1')), site.map.permits(at('2001:db8::6'))]).toEqual([false, true]);
});

test('the limits: neighbours that are written like a denied address and longer, in a network that may relay', () => {
  const site = new Site(['2001:db8:a::/48' as Subject], []);
  site.step(['deny', '2001:db8:a:b::6' as Subject]);
  expect(site.map.permits(at('2001:db8:a:b::6:1'))).toBe(false);
  expect(site.permits(at('2001:db8:a:b::6:1'))).toBe(true);
  // What docs/postfix.md says of networks.
  site.step(['deny', '2001:db8:a:2::6:0/112' as Subject]);
  site.step(['deny', '2001:db8:a:3::/112' as Subject]);
  for (const [client, expected] of [
    ['2001:db8:a:2::6', false],
    ['2001:db8:a:2::7', true],
    ['2001:db8:a:3::7:8', false],
    ['2001:db8:a:3:1::7', true],
  ] as const)
    expect([client, site.permits(at(client)), site.map.permits(at(client))]).toEqual([
      client,
      true,
      expected,
    ]);
});
