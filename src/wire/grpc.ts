/**
 * grpc - what gRPC writes into HTTP/2: messages with a mark before each, statuses by number, messages of errors
 *
 * Purpose: dracctl's calls. The package that speaks gRPC takes longer to load than a call takes; the daemon's side uses it,
 *   so the tests have both talk.
 * Promise: the same messages whatever the stream's chunks are. A declared length is compared with the limit before
 *   memory is taken for it.
 * Limits: no compression. MAX_MESSAGE_BYTES a message.
 * Errors: Malformed. It is final: the position in the stream is lost.
 * Source: github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md.
 */
import { Malformed, putWord, wordAt } from './xdr.js';

export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** By number. */
export const STATUSES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;
export type GrpcStatus = (typeof STATUSES)[number];

const MARK_BYTES = 5;
const decoder = new TextDecoder();

/** The status that a header names; UNKNOWN for any that has no name. */
export function statusIn(text: string): GrpcStatus {
  return /^\d{1,2}$/.test(text) ? (STATUSES[Number(text)] ?? 'UNKNOWN') : 'UNKNOWN';
}

/** The text of grpc-message: what is no escape stands for itself. */
export function messageIn(text: string): string {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const hex = text.slice(at + 1, at + 3);
    const isEscape = text[at] === '%' && /^[0-9a-f]{2}$/i.test(hex);
    bytes.push(isEscape ? parseInt(hex, 16) : text.charCodeAt(at) & 0xff);
    if (isEscape) at += 2;
  }
  return decoder.decode(Uint8Array.from(bytes));
}

/** A message with its mark. */
export function marked(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(MARK_BYTES + message.length);
  putWord(bytes, 1, message.length);
  bytes.set(message, MARK_BYTES);
  return bytes;
}

/** The messages of one stream. */
export class MessageReader {
  readonly #most: number;
  #parts: Uint8Array[] = [];
  #held = 0;

  constructor(most = MAX_MESSAGE_BYTES) {
    this.#most = most;
  }

  /** Whether a message has begun and not ended. */
  get isPartial(): boolean {
    return this.#held > 0;
  }

  *take(chunk: Uint8Array): Generator<Uint8Array, void, void> {
    this.#parts.push(chunk);
    this.#held += chunk.length;
    for (let length = this.#next(); length !== undefined; length = this.#next()) {
      const all = this.#whole();
      const end = MARK_BYTES + length;
      this.#parts = end === all.length ? [] : [all.subarray(end)];
      this.#held = all.length - end;
      yield all.subarray(MARK_BYTES, end);
    }
  }

  /** The length of the message that is there as a whole. */
  #next(): number | undefined {
    if (this.#held < MARK_BYTES) return undefined;
    if ((this.#parts[0]?.length ?? 0) < MARK_BYTES) this.#whole();
    const [head = new Uint8Array(MARK_BYTES)] = this.#parts;
    if (head[0] !== 0) throw new Malformed('a message is compressed, which was not asked for');
    const length = wordAt(head, 1);
    if (length > this.#most) throw new Malformed(`a message has ${length} bytes; at most ${this.#most}`);
    return this.#held < MARK_BYTES + length ? undefined : length;
  }

  #whole(): Uint8Array {
    const [first] = this.#parts;
    if (first !== undefined && this.#parts.length === 1) return first;
    const all = new Uint8Array(this.#held);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    this.#parts = [all];
    return all;
  }
}
