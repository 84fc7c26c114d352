/**
 * output - a new file, written from its beginning to its end, for the thread that publishes
 *
 * Collects what is appended and writes it in large pieces at known places, so that the file's own
 * position does not matter. Nothing is believed: `finish` brings it to the disk and asks for its length.
 *
 * Errors: what the system says, with its code.
 */
import { fstatSync, fsyncSync, writeSync } from 'node:fs';
import { Fault } from '../core/fault.js';

const BUFFER_BYTES = 256 * 1024;

export class Output {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #filled = 0;
  #written = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** How many bytes were appended. */
  get position(): number {
    return this.#written + this.#filled;
  }

  /** The bytes of `source` from one place to another. */
  append(source: Uint8Array, from = 0, to = source.length): void {
    if (to - from > BUFFER_BYTES - this.#filled) {
      this.#flush();
      if (to - from > BUFFER_BYTES) {
        this.#write(source.subarray(from, to), this.#written);
        this.#written += to - from;
        return;
      }
    }
    let filled = this.#filled;
    for (let i = from; i < to; i += 1) this.#buffer[filled++] = source[i] as number;
    this.#filled = filled;
  }

  appendByte(byte: number): void {
    if (this.#filled === BUFFER_BYTES) this.#flush();
    this.#buffer[this.#filled++] = byte;
  }

  /** A number of 32 bits, the lowest byte first. */
  appendUint32(value: number): void {
    this.appendByte(value & 0xff);
    this.appendByte((value >>> 8) & 0xff);
    this.appendByte((value >>> 16) & 0xff);
    this.appendByte(value >>> 24);
  }

  /** Writes over what was appended. */
  overwrite(bytes: Uint8Array, position: number): void {
    this.#flush();
    this.#write(bytes, position);
  }

  /** Brings everything to the disk. Answers how many bytes the file has. */
  finish(): number {
    this.#flush();
    fsyncSync(this.#fd);
    const { size } = fstatSync(this.#fd);
    if (size !== this.#written)
      throw new Fault('MAP', `the new file has ${size} bytes, not the ${this.#written} that were written`);
    return size;
  }

  #flush(): void {
    this.#write(this.#buffer.subarray(0, this.#filled), this.#written);
    this.#written += this.#filled;
    this.#filled = 0;
  }

  #write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length;)
      done += writeSync(this.#fd, bytes, done, bytes.length - done, position + done);
  }
}
