/**
 * pieces - a network in the words of a table that has words for some networks only
 *
 * Postfix's indexed tables know IPv4 networks of whole bytes and IPv6 networks of whole groups, Sendmail's
 * know addresses alone. A network that has no words is halved until its pieces have.
 *
 * An IPv6 network is not cut down to addresses: the key of an address written with `::` is met for longer
 * addresses too (see dialect.ts), some of which may be those that the network was cut for.
 *
 * Limits: MAX_HALVINGS, so at most 65,536 pieces; what would need more has no words.
 */
import { addressFromBytes, addressToBytes, IPV4_BYTES, IPV6_BYTES } from '../core/address.js';
import { halves, type Network, networkOf, prefixLength } from '../core/network.js';
import { type Entry, isIpv6 } from './entry.js';

/** How many times a network is halved. */
const MAX_HALVINGS = 16;

export type Say = (entry: Entry) => readonly string[] | undefined;

/** The keys of an entry, or of all its pieces; undefined when there are none. */
export function sayInPieces(entry: Entry, say: Say): readonly string[] | undefined {
  const whole = say(entry);
  if (whole !== undefined) return whole;
  const smallest = isIpv6(entry) ? IPV6_BYTES * 8 - 1 : IPV4_BYTES * 8;
  const keys: string[] = [];
  const sayAll = (network: Network, halvings: number): boolean => {
    const prefix = prefixLength(network);
    const said = say({ ...entry, client: addressFromBytes(network.base), prefix });
    if (said !== undefined) {
      for (const key of said) keys.push(key);
      return true;
    }
    if (halvings === 0 || prefix >= smallest) return false;
    return halves(network).every((half) => sayAll(half, halvings - 1));
  };
  return sayAll(networkOf(addressToBytes(entry.client), entry.prefix), MAX_HALVINGS) ? keys : undefined;
}
