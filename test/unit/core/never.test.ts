import { parseAddress, type ClientAddress } from '../../../src/core/address.js';
import { NeverGranted } from '../../../src/core/never.js';
import { parseNetwork } from '../../../src/core/network.js';

const at = (text: string): ClientAddress => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(text);
  return address;
};
const network = (text: string) => parseNetwork(text) as NonNullable<ReturnType<typeof parseNetwork>>;
const sender = at('192.0.2.1');

describe('never granted', () => {
  const never = new NeverGranted({ networks: [network('198.51.100.0/24'), network('2001:db8:bad::/48')] });
  never.setHosts([at('203.0.113.5'), at('2001:db8::5')]);

  test.each([
    '0.0.0.0',
    '0.1.2.3',
    '127.0.0.1',
    '127.255.255.255',
    '169.254.0.1',
    '192.0.0.8',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::192.0.2.7',
    '::ffff:127.0.0.1',
    '::ffff:0:192.0.2.7',
    'fe80::1',
    'febf::1',
    'fec0::1',
    'ff02::1',
    'ff0e::1',
    '100::1',
    '4000::1',
    'e000::1',
    '2002:7f00:1::1',
    '2002:e000:1::',
    '2002:a9fe:1::',
    '64:ff9b::127.0.0.1',
    '64:ff9b::224.0.0.1',
    '2001:0:4136:e378:8000:63bf:80ff:fffe',
    '64:ff9b:1::1',
    '198.51.100.0',
    '198.51.100.255',
    '2001:db8:bad:1::1',
    '203.0.113.5',
    '2001:db8::5',
    '::ffff:203.0.113.5',
    '192.0.2.1',
    '::ffff:192.0.2.1',
  ])('%s', (text) => {
    expect(never.refuses(at(text), sender)).toBe(true);
  });

  test.each([
    '1.1.1.1',
    '10.0.0.1',
    '100.64.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '192.0.2.2',
    '198.51.101.1',
    '203.0.113.6',
    '223.255.255.254',
    '126.255.255.255',
    '128.0.0.1',
    '2001:db8::9',
    '2001:db8:bae::1',
    '2a00::1',
    'fd00::1',
    '2002:c000:0207::1',
    '64:ff9b::192.0.2.7',
    '3fff::1',
  ])('%s may be granted', (text) => {
    expect(never.refuses(at(text), sender)).toBe(false);
  });
});
