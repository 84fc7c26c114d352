/** PrefixMap - what a list of networks, searched one by one, would say. */
import fc from 'fast-check';
import { addressToBytes, parseAddress, type ClientAddress } from '../../../src/core/address.js';
import { contains, isWithin, networkOf, overlaps, type Network } from '../../../src/core/network.js';
import { PrefixMap } from '../../../src/core/prefix-map.js';
import { subjectOf } from '../../../src/core/subject.js';

const bytes = (text: string): Uint8Array => addressToBytes(parseAddress(text) as ClientAddress);

/** Few bits vary, so that networks meet. */
const network = fc.oneof(
  fc
    .tuple(fc.nat(7), fc.integer({ min: 27, max: 32 }))
    .map(([last, prefix]) => networkOf(Uint8Array.of(198, 51, 100, last << 2), prefix)),
  fc
    .tuple(fc.nat(3), fc.nat(3), fc.constantFrom(0, 1, 46, 47, 48, 63, 64, 65, 128))
    .map(([third, fourth, prefix]) => networkOf(bytes(`2001:db8:${third}:${fourth}::8`), prefix)),
);
const steps = fc.array(fc.tuple(fc.constantFrom('set', 'delete'), network), { maxLength: 30 });

const sizeOf = ({ mask }: Network): number => mask.reduce((sum, byte) => sum + byte, 0);

test('says what a search through all of them would say', () => {
  fc.assert(
    fc.property(steps, fc.array(network, { minLength: 1, maxLength: 10 }), (sequence, asked) => {
      const map = new PrefixMap<string>();
      const model = new Map<string, Network>();
      for (const [what, one] of sequence) {
        const text = subjectOf(one);
        if (what === 'set') map.set(one, text);
        else expect(map.delete(one)).toBe(model.has(text));
        if (what === 'set') model.set(text, one);
        else model.delete(text);
        // Both before and after it was first asked for what is in order.
        if (sequence.length % 2 === 0) map.hasWithin(one);
      }
      const all = [...model.values()];
      expect(map.size).toBe(model.size);
      expect(map.values().sort()).toEqual([...model.keys()].sort());
      for (const one of asked) {
        const said = (some: Network[]): string[] => some.map(subjectOf);
        const bySize = (some: Network[]): Network[] => some.sort((a, b) => sizeOf(b) - sizeOf(a));
        const holding = bySize(all.filter((other) => contains(other, one.base)));
        expect([...map.covering(one.base)]).toEqual(said(holding));
        expect(map.holds(one.base)).toBe(holding.length > 0);
        expect([...map.around(one)]).toEqual(said(bySize(all.filter((other) => isWithin(one, other)))));
        const within = all.filter((other) => isWithin(other, one));
        expect(map.within(one).sort()).toEqual(said(within).sort());
        expect(map.hasWithin(one)).toBe(within.length > 0);
        expect(map.touches(one)).toBe(all.some((other) => overlaps(one, other)));
        expect(map.get(one)).toBe(model.has(subjectOf(one)) ? subjectOf(one) : undefined);
      }
    }),
    { numRuns: 300 },
  );
});

test('a value is replaced, and IPv4 is not found in IPv6', () => {
  const map = new PrefixMap<number>();
  map.set(networkOf(bytes('192.0.2.0'), 24), 1);
  map.set(networkOf(bytes('192.0.2.0'), 24), 2);
  expect([map.size, map.get(networkOf(bytes('192.0.2.0'), 24))]).toEqual([1, 2]);
  expect(map.holds(bytes('192.0.2.7'))).toBe(true);
  expect(map.holds(bytes('c000:200::'))).toBe(false);
});
