/** network-set - against one comparison after the other. */
import fc from 'fast-check';
import { anyContains, type Network, networkOf, overlaps } from '../../../src/core/network.js';
import { NetworkSet } from '../../../src/core/network-set.js';

/** Few bits are set, so that networks lie in one another, side by side and apart. */
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc
    .array(fc.constantFrom(0, 0, 1, 127, 128, 255), { minLength: length, maxLength: length })
    .map((all) => Uint8Array.from(all));

const network: fc.Arbitrary<Network> = fc
  .constantFrom(4, 16)
  .chain((length) => fc.tuple(bytes(length), fc.integer({ min: 0, max: length * 8 })))
  .map(([address, prefix]) => networkOf(address, prefix));

test('says of every address and network what they would say one by one', () => {
  const said = { holds: 0, touches: 0, neither: 0 };
  fc.assert(
    fc.property(fc.array(network, { maxLength: 12 }), network, (all, one) => {
      const set = new NetworkSet(all);
      const holds = anyContains(all, one.base);
      const touches = all.some((other) => overlaps(one, other));
      expect([set.holds(one.base), set.touches(one)]).toEqual([holds, touches]);
      said[holds ? 'holds' : touches ? 'touches' : 'neither'] += 1;
    }),
    { numRuns: 3_000 },
  );
  for (const count of Object.values(said)) expect(count).toBeGreaterThan(10);
});

test('families are kept apart', () => {
  const set = new NetworkSet([networkOf(new Uint8Array(16), 0)]);
  expect([set.holds(new Uint8Array(16)), set.holds(new Uint8Array(4))]).toEqual([true, false]);
});
