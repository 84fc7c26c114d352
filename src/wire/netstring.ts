/**
 * netstring - strings of a declared length on a byte stream: `5:hello,`
 *
 * Purpose: cut what arrives on a connection into the strings that a socketmap client sends, and mark replies.
 * Promise: the same strings whatever the stream's chunks are. Strings that are whole within a chunk are views
 *   of that chunk; only a string in pieces is copied, once for each piece.
 * Limits: MAX_NETSTRING_BYTES in a string. Each digit of a length is checked when it comes, before memory is
 *   taken for what it declares: a length has no leading zeros, so it has no more digits than its limit.
 * Errors: Malformed. It is final: the position in the stream is lost and the connection must be closed.
 * Source: D. J. Bernstein, Netstrings, 1997; socketmap_table(5).
 */
import { Malformed } from './xdr.js';

/** Bytes in one string, length, colon and comma not counted. */
export const MAX_NETSTRING_BYTES = 1024;

const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const COMMA = 0x2c;
const NOTHING = new Uint8Array(0);

/** The strings of one connection. */
export class NetstringReader {
  readonly #max: number;
  #digits = 0;
  #length = 0;
  #inString = false;
  /** The string in pieces: memory for the whole, and how much of it has come. */
  #held: Uint8Array = NOTHING;
  #heldBytes = 0;
  #broken: Malformed | undefined;

  constructor(limits: { readonly maxBytes?: number } = {}) {
    this.#max = limits.maxBytes ?? MAX_NETSTRING_BYTES;
  }

  /** Has a string begun and not ended? (For the time a peer may take to complete one.) */
  get partial(): boolean {
    return this.#digits > 0;
  }

  /** Why the stream cannot be read on: set at the first violation, for good. */
  get broken(): Malformed | undefined {
    return this.#broken;
  }

  /**
   * Takes what has arrived, returns the strings that it completes, in order; they may be views of `chunk`.
   * Throws Malformed at a violation, and at every later call. Strings that precede the violation in the same
   * chunk are still returned, because they were complete: then `broken` tells, and the next call throws.
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const strings: Uint8Array[] = [];
    let at = 0;
    while (at < chunk.length && this.#broken === undefined) {
      if (this.#inString) at = this.#take(chunk, at, strings);
      else {
        this.#header(chunk[at] as number);
        at += 1;
      }
    }
    if (this.#broken !== undefined && strings.length === 0) throw this.#broken;
    return strings;
  }

  /** A digit of the length, or the colon after it. */
  #header(byte: number): void {
    if (byte === COLON && this.#digits > 0) {
      this.#inString = true;
      return;
    }
    if (byte < ZERO || byte > NINE) {
      this.#broken = new Malformed('netstring without a length');
      return;
    }
    if (this.#digits > 0 && this.#length === 0) {
      this.#broken = new Malformed('netstring length with a leading zero');
      return;
    }
    this.#digits += 1;
    this.#length = this.#length * 10 + byte - ZERO;
    if (this.#length > this.#max) this.#broken = new Malformed('netstring over its limit');
  }

  /** The string and its comma, or as much of them as is there; returns the new position. */
  #take(chunk: Uint8Array, at: number, strings: Uint8Array[]): number {
    const end = at + this.#length - this.#heldBytes;
    if (end < chunk.length) {
      if (chunk[end] !== COMMA) {
        this.#broken = new Malformed('netstring without its comma');
        this.#held = NOTHING;
        return end;
      }
      strings.push(this.#heldBytes === 0 ? chunk.subarray(at, end) : this.#complete(chunk.subarray(at, end)));
      this.#digits = 0;
      this.#length = 0;
      this.#inString = false;
      this.#held = NOTHING;
      this.#heldBytes = 0;
      return end + 1;
    }
    if (this.#heldBytes === 0) this.#held = new Uint8Array(this.#length);
    this.#complete(chunk.subarray(at));
    return chunk.length;
  }

  #complete(piece: Uint8Array): Uint8Array {
    this.#held.set(piece, this.#heldBytes);
    this.#heldBytes += piece.length;
    return this.#held;
  }
}

/** ASCII text as a netstring. Other characters, or text over the limit of a string: Malformed. */
export function encodeNetstring(text: string): Uint8Array {
  if (text.length > MAX_NETSTRING_BYTES) throw new Malformed('netstring over its limit');
  const whole = `${text.length}:${text},`;
  const bytes = new Uint8Array(whole.length);
  for (let at = 0; at < whole.length; at += 1) {
    const code = whole.charCodeAt(at);
    if (code > 0x7f) throw new Malformed('netstring is not ASCII');
    bytes[at] = code;
  }
  return bytes;
}
