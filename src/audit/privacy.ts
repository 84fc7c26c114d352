/**
 * privacy - what becomes of client addresses and user names before they are recorded
 *
 *   full       as they are
 *   truncated  an address becomes its /24 or /48, and so does a smaller network; user names are left out
 *   hashed     HMAC-SHA-256 with the key, its first 128 bits in hexadecimal behind `h:`
 *
 * Reporters, authors and the reasons that operators give are recorded as they are: they are the site's own.
 *
 * Limits: who has the key can try all IPv4 addresses in an hour, so a hash is a pseudonym and no erasure.
 */
import { createHmac, hash } from 'node:crypto';
import { addressToBytes, type ClientAddress, IPV4_BYTES } from '../core/address.js';
import { networkOf, prefixLength } from '../core/network.js';
import { isNetwork, MAX_SUBJECT_TEXT, networkOfSubject, type Subject, subjectOf } from '../core/subject.js';
import type { PrivacyMode } from './record.js';

/** How much of an address truncation leaves. */
const KEPT_IPV4 = 24;
const KEPT_IPV6 = 48;
const HASH_DIGITS = 32;
export const HASH_MARK = 'h:';
/** Names that were made not long ago; all are forgotten when there are more. */
const REMEMBERED = 4_096;

/** An address's or smaller network's /24 or /48; a larger network as it is. */
export function truncated(subject: Subject): Subject {
  if (!isNetwork(subject) && !subject.includes(':'))
    return `${subject.slice(0, subject.lastIndexOf('.'))}.0/${KEPT_IPV4}` as Subject;
  const network = networkOfSubject(subject);
  const kept = network.base.length === IPV4_BYTES ? KEPT_IPV4 : KEPT_IPV6;
  return subjectOf(networkOf(network.base, Math.min(kept, prefixLength(network))));
}

/** The name of any text. */
export function hashed(text: string, key: Uint8Array): string {
  return `${HASH_MARK}${createHmac('sha256', key).update(text).digest('hex').slice(0, HASH_DIGITS)}`;
}

const BLOCK = 64;
const DIGEST = 32;

/** The same for subjects alone, in half the time: RFC 2104 on two buffers that are there already. */
export class SubjectHasher {
  readonly #inner = Buffer.alloc(BLOCK + MAX_SUBJECT_TEXT, 0x36);
  readonly #outer = Buffer.alloc(BLOCK + DIGEST, 0x5c);

  /** The key has at most 64 bytes. */
  constructor(key: Uint8Array) {
    for (const pad of [this.#inner, this.#outer])
      for (const [i, byte] of key.entries()) pad[i] = (pad[i] ?? 0) ^ byte;
  }

  hash(subject: Subject): string {
    const end = BLOCK + this.#inner.write(subject, BLOCK, 'latin1');
    this.#outer.write(hash('sha256', this.#inner.subarray(0, end), 'binary'), BLOCK, 'latin1');
    return `${HASH_MARK}${hash('sha256', this.#outer, 'hex').slice(0, HASH_DIGITS)}`;
  }
}

export class Privacy {
  readonly mode: PrivacyMode;
  readonly #key: Uint8Array | undefined;
  readonly #hasher: SubjectHasher | undefined;
  readonly #known = new Map<Subject, string>();

  /** The key is needed to hash, and to find again what was hashed earlier. */
  constructor(mode: PrivacyMode, key?: Uint8Array) {
    if (mode === 'hashed' && key === undefined) throw new RangeError('hashing needs a key');
    this.mode = mode;
    this.#key = key;
    this.#hasher = key && new SubjectHasher(key);
  }

  /** How an address or network is written. */
  subject(subject: Subject): string {
    if (this.mode === 'full') return subject;
    let name = this.#known.get(subject);
    if (name === undefined) {
      name = this.mode === 'truncated' ? truncated(subject) : (this.#hasher?.hash(subject) ?? '');
      if (this.#known.size >= REMEMBERED) this.#known.clear();
      this.#known.set(subject, name);
    }
    return name;
  }

  user(user: string | undefined): string | undefined {
    if (user === undefined || this.mode === 'full') return user;
    return this.mode === 'truncated' ? undefined : hashed(user, this.#key ?? Buffer.alloc(0));
  }

  /** All names under which something that holds the address may have been recorded, in whatever mode. */
  namesOf(address: ClientAddress): Names {
    const bytes = addressToBytes(address);
    const around = Array.from({ length: bytes.length * 8 + 1 }, (_, prefix) =>
      subjectOf(networkOf(bytes, prefix)),
    );
    const key = this.#key;
    const hashes = key === undefined ? [] : around.map((subject) => hashed(subject, key));
    return {
      exact: new Set([address, ...hashes.slice(-1)]),
      holding: new Set([...around, ...hashes]),
      truncated: truncated(address),
    };
  }
}

/** Under which names an address is found. */
export interface Names {
  /** The address itself. */
  readonly exact: ReadonlySet<string>;
  /** The address, and all networks that hold it. */
  readonly holding: ReadonlySet<string>;
  /** What truncation leaves of it. */
  readonly truncated: string;
}
