import { addressToBytes, parseAddress, type ClientAddress } from '../../../src/core/address.js';
import { contains, isSingleHost, parseNetwork } from '../../../src/core/network.js';

const holds = (network: string, address: string): boolean => {
  const parsed = parseNetwork(network);
  return parsed !== undefined && contains(parsed, addressToBytes(parseAddress(address) as ClientAddress));
};

test.each([
  ['192.0.2.0/24', '192.0.2.255', true],
  ['192.0.2.0/24', '192.0.3.0', false],
  ['0.0.0.0/0', '255.1.2.3', true],
  ['0.0.0.0/0', '::2', false],
  ['::/0', '1.2.3.4', false],
  ['::/0', '2001:db8::1', true],
  ['192.0.2.7', '192.0.2.7', true],
  ['192.0.2.7/32', '192.0.2.8', false],
  ['192.0.2.128/25', '192.0.2.127', false],
  ['2001:db8::/33', '2001:db8:7fff::1', true],
  ['2001:db8::/33', '2001:db8:8000::1', false],
  ['::ffff:192.0.2.7', '192.0.2.7', true],
])('%s holds %s: %s', (network, address, expected) => {
  expect(holds(network, address)).toBe(expected);
});

test.each([
  '',
  '/',
  '192.0.2.0/',
  '192.0.2.0/33',
  '192.0.2.0/-1',
  '192.0.2.0/024',
  '192.0.2.0/24/1',
  '192.0.2/24',
  '::/129',
  '::ffff:192.0.2.0/120',
  '192.0.2.0/255.255.255.0',
  'all',
  '192.0.2.0/1e1',
])('%j is no network', (text) => {
  expect(parseNetwork(text)).toBeUndefined();
});

test('host bits are told of and never kept', () => {
  expect(parseNetwork('192.0.2.7/24')).toMatchObject({ hostBits: true, base: Uint8Array.of(192, 0, 2, 0) });
  expect(parseNetwork('192.0.2.0/24')).toMatchObject({ hostBits: false });
});

test('a single host is a network of one address', () => {
  expect(isSingleHost(parseNetwork('::1') as never)).toBe(true);
  expect(isSingleHost(parseNetwork('192.0.2.0/31') as never)).toBe(false);
});
