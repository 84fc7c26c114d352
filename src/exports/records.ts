/**
 * records - the keys and values of one file, in order, for the thread that writes it
 *
 * Everything lies in typed arrays: a million records are no work for the garbage collector. Of records
 * with the same key the one that ends last stays, the later added of equals.
 *
 * Keys and values are Latin-1: each character a byte. One record's form is every record's: `terminated`
 * puts a NUL behind each key and each value.
 *
 * Limits: MAX_KEY bytes a key, MAX_VALUE a value, MAX_BYTES in all; Fault MAP beyond.
 */
import { Fault } from '../core/fault.js';
import { compareKeys, sortKeys, type Keys } from './sort-keys.js';

export const MAX_KEY = 1_000;
export const MAX_VALUE = 2_000;
/** As far as offsets of 32 bits reach. */
const MAX_BYTES = 2 ** 32 - 1;
const FIRST_BYTES = 64 * 1024;
const FIRST_RECORDS = 1024;

export class Records {
  readonly terminated: boolean;
  /** Each record's key and value, one behind the other. */
  bytes = new Uint8Array(FIRST_BYTES);
  #end = 0;
  #count = 0;
  /** Where each record begins; one more, where the last one ends. */
  #starts = new Uint32Array(FIRST_RECORDS);
  #keyLengths = new Uint16Array(FIRST_RECORDS);
  #expiries = new Float64Array(FIRST_RECORDS);

  constructor(terminated: boolean) {
    this.terminated = terminated;
  }

  /** How many bytes all keys and values have, those added twice included. */
  get contentBytes(): number {
    return this.#end;
  }

  start(record: number): number {
    return this.#starts[record] as number;
  }

  keyLength(record: number): number {
    return this.#keyLengths[record] as number;
  }

  valueLength(record: number): number {
    return (this.#starts[record + 1] as number) - this.start(record) - this.keyLength(record);
  }

  add(key: string, value: string, expiresAt: number): void {
    const closing = this.terminated ? 1 : 0;
    if (key.length + closing > MAX_KEY || value.length + closing > MAX_VALUE)
      throw new Fault('MAP', `a record is too long: key of ${key.length}, value of ${value.length} bytes`);
    this.#makeRoom(key.length + value.length + 2 * closing);
    const record = this.#count;
    const start = this.#end;
    this.#append(key);
    this.#keyLengths[record] = this.#end - start;
    this.#append(value);
    this.#expiries[record] = expiresAt;
    this.#count = record + 1;
    this.#starts[record + 1] = this.#end;
  }

  #append(text: string): void {
    const { bytes } = this;
    let at = this.#end;
    for (let i = 0; i < text.length; i += 1) bytes[at++] = text.charCodeAt(i);
    if (this.terminated) bytes[at++] = 0;
    this.#end = at;
  }

  #makeRoom(more: number): void {
    const needed = this.#end + more;
    if (needed > MAX_BYTES) throw new Fault('MAP', `the records have more than ${MAX_BYTES} bytes`);
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.min(MAX_BYTES, this.bytes.length * 2));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    if (this.#count + 2 > this.#starts.length) this.#growTo(this.#starts.length * 2);
  }

  #growTo(records: number): void {
    const starts = new Uint32Array(records);
    const keyLengths = new Uint16Array(records);
    const expiries = new Float64Array(records);
    starts.set(this.#starts);
    keyLengths.set(this.#keyLengths);
    expiries.set(this.#expiries);
    this.#starts = starts;
    this.#keyLengths = keyLengths;
    this.#expiries = expiries;
  }

  /** The records in the order of their keys, each key once. */
  sorted(): Uint32Array {
    const keys: Keys = { bytes: this.bytes, starts: this.#starts, lengths: this.#keyLengths };
    const order = new Uint32Array(this.#count);
    for (let record = 0; record < order.length; record += 1) order[record] = record;
    sortKeys(order, keys);
    let kept = 0;
    for (const record of order) {
      const before = order[kept - 1];
      if (before === undefined || compareKeys(keys, before, record) !== 0) order[kept++] = record;
      else if (this.#endsLater(record, before)) order[kept - 1] = record;
    }
    return order.subarray(0, kept);
  }

  #endsLater(record: number, before: number): boolean {
    const difference = (this.#expiries[record] as number) - (this.#expiries[before] as number);
    return difference > 0 || (difference === 0 && record > before);
  }
}
