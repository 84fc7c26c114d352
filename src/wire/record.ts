/**
 * record - record marking: ONC RPC messages on a byte stream
 *
 * Purpose: cut what arrives on a TCP connection or a unix stream socket into messages, and mark replies.
 * Promise: the same records whatever the stream's chunks and the sender's fragments are. Records that are
 *   whole within a chunk are views of that chunk; only a record in pieces is copied, once for each piece.
 * Limits: MAX_RECORD_BYTES a record and MAX_FRAGMENTS a record, fixed marks included in neither. A declared
 *   length is checked before memory is taken for it, so a reader never holds more than the record limit.
 * Errors: Malformed. It is final: the position in the stream is lost and the connection must be closed.
 * Source: RFC 5531, section 11.
 */
import { Malformed, putWord, wordAt } from './xdr.js';

/** Bytes in one record, over all its fragments. The largest DRAC call has 904. */
export const MAX_RECORD_BYTES = 2048;
/** Fragments in one record. */
export const MAX_FRAGMENTS = 16;

const MARK_BYTES = 4;
const LAST_FRAGMENT = 0x8000_0000;
const LENGTH_BITS = 0x7fff_ffff;
const NOTHING = new Uint8Array(0);

export interface RecordLimits {
  /** Bytes in one record; default MAX_RECORD_BYTES. */
  readonly maxRecordBytes?: number;
  /** Fragments in one record; default MAX_FRAGMENTS. */
  readonly maxFragments?: number;
}

/** The records of one connection. */
export class RecordReader {
  readonly #maxRecordBytes: number;
  readonly #maxFragments: number;
  /** The pieces of the record in progress; `#held.length` is what its fragments so far have declared. */
  #held: Uint8Array = NOTHING;
  #heldBytes = 0;
  #mark = 0;
  #markBytes = 0;
  #fragments = 0;
  #last = false;
  #broken: Malformed | undefined;

  constructor(limits: RecordLimits = {}) {
    this.#maxRecordBytes = limits.maxRecordBytes ?? MAX_RECORD_BYTES;
    this.#maxFragments = limits.maxFragments ?? MAX_FRAGMENTS;
  }

  /** Has a record begun and not ended? (For the time a peer may take to complete one.) */
  get partial(): boolean {
    return this.#markBytes > 0 || this.#fragments > 0;
  }

  /** Why the stream cannot be read on: set at the first violation, for good. */
  get broken(): Malformed | undefined {
    return this.#broken;
  }

  /**
   * Takes what has arrived, returns the records that it completes, in order; they may be views of `chunk`.
   * Throws Malformed at a violation, and at every later call. Records that precede the violation in the
   * same chunk are still returned, because they were complete: then `broken` tells, and the next call throws.
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const records: Uint8Array[] = [];
    let at = 0;
    while (at < chunk.length && this.#broken === undefined) {
      const whole = this.partial ? 0 : wholeRecord(chunk, at, this.#maxRecordBytes);
      if (whole > 0) {
        records.push(chunk.subarray(at + MARK_BYTES, at + whole));
        at += whole;
      } else {
        at = this.#step(chunk, at, records);
      }
    }
    if (this.#broken !== undefined && records.length === 0) throw this.#broken;
    return records;
  }

  /** Consumes one byte of a mark, or as much of a fragment as is there; returns the new position. */
  #step(chunk: Uint8Array, at: number, records: Uint8Array[]): number {
    let next = at;
    if (this.#markBytes < MARK_BYTES) {
      this.#mark = ((this.#mark << 8) | (chunk[at] as number)) >>> 0;
      this.#markBytes += 1;
      next += 1;
      if (this.#markBytes === MARK_BYTES) this.#beginFragment();
    } else {
      const piece = chunk.subarray(at, at + this.#held.length - this.#heldBytes);
      this.#held.set(piece, this.#heldBytes);
      this.#heldBytes += piece.length;
      next += piece.length;
    }
    if (
      this.#broken === undefined &&
      this.#markBytes === MARK_BYTES &&
      this.#heldBytes === this.#held.length
    ) {
      this.#endFragment(records);
    }
    return next;
  }

  #beginFragment(): void {
    const length = this.#mark & LENGTH_BITS;
    this.#last = this.#mark >= LAST_FRAGMENT;
    this.#fragments += 1;
    const problem = this.#problem(length);
    if (problem !== undefined) {
      this.#broken = new Malformed(problem);
      this.#held = NOTHING;
      return;
    }
    if (length === 0) return;
    const larger = new Uint8Array(this.#heldBytes + length);
    larger.set(this.#held);
    this.#held = larger;
  }

  #problem(length: number): string | undefined {
    if (length > this.#maxRecordBytes - this.#heldBytes) return 'record over its limit';
    // A sender could go on for ever with these.
    if (length === 0 && !this.#last) return 'empty fragment that is not the last';
    if (this.#fragments > this.#maxFragments) return 'too many fragments';
    return undefined;
  }

  #endFragment(records: Uint8Array[]): void {
    this.#mark = 0;
    this.#markBytes = 0;
    if (!this.#last) return;
    records.push(this.#held);
    this.#held = NOTHING;
    this.#heldBytes = 0;
    this.#fragments = 0;
  }
}

/** The size, mark included, of the record that lies whole in one fragment at `at`; 0 when none does. */
function wholeRecord(chunk: Uint8Array, at: number, max: number): number {
  const there = chunk.length - at - MARK_BYTES;
  if (there < 0) return 0;
  const mark = wordAt(chunk, at);
  const length = mark & LENGTH_BITS;
  return mark >= LAST_FRAGMENT && length <= max && length <= there ? MARK_BYTES + length : 0;
}

/** The message as a record of one fragment. */
export function encodeRecord(message: Uint8Array): Uint8Array {
  return encodeRecords([message]);
}

/** Several messages, each as a record of one fragment, in one piece: what a pipelining peer is sent at once. */
export function encodeRecords(messages: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const message of messages) size += MARK_BYTES + message.length;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const message of messages) {
    if (message.length > LENGTH_BITS) throw new Malformed('message too long for one fragment');
    putWord(bytes, at, LAST_FRAGMENT + message.length);
    bytes.set(message, at + MARK_BYTES);
    at += MARK_BYTES + message.length;
  }
  return bytes;
}
