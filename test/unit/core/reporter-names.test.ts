import fc from 'fast-check';
import type { ClientAddress } from '../../../src/core/address.js';
import { parseAddress } from '../../../src/core/address.js';
import { parseNetwork, type Network } from '../../../src/core/network.js';
import { ReporterNames } from '../../../src/core/reporter-names.js';

function address(text: string): ClientAddress {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}
function network(text: string): Network {
  const parsed = parseNetwork(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

const own = new Set(['127.0.0.1', '::1', '192.0.2.1']);
function naming(): ReporterNames {
  return new ReporterNames({
    believes: (sender) => !sender.startsWith('203.0.113.'),
    isOwn: (sender) => own.has(sender),
  });
}

test.each([
  ['127.0.0.1', 'local'],
  ['192.0.2.1', 'local'],
  ['192.0.2.2', 'other'],
  ['203.0.113.9', 'stranger'],
])('without names %s is %s', (sender, name) => {
  expect(naming().of(address(sender))).toBe(name);
});

test.each([
  ['192.0.2.10', 'pop1'],
  ['192.0.2.99', 'rest'],
  ['2001:db8:1::5', 'pop1'],
  ['127.0.0.1', 'here'],
  ['::1', 'local'],
  ['198.51.100.1', 'other'],
])('with names %s is %s, the first that holds it', (sender, name) => {
  const names = naming();
  names.replace({
    pop1: [network('192.0.2.10'), network('2001:db8:1::/64')],
    rest: [network('192.0.2.0/24')],
    here: [network('127.0.0.0/8')],
  });
  expect(names.of(address(sender))).toBe(name);
});

test('whoever is no reporter is a stranger, whatever name it has', () => {
  const names = naming();
  names.replace({ pop1: [network('203.0.113.0/24')] });
  expect(names.of(address('203.0.113.9'))).toBe('stranger');
});

test('other names take the place of those before', () => {
  const names = naming();
  names.replace({ pop1: [network('192.0.2.10')] });
  names.replace({ pop2: [network('192.0.2.11')] });
  expect(names.of(address('192.0.2.10'))).toBe('other');
  expect(names.of(address('192.0.2.11'))).toBe('pop2');
});

test('there are never more names than configured, and three', () => {
  const names = naming();
  names.replace({ a: [network('10.0.0.0/8')], b: [network('2001:db8::/32')] });
  const known = ['a', 'b', 'local', 'other', 'stranger'];
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const parsed = parseAddress(text);
      fc.pre(parsed !== undefined);
      expect(known).toContain(names.of(parsed));
    }),
  );
});
