/**
 * policy - Postfix's policy delegation: requests of `name=value` lines, and the action that answers them
 *
 * Purpose: cut what arrives on a connection into requests, and write replies.
 * Promise: the same requests whatever the stream's chunks are. Only the attributes asked for are kept; all
 *   others are passed over without memory, whatever they are called.
 * Limits: MAX_REQUEST_BYTES in a request, its empty line included, and MAX_ATTRIBUTES. A value is what stands
 *   between the first `=` and the newline, byte for byte (Latin-1).
 * Errors: Malformed. It is final: the connection must be closed. A line without a name or without `=`, a
 *   request of no attributes, and an attribute asked for that comes twice, so that nobody can tell which counts.
 * Source: SMTPD_POLICY_README, "Protocol description".
 */
import { Malformed } from './xdr.js';

/** Bytes in one request. */
export const MAX_REQUEST_BYTES = 16_384;
/** Attributes in one request; Postfix 3.7 sends 29. */
export const MAX_ATTRIBUTES = 100;

const NEWLINE = 0x0a;
const EQUALS = 0x3d;

/** The attributes asked for that a request had. */
export type PolicyRequest = ReadonlyMap<string, string>;

function textOf(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let at = from; at < to; at += 1) text += String.fromCharCode(bytes[at] as number);
  return text;
}

/** Whether a name ends with these bytes, which are no more than it has. */
function endsWith(name: string, bytes: Uint8Array, { at, end }: { at: number; end: number }): boolean {
  const before = name.length - end;
  for (let i = at; i < end; i += 1) if (bytes[i] !== name.charCodeAt(before + i)) return false;
  return true;
}

/** The requests of one connection. */
export class PolicyReader {
  readonly #wanted: readonly string[];
  readonly #longestWanted: number;
  #found = new Map<string, string>();
  #bytes = 0;
  #attributes = 0;
  /** Undefined while a name is read; then the name, or '' for one that nobody asked for. */
  #name: string | undefined;
  /** What has come of a name, or of a value that is kept, when it is in pieces. */
  #held = '';
  #nameBytes = 0;
  #broken: Malformed | undefined;

  /** `wanted`: the names of the attributes to keep. */
  constructor(wanted: readonly string[]) {
    this.#wanted = wanted;
    this.#longestWanted = Math.max(0, ...wanted.map((name) => name.length));
  }

  /** Has a request begun and not ended? (For the time a peer may take to complete one.) */
  get partial(): boolean {
    return this.#bytes > 0;
  }

  /** Why the stream cannot be read on: set at the first violation, for good. */
  get broken(): Malformed | undefined {
    return this.#broken;
  }

  /**
   * Takes what has arrived, returns the requests that it completes, in order. Throws Malformed at a violation,
   * and at every later call. Requests that precede the violation in the same chunk are still returned, because
   * they were complete: then `broken` tells, and the next call throws.
   */
  push(chunk: Uint8Array): PolicyRequest[] {
    const requests: PolicyRequest[] = [];
    let at = 0;
    while (at < chunk.length && this.#broken === undefined) {
      at = this.#name === undefined ? this.#takeName(chunk, at, requests) : this.#takeValue(chunk, at);
      if (this.#bytes > MAX_REQUEST_BYTES) this.#break('policy request over its limit');
    }
    if (this.#broken !== undefined && requests.length === 0) throw this.#broken;
    return requests;
  }

  /** A name and its `=`, or the empty line that ends a request, or as much as is there; returns the new position. */
  #takeName(chunk: Uint8Array, at: number, requests: PolicyRequest[]): number {
    let end = at;
    while (end < chunk.length && chunk[end] !== EQUALS && chunk[end] !== NEWLINE) end += 1;
    this.#nameBytes += end - at;
    if (end === chunk.length) {
      this.#bytes += end - at;
      if (this.#nameBytes <= this.#longestWanted) this.#held += textOf(chunk, at, end);
      return end;
    }
    this.#bytes += end - at + 1;
    if (chunk[end] === NEWLINE) this.#endRequest(requests);
    else this.#beginValue(chunk, at, end);
    return end + 1;
  }

  #beginValue(chunk: Uint8Array, at: number, end: number): void {
    this.#attributes += 1;
    if (this.#nameBytes === 0) this.#break('policy attribute without a name');
    if (this.#attributes > MAX_ATTRIBUTES) this.#break('too many policy attributes');
    this.#name = this.#wantedName(chunk, at, end);
    if (this.#found.has(this.#name)) this.#break('policy attribute twice');
    this.#held = '';
    this.#nameBytes = 0;
  }

  /** The name that ends here when it was asked for, '' otherwise. No text is made of the others. */
  #wantedName(chunk: Uint8Array, at: number, end: number): string {
    for (const name of this.#wanted) {
      if (
        name.length === this.#nameBytes &&
        name.startsWith(this.#held) &&
        endsWith(name, chunk, { at, end })
      )
        return name;
    }
    return '';
  }

  /** A value and its newline, or as much of them as is there; returns the new position. */
  #takeValue(chunk: Uint8Array, at: number): number {
    let end = at;
    while (end < chunk.length && chunk[end] !== NEWLINE) end += 1;
    // Text is made of what can still become part of a request, not of all that has arrived.
    const within = Math.min(end, at + MAX_REQUEST_BYTES - this.#bytes);
    if (this.#name !== '') this.#held += textOf(chunk, at, within);
    if (end === chunk.length) {
      this.#bytes += end - at;
      return end;
    }
    this.#bytes += end - at + 1;
    if (this.#name !== undefined && this.#name !== '') this.#found.set(this.#name, this.#held);
    this.#name = undefined;
    this.#held = '';
    return end + 1;
  }

  #endRequest(requests: PolicyRequest[]): void {
    if (this.#nameBytes > 0) this.#break('policy line without =');
    if (this.#attributes === 0) this.#break('policy request without attributes');
    // What is over its limit ends with this newline, but it does not count.
    if (this.#broken !== undefined || this.#bytes > MAX_REQUEST_BYTES) return;
    requests.push(this.#found);
    this.#found = new Map();
    this.#bytes = 0;
    this.#attributes = 0;
  }

  #break(why: string): void {
    this.#broken ??= new Malformed(why);
    this.#held = '';
    this.#found = new Map();
  }
}

/** The reply with this action. Anything but printable ASCII, or no action at all: Malformed. */
export function encodeAction(action: string): Uint8Array {
  if (!/^[\x21-\x7e][\x20-\x7e]*$/.test(action)) throw new Malformed('policy action is not printable ASCII');
  const whole = `action=${action}\n\n`;
  const bytes = new Uint8Array(whole.length);
  for (let at = 0; at < whole.length; at += 1) bytes[at] = whole.charCodeAt(at);
  return bytes;
}
