/**
 * subject - what may relay: an address, or a network
 *
 * Canonical text, so that two spellings of one thing are the same text: `192.0.2.7`, `2001:db8::6`,
 * `192.0.2.0/24`, `2001:db8:1:2::/64`. A network of one address is that address.
 */
import {
  addressFromBytes,
  addressToBytes,
  addressToNumber,
  type ClientAddress,
  IPV4_BYTES,
  IPV6_BYTES,
} from './address.js';
import { type Network, networkOf, prefixLength } from './network.js';

declare const brand: unique symbol;
/** Canonical text of a network of more than one address. */
export type NetworkText = string & { readonly [brand]: 'NetworkText' };
export type Subject = ClientAddress | NetworkText;

/** A subject where a million are kept: an IPv4 address as a signed 32-bit number, which is no object; any other as it is. */
export type SubjectKey = number | Subject;

/** The longest text that a subject has: eight full groups, and a length. */
export const MAX_SUBJECT_TEXT = 43;

/** What may relay, and until when (wall clock, epoch milliseconds). */
export interface Permission {
  readonly client: Subject;
  readonly expiresAt: number;
}

/**
 * The same for a map of a million: an IPv4 client may be the signed number of addressToNumber, so that no text is made
 * of it. Good until the next of a series, which may be the same object.
 */
export interface LeanPermission {
  readonly client: Subject | number;
  readonly expiresAt: number;
}

export function isNetwork(subject: Subject): subject is NetworkText {
  return subject.includes('/');
}

export function keyOf(subject: Subject): SubjectKey {
  return isNetwork(subject) ? subject : (addressToNumber(subject) ?? subject);
}

/** The subject that a prefix is. */
export function subjectOf(network: Network): Subject {
  const address = addressFromBytes(network.base);
  const prefix = prefixLength(network);
  return prefix === network.base.length * 8 ? address : (`${address}/${prefix}` as NetworkText);
}

/** A subject's first address, and how many bits of it are meant. */
export function partsOf(subject: Subject): { readonly address: ClientAddress; readonly prefix: number } {
  const slash = subject.indexOf('/');
  if (slash >= 0)
    return {
      address: subject.slice(0, slash) as ClientAddress,
      prefix: Number(subject.slice(slash + 1)),
    };
  const bytes = subject.includes(':') ? IPV6_BYTES : IPV4_BYTES;
  return { address: subject as ClientAddress, prefix: bytes * 8 };
}

/** The prefix that a subject is. */
export function networkOfSubject(subject: Subject): Network {
  const { address, prefix } = partsOf(subject);
  return networkOf(addressToBytes(address), prefix);
}
