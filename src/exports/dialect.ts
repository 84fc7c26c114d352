/**
 * dialect - the wording of the allow-list: under which keys a program looks for a client, and what it finds
 *
 *             IPv4 client   IPv6 client                                networks
 *   postfix   192.0.2.7     2001:db8::6                                192.0.2 for /24; 2001:db8:1:2 for /64 (below)
 *   sendmail  192.0.2.7     2001:db8:0:0:0:0:0:6                       none
 *   exim      192.0.2.7     2001:db8::6 (a session)                    192.0.2.0/24 (net24-)
 *                           2001:0db8:0000: ... :0006 (exim -bh)
 *                           2001.0db8.0000. ... .0006 (net-)           2001.0db8.0001.0002. ... .0000/64 (net64-)
 *   drac      192.0.2.7     2001:db8::6; with cidr_key and /32, /128   none
 *   opensmtpd 192.0.2.7     2001:db8::6                                192.0.2.0/24, 2001:db8:1:2::/64
 *
 * No spelling of one client is a spelling of another, so programs may share a file.
 *
 * A network that has no key of its own is said in pieces, if those are not too many (pieces.ts).
 *
 * Values: the second at which the grant ends, decimal, never a second too early; or a fixed text. Only
 * Exim can compare it with the time.
 *
 * Limits: what Postfix's searches meet besides: see postfix-keys.ts.
 */
import { WIDE_IPV4, WIDE_IPV6 } from '../core/coverage.js';
import { type Entry, groupsOf, isExact, isIpv6, networkText, secondOf } from './entry.js';
import { sayInPieces } from './pieces.js';
import { postfixKeys } from './postfix-keys.js';

/** What the administrator chooses for one file. */
export interface Wording {
  readonly dialects: readonly DialectName[];
  /** A fixed value instead of the second at which the grant ends. */
  readonly value?: string | undefined;
  /** DRAC's build option CIDR_KEY: keys end with /32 or /128. */
  readonly cidrKey: boolean;
  /** DRAC's build option TERM_KD: keys and values end with a NUL. */
  readonly termKd: boolean;
  /** The administrator's own tcprules, as text. */
  readonly rules?: string | undefined;
}

/** What the entries of one file become. */
export interface Words {
  /** Whether each key and each value ends with a NUL: one form for the whole file. */
  readonly terminated: boolean;
  /** Records that do not depend on grants. */
  readonly fixed: Iterable<readonly [key: string, value: string]>;
  /** The entry's keys; undefined when this file has no words for it. */
  keys(entry: Entry): readonly string[] | undefined;
  value(key: string, entry: Entry): string;
}

const GROUP_DIGITS = 4;

/** All eight groups, each with at least so many digits. */
function spelled(entry: Entry, digits: number, separator: string): string {
  return groupsOf(entry)
    .map((group) => group.toString(16).padStart(digits, '0'))
    .join(separator);
}

function sendmailKeys(entry: Entry): readonly string[] | undefined {
  if (!isExact(entry)) return undefined;
  return [isIpv6(entry) ? spelled(entry, 1, ':') : entry.client];
}

function eximKeys(entry: Entry): readonly string[] | undefined {
  const network = isExact(entry) ? '' : `/${entry.prefix}`;
  if (network !== '' && entry.prefix !== (isIpv6(entry) ? WIDE_IPV6 : WIDE_IPV4)) return undefined;
  if (!isIpv6(entry)) return [`${entry.client}${network}`];
  const dotted = `${spelled(entry, GROUP_DIGITS, '.')}${network}`;
  return network === '' ? [entry.client, spelled(entry, GROUP_DIGITS, ':'), dotted] : [dotted];
}

function dracKeys(entry: Entry, { cidrKey }: Wording): readonly string[] | undefined {
  if (!isExact(entry)) return undefined;
  return [cidrKey ? `${entry.client}/${entry.prefix}` : entry.client];
}

function opensmtpdKeys(entry: Entry): readonly string[] {
  return [networkText(entry)];
}

interface Dialect {
  /** Whether keys and values end with a NUL where the file allows for either. */
  terminated(wording: Wording): boolean;
  keys(entry: Entry, wording: Wording): readonly string[] | undefined;
}

/** Debian's postmap, and so its Postfix and Exim, end everything with a NUL; Sendmail reads both forms. */
const always = (): boolean => true;
const never = (): boolean => false;

/** Every wording, by the name the configuration calls it. */
export const dialects = {
  postfix: { terminated: always, keys: postfixKeys },
  sendmail: { terminated: always, keys: sendmailKeys },
  exim: { terminated: always, keys: eximKeys },
  drac: { terminated: ({ termKd }) => termKd, keys: dracKeys },
  opensmtpd: { terminated: never, keys: opensmtpdKeys },
} as const satisfies Record<string, Dialect>;

/** What `dialect` may say in the configuration. */
export type DialectName = keyof typeof dialects;

/**
 * Whether nobody but Postfix's access tables reads it, so that a key may say of whom it does not let relay
 * (postfix-keys.ts). To all others a key is a permission, whatever its value.
 */
export function saysDenials({ dialects: names, value }: Pick<Wording, 'dialects' | 'value'>): boolean {
  return names.length === 1 && names[0] === 'postfix' && value === undefined;
}

/** The keys of an entry for all who share the file; undefined when one of them has none. */
function keysOf(entry: Entry, wording: Wording): readonly string[] | undefined {
  const [first, ...others] = wording.dialects;
  if (first === undefined) return undefined;
  const keys = dialects[first].keys(entry, wording);
  if (others.length === 0 || keys === undefined) return keys;
  const all = new Set(keys);
  for (const name of others) {
    const more = dialects[name].keys(entry, wording);
    if (more === undefined) return undefined;
    for (const key of more) all.add(key);
  }
  return [...all];
}

const nothing: readonly (readonly [string, string])[] = [];

/** The words of a file with keys and values; `mayTerminate` when its readers may expect NULs. */
export function keyedWords(wording: Wording, { mayTerminate }: { mayTerminate: boolean }): Words {
  const { value } = wording;
  return {
    terminated: mayTerminate && wording.dialects.some((name) => dialects[name].terminated(wording)),
    fixed: nothing,
    keys: (entry) => sayInPieces(entry, (piece) => keysOf(piece, wording)),
    value: value === undefined ? (_, entry) => secondOf(entry) : () => value,
  };
}
