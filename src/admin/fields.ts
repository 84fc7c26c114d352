/**
 * fields - what a request says, checked field by field before anything is done
 *
 * Each reader answers a value or what is wrong with it; readAll gathers them, so that a refusal names every wrong
 * field of a request at once. What is quoted back is escaped and cut: it is somebody else's text.
 *
 * Limits: see the constants. They are part of the contract (admin.proto tells of them).
 */
import { type ClientAddress, IPV4_BYTES, parseAddress } from '../core/address.js';
import { MAX_LIFETIME_MS, MIN_LIFETIME_MS } from '../core/grant.js';
import { isUnfit, NeverGranted } from '../core/never.js';
import { parseNetwork, prefixLength } from '../core/network.js';
import { isNetwork, networkOfSubject, type Subject, subjectOf } from '../core/subject.js';
import { printable } from '../runtime/printable.js';
import type { Duration__Output } from './gen/google/protobuf/Duration.js';
import type { Timestamp__Output } from './gen/google/protobuf/Timestamp.js';
import type { Kind } from './operations.js';
import { badFields, type Violation } from './refusal.js';

export const MAX_REASON = 256;
export const MAX_USER = 128;
export const MAX_PAGE = 1_000;
/** Of pins and denies that have an end. */
export const MAX_ENTRY_LIFETIME_MS = 365 * 24 * 3_600_000;
/** Larger networks may not relay on a word: that would be a good part of the Internet. */
export const MIN_PREFIX_IPV4 = 8;
export const MIN_PREFIX_IPV6 = 19;
const MAX_QUOTED = 64;
const MAX_NANOS = 999_999_999;
/** Of protobuf's Timestamp: years 1 to 9999. */
const MIN_SECOND = -62_135_596_800;
const MAX_SECOND = 253_402_300_799;
/**
 * Control characters, line and paragraph separators, what changes the direction of writing or is not seen at all, and
 * U+FFFD, which stands for bytes that were no UTF-8.
 */
const UNFIT =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\uffff\u{e0000}-\u{e0fff}]/u;

export type Read<T> = { readonly value: T } | { readonly wrong: string };

type Values<T> = { readonly [K in keyof T]: T[K] extends Read<infer V> ? V : never };

/** The values of all fields. Throws a Refusal that names those that are wrong. */
export function readAll<T extends Readonly<Record<string, Read<unknown>>>>(reads: T): Values<T> {
  const violations: Violation[] = [];
  const values: Record<string, unknown> = {};
  for (const [field, read] of Object.entries(reads)) {
    if ('wrong' in read) violations.push({ field, description: read.wrong });
    else values[field] = read.value;
  }
  if (violations.length > 0) throw badFields(violations);
  return values as Values<T>;
}

const quoted = (text: string): string =>
  `"${printable(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}...` : text)}"`;

/** Of no host: only addresses that are of no use to anybody. */
const nobody = new NeverGranted({ networks: [] });

const NOTATIONS = 'write 192.0.2.7 or 2001:db8::6: no leading zeros, zone, brackets or host name';

/** An address. */
export function readAddress(text: string): Read<ClientAddress> {
  if (text === '') return { wrong: 'must be an address' };
  const value = parseAddress(text);
  if (value !== undefined) return { value };
  return { wrong: `${quoted(text)} is no address; ${NOTATIONS}` };
}

/** An address or network. */
export function readSubject(text: string): Read<Subject> {
  if (text === '') return { wrong: 'must be an address or network' };
  const parsed = parseNetwork(text);
  if (parsed === undefined) {
    const also = text.includes('/') ? ', then / and how many bits are meant' : '';
    return { wrong: `${quoted(text)} is no address or network; ${NOTATIONS}${also}` };
  }
  const value = subjectOf(parsed);
  if (parsed.hostBits)
    return { wrong: `${quoted(text)} has bits set beyond its length; the network is ${value}` };
  return { value };
}

/** An address or network that may be let relay. */
export function readRelayable(text: string): Read<Subject> {
  const read = readSubject(text);
  if ('wrong' in read) return read;
  if (!isNetwork(read.value))
    return nobody.forbids(read.value)
      ? { wrong: `${read.value} is an address that no client can have` }
      : read;
  const network = networkOfSubject(read.value);
  const least = network.base.length === IPV4_BYTES ? MIN_PREFIX_IPV4 : MIN_PREFIX_IPV6;
  if (prefixLength(network) < least)
    return { wrong: `${read.value} is too large to be let relay; name networks of at least /${least}` };
  return isUnfit(network)
    ? {
        wrong: `${read.value} holds addresses that no client can have (loopback, multicast, reserved, 6to4, ...)`,
      }
    : read;
}

/** A reader of what may be left out: empty text is undefined. */
export function optional<T>(read: (text: string) => Read<T>, text: string): Read<T | undefined> {
  return text === '' ? { value: undefined } : read(text);
}

function readText(text: string, most: number): Read<string> {
  const found = UNFIT.exec(text);
  if (found !== null) {
    const name = (found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    return { wrong: `has the character U+${name} at ${found.index}, which is for no line of text` };
  }
  return text.length > most ? { wrong: `has ${text.length} characters; at most ${most}` } : { value: text };
}

/** Why an operator does something. */
export function readReason(text: string): Read<string> {
  return text.trim() === '' ? { wrong: 'must say why, for the audit' } : readText(text, MAX_REASON);
}

/** The name of a mailbox. */
export function readUser(text: string): Read<string> {
  return readText(text, MAX_USER);
}

const span = (ms: number): string => (ms < 86_400_000 ? `${ms / 1_000} s` : `${ms / 86_400_000} days`);

function readLifetime(duration: Duration__Output | null, mostMs: number): Read<number | undefined> {
  if (duration === null) return { value: undefined };
  const { seconds, nanos } = duration;
  const value = seconds * 1_000 + Math.floor(nanos / 1e6);
  if (Math.abs(nanos) <= MAX_NANOS && value >= MIN_LIFETIME_MS && value <= mostMs) return { value };
  return { wrong: `${value / 1_000} s is not from ${span(MIN_LIFETIME_MS)} to ${span(mostMs)}` };
}

/** How long a grant lasts; undefined: not said. */
export function readGrantLifetime(duration: Duration__Output | null): Read<number | undefined> {
  return readLifetime(duration, MAX_LIFETIME_MS);
}

/** How long a pin or deny lasts; undefined: without an end. */
export function readEntryLifetime(duration: Duration__Output | null): Read<number | undefined> {
  return readLifetime(duration, MAX_ENTRY_LIFETIME_MS);
}

/** A time, epoch milliseconds; undefined: not said. */
export function readTime(timestamp: Timestamp__Output | null): Read<number | undefined> {
  if (timestamp === null) return { value: undefined };
  const { seconds, nanos } = timestamp;
  if (seconds >= MIN_SECOND && seconds <= MAX_SECOND && nanos >= 0 && nanos <= MAX_NANOS)
    return { value: seconds * 1_000 + nanos / 1e6 };
  return { wrong: 'is no time of the years 1 to 9999' };
}

const kinds: Readonly<Record<string, Kind | undefined>> = {
  KIND_GRANT: 'grant',
  KIND_PIN: 'pin',
  KIND_DENY: 'deny',
};

/** A kind of row; undefined: any. A number that this dracd has no name for arrives as a number. */
export function readKind(kind: string | number): Read<Kind | undefined> {
  if (kind === 'KIND_UNSPECIFIED') return { value: undefined };
  const value = kinds[kind];
  return value === undefined ? { wrong: `${kind} is no kind` } : { value };
}

/** How many rows a page has; 0: all. */
export function readPageSize(size: number): Read<number> {
  return size >= 0 && size <= MAX_PAGE
    ? { value: size }
    : { wrong: `${size} is not from 0 (all rows) to ${MAX_PAGE}` };
}
