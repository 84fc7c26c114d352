/**
 * entry - what is exported of a permission: an address or a network, and when it ends
 */
import { addressToBytes, type ClientAddress } from '../core/address.js';
import { endSecond } from '../core/grant.js';
import { partsOf, type Permission, type Subject } from '../core/subject.js';

/** The end of what is denied: later than any. */
export const DENIED_UNTIL = Infinity;

/** What is exported of a grant. Of a network, `client` is the first address. */
export interface Entry {
  readonly client: ClientAddress;
  /** How many bits of the address are meant: 32 or 128 for that address alone. */
  readonly prefix: number;
  /** Wall clock, epoch milliseconds. */
  readonly expiresAt: number;
}

const IPV4_BITS = 32;
const IPV6_BITS = 128;
export const GROUP_BITS = 16;

export function entryOf({ client, expiresAt }: Permission): Entry {
  const { address, prefix } = partsOf(client);
  return { client: address, prefix, expiresAt };
}

export function isIpv6({ client }: Entry): boolean {
  return client.includes(':');
}

/** Whether an address alone is meant. */
export function isExact(entry: Entry): boolean {
  return entry.prefix === (isIpv6(entry) ? IPV6_BITS : IPV4_BITS);
}

/** An address, or a network with its length. */
export function networkText(entry: Entry): Subject {
  return isExact(entry) ? entry.client : (`${entry.client}/${entry.prefix}` as Subject);
}

/** The second at which a grant is over. */
export function secondOf({ expiresAt }: Entry): string {
  return String(endSecond(expiresAt));
}

/** The leading bytes of an IPv4 network of whole bytes. */
export function leadingBytes(entry: Entry): readonly string[] | undefined {
  const { client, prefix } = entry;
  return prefix > 0 && prefix % 8 === 0 ? client.split('.').slice(0, prefix / 8) : undefined;
}

/** The eight groups of an IPv6 address. */
export function groupsOf({ client }: Entry): number[] {
  const bytes = addressToBytes(client);
  return Array.from(
    { length: IPV6_BITS / GROUP_BITS },
    (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0),
  );
}
