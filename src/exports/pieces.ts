/**
 * pieces - a network in the words of a table that has words for some networks only
 *
 * Postfix's indexed tables know IPv4 networks of whole bytes and IPv6 networks of whole groups, Sendmail's
 * know addresses alone. A network that has no words is cut into halves, quarters, ... until its pieces have.
 *
 * An IPv6 network is not cut down to addresses: the key of an address written with `::` is met for longer
 * addresses too (see dialect.ts), some of which may be those that the network was cut for.
 *
 * Limits: MAX_HALVINGS, so at most 65,536 pieces; what would need more has no words.
 */
import {
  addressFromBytes,
  addressToBytes,
  type ClientAddress,
  IPV4_BYTES,
  IPV6_BYTES,
} from '../core/address.js';
import { type Entry, isIpv6 } from './entry.js';

/** How many times a network is halved. */
const MAX_HALVINGS = 16;
/** Addresses of which nothing is special, to learn for which lengths a table has words at all. */
const TYPICAL = { ipv4: '198.51.100.1' as ClientAddress, ipv6: '2001:db8:1:1:1:1:1:1' as ClientAddress };

export type Say = (entry: Entry) => readonly string[] | undefined;

/** The base of the piece with this number: `number` stands in the bits before `prefix`. */
function pieceBase(base: Uint8Array, prefix: number, number: number): Uint8Array {
  const bytes = base.slice();
  for (let bit = prefix - 1, rest = number; rest > 0; bit -= 1, rest >>= 1)
    if ((rest & 1) === 1) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return bytes;
}

/** The keys of an entry, or of all its pieces; undefined when there are none. */
export function sayInPieces(entry: Entry, say: Say): readonly string[] | undefined {
  const whole = say(entry);
  if (whole !== undefined) return whole;
  const typical = isIpv6(entry) ? TYPICAL.ipv6 : TYPICAL.ipv4;
  const longest = Math.min(isIpv6(entry) ? IPV6_BYTES * 8 - 1 : IPV4_BYTES * 8, entry.prefix + MAX_HALVINGS);
  const keys: string[] = [];
  const sayAll = (base: Uint8Array, prefix: number): boolean => {
    let length = prefix + 1;
    while (length <= longest && say({ ...entry, client: typical, prefix: length }) === undefined) length += 1;
    if (length > longest) return false;
    for (let number = 0; number < 2 ** (length - prefix); number += 1) {
      const piece = pieceBase(base, length, number);
      const said = say({ client: addressFromBytes(piece), prefix: length, expiresAt: entry.expiresAt });
      if (said !== undefined) for (const key of said) keys.push(key);
      else if (!sayAll(piece, length)) return false;
    }
    return true;
  };
  return sayAll(addressToBytes(entry.client), entry.prefix) ? keys : undefined;
}
