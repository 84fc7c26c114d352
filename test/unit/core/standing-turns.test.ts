/** standing - what entries that come or go change in maps. What becomes of that: test/unit/exports/denied-keys.test.ts. */
import type { LiveEntry } from '../../../src/core/operator-entry.js';
import { FOREVER, Standing } from '../../../src/core/standing.js';
import type { Subject } from '../../../src/core/subject.js';
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

test('a deny in a network leaves that as it is', () => {
  const standing = new Standing([net('10.0.0.0/8')], []);
  const client = '10.0.0.0' as Subject;
  expect(standing.deny(entry('deny', client))).toEqual({
    remove: [],
    deny: [{ client, isInside: true }],
    put: [],
  });
  expect(standing.allow(client, 0)).toEqual({
    remove: [],
    allow: [{ client, around: [{ client: '10.0.0.0/8', expiresAt: FOREVER }] }],
    put: [],
  });
});

test('what lies in a denied network goes with it and comes back; of what is around, the one that lasts longest is last', () => {
  const standing = new Standing([net('203.0.113.16/30')], []);
  standing.set(entry('pin', '203.0.113.0/24', 9_000));
  standing.set(entry('grant', '203.0.113.0/26', 5_000));
  standing.set(entry('grant', '203.0.112.0/23', 5_000));
  const change = standing.deny(entry('deny', '203.0.113.16/28'));
  expect(change.remove).toEqual(['203.0.113.16/30']);
  const { allow, put } = standing.allow('203.0.113.16/28' as Subject, 0);
  expect(put).toEqual([{ client: '203.0.113.16/30', expiresAt: FOREVER }]);
  expect(allow?.[0]?.around).toEqual([
    { client: '203.0.112.0/23', expiresAt: 5_000 },
    { client: '203.0.113.0/24', expiresAt: 9_000 },
  ]);
});

test('what the configuration says never stays denied when a deny of the same goes', () => {
  const standing = new Standing([net('10.0.0.0/8')], [net('10.1.0.0/16')]);
  standing.deny(entry('deny', '10.1.0.0/16'));
  expect(standing.allow('10.1.0.0/16' as Subject, 0)).toEqual({ remove: [], put: [] });
  expect([...standing.denials()]).toEqual([{ client: '10.1.0.0/16', isInside: true }]);
});

test('a pin brings with it who is denied in it', () => {
  const standing = new Standing([], [net('10.1.0.0/16')]);
  standing.set(entry('deny', '10.2.0.7'));
  standing.set(entry('deny', '192.0.2.7'));
  const pin = entry('pin', '10.0.0.0/8');
  standing.set(pin);
  expect(standing.shownOf(pin, 0)).toEqual({
    remove: [],
    deny: [
      { client: '10.1.0.0/16', isInside: true },
      { client: '10.2.0.7', isInside: true },
    ],
    put: [{ client: '10.0.0.0/8', expiresAt: FOREVER }],
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
