/** Grants as bytes and back. */
import fc from 'fast-check';
import { addressFromBytes, addressToNumber, type ClientAddress } from '../../../src/core/address.js';
import type { LeanPermission } from '../../../src/core/subject.js';
import { Packer, unpack } from '../../../src/exports/packed.js';
import { grant, grants } from '../../support/live-map.js';

function packed(all: Iterable<LeanPermission>): ArrayBuffer[] {
  const chunks: ArrayBuffer[] = [];
  const packer = new Packer((chunk) => chunks.push(chunk));
  for (const one of all) packer.add(one);
  packer.flush();
  return chunks;
}

const address = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(addressFromBytes);

test('whatever is packed comes out, in its order', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ client: address, expiresAt: fc.double({ noNaN: true }) })), (all) => {
      const some = all.map((one) => ({ ...one, reporter: '127.0.0.1' as ClientAddress }));
      const entries = packed(some).flatMap((chunk) => [...unpack(chunk)]);
      expect(entries).toEqual(
        all.map(({ client, expiresAt }) => ({ client, expiresAt, prefix: client.includes(':') ? 128 : 32 })),
      );
    }),
  );
});

test('an IPv4 client given as a number comes out as its text', () => {
  fc.assert(
    fc.property(fc.array(address), (clients) => {
      const all = clients.map((client) => ({ client: addressToNumber(client) ?? client, expiresAt: 7 }));
      const entries = packed(all).flatMap((chunk) => [...unpack(chunk)]);
      expect(entries.map(({ client }) => client)).toEqual(clients);
      expect(entries.map(({ prefix }) => prefix)).toEqual(
        clients.map((one) => (one.includes(':') ? 128 : 32)),
      );
    }),
  );
});

test('many need several chunks, and none is lost between them', () => {
  const all = grants(100_000);
  const chunks = packed(all);
  expect(chunks.length).toBeGreaterThan(2);
  const clients = chunks.flatMap((chunk) => [...unpack(chunk)].map(({ client }) => client));
  expect(clients).toEqual(all.map(({ client }) => client));
});

test('nothing packed, nothing given', () => {
  expect(packed([])).toEqual([]);
});

test('what cannot be an address is a bug of the caller', () => {
  expect(() => packed([grant('x'.repeat(65))])).toThrow(RangeError);
});
