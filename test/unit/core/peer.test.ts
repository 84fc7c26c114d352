/** peer - one name for all addresses that one host may have */
import { peerOf } from '../../../src/core/peer.js';

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2::7', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:ffff:1:2:3', '2001:db8:1:2::/64'],
  ['2001:db8:1:3::7', '2001:db8:1:3::/64'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  [undefined, ''],
])('%s: %s', (address, name) => {
  expect(peerOf(address)).toBe(name);
});
