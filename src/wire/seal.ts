/**
 * seal - by which dracd knows a Berkeley DB file of its own again, and that nobody has changed it since
 *
 * Each Berkeley DB file has an identity of 20 bytes, which no program interprets. Ours says:
 *
 *   "dracd", options u8 (1: cidr_key, 2: term_kd), check 8, random 6
 *
 * The check is of all other bytes of the file, those of the identity taken as zeros. A program that changes the
 * file in place, as the original did, keeps the identity and so breaks the seal. It guards against mistakes,
 * not against people: whoever may write to the file can seal it.
 *
 * Promise: total; answers undefined for what is no seal.
 */

export const SEAL_BYTES = 20;
/** Where in the file the identity stands. */
export const SEAL_AT = 52;
export const SEAL_RANDOM_BYTES = 6;

const MARK = [0x64, 0x72, 0x61, 0x63, 0x64];
const OPTIONS_AT = MARK.length;
const CHECK_AT = OPTIONS_AT + 1;
const CHECK_BYTES = 8;
const CIDR_KEY = 1;
const TERM_KD = 2;
const WORD_BYTES = 4;

/** How the file is worded, which one without records could not tell. */
export interface SealedWording {
  readonly cidrKey: boolean;
  readonly termKd: boolean;
}

export interface Seal extends SealedWording {
  readonly check: Uint8Array;
}

/** The check of a file, taken page by page in their order; the identity must be zeros. */
export class FileCheck {
  #one = 0x811c9dc5 | 0;
  #other = 0x5bd1e995;

  /** Takes as many bytes as there are whole words of four. */
  add(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let one = this.#one;
    let other = this.#other;
    for (let at = 0; at + WORD_BYTES <= bytes.length; at += WORD_BYTES) {
      const word = view.getInt32(at);
      one = Math.imul(one ^ word, 0x01000193);
      one ^= one >>> 15;
      other = Math.imul((other + word) | 0, 0x85ebca6b);
      other = (other << 13) | (other >>> 19);
    }
    this.#one = one;
    this.#other = other;
  }

  get value(): Uint8Array {
    const bytes = new Uint8Array(CHECK_BYTES);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, this.#one);
    view.setInt32(WORD_BYTES, this.#other);
    return bytes;
  }
}

/** The identity of a file with this check; `random` keeps the identities of equal files apart. */
export function encodeSeal(seal: Seal, random: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(SEAL_BYTES);
  bytes.set(MARK);
  bytes[OPTIONS_AT] = (seal.cidrKey ? CIDR_KEY : 0) | (seal.termKd ? TERM_KD : 0);
  bytes.set(seal.check, CHECK_AT);
  bytes.set(random.subarray(0, SEAL_RANDOM_BYTES), CHECK_AT + CHECK_BYTES);
  return bytes;
}

/** What an identity says, if it is one of ours. */
export function decodeSeal(bytes: Uint8Array): Seal | undefined {
  const options = bytes[OPTIONS_AT] ?? 0;
  if (bytes.length !== SEAL_BYTES || MARK.some((byte, i) => bytes[i] !== byte)) return undefined;
  if (options > (CIDR_KEY | TERM_KD)) return undefined;
  return {
    cidrKey: (options & CIDR_KEY) !== 0,
    termKd: (options & TERM_KD) !== 0,
    check: bytes.slice(CHECK_AT, CHECK_AT + CHECK_BYTES),
  };
}
