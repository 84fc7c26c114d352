/**
 * packed - permissions as bytes, on their way from the ledger to the publishing thread
 *
 * Moving bytes between threads costs nothing, moving a million objects would hold up the event loop. An
 * entry is: length of the text u8, expiresAt as a double, the subject's canonical text; or NUMBER instead of a
 * length, and an IPv4 client in four bytes instead of its text. A denial has the end DENIED_UNTIL.
 */
import { IPV4_BYTES, numberToAddress } from '../core/address.js';
import { type LeanPermission, MAX_SUBJECT_TEXT, type Subject } from '../core/subject.js';
import { DENIED_UNTIL, type Entry, entryOf } from './entry.js';

const CHUNK_BYTES = 256 * 1024;
const HEADER_BYTES = 9;
/** No length of a text. */
const NUMBER = 0xff;

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

  deny(client: Subject): void {
    this.add({ client, expiresAt: DENIED_UNTIL });
  }

  add({ client, expiresAt }: LeanPermission): void {
    if (typeof client === 'number') {
      const { view } = this.#begin(NUMBER, IPV4_BYTES, expiresAt);
      view.setInt32(this.#end, client);
      this.#end += IPV4_BYTES;
      return;
    }
    if (client.length > MAX_SUBJECT_TEXT) throw new RangeError(`not an address: ${client}`);
    const { bytes } = this.#begin(client.length, client.length, expiresAt);
    for (let i = 0; i < client.length; i += 1) bytes[this.#end++] = client.charCodeAt(i);
  }

  /** Writes the head of an entry that `rest` bytes follow; answers the chunk where they go. */
  #begin(kind: number, rest: number, expiresAt: number): Chunk {
    if (this.#end + HEADER_BYTES + rest > CHUNK_BYTES) this.flush();
    const chunk = (this.#chunk ??= emptyChunk());
    chunk.bytes[this.#end] = kind;
    chunk.view.setFloat64(this.#end + 1, expiresAt);
    this.#end += HEADER_BYTES;
    return chunk;
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
    const rest = at + HEADER_BYTES;
    const end = rest + (length === NUMBER ? IPV4_BYTES : length);
    const client =
      length === NUMBER
        ? numberToAddress(bytes.readInt32BE(rest))
        : (bytes.toString('latin1', rest, end) as Subject);
    yield entryOf({ client, expiresAt: bytes.readDoubleBE(at + 1) });
    at = end;
  }
}
