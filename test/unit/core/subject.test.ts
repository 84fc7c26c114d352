/** subject - addresses and networks as one kind of canonical text. */
import { type Network, parseNetwork } from '../../../src/core/network.js';
import {
  isNetwork,
  keyOf,
  MAX_SUBJECT_TEXT,
  networkOfSubject,
  partsOf,
  subjectOf,
} from '../../../src/core/subject.js';

test.each([
  ['192.0.2.7', '192.0.2.7', 32],
  ['192.0.2.7/32', '192.0.2.7', 32],
  ['192.0.2.0/24', '192.0.2.0', 24],
  ['2001:DB8:0:0::/64', '2001:db8::', 64],
  ['2001:db8::6/128', '2001:db8::6', 128],
  ['0.0.0.0/0', '0.0.0.0', 0],
])('%s: %s and %i bits', (text, address, prefix) => {
  const network = parseNetwork(text) as Network;
  const subject = subjectOf(network);
  expect(partsOf(subject)).toEqual({ address, prefix });
  expect(isNetwork(subject)).toBe(prefix !== (address.includes(':') ? 128 : 32));
  const { base, mask } = networkOfSubject(subject);
  expect([base, mask]).toEqual([network.base, network.mask]);
});

test('the longest has so many characters', () => {
  const longest = subjectOf(parseNetwork('fe00:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127') as Network);
  expect(longest).toHaveLength(MAX_SUBJECT_TEXT);
});

test.each([
  ['192.0.2.7', -0x3fff_fdf9],
  ['1.2.3.4', 0x0102_0304],
  ['192.0.2.0/24', '192.0.2.0/24'],
  ['2001:db8::6', '2001:db8::6'],
  ['2001:db8::/64', '2001:db8::/64'],
])('%s is kept by %s', (text, key) => {
  expect(keyOf(subjectOf(parseNetwork(text) as Network))).toBe(key);
});
