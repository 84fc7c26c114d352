/**
 * protobuf - messages of Protocol Buffers, read and written by a table of their fields
 *
 * Purpose: what dracctl speaks. Packages that read .proto files take longer to load than a call takes; this takes a
 *   table of fields and nothing else. The daemon's side uses those packages, so the tests have both talk.
 * Promise: total and bounded. A length is compared with the bytes that are there before it is used; unknown fields are
 *   skipped; nesting ends at MAX_DEPTH. Values look as proto-loader gives them with longs: Number, enums: String,
 *   defaults and oneofs.
 * Limits: the types in Scalar, enumerations and messages, one or repeated; no maps, no packed numbers, no groups.
 * Errors: Malformed, and nothing else, in both directions.
 * Source: protobuf.dev/programming-guides/encoding.
 */
import { Malformed } from './xdr.js';

export type Scalar = 'string' | 'bytes' | 'bool' | 'int32' | 'int64' | 'double';

export interface Field {
  readonly name: string;
  readonly type: Scalar | { readonly names: readonly string[] } | { readonly shape: Shape };
  readonly isRepeated?: boolean;
  /** The property that names which of several fields is set. */
  readonly oneof?: string;
}

/** The fields of a message: the first has the number 1, and so on without gaps. */
export type Shape = readonly Field[];

export type Message = Record<string, unknown>;

const MAX_DEPTH = 16;
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;
const TWO_32 = 0x1_0000_0000;
const SHORT = 48;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The 64 bits of a varint, as two words. */
interface Words {
  readonly low: number;
  readonly high: number;
}

class Reader {
  readonly #bytes: Uint8Array;
  /** Where the message that is being read ends. */
  end: number;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.end = bytes.length;
  }

  words(): Words {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) return { low: low >>> 0, high: high >>> 0 };
    }
    throw new Malformed('a number of more than ten bytes');
  }

  /** A varint that is small in every message that makes sense: a key or a length. */
  small(): number {
    const first = this.at < this.end ? this.#bytes[this.at] : undefined;
    if (first !== undefined && first < 0x80) {
      this.at += 1;
      return first;
    }
    const { low, high } = this.words();
    if (high !== 0) throw new Malformed('a key or length of more than 32 bits');
    return low;
  }

  /** Goes past the next bytes and answers where they begin. */
  pass(length: number): number {
    if (length > this.end - this.at) throw new Malformed('longer than what is there');
    this.at += length;
    return this.at - length;
  }

  take(length: number): Uint8Array {
    const from = this.pass(length);
    return this.#bytes.subarray(from, this.at);
  }

  /** Most texts are short and ASCII: for these a loop is quicker than the decoder. */
  text(length: number): string {
    const from = this.pass(length);
    let text = '';
    for (let at = from; at < this.at; at += 1) {
      const byte = this.#bytes[at] as number;
      if (byte > 0x7f || length > SHORT) return decoder.decode(this.#bytes.subarray(from, this.at));
      text += String.fromCharCode(byte);
    }
    return text;
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.words();
    else if (wireType === FIXED64) this.pass(8);
    else if (wireType === LENGTH) this.pass(this.small());
    else if (wireType === FIXED32) this.pass(4);
    else throw new Malformed(`wire type ${wireType}`);
  }

  #byte(): number {
    const byte = this.at < this.end ? this.#bytes[this.at] : undefined;
    if (byte === undefined) throw new Malformed('ends in the midst of a number');
    this.at += 1;
    return byte;
  }
}

const wireTypes: Readonly<Record<Scalar, number>> = {
  string: LENGTH,
  bytes: LENGTH,
  bool: VARINT,
  int32: VARINT,
  int64: VARINT,
  double: FIXED64,
};

function wireTypeOf({ type }: Field): number {
  if (typeof type === 'string') return wireTypes[type];
  return 'names' in type ? VARINT : LENGTH;
}

function readScalar(reader: Reader, type: Scalar): unknown {
  switch (type) {
    case 'string':
      return reader.text(reader.small());
    case 'bytes':
      return reader.take(reader.small());
    case 'bool': {
      const { low, high } = reader.words();
      return low !== 0 || high !== 0;
    }
    case 'int32':
      return reader.words().low | 0;
    case 'int64': {
      const { low, high } = reader.words();
      return (high | 0) * TWO_32 + low;
    }
    case 'double': {
      const bytes = reader.take(8);
      return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
    }
  }
}

function readValue(reader: Reader, { type }: Field, depth: number): unknown {
  if (typeof type === 'string') return readScalar(reader, type);
  if ('names' in type) {
    const number = reader.words().low | 0;
    return type.names[number] ?? number;
  }
  const length = reader.small();
  const outer = reader.end;
  reader.at = reader.pass(length);
  reader.end = reader.at + length;
  const message = readMessage(reader, type.shape, depth + 1);
  reader.end = outer;
  return message;
}

function defaultOf({ type, isRepeated }: Field): unknown {
  if (isRepeated === true) return [];
  if (typeof type !== 'string') return 'names' in type ? type.names[0] : null;
  if (type === 'string') return '';
  if (type === 'bool') return false;
  return type === 'bytes' ? new Uint8Array() : 0;
}

function readMessage(reader: Reader, shape: Shape, depth: number): Message {
  if (depth > MAX_DEPTH) throw new Malformed('nested too deeply');
  const message: Message = {};
  for (const field of shape) if (field.oneof === undefined) message[field.name] = defaultOf(field);
  while (reader.at < reader.end) {
    const key = reader.small();
    const wireType = key & 7;
    const field = shape[(key >>> 3) - 1];
    if (field === undefined) reader.skip(wireType);
    else if (wireType !== wireTypeOf(field)) throw new Malformed(`${field.name} has wire type ${wireType}`);
    else put(message, field, { shape, value: readValue(reader, field, depth) });
  }
  return message;
}

function put(
  message: Message,
  { name, isRepeated, oneof }: Field,
  { shape, value }: { shape: Shape; value: unknown },
): void {
  if (isRepeated === true) {
    (message[name] as unknown[]).push(value);
    return;
  }
  if (oneof !== undefined) {
    // The last one that is there counts; those before are gone.
    for (const other of shape)
      if (other.oneof === oneof && other.name in message) Reflect.deleteProperty(message, other.name);
    message[oneof] = name;
  }
  message[name] = value;
}

/** Reads a message. Throws Malformed. */
export function decodeMessage(bytes: Uint8Array, shape: Shape): Message {
  return readMessage(new Reader(bytes), shape, 0);
}

function writeVarint(out: number[], { low, high }: Words): void {
  let [rest, more] = [low, high];
  while (more !== 0 || rest > 0x7f) {
    out.push((rest & 0x7f) | 0x80);
    rest = ((rest >>> 7) | (more << 25)) >>> 0;
    more >>>= 7;
  }
  out.push(rest);
}

function integer(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new Malformed(`${field} must be a whole number`);
}

const wordsOf = (value: number): Words => ({ low: value >>> 0, high: Math.floor(value / TWO_32) >>> 0 });

function writeBytes(out: number[], bytes: Uint8Array | readonly number[]): void {
  writeVarint(out, { low: bytes.length, high: 0 });
  for (const byte of bytes) out.push(byte);
}

function writeScalar(out: number[], { name, type }: Field & { type: Scalar }, value: unknown): void {
  if (type === 'string' && typeof value === 'string') writeBytes(out, encoder.encode(value));
  else if (type === 'bytes' && value instanceof Uint8Array) writeBytes(out, value);
  else if (type === 'bool' && typeof value === 'boolean') out.push(value ? 1 : 0);
  else if (type === 'double' && typeof value === 'number') {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    for (const byte of bytes) out.push(byte);
  } else if (type === 'int32' || type === 'int64') writeVarint(out, wordsOf(integer(value, name)));
  else throw new Malformed(`${name} must be a ${type}`);
}

function writeValue(out: number[], field: Field, value: unknown): void {
  const { name, type } = field;
  if (typeof type === 'string') {
    writeScalar(out, { ...field, type }, value);
    return;
  }
  if ('shape' in type) {
    if (typeof value !== 'object' || value === null) throw new Malformed(`${name} must be a message`);
    const inner: number[] = [];
    writeFields(inner, value as Message, type.shape);
    writeBytes(out, inner);
    return;
  }
  const number = typeof value === 'string' ? type.names.indexOf(value) : integer(value, name);
  if (number < 0) throw new Malformed(`${name} must be one of ${type.names.join(', ')}`);
  writeVarint(out, wordsOf(number));
}

function writeFields(out: number[], message: Message, shape: Shape): void {
  for (const [i, field] of shape.entries()) {
    const value = message[field.name];
    if (value === undefined || value === null) continue;
    for (const one of field.isRepeated === true ? (value as readonly unknown[]) : [value]) {
      writeVarint(out, { low: ((i + 1) << 3) | wireTypeOf(field), high: 0 });
      writeValue(out, field, one);
    }
  }
}

/** Writes a message; what is undefined or null is left out. Throws Malformed. */
export function encodeMessage(message: Message, shape: Shape): Uint8Array {
  const out: number[] = [];
  writeFields(out, message, shape);
  return Uint8Array.from(out);
}
