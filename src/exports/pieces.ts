/**
 * pieces - a network in the words of a table that has words for some networks only
 *
 * Postfix's indexed tables know IPv4 networks of whole bytes and IPv6 networks of whole groups, Sendmail's
 * know addresses alone. A network that has no words is halved until its pieces have.
 *
 * An IPv6 network is not cut down to addresses: the key of an address written with `::` is met for longer
 * addresses too (see postfix-keys.ts), some of which may be those that the network was cut for.
 *
 * Limits: MAX_HALVINGS, so at most 65,536 pieces; what would need more has no words.
 */
import { addressFromBytes, addressToBytes, IPV4_BYTES, IPV6_BYTES } from '../core/address.js';
import { type Entry, isIpv6 } from './entry.js';

/** How many times a network is halved. */
const MAX_HALVINGS = 16;

export type Say = (entry: Entry) => readonly string[] | undefined;

/**
 * The keys of an entry, or of its pieces one after the other, so that who asks for tens of thousands can let other
 * work go on; undefined for a piece that has none and cannot be cut further.
 */
export function* keysInPieces(entry: Entry, say: Say): Generator<readonly string[] | undefined> {
  const whole = say(entry);
  if (whole !== undefined) {
    yield whole;
    return;
  }
  const { expiresAt } = entry;
  const bits = isIpv6(entry) ? IPV6_BYTES * 8 - 1 : IPV4_BYTES * 8;
  const smallest = Math.min(bits, entry.prefix + MAX_HALVINGS);
  const pending = [{ base: addressToBytes(entry.client), prefix: entry.prefix }];
  for (let piece = pending.pop(); piece !== undefined; piece = pending.pop()) {
    const { base, prefix } = piece;
    const said = say({ client: addressFromBytes(base), prefix, expiresAt });
    if (said !== undefined || prefix >= smallest) {
      yield said;
      continue;
    }
    const upper = base.slice();
    upper[prefix >> 3] = (upper[prefix >> 3] ?? 0) | (0x80 >> (prefix & 7));
    pending.push({ base: upper, prefix: prefix + 1 }, { base, prefix: prefix + 1 });
  }
}

/** The keys of an entry, or of all its pieces; undefined when one of them has none. */
export function sayInPieces(entry: Entry, say: Say): readonly string[] | undefined {
  const whole = say(entry);
  if (whole !== undefined) return whole;
  const keys: string[] = [];
  for (const said of keysInPieces(entry, say)) {
    if (said === undefined) return undefined;
    for (const key of said) keys.push(key);
  }
  return keys;
}
