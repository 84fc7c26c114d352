/** privacy - what becomes of addresses and names in each mode, and that they are found again. */
import fc from 'fast-check';
import { hashed, Privacy, SubjectHasher, truncated } from '../../../src/audit/privacy.js';
import { addressFromBytes } from '../../../src/core/address.js';
import { networkOf } from '../../../src/core/network.js';
import { type Subject, subjectOf } from '../../../src/core/subject.js';
import { at } from '../core/world.js';

const key = Buffer.alloc(32, 7);
const subject = (text: string): Subject => text as Subject;

test.each([
  ['192.0.2.7', '192.0.2.0/24'],
  ['192.0.2.64/26', '192.0.2.0/24'],
  ['192.0.0.0/20', '192.0.0.0/20'],
  ['2001:db8:1:2::7', '2001:db8:1::/48'],
  ['2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:db8::/32', '2001:db8::/32'],
])('truncated, %s is %s', (one, other) => {
  expect(truncated(subject(one))).toBe(other);
  expect(new Privacy('truncated').subject(subject(one))).toBe(other);
});

test('a hash is that of RFC 2104 with SHA-256, its first half, and needs its key', () => {
  // RFC 4231, test case 2.
  expect(hashed('what do ya want for nothing?', Buffer.from('Jefe'))).toBe(
    'h:5bdcc146bf60754e6a042426089575c7',
  );
  expect(() => new Privacy('hashed')).toThrow(RangeError);
  const hasher = new SubjectHasher(key);
  for (const text of ['::', '192.0.2.7', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:0/128', '192.0.2.0/24'])
    expect(hasher.hash(subject(text))).toBe(hashed(text, key));
  const other = new Privacy('hashed', Buffer.alloc(32, 8));
  expect(new Privacy('hashed', key).subject(at('192.0.2.7'))).not.toBe(other.subject(at('192.0.2.7')));
});

test('users: as they are, left out, hashed', () => {
  expect(new Privacy('full').user('ann')).toBe('ann');
  expect(new Privacy('truncated').user('ann')).toBeUndefined();
  expect(new Privacy('hashed', key).user('ann')).toBe(hashed('ann', key));
  expect(new Privacy('hashed', key).user(undefined)).toBeUndefined();
});

test('an address is found under every name that any network around it has in any mode, and under no other', () => {
  const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
  const bytes = fc.oneof(ipv4, fc.uint8Array({ minLength: 16, maxLength: 16 }));
  fc.assert(
    fc.property(bytes, fc.nat(128), (raw, length) => {
      const address = addressFromBytes(raw);
      const canonical = address.includes(':') ? raw : raw.slice(-4);
      const prefix = Math.min(length, canonical.length * 8);
      const around = subjectOf(networkOf(canonical, prefix));
      const names = new Privacy('hashed', key).namesOf(address);
      for (const name of [around, hashed(around, key)]) expect(names.holding.has(name)).toBe(true);
      expect(names.holding.has(truncated(around))).toBe(true);
      expect(names.exact).toEqual(new Set([address, hashed(address, key)]));
      const flipped = canonical.slice();
      flipped[0] = (flipped[0] ?? 0) ^ 0x80;
      if (prefix > 0) expect(names.holding.has(subjectOf(networkOf(flipped, prefix)))).toBe(false);
    }),
    { numRuns: 30 },
  );
});
