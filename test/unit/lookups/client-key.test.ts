/** client-key - every spelling of an address that a mail server sends, and nothing else */
import { SocketAddress } from 'node:net';
import fc from 'fast-check';
import { addressFromBytes } from '../../../src/core/address.js';
import { clientOf } from '../../../src/lookups/client-key.js';

test.each([
  // Postfix
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8::6', '2001:db8::6'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:6'],
  // Sendmail, IPV6_FULL, as it is and folded to lower case
  ['IPv6:2001:db8:0:0:0:0:0:6', '2001:db8::6'],
  ['ipv6:2001:db8:0:0:0:0:0:6', '2001:db8::6'],
  ['IPv6:2001:db8::6', '2001:db8::6'],
  ['IPV6:2001:DB8::6', '2001:db8::6'],
  ['IPv6:::ffff:192.0.2.7', '192.0.2.7'],
  // Exim
  ['2001.0db8.0000.0000.0000.0000.0000.0006', '2001:db8::6'],
  ['2001:0db8:0000:0000:0000:0000:0000:0006', '2001:db8::6'],
  ['0000.0000.0000.0000.0000.ffff.c000.0207', '192.0.2.7'],
  // Any other
  ['2001:DB8:0:0::6', '2001:db8::6'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:c000:207', '192.0.2.7'],
  ['2001:db8::192.0.2.7', '2001:db8::c000:207'],
])('%s is %s', (key, address) => {
  expect(clientOf(key)).toBe(address);
});

test.each([
  '',
  'unknown',
  'mail.example.org',
  'localhost',
  '192.0.2',
  '192.0.2.7.',
  '192.0.2.07',
  '192.0.2.256',
  '3221225991',
  '0xc0000207',
  '192.0.2.7 ',
  ' 192.0.2.7',
  '192.0.2.7\n',
  '192.0.2.7\0',
  '192.0.2.7/32',
  '192.0.2.7:25',
  '[192.0.2.7]',
  '[IPv6:2001:db8::6]',
  'IPv6:192.0.2.7',
  'IPv6:',
  'IPv6:IPv6:2001:db8::6',
  'IPv4:192.0.2.7',
  '2001:db8::6%eth0',
  '2001:db8::6/128',
  '2001.db8.0.0.0.0.0.6',
  '2001.0db8.0000.0000.0000.0000.0006',
  '2001.0db8.0000.0000.0000.0000.0000.0006.0000',
  '2001.0db8.0000.0000.0000.0000.0000:0006',
  '2001.0db8..0006',
  '1234.5678',
  '2001:db8::6::',
  '１９２.0.2.7',
  '192.0.2.7'.repeat(100),
])('%j is no address', (key) => {
  expect(clientOf(key)).toBeUndefined();
});

test('every spelling of any IPv6 address is the same address', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.boolean(), (bytes, upper) => {
      const groups = Array.from(
        { length: 8 },
        (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0),
      );
      const short = groups.map((group) => group.toString(16));
      const full = short.map((group) => group.padStart(4, '0'));
      const node = new SocketAddress({ address: short.join(':'), family: 'ipv6' }).address;
      const address = addressFromBytes(bytes);
      for (const text of [short.join(':'), full.join(':'), full.join('.'), node, `IPv6:${short.join(':')}`])
        expect(clientOf(upper ? text.toUpperCase() : text)).toBe(address);
    }),
  );
});

test('is total', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (key) => {
      const client = clientOf(key);
      if (client !== undefined) expect(clientOf(client)).toBe(client);
    }),
  );
});
