/** coverage - what a lease covers: the rule, and each reason to stay with the address. */
import { type ClientAddress, parseAddress } from '../../../src/core/address.js';
import { Coverage, type CoverageOptions } from '../../../src/core/coverage.js';
import { NeverGranted } from '../../../src/core/never.js';
import { type Network, parseNetwork } from '../../../src/core/network.js';
import { Reporters } from '../../../src/core/reporters.js';
import { Standing } from '../../../src/core/standing.js';

const at = (text: string): ClientAddress => parseAddress(text) as ClientAddress;
const net = (text: string): Network => parseNetwork(text) as Network;

interface World {
  readonly never?: readonly string[];
  readonly hosts?: readonly string[];
  readonly reporters?: readonly string[];
  readonly always?: readonly string[];
}

function coverage(options: Partial<CoverageOptions>, world: World = {}): Coverage {
  const networks = (world.never ?? []).map(net);
  const never = new NeverGranted({ networks });
  never.setHosts((world.hosts ?? []).map(at));
  const reporters = new Reporters();
  reporters.replace((world.reporters ?? []).map(net));
  const standing = new Standing((world.always ?? []).map(net), networks);
  const exact = { ipv6Prefix: 128, ipv4Prefix: 32, access: [], hosting: [] };
  return new Coverage({ ...exact, never, reporters, standing, ...options });
}

const WIDE = { ipv6Prefix: 64, ipv4Prefix: 24 };

test.each([
  [{}, '2001:db8:1:2::6', '2001:db8:1:2::6'],
  [{}, '192.0.2.7', '192.0.2.7'],
  [{ ipv6Prefix: 64 }, '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  [{ ipv6Prefix: 64 }, '2001:db8::6', '2001:db8::/64'],
  [{ ipv6Prefix: 64 }, '192.0.2.7', '192.0.2.7'],
  [{ ipv4Prefix: 24 }, '192.0.2.7', '192.0.2.0/24'],
  [{ ipv4Prefix: 24 }, '2001:db8::6', '2001:db8::6'],
  [{ access: [net('2001:db8:a::/48')] }, '2001:db8:a:1::6', '2001:db8:a:1::/64'],
  [{ access: [net('2001:db8:a::/48')] }, '2001:db8:b:1::6', '2001:db8:b:1::6'],
  [{ access: [net('192.0.2.0/24')] }, '192.0.2.7', '192.0.2.0/24'],
  [{ ...WIDE, hosting: [net('2001:db8:b::/48')] }, '2001:db8:b:1::6', '2001:db8:b:1::6'],
  [{ ...WIDE, hosting: [net('2001:db8:b::/48')] }, '2001:db8:c:1::6', '2001:db8:c:1::/64'],
  // A part of the /64 is enough.
  [{ ...WIDE, hosting: [net('2001:db8:b:1:8000::/65')] }, '2001:db8:b:1::6', '2001:db8:b:1::6'],
  [
    { access: [net('2001:db8::/32')], hosting: [net('2001:db8:b::/48')] },
    '2001:db8:b:1::6',
    '2001:db8:b:1::6',
  ],
] as [Partial<CoverageOptions>, string, string][])(
  '%j: a lease of %s covers %s',
  (options, client, covered) => {
    expect(coverage(options).of(at(client))).toBe(covered);
  },
);

test.each([
  ['never', { never: ['192.0.2.128/25'] }, '192.0.2.7'],
  ['an own address', { hosts: ['192.0.2.25'] }, '192.0.2.7'],
  ['a reporter', { reporters: ['192.0.2.16/28'] }, '192.0.2.7'],
  ['a site network', { always: ['192.0.2.64/26'] }, '192.0.2.7'],
  ['an own IPv6 address', { hosts: ['2001:db8:1:2::25'] }, '2001:db8:1:2::6'],
] as [string, World, string][])('stays with the address beside %s', (_, world, client) => {
  expect(coverage(WIDE, world).of(at(client))).toBe(client);
  expect(coverage(WIDE).of(at(client))).not.toBe(client);
});

test.each([
  ['64:ff9b::c000:207', 'NAT64: each neighbour is another IPv4 client'],
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'Teredo'],
  ['2a00:0:0:5::6', "what Postfix's keys cannot tell from others"],
  ['fd00::6', 'and neither these'],
  ['2600::1:2:3:4', 'nor these'],
])('%s stays exact (%s)', (client) => {
  expect(coverage(WIDE).of(at(client))).toBe(client);
});

test('6to4 shares its IPv4 address in the whole /64', () => {
  expect(coverage(WIDE).of(at('2002:c000:207:1::6'))).toBe('2002:c000:207:1::/64');
});

test('what is around a client does not change with the hosts', () => {
  const wide = coverage(WIDE, { hosts: ['192.0.2.25'] });
  expect([wide.of(at('192.0.2.7')), wide.around(at('192.0.2.7'))]).toEqual(['192.0.2.7', '192.0.2.0/24']);
  expect(coverage({}).around(at('192.0.2.7'))).toBeUndefined();
});
