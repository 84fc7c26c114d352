/** standing - what relays without a lease, less what may not; what maps show of it, and how that changes. */
import fc from 'fast-check';
import { addressFromBytes } from '../../../src/core/address.js';
import { anyContains, contains, networkOf, parseNetwork, type Network } from '../../../src/core/network.js';
import { FOREVER, Standing } from '../../../src/core/standing.js';
import { networkOfSubject } from '../../../src/core/subject.js';

const net = (text: string): Network => parseNetwork(text) as Network;
const shown = (always: string[], never: string[] = []): string[] =>
  [...new Standing(always.map(net), never.map(net)).permissions(0)].map(({ client }) => client);

test.each([
  [['198.51.100.0/24'], [], ['198.51.100.0/24']],
  [['198.51.100.7'], [], ['198.51.100.7']],
  [['198.51.100.0/30'], ['198.51.100.1'], ['198.51.100.0', '198.51.100.2/31']],
  [['198.51.100.0/24'], ['198.51.100.128/25', '2001:db8::/32'], ['198.51.100.0/25']],
  [['198.51.100.0/24'], ['198.51.0.0/16'], []],
  [['2001:db8::/47'], ['2001:db8::/48'], ['2001:db8:1::/48']],
] as [string[], string[], string[]][])('%j without %j is %j', (always, never, expected) => {
  expect(shown(always, never)).toEqual(expected);
});

test('it does not end within 32 bits of seconds', () => {
  const [one] = new Standing([net('198.51.100.7')], []).permissions(0);
  expect(one?.expiresAt).toBe(FOREVER);
  expect(FOREVER / 1000).toBe(4_294_967_295);
});

test('what it holds is what it shows: always, and not never', () => {
  // A small universe, so that networks meet.
  const network = fc
    .tuple(fc.nat(255), fc.integer({ min: 24, max: 32 }))
    .map(([last, prefix]) => networkOf(Uint8Array.of(198, 51, 100, last), prefix));
  fc.assert(
    fc.property(fc.array(network, { maxLength: 5 }), fc.array(network, { maxLength: 5 }), (always, never) => {
      const site = new Standing(always, never);
      const parts = [...site.permissions(0)].map(({ client }) => networkOfSubject(client));
      for (let last = 0; last < 256; last += 1) {
        const bytes = Uint8Array.of(198, 51, 100, last);
        const expected = anyContains(always, bytes) && !anyContains(never, bytes);
        const found = [
          site.allowance(addressFromBytes(bytes), 0) !== undefined,
          parts.some((part) => contains(part, bytes)),
        ];
        expect([last, ...found]).toEqual([last, expected, expected]);
      }
    }),
    { numRuns: 50 },
  );
});
