/** pieces - networks in the words of tables that know some networks only. */
import type { ClientAddress } from '../../../src/core/address.js';
import { type Entry, isExact, networkText } from '../../../src/exports/entry.js';
import { sayInPieces } from '../../../src/exports/pieces.js';

const network = (client: string, prefix: number): Entry => ({
  client: client as ClientAddress,
  prefix,
  expiresAt: 1,
});
const exactly = (entry: Entry): string[] | undefined => (isExact(entry) ? [networkText(entry)] : undefined);

test('what can be said is not cut', () => {
  expect(sayInPieces(network('192.0.2.0', 24), (entry) => [networkText(entry)])).toEqual(['192.0.2.0/24']);
});

test('what cannot be said is cut until it can, in order', () => {
  expect(sayInPieces(network('192.0.2.252', 30), exactly)).toEqual([
    '192.0.2.252',
    '192.0.2.253',
    '192.0.2.254',
    '192.0.2.255',
  ]);
  const all = sayInPieces(network('10.1.0.0', 16), exactly);
  expect([all?.length, new Set(all).size, all?.[0], all?.at(-1)]).toEqual([
    65_536,
    65_536,
    '10.1.0.0',
    '10.1.255.255',
  ]);
});

test('what would need too many pieces is not said, and found out at once', () => {
  let asked = 0;
  const say = (entry: Entry): string[] | undefined => {
    asked += 1;
    return exactly(entry);
  };
  expect(sayInPieces(network('10.0.0.0', 15), say)).toBeUndefined();
  expect(sayInPieces(network('2001:db8::', 64), say)).toBeUndefined();
  expect(asked).toBeLessThan(50);
});

test('an address that has no words has no pieces', () => {
  expect(sayInPieces(network('192.0.2.7', 32), () => undefined)).toBeUndefined();
});

test('an IPv6 network is not cut down to addresses, whose keys Postfix meets for others', () => {
  expect(sayInPieces(network('2001:db8:1:2:3:4:5:0', 112), exactly)).toBeUndefined();
  expect(sayInPieces(network('2001:db8:1:2:3:4:5:6', 127), exactly)).toBeUndefined();
});
