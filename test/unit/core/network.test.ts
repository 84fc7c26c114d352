import { addressToBytes, parseAddress, type ClientAddress } from '../../../src/core/address.js';
import {
  contains,
  halves,
  isSingleHost,
  isWithin,
  maskNetwork,
  type Network,
  networkOf,
  overlaps,
  parseNetwork,
  prefixLength,
  without,
} from '../../../src/core/network.js';
import { subjectOf } from '../../../src/core/subject.js';

const net = (text: string): Network => parseNetwork(text) as Network;
const at = (text: string): ClientAddress => parseAddress(text) as ClientAddress;

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

test.each([
  ['192.0.2.0/24', '192.0.2.7', true, false],
  ['192.0.2.7', '192.0.2.0/24', true, true],
  ['192.0.2.0/24', '192.0.3.0/24', false, false],
  ['192.0.2.0/24', '0.0.0.0/0', true, true],
  ['192.0.2.0/24', '192.0.2.0/24', true, true],
  ['192.0.2.0/24', '::/0', false, false],
  ['2001:db8::/32', '2001:db8:1::/48', true, false],
])('%s and %s overlap: %s; the first lies in the second: %s', (...row) => {
  const [one, other] = [net(row[0]), net(row[1])];
  expect([overlaps(one, other), overlaps(other, one), isWithin(one, other)]).toEqual([
    row[2],
    row[2],
    row[3],
  ]);
});

test('a mask with holes overlaps where some address fits both', () => {
  const odd = maskNetwork(at('192.0.0.7'), at('255.255.0.255')) as Network;
  expect(overlaps(net('192.0.2.0/24'), odd)).toBe(true);
  expect(overlaps(net('192.0.2.128/25'), odd)).toBe(false);
});

test.each(['192.0.2.0/24', '192.0.2.6/31', '0.0.0.0/0', '2001:db8::/33', '2001:db8::/63'])(
  'the halves of %s are it, and do not meet',
  (text) => {
    const network = net(text);
    const [lower, upper] = halves(network);
    expect(overlaps(lower, upper)).toBe(false);
    for (const half of [lower, upper]) {
      expect(prefixLength(half)).toBe(prefixLength(network) + 1);
      expect(isWithin(half, network)).toBe(true);
    }
  },
);

test('a network of an address is its first bits', () => {
  expect(subjectOf(networkOf(addressToBytes(at('192.0.2.7')), 29))).toBe('192.0.2.0/29');
});

test('without: what is left is in order and exact', () => {
  const left = without(net('192.0.2.0/29'), [net('192.0.2.3'), net('192.0.2.6/31'), net('10.0.0.0/8')]);
  expect(left.map(subjectOf)).toEqual(['192.0.2.0/31', '192.0.2.2', '192.0.2.4/31']);
});
