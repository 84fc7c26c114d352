/** standing - what a deny that comes or goes changes in maps: no more than its surroundings, and exactly that. */
import fc from 'fast-check';
import { networkOf } from '../../../src/core/network.js';
import type { LiveEntry } from '../../../src/core/operator-entry.js';
import { FOREVER, Standing } from '../../../src/core/standing.js';
import { type Subject, subjectOf } from '../../../src/core/subject.js';
import { net } from './world.js';

const entry = (kind: LiveEntry['kind'], subject: string, deadline = Infinity): LiveEntry => ({
  kind,
  subject: subject as Subject,
  reason: 'r',
  author: 'a',
  createdAt: 0,
  expiresAt: deadline === Infinity ? undefined : deadline,
  deadline,
});
/** What maps show; of what they are told twice, the later end. */
function shown(standing: Standing): Map<Subject, number> {
  const all = new Map<Subject, number>();
  for (const { client, expiresAt } of standing.permissions(0))
    all.set(client, Math.max(expiresAt, all.get(client) ?? 0));
  return all;
}

test('how many there are of each kind', () => {
  const standing = new Standing([net('10.0.0.0/8')], [net('10.1.0.0/16')]);
  const count = (): number[] => (['grant', 'pin', 'deny'] as const).map((kind) => standing.count(kind));
  for (const kind of ['grant', 'pin', 'pin', 'deny'] as const) standing.set(entry(kind, '192.0.2.7'));
  standing.set(entry('pin', '192.0.2.0/24'));
  standing.set(entry('pin', '2001:db8::7'));
  expect(count()).toEqual([1, 3, 1]);
  standing.delete('pin', '2001:db8::7' as Subject);
  expect(count()).toEqual([1, 2, 1]);
});

test('a deny in a large network changes its surroundings alone', () => {
  const standing = new Standing([net('10.0.0.0/8')], []);
  standing.set(entry('deny', '10.200.0.0/24'));
  const turn = standing.deny(entry('deny', '10.0.0.0'), 0);
  expect(turn.remove).toEqual(['10.0.0.0/9']);
  expect(turn.put).toHaveLength(23);
  expect(standing.allow('10.0.0.0' as Subject, 0)).toEqual({
    put: [{ client: '10.0.0.0/9', expiresAt: FOREVER }],
    remove: turn.put.map(({ client }) => client),
  });
});

test('what is shown for itself stays when the piece of another that is the same network goes', () => {
  const standing = new Standing([net('203.0.113.0/28')], []);
  standing.set(entry('grant', '203.0.113.0/26', 5_000));
  const { put } = standing.deny(entry('deny', '203.0.113.16/28'), 0);
  expect(put).toContainEqual({ client: '203.0.113.0/28', expiresAt: FOREVER });
  expect(standing.allow('203.0.113.16/28' as Subject, 0)).toEqual({
    put: [
      { client: '203.0.113.0/28', expiresAt: FOREVER },
      { client: '203.0.113.0/26', expiresAt: 5_000 },
    ],
    remove: ['203.0.113.32/27'],
  });
});

test('what lasts as long is not shown inside another, what lasts longer is', () => {
  const standing = new Standing([net('198.51.100.0/24')], []);
  standing.set(entry('pin', '198.51.100.7'));
  standing.set(entry('grant', '203.0.113.0/24', 1_000));
  standing.set(entry('grant', '203.0.113.7', 500));
  standing.set(entry('pin', '203.0.113.8'));
  standing.set(entry('grant', '203.0.113.8', 2_000));
  expect([...shown(standing)]).toEqual([
    ['198.51.100.0/24', FOREVER],
    ['203.0.113.8', FOREVER],
    ['203.0.113.0/24', 1_000],
  ]);
});

test('maps that follow each turn show what they would show if they were built anew', () => {
  const network = fc
    .tuple(fc.nat(31), fc.integer({ min: 26, max: 32 }))
    .map(([last, prefix]) => subjectOf(networkOf(Uint8Array.of(203, 0, 113, last << 1), prefix)));
  const kinds = fc.constantFrom('pin' as const, 'grant' as const);
  const allowed = fc.array(fc.tuple(kinds, network, fc.constantFrom(5_000, 9_000)), { maxLength: 5 });
  const denies = fc.array(fc.tuple(fc.boolean(), network), { maxLength: 12 });
  fc.assert(
    fc.property(allowed, fc.array(network, { maxLength: 2 }), denies, (some, never, turns) => {
      const standing = new Standing(
        [net('203.0.113.0/28')],
        never.map((text) => net(text)),
      );
      for (const [kind, subject, end] of some)
        standing.set(entry(kind, subject, kind === 'pin' ? Infinity : end));
      const map = shown(standing);
      for (const [comes, subject] of turns) {
        const { put, remove } = comes ? standing.deny(entry('deny', subject), 0) : standing.allow(subject, 0);
        for (const one of remove) map.delete(one);
        for (const { client, expiresAt } of put) map.set(client, expiresAt);
        expect(map).toEqual(shown(standing));
      }
    }),
    { numRuns: 300 },
  );
});
