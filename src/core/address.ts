/**
 * address - IP addresses, normalised before anything else looks at them
 *
 * A ClientAddress is canonical text: dotted quad for IPv4, RFC 5952 for IPv6, and an IPv4-mapped IPv6
 * address is the IPv4 address it maps. Two spellings of one address are therefore the same string.
 *
 * parseAddress accepts what RFC 4291 section 2.2 and the plain dotted quad allow and nothing else:
 * no leading zeros (010 is eight to some readers and ten to others), no 127.1, no hexadecimal or
 * decimal number, no zone (%eth0), no brackets, no blanks. Total: answers undefined, never throws.
 */

declare const brand: unique symbol;
/** Canonical text of an address. */
export type ClientAddress = string & { readonly [brand]: 'ClientAddress' };

export const IPV4_BYTES = 4;
export const IPV6_BYTES = 16;
/** The longest text that can be an address: an IPv6 address with a dotted tail. */
const MAX_TEXT = 45;
const MAPPED_PREFIX_BYTES = 12;

const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const MAX_OCTET = 255;
const OCTET = /^(?:0|[1-9][0-9]{0,2})$/;
const GROUP = /^[0-9A-Fa-f]{1,4}$/;

function parseIpv4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== IPV4_BYTES) return undefined;
  const bytes: number[] = [];
  for (const part of parts) {
    if (!OCTET.test(part) || Number(part) > 255) return undefined;
    bytes.push(Number(part));
  }
  return bytes;
}

/** The bytes of one side of a `::`, or of a whole address without one. */
function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (index === parts.length - 1 && part.includes('.')) {
      const tail = parseIpv4(part);
      if (tail === undefined) return undefined;
      bytes.push(...tail);
    } else {
      if (!GROUP.test(part)) return undefined;
      const group = parseInt(part, 16);
      bytes.push(group >> 8, group & 0xff);
    }
  }
  return bytes;
}

function parseIpv6(text: string): number[] | undefined {
  const [left = '', right, ...more] = text.split('::');
  if (more.length > 0) return undefined;
  // A dotted tail may only end the whole address.
  if (right !== undefined && left.includes('.')) return undefined;
  const head = parseGroups(left);
  const tail = right === undefined ? [] : parseGroups(right);
  if (head === undefined || tail === undefined) return undefined;
  const missing = IPV6_BYTES - head.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** Whether a text is a dotted quad. It has one spelling, so that it is canonical as it stands. */
function isIpv4(text: string): boolean {
  let dots = 0;
  let digits = 0;
  let octet = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === DOT && digits > 0) {
      dots += 1;
      digits = 0;
      octet = 0;
    } else if (code >= ZERO && code <= NINE && (digits === 0 || octet > 0)) {
      octet = octet * 10 + code - ZERO;
      digits += 1;
      if (octet > MAX_OCTET) return false;
    } else return false;
  }
  return dots === IPV4_BYTES - 1 && digits > 0;
}

/** Reads an address in any unambiguous spelling. */
export function parseAddress(text: string): ClientAddress | undefined {
  if (text.length > MAX_TEXT) return undefined;
  if (!text.includes(':')) return isIpv4(text) ? (text as ClientAddress) : undefined;
  const bytes = parseIpv6(text);
  return bytes === undefined ? undefined : addressFromBytes(bytes);
}

function isMapped(bytes: ArrayLike<number>): boolean {
  for (let i = 0; i < MAPPED_PREFIX_BYTES - 2; i += 1) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

function formatIpv4(bytes: ArrayLike<number>, at: number): ClientAddress {
  return `${bytes[at] ?? 0}.${bytes[at + 1] ?? 0}.${bytes[at + 2] ?? 0}.${bytes[at + 3] ?? 0}` as ClientAddress;
}

/** RFC 5952 section 4.2.3: the longest run of two or more zero groups, the first of equals. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 1 };
  for (let start = 0; start < groups.length; start += 1) {
    let end = start;
    while (end < groups.length && groups[end] === 0) end += 1;
    if (end - start > best.length) best = { start, length: end - start };
    if (end > start) start = end;
  }
  return best;
}

function formatIpv6(bytes: ArrayLike<number>): ClientAddress {
  const groups: number[] = [];
  for (let i = 0; i < IPV6_BYTES; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  const run = longestZeroRun(groups);
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (run.start < 0) return hex(groups) as ClientAddress;
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}` as ClientAddress;
}

/** The canonical address of 4 or 16 bytes in network order. Any other length is a bug of the caller. */
export function addressFromBytes(bytes: ArrayLike<number>): ClientAddress {
  if (bytes.length === IPV4_BYTES) return formatIpv4(bytes, 0);
  if (bytes.length !== IPV6_BYTES) throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
  return isMapped(bytes) ? formatIpv4(bytes, MAPPED_PREFIX_BYTES) : formatIpv6(bytes);
}

/** A canonical IPv4 address as a signed 32-bit number; undefined for IPv6. Its digits and dots need no checking. */
export function addressToNumber(address: ClientAddress): number | undefined {
  let number = 0;
  let octet = 0;
  for (let i = 0; i < address.length; i += 1) {
    const code = address.charCodeAt(i);
    if (code === DOT) {
      number = (number << 8) | octet;
      octet = 0;
    } else if (code >= ZERO && code <= NINE) octet = octet * 10 + code - ZERO;
    else return undefined;
  }
  return address.length > 0 && octet <= 255 ? (number << 8) | octet : undefined;
}

/** The IPv4 address that addressToNumber has made a number of. */
export function numberToAddress(number: number): ClientAddress {
  return `${number >>> 24}.${(number >> 16) & 0xff}.${(number >> 8) & 0xff}.${number & 0xff}` as ClientAddress;
}

/** The 4 or 16 bytes of a canonical address, in network order. */
export function addressToBytes(address: ClientAddress): Uint8Array {
  const number = address.includes(':') ? undefined : addressToNumber(address);
  if (number !== undefined) return Uint8Array.of(number >>> 24, number >> 16, number >> 8, number);
  const bytes = address.includes(':') ? parseIpv6(address) : parseIpv4(address);
  if (bytes === undefined) throw new RangeError(`not a canonical address: ${address}`);
  return Uint8Array.from(bytes);
}
