/**
 * xdr - External Data Representation, the bytes beneath ONC RPC
 *
 * Purpose: read and write the few XDR types that our messages use: unsigned int, bool, opaque and string.
 * Promise: total and bounded. Every variable length is compared with the caller's limit and with the bytes
 *   that are there before it is used; nothing is allocated on a length from the wire. What the reader
 *   returns are views of the given bytes: copy what must outlive them.
 * Limits: strings are ASCII, as RFC 4506 defines them. Pad bytes are skipped whatever they hold (libtirpc
 *   does the same) and are written as zero.
 * Errors: Malformed, and nothing else, in both directions.
 * Source: RFC 4506, sections 4.2, 4.4, 4.9, 4.10, 4.11.
 */

/** The bytes are not what the protocol allows, or a value cannot be put into it. The only error of wire/. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

const UINT32_END = 0x1_0000_0000;

/** The big-endian unsigned word at `offset`. The caller has checked that four bytes are there. */
export function wordAt(bytes: Uint8Array, offset: number): number {
  // Plain shifts: a DataView for each datagram costs more than the reads it serves.
  return (
    (((bytes[offset] as number) << 24) |
      ((bytes[offset + 1] as number) << 16) |
      ((bytes[offset + 2] as number) << 8) |
      (bytes[offset + 3] as number)) >>>
    0
  );
}

/** Writes `word` (0 to 2^32 - 1) big-endian at `offset`. The caller has checked that four bytes are there. */
export function putWord(bytes: Uint8Array, offset: number, word: number): void {
  bytes[offset] = word >>> 24;
  bytes[offset + 1] = word >>> 16;
  bytes[offset + 2] = word >>> 8;
  bytes[offset + 3] = word;
}

/** `length` rounded up to whole XDR units of four bytes (RFC 4506 section 3). */
export function padded(length: number): number {
  return length + (-length & 3);
}

/** Reads XDR values one after another from bytes that stay the caller's. */
export class XdrReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** How many bytes have not been read. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** An unsigned int, or any enum: 0 to 2^32 - 1. */
  uint32(): number {
    const start = this.#take(4);
    return wordAt(this.#bytes, start);
  }

  /** A bool: 0 or 1 on the wire, anything else is Malformed (RFC 4506 section 4.4). */
  bool(): boolean {
    const word = this.uint32();
    if (word > 1) throw new Malformed('bool is neither 0 nor 1');
    return word === 1;
  }

  /** Variable-length opaque of at most `max` bytes: a view, without its padding. */
  opaque(max: number): Uint8Array {
    const length = this.uint32();
    if (length > max) throw new Malformed('variable length over its limit');
    return this.fixed(length);
  }

  /** Fixed-length opaque of `length` bytes: a view, without its padding. */
  fixed(length: number): Uint8Array {
    const start = this.#take(padded(length));
    return this.#bytes.subarray(start, start + length);
  }

  /** A string of at most `max` ASCII bytes; a byte over 0x7f is Malformed. */
  string(max: number): string {
    let text = '';
    for (const byte of this.opaque(max)) {
      if (byte > 0x7f) throw new Malformed('string is not ASCII');
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** Everything not yet read, as a view; nothing remains. */
  rest(): Uint8Array {
    return this.#bytes.subarray(this.#take(this.remaining));
  }

  /** Throws Malformed when bytes are left: what follows a message is never ignored. */
  end(): void {
    if (this.remaining > 0) throw new Malformed('bytes after the end');
  }

  #take(length: number): number {
    if (length > this.remaining) throw new Malformed('ends too early');
    const start = this.#offset;
    this.#offset = start + length;
    return start;
  }
}

/** Builds XDR bytes. Grows as needed; the methods return the writer, so that calls can be chained. */
export class XdrWriter {
  #bytes: Uint8Array;
  #length = 0;

  /** `capacity`: bytes to allocate at once, when the final size is known or can be guessed. */
  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** An unsigned int, or any enum. Not an integer from 0 to 2^32 - 1: Malformed. */
  uint32(word: number): this {
    if (!Number.isInteger(word) || word < 0 || word >= UINT32_END) throw new Malformed('no unsigned int');
    const start = this.#grow(4);
    putWord(this.#bytes, start, word);
    return this;
  }

  /** A bool. */
  bool(value: boolean): this {
    return this.uint32(value ? 1 : 0);
  }

  /** Variable-length opaque: length, bytes, zero padding. */
  opaque(bytes: Uint8Array): this {
    return this.uint32(bytes.length).fixed(bytes);
  }

  /** Bytes that are XDR already (an encoded argument): appended as they are, no padding. */
  raw(bytes: Uint8Array): this {
    const start = this.#grow(bytes.length);
    this.#bytes.set(bytes, start);
    return this;
  }

  /** Fixed-length opaque: bytes and zero padding. */
  fixed(bytes: Uint8Array): this {
    const start = this.#grow(padded(bytes.length));
    this.#bytes.set(bytes, start);
    return this;
  }

  /** A string. A character that is not ASCII: Malformed. */
  string(text: string): this {
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code > 0x7f) throw new Malformed('string is not ASCII');
      bytes[at] = code;
    }
    return this.opaque(bytes);
  }

  /** What has been written so far: a view of the writer's memory, so take it last. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(by: number): number {
    const start = this.#length;
    const length = start + by;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#length = length;
    return start;
  }
}
