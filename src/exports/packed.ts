/**
 * packed - permissions as bytes, on their way from the ledger to the publishing thread
 *
 * Moving bytes between threads costs nothing, moving a million objects would hold up the event loop. An
 * entry is: length of the text u8, expiresAt as a double, the subject's canonical text.
 */
import { MAX_SUBJECT_TEXT, type Permission, type Subject } from '../core/subject.js';
import { type Entry, entryOf } from './entry.js';

const CHUNK_BYTES = 256 * 1024;
const HEADER_BYTES = 9;

interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
}

function emptyChunk(): Chunk {
  const bytes = new Uint8Array(CHUNK_BYTES);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** Packs permissions into chunks, each given away when it is full. */
export class Packer {
  readonly #give: (chunk: ArrayBuffer) => void;
  #chunk: Chunk | undefined;
  #end = 0;

  constructor(give: (chunk: ArrayBuffer) => void) {
    this.#give = give;
  }

  add({ client, expiresAt }: Permission): void {
    if (client.length > MAX_SUBJECT_TEXT) throw new RangeError(`not an address: ${client}`);
    if (this.#end + HEADER_BYTES + client.length > CHUNK_BYTES) this.flush();
    const { bytes, view } = (this.#chunk ??= emptyChunk());
    let at = this.#end;
    bytes[at] = client.length;
    view.setFloat64(at + 1, expiresAt);
    at += HEADER_BYTES;
    for (let i = 0; i < client.length; i += 1) bytes[at++] = client.charCodeAt(i);
    this.#end = at;
  }

  /** Gives away what is packed. Behind it the chunk is zero: an entry of length 0 is its end. */
  flush(): void {
    const chunk = this.#chunk;
    this.#chunk = undefined;
    this.#end = 0;
    if (chunk !== undefined) this.#give(chunk.bytes.buffer);
  }
}

/** The entries of a chunk, in their order. */
export function* unpack(chunk: ArrayBuffer): Generator<Entry> {
  const bytes = Buffer.from(chunk);
  for (let at = 0; at + HEADER_BYTES < bytes.length;) {
    const length = bytes[at] as number;
    if (length === 0) return;
    const text = at + HEADER_BYTES;
    yield entryOf({
      client: bytes.toString('latin1', text, text + length) as Subject,
      expiresAt: bytes.readDoubleBE(at + 1),
    });
    at = text + length;
  }
}
