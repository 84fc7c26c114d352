/** bytes - how the tests of wire/ write bytes down and compare them */
import { Malformed } from '../../../src/wire/xdr.js';

/** Bytes from hexadecimal; blanks between them do not matter. */
export function hex(text: string): Buffer {
  const digits = text.replace(/\s/g, '');
  const bytes = Buffer.from(digits, 'hex');
  // Buffer.from stops silently at what is no hexadecimal.
  if (bytes.length * 2 !== digits.length) throw new RangeError(`not hexadecimal: ${text}`);
  return bytes;
}

/** Bytes as hexadecimal, so that a difference can be read. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** A value whose bytes, at any depth, are hexadecimal. */
export function shown(value: unknown): unknown {
  if (value instanceof Uint8Array) return hexOf(value);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, shown(part)]));
}

export function concat(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

/** `length` bytes that are none of zero, ASCII or each other's neighbour's. */
export function filler(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => 0x80 + ((at * 37) % 127)));
}

/** `length` ASCII letters. */
export function letters(length: number): Buffer {
  return Buffer.alloc(length, 'abcdefghijklmnopqrstuvwxyz');
}

/** Zero bytes up to the next XDR unit. */
export function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}

/** The lengths at which a field with a maximum is tried beside 0, its maximum and one more. */
export const ABSURD = [0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as const;

/** Whether `view` lies in the memory of `whole`, nothing having been copied. */
export function isViewOf(view: Uint8Array, whole: Uint8Array): boolean {
  return (
    view.buffer === whole.buffer &&
    view.byteOffset >= whole.byteOffset &&
    view.byteOffset + view.length <= whole.byteOffset + whole.length
  );
}

/** Why `act` is Malformed; undefined when it is not. Any other error goes on: wire/ may throw none. */
export function refusal(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof Malformed) return error.message;
    throw error;
  }
}
