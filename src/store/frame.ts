/**
 * frame - the bytes of a journal segment
 *
 *   header   "dracdjnl", u32 format version, u32 CRC-32 of the 12 bytes before it
 *   frame    u32 payload length (never 0), u32 CRC-32 of the payload, payload = entries
 *   entry    u8 kind 1 (grant), u8 4|16 + client, u8 4|16 + reporter, u48 expiresAt (epoch ms)
 *            u8 kind 2 (revocation), u8 4|16 + address, u8 prefix length, u48 when (epoch ms)
 *
 * A revocation takes away what stands before it for clients in its network; what comes after it counts again.
 * Version 1 had grants only; it is read like 2.
 *
 * All numbers are big-endian. What follows the last frame is zeros or the end of the file. A group of
 * grants is one frame; a very large group is several frames in the same write, so that a reader never
 * needs to believe a length beyond MAX_PAYLOAD_BYTES.
 *
 * Promise: what decodes was encoded. Reading is total: it answers undefined or false, never throws.
 */
import { crc32 } from 'node:zlib';
import type { ClientAddress } from '../core/address.js';
import { IPV4_BYTES, IPV6_BYTES, addressFromBytes, addressToBytes } from '../core/address.js';
import type { Grant, Revocation } from '../core/grant.js';
import { networkOf } from '../core/network.js';
import { partsOf, type Subject, subjectOf } from '../core/subject.js';

export const FORMAT_VERSION = 2;
export const HEADER_BYTES = 16;
export const FIRST_FRAME_AT = HEADER_BYTES;
export const FRAME_HEADER_BYTES = 8;
const MAGIC = Buffer.from('dracdjnl', 'latin1');
const HEADER_CRC_AT = 12;

const KIND_GRANT = 1;
export const KIND_REVOCATION = 2;
export const TIME_BYTES = 6;
const MAX_TIME = 2 ** 48 - 1;
const MAX_ENTRY_BYTES = 1 + 2 * (1 + IPV6_BYTES) + TIME_BYTES;
const MAX_FRAME_ENTRIES = 16_384;
/** No frame's payload is longer: a greater length is damage. */
export const MAX_PAYLOAD_BYTES = MAX_FRAME_ENTRIES * MAX_ENTRY_BYTES;
const SMALLEST_BUFFER_BYTES = 65_536;

const TWO_32 = 2 ** 32;
const DOT = 0x2e;
const ZERO = 0x30;

/** The header of a new segment. */
export function encodeHeader(): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32BE(FORMAT_VERSION, MAGIC.length);
  header.writeUInt32BE(crc32(header.subarray(0, HEADER_CRC_AT)), HEADER_CRC_AT);
  return header;
}

/** The format version that a header states; undefined when these bytes are no header. */
export function headerVersion(bytes: Buffer): number | undefined {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (bytes.readUInt32BE(HEADER_CRC_AT) !== crc32(bytes.subarray(0, HEADER_CRC_AT))) return undefined;
  return bytes.readUInt32BE(MAGIC.length);
}

/** Canonical text, so digits and dots need no checking: this runs once a grant on the event loop. */
function writeAddress(bytes: Buffer, at: number, address: ClientAddress): number {
  if (address.includes(':')) {
    bytes[at] = IPV6_BYTES;
    bytes.set(addressToBytes(address), at + 1);
    return at + 1 + IPV6_BYTES;
  }
  bytes[at] = IPV4_BYTES;
  let end = at + 1;
  let octet = 0;
  for (let i = 0; i < address.length; i += 1) {
    const code = address.charCodeAt(i);
    if (code === DOT) {
      bytes[end] = octet;
      end += 1;
      octet = 0;
    } else octet = octet * 10 + code - ZERO;
  }
  bytes[end] = octet;
  return end + 1;
}

/** Encodes one group at a time into a buffer that it keeps and grows; the next encode overwrites it. */
export class GroupEncoder {
  #bytes = Buffer.allocUnsafe(SMALLEST_BUFFER_BYTES);
  #length = 0;

  /** The encoded group, and after pad() its zeros. Valid until the next encode or pad. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Length of the frames, without padding. */
  get length(): number {
    return this.#length;
  }

  encode(grants: readonly Grant[]): void {
    this.#encodeAll(grants, this.#grant);
  }

  encodeRevocations(revocations: readonly Revocation[]): void {
    this.#encodeAll(revocations, this.#revocation);
  }

  /** Appends zeros up to `total` bytes: space for the frames to come. */
  pad(total: number): void {
    this.#reserve(total);
    this.#bytes.fill(0, this.#length, total);
  }

  #encodeAll<T>(entries: readonly T[], write: (entry: T, at: number) => number): void {
    const frames = Math.ceil(entries.length / MAX_FRAME_ENTRIES);
    this.#length = 0;
    this.#reserve(entries.length * MAX_ENTRY_BYTES + frames * FRAME_HEADER_BYTES);
    for (let first = 0; first < entries.length; first += MAX_FRAME_ENTRIES) {
      const start = this.#length;
      const payload = start + FRAME_HEADER_BYTES;
      const stop = Math.min(first + MAX_FRAME_ENTRIES, entries.length);
      let at = payload;
      for (let i = first; i < stop; i += 1) at = write(entries[i] as T, at);
      this.#bytes.writeUInt32BE(at - payload, start);
      this.#bytes.writeUInt32BE(crc32(this.#bytes.subarray(payload, at)), start + 4);
      this.#length = at;
    }
  }

  readonly #grant = (grant: Grant, start: number): number => {
    this.#bytes[start] = KIND_GRANT;
    let at = writeAddress(this.#bytes, start + 1, grant.client);
    at = writeAddress(this.#bytes, at, grant.reporter);
    return this.#time(grant.expiresAt, at);
  };

  readonly #revocation = ({ subject, at: when }: Revocation, start: number): number => {
    const { address, prefix } = partsOf(subject);
    this.#bytes[start] = KIND_REVOCATION;
    const at = writeAddress(this.#bytes, start + 1, address);
    this.#bytes[at] = prefix;
    return this.#time(when, at + 1);
  };

  #time(time: number, at: number): number {
    // Rounded down: stored time never outlasts what was granted.
    const whole = Math.min(Math.max(Math.floor(time), 0), MAX_TIME);
    this.#bytes.writeUInt16BE(Math.floor(whole / TWO_32), at);
    this.#bytes.writeUInt32BE(whole % TWO_32, at + 2);
    return at + TIME_BYTES;
  }

  #reserve(total: number): void {
    if (total <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(total, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

function isAddressLength(length: number | undefined): length is number {
  return length === IPV4_BYTES || length === IPV6_BYTES;
}

/** Where the entry at `at` ends; undefined when none stands there. */
function entryEnd(bytes: Buffer, at: number): number | undefined {
  const length = bytes[at + 1];
  if (!isAddressLength(length)) return undefined;
  const next = at + 2 + length;
  const more = bytes[next];
  if (more === undefined) return undefined;
  if (bytes[at] === KIND_REVOCATION) return more <= length * 8 ? next + 1 + TIME_BYTES : undefined;
  return bytes[at] === KIND_GRANT && isAddressLength(more) ? next + 1 + more + TIME_BYTES : undefined;
}

/** Whether a payload is entries from its first byte to its last. */
function isSound(bytes: Buffer, start: number, end: number): boolean {
  let at: number | undefined = start;
  while (at !== undefined && at < end) at = entryEnd(bytes, at);
  return at === end;
}

/** Where the frame at `at` ends, within the first `size` bytes; undefined when no whole frame stands there. */
export function frameEnd(bytes: Buffer, at: number, size: number): number | undefined {
  const payload = at + FRAME_HEADER_BYTES;
  if (payload > size) return undefined;
  const length = bytes.readUInt32BE(at);
  if (length === 0 || length > MAX_PAYLOAD_BYTES || length > size - payload) return undefined;
  const end = payload + length;
  if (!isSound(bytes, payload, end)) return undefined;
  return bytes.readUInt32BE(at + 4) === crc32(bytes.subarray(payload, end)) ? end : undefined;
}

/** Reads addresses out of frames; equal reporters come out as one string, since there are few of them. */
export class AddressReader {
  readonly #four = new Uint8Array(IPV4_BYTES);
  readonly #sixteen = new Uint8Array(IPV6_BYTES);
  readonly #known = new Map<number | string, ClientAddress>();

  fresh(bytes: Buffer, at: number, length: number): ClientAddress {
    const scratch = length === IPV4_BYTES ? this.#four : this.#sixteen;
    for (let i = 0; i < length; i += 1) scratch[i] = bytes[at + i] ?? 0;
    return addressFromBytes(scratch);
  }

  shared(bytes: Buffer, at: number, length: number): ClientAddress {
    const key = length === IPV4_BYTES ? bytes.readInt32BE(at) : bytes.toString('latin1', at, at + length);
    let address = this.#known.get(key);
    if (address === undefined) {
      address = this.fresh(bytes, at, length);
      this.#known.set(key, address);
    }
    return address;
  }
}

export const timeAt = (bytes: Buffer, at: number): number =>
  bytes.readUInt16BE(at) * TWO_32 + bytes.readUInt32BE(at + 2);

/** The entries of a frame that frameEnd has accepted, in order: for few. */
export function* entriesIn(
  bytes: Buffer,
  start: number,
  end: number,
): Generator<{ readonly grant: Grant } | { readonly revoked: Subject }> {
  const addresses = new AddressReader();
  for (let at = start + FRAME_HEADER_BYTES, next; at < end; at = next) {
    const length = bytes[at + 1] ?? 0;
    const more = at + 2 + length;
    next = entryEnd(bytes, at) ?? end;
    if (bytes[at] === KIND_REVOCATION) {
      const base = Uint8Array.from(bytes.subarray(at + 2, more));
      yield { revoked: subjectOf(networkOf(base, bytes[more] ?? 0)) };
    } else {
      const client = addresses.fresh(bytes, at + 2, length);
      const reporter = addresses.shared(bytes, more + 1, bytes[more] ?? 0);
      yield { grant: { client, reporter, expiresAt: timeAt(bytes, next - TIME_BYTES) } };
    }
  }
}
