/**
 * record - one record of the original's database: who may relay, and until when
 *
 *   key     the client's address as text; with the build option CIDR_KEY followed by /32 or /128
 *   data    the second at which the grant ends, since 1970, in decimal digits
 *
 * With the build option TERM_KD a NUL stands behind both. Each record tells by itself which options its writer
 * was built with. Total: answers undefined for what is no such record.
 */
import { type ClientAddress, parseAddress } from '../core/address.js';

/** The build options that change the wording of records. */
export interface BuildOptions {
  readonly cidrKey: boolean;
  readonly termKd: boolean;
}

export interface OldRecord extends BuildOptions {
  readonly client: ClientAddress;
  /** Epoch seconds. */
  readonly endsAt: number;
}

/** The longest key is an IPv6 address with a dotted tail, /128 and a NUL. */
const MAX_KEY_BYTES = 50;
/** Of seconds: more digits than this are no time. */
const DIGITS = /^[0-9]{1,11}$/;
const MAX_DATA_BYTES = 12;
const NUL = 0;
const CIDR = /^(.*)\/(32|128)$/s;

function isTerminated(bytes: Uint8Array): boolean {
  return bytes.at(-1) === NUL;
}

function textOf(bytes: Uint8Array): string {
  const end = isTerminated(bytes) ? bytes.length - 1 : bytes.length;
  return Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('latin1');
}

/** Reads a record. */
export function readRecord(key: Uint8Array, data: Uint8Array): OldRecord | undefined {
  if (key.length > MAX_KEY_BYTES || data.length > MAX_DATA_BYTES) return undefined;
  const digits = textOf(data);
  if (!DIGITS.test(digits)) return undefined;
  const text = textOf(key);
  const [, address = text, bits] = CIDR.exec(text) ?? [];
  const client = parseAddress(address);
  if (client === undefined) return undefined;
  if (bits !== undefined && bits !== (address.includes(':') ? '128' : '32')) return undefined;
  return { client, endsAt: Number(digits), cidrKey: bits !== undefined, termKd: isTerminated(key) };
}
