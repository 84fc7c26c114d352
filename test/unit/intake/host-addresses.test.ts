/** host-addresses - wildcards, what is our own, and how changes are followed */
import type { NetworkInterfaceInfo } from 'node:os';
import {
  familyOf,
  HostAddresses,
  isLoopback,
  WILDCARD_IPV4,
  WILDCARD_IPV6,
  withoutZone,
} from '../../../src/intake/host-addresses.js';
import { at } from './peers.js';

type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

/** Interfaces with the given addresses, as os.networkInterfaces tells of them. */
function interfaces(addresses: Readonly<Record<string, readonly string[]>>): Interfaces {
  return Object.fromEntries(
    Object.entries(addresses).map(([name, texts]) => [
      name,
      texts.map((address): NetworkInterfaceInfo => {
        const rest = { address, mac: '00:00:00:00:00:00', internal: name === 'lo', cidr: null };
        return address.includes(':')
          ? { ...rest, family: 'IPv6', netmask: 'ffff:ffff:ffff:ffff::', scopeid: 2 }
          : { ...rest, family: 'IPv4', netmask: '255.255.255.0' };
      }),
    ]),
  );
}

const HOST = {
  lo: ['127.0.0.1', '::1'],
  eth0: ['192.0.2.2', '2001:db8::2', 'fe80::1', '10.0.0.2'],
  eth1: ['fe80::1', 'FE90::2'],
};

/** A host whose interfaces the test can change. */
function host(addresses: Readonly<Record<string, readonly string[]>> = HOST): {
  addresses: HostAddresses;
  set: (changed: Readonly<Record<string, readonly string[]>>) => void;
} {
  let current = interfaces(addresses);
  return {
    addresses: new HostAddresses({ interfaces: () => current }),
    set: (changed) => (current = interfaces(changed)),
  };
}

describe('expand', () => {
  test('0.0.0.0 stands for the IPv4 addresses, :: for those of IPv6', () => {
    const { addresses } = host();
    expect(addresses.expand([WILDCARD_IPV4])).toEqual(['10.0.0.2', '127.0.0.1', '192.0.2.2']);
    expect(addresses.expand([WILDCARD_IPV6])).toEqual([
      '2001:db8::2',
      '::1',
      'FE90::2%eth1',
      'fe80::1%eth0',
      'fe80::1%eth1',
    ]);
  });

  test('what is no wildcard stays, whether the host has it or not; each once, in order', () => {
    const { addresses } = host({ lo: ['127.0.0.1'], eth0: ['192.0.2.2'] });
    expect(
      addresses.expand(['203.0.113.5', '127.0.0.1', WILDCARD_IPV4, '203.0.113.5', 'fe80::7%eth0']),
    ).toEqual(['203.0.113.5', '127.0.0.1', '192.0.2.2', 'fe80::7%eth0']);
  });

  test('a family that the host does not have stands for nothing', () => {
    expect(host({ lo: ['127.0.0.1'] }).addresses.expand([WILDCARD_IPV6])).toEqual([]);
    expect(host({}).addresses.expand([WILDCARD_IPV4, WILDCARD_IPV6])).toEqual([]);
  });

  test('an interface without addresses is passed over', () => {
    const addresses = new HostAddresses({ interfaces: () => ({ down: undefined, none: [] }) });
    expect(addresses.expand([WILDCARD_IPV4, WILDCARD_IPV6])).toEqual([]);
  });
});

describe('own addresses', () => {
  test('all of them, normalised and without zone', () => {
    expect(host().addresses.list().sort()).toEqual([
      '10.0.0.2',
      '127.0.0.1',
      '192.0.2.2',
      '2001:db8::2',
      '::1',
      'fe80::1',
      'fe90::2',
    ]);
  });

  test.each(['192.0.2.2', '2001:db8::2', 'fe80::1', '127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1'])(
    'has %s',
    (address) => {
      expect(host().addresses.has(at(address))).toBe(true);
    },
  );

  test.each(['192.0.2.3', '2001:db8::3', '::', '0.0.0.0', '1.127.0.0', '::127.0.0.1', 'fe80::2'])(
    'has not %s',
    (address) => {
      expect(host().addresses.has(at(address))).toBe(false);
    },
  );

  test('this host’s own, unless told otherwise', () => {
    const addresses = new HostAddresses();
    expect(addresses.list()).toContain('127.0.0.1');
    expect(addresses.expand([WILDCARD_IPV4])).toContain('127.0.0.1');
  });
});

describe('refresh', () => {
  test('follows the host, and tells the listeners after each change only', () => {
    const { addresses, set } = host({ lo: ['127.0.0.1'] });
    const told: boolean[] = [];
    addresses.onChange(() => told.push(addresses.has(at('192.0.2.9'))));
    addresses.onChange(() => told.push(addresses.expand([WILDCARD_IPV4]).includes('192.0.2.9')));
    expect([addresses.refresh(), told]).toEqual([false, []]);
    set({ lo: ['127.0.0.1'], eth0: ['192.0.2.9'] });
    expect(addresses.has(at('192.0.2.9'))).toBe(false);
    expect([addresses.refresh(), told]).toEqual([true, [true, true]]);
    expect([addresses.refresh(), told.length]).toEqual([false, 2]);
    set({ lo: ['127.0.0.1'] });
    expect([addresses.refresh(), told]).toEqual([true, [true, true, false, false]]);
  });

  test('the order in which the system tells of them is no change', () => {
    const { addresses, set } = host({ lo: ['127.0.0.1'], eth0: ['192.0.2.2', '192.0.2.1'] });
    set({ eth0: ['192.0.2.1', '192.0.2.2'], lo: ['127.0.0.1'] });
    expect(addresses.refresh()).toBe(false);
  });

  test('a link-local address on another interface is another address', () => {
    const { addresses, set } = host({ eth0: ['fe80::1'] });
    set({ eth1: ['fe80::1'] });
    expect(addresses.refresh()).toBe(true);
    expect(addresses.expand([WILDCARD_IPV6])).toEqual(['fe80::1%eth1']);
  });
});

test.each([
  ['0.0.0.0', 4],
  ['192.0.2.1', 4],
  ['::', 6],
  ['::ffff:192.0.2.1', 6],
  ['fe80::1%eth0.100', 6],
])('%s is of family %d', (address, family) => {
  expect(familyOf(address)).toBe(family);
});

test.each([
  ['fe80::1%eth0', 'fe80::1'],
  ['fe80::1%', 'fe80::1'],
  ['fe80::1', 'fe80::1'],
  ['192.0.2.1', '192.0.2.1'],
])('%s without its zone is %s', (address, without) => {
  expect(withoutZone(address)).toBe(without);
});

test.each([
  ['127.0.0.1', true],
  ['127.1.2.3', true],
  ['::1', true],
  ['128.0.0.1', false],
  ['::2', false],
  ['12.7.0.1', false],
])('%s is loopback: %s', (address, loopback) => {
  expect(isLoopback(address)).toBe(loopback);
});
