/**
 * postfix-keys - under which keys Postfix's access tables find a client, and under which they are told "not this one"
 *
 * Postfix looks for the client's text, then for that text cut at its last dot or colon, again and again, and stops
 * at the first key that is there. A key with the value DUNNO is as good as no key, and stops it as well: access(5).
 *
 * What may relay: an IPv4 network of two or three bytes and most IPv6 networks of whole groups are keys that these
 * searches meet for every client inside, and for none outside. The others are said in pieces (pieces.ts).
 *
 * What is denied: keys that every client inside meets before any key of a network around. An IPv6 network has up to
 * three for each of its pieces, for the ways in which its clients are written:
 *
 *   2001:db8:0      what its groups are, when the `::` comes later or not at all
 *   2001:db8:       when the `::` begins with its last groups, all zero
 *   2001:db8::6     when the `::` lies inside of it (a hidden one: 2001:db8:0:0:0:0:6::/112)
 *
 * Limits: because of that cutting the key of an address whose text has `::` is also met by clients with more groups
 * behind it: 2001:db8:1:2::6 by 2001:db8:1:2::6:1. The last two of the three are met by others too, if three zero
 * groups and more stand where the `::` does, or if it lies inside.
 */
import { addressFromBytes, addressToBytes } from '../core/address.js';
import { networkOf } from '../core/network.js';
import type { Allowed, Denial } from '../core/outlets.js';
import { networkOfSubject, partsOf, type Permission, type Subject, subjectOf } from '../core/subject.js';
import { type Entry, entryOf, GROUP_BITS, groupsOf, isExact, isIpv6, leadingBytes } from './entry.js';
import { keysInPieces, sayInPieces } from './pieces.js';

/** What a key says of whom it does not let relay. */
export const DENIED = 'DUNNO';

const GROUPS = 8;
const MOST_TRAILING_ZEROS = 2;
/** The shortest IPv4 networks that have a key. */
const LEAST_IPV4_BITS = 16;
const BYTE_BITS = 8;

const hex = (groups: readonly number[]): string => groups.map((group) => group.toString(16)).join(':');

/** The groups of a network without the zeros at their end. */
const withoutZeros = (groups: readonly number[]): readonly number[] =>
  groups.slice(0, groups.findLastIndex((group) => group !== 0) + 1);

const hasZeroPair = (groups: readonly number[]): boolean =>
  groups.some((group, i) => group === 0 && i > 0 && groups[i - 1] === 0);

/**
 * What Postfix meets on its way from the text of each client in an IPv6 network, and of no other: the
 * network's groups, and, when it ends with zero groups, those before them with the colon of a `::`. A
 * `::` inside or of more groups hides how many there were: such a network has no keys of its own.
 */
function ipv6Network(entry: Entry): readonly string[] | undefined {
  if (entry.prefix === 0 || entry.prefix % GROUP_BITS !== 0) return undefined;
  const groups = groupsOf(entry).slice(0, entry.prefix / GROUP_BITS);
  const before = withoutZeros(groups);
  const zeros = groups.length - before.length;
  if (before[0] === undefined || before[0] === 0 || hasZeroPair(before) || zeros > MOST_TRAILING_ZEROS)
    return undefined;
  return zeros === 0 ? [hex(groups)] : [hex(groups), `${hex(before)}:`];
}

/** The keys of what may relay; undefined when it has none of its own. */
export function postfixKeys(entry: Entry): readonly string[] | undefined {
  if (isExact(entry)) return [entry.client];
  if (isIpv6(entry)) return ipv6Network(entry);
  const bytes = leadingBytes(entry);
  // The key of a /8 would be that of an IPv6 /16 too, and 64:ff9b::/96 (NAT64) is not that of 64.0.0.0/8.
  return bytes === undefined || bytes.length === 1 ? undefined : [bytes.join('.')];
}

/** The keys of a network or an address; undefined when a piece of it has none. */
export function keysForPostfix(entry: Entry): readonly string[] | undefined {
  return sayInPieces(entry, postfixKeys);
}

/** The same, one after the other. */
export function* eachKeyForPostfix(entry: Entry): Generator<string> {
  for (const keys of keysInPieces(entry, postfixKeys)) yield* keys ?? [];
}

/** The longest run of zero groups, the first of equals; where it begins, and its length. */
function longestZeros(groups: readonly number[]): { readonly at: number; readonly length: number } {
  let longest = { at: 0, length: 0 };
  for (let at = 0; at < groups.length; at += 1) {
    let end = at;
    while (groups[end] === 0) end += 1;
    if (end - at > longest.length) longest = { at, length: end - at };
    at = Math.max(at, end);
  }
  return longest;
}

/** The keys of a denied network of whole groups: see the head. */
function deniedGroups(groups: readonly number[]): string[] {
  const before = withoutZeros(groups);
  const zeros = groups.length - before.length;
  const keys = [hex(groups)];
  if (zeros > 0) keys.push(`${hex(before)}:`);
  const { at, length } = longestZeros(before);
  // A longer run at the end is always the one that is shortened.
  if (length > 1 && length >= zeros)
    keys.push(`${hex(groups.slice(0, at))}::${hex(groups.slice(at + length))}`);
  return keys;
}

/** The keys of a denied IPv6 network: those of each value that its last group can have. */
function* deniedIpv6(entry: Entry): Generator<string> {
  const whole = Math.max(0, Math.ceil(entry.prefix / GROUP_BITS) - 1);
  const groups = groupsOf(entry);
  const before = groups.slice(0, whole);
  const first = groups[whole] ?? 0;
  const last = first + 2 ** ((whole + 1) * GROUP_BITS - entry.prefix) - 1;
  for (let group = first; group <= last; group += 1) {
    const all = [...before, group];
    if (all.length < GROUPS) yield* deniedGroups(all);
    else yield addressFromBytes(Uint8Array.from(all.flatMap((one) => [one >> 8, one & 0xff])));
  }
}

/** The keys that say of an address or network that it may not relay, one after the other. */
export function* denialKeys(entry: Entry): Generator<string> {
  if (isExact(entry)) yield entry.client;
  else if (isIpv6(entry)) yield* deniedIpv6(entry);
  else yield* eachKeyForPostfix(entry);
}

/** How many groups follow the whole groups of a network, or of its pieces. */
export function groupsBehind({ prefix }: Entry): number {
  return GROUPS - Math.ceil(prefix / GROUP_BITS);
}

/**
 * Whether a table must have a denial's keys: some key of what may relay is met on the way from a client in it. That
 * is the key of a network around it, or of an address outside that is written like the beginning of such a client.
 */
export function isNeeded({ client, isInside }: Denial): boolean {
  if (isInside) return true;
  const { prefix } = partsOf(client);
  if (!client.includes(':')) return false;
  const entry = entryOf({ client, expiresAt: 0 });
  return hasZeroPair(groupsOf(entry).slice(0, Math.max(0, Math.ceil(prefix / GROUP_BITS) - 1)));
}

/** The text, and what is left of it when it is cut at its last dot or colon, again and again. */
export function* cutsOf(key: string): Generator<string> {
  const delimiter = key.includes(':') ? ':' : '.';
  yield key;
  for (let end = key.lastIndexOf(delimiter); end > 0; end = key.lastIndexOf(delimiter, end - 1))
    yield key.slice(0, end);
}

/** What of a network around something has keys that this may have had. */
function pieceAround({ client, expiresAt }: Permission, subject: Subject): Permission {
  const around = partsOf(client).prefix;
  const { base } = networkOfSubject(subject);
  const isLong = base.length * BYTE_BITS > GROUP_BITS * 2;
  const bits = isLong ? GROUP_BITS : BYTE_BITS;
  const level = Math.max(isLong ? 0 : LEAST_IPV4_BITS, Math.ceil(around / bits) * bits);
  const prefix = Math.max(around, Math.min(partsOf(subject).prefix, level));
  return { client: subjectOf(networkOf(addressToBytes(partsOf(subject).address), prefix)), expiresAt };
}

/** What must be said again of what may relay when the keys of a denial have gone. */
export function piecesAround({ client, around }: Allowed): Permission[] {
  return around.map((one) => pieceAround(one, client));
}
