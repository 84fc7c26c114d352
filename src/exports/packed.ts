/**
 * packed - grants as bytes, on their way from the ledger to the publishing thread
 *
 * Moving bytes between threads costs nothing, moving a million objects would hold up the event loop. An
 * entry is: length of the text u8, prefix length u8, expiresAt as a double, the client's canonical text.
 */
import type { ClientAddress } from '../core/address.js';
import type { Grant } from '../core/grant.js';
import type { Entry } from './dialect.js';

const CHUNK_BYTES = 256 * 1024;
const HEADER_BYTES = 10;
/** The longest canonical address, and more. */
const MAX_TEXT = 64;
const IPV4_BITS = 32;
const IPV6_BITS = 128;

/** What a grant covers: today the client's address alone. */
function prefixOf({ client }: Grant): number {
  return client.includes(':') ? IPV6_BITS : IPV4_BITS;
}

interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
}

function emptyChunk(): Chunk {
  const bytes = new Uint8Array(CHUNK_BYTES);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** Packs grants into chunks, each given away when it is full. */
export class Packer {
  readonly #give: (chunk: ArrayBuffer) => void;
  #chunk: Chunk | undefined;
  #end = 0;

  constructor(give: (chunk: ArrayBuffer) => void) {
    this.#give = give;
  }

  add(grant: Grant): void {
    const { client } = grant;
    if (client.length > MAX_TEXT) throw new RangeError(`not an address: ${client}`);
    if (this.#end + HEADER_BYTES + client.length > CHUNK_BYTES) this.flush();
    const { bytes, view } = (this.#chunk ??= emptyChunk());
    let at = this.#end;
    bytes[at] = client.length;
    bytes[at + 1] = prefixOf(grant);
    view.setFloat64(at + 2, grant.expiresAt);
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
    yield {
      client: bytes.toString('latin1', text, text + length) as ClientAddress,
      prefix: bytes[at + 1] as number,
      expiresAt: bytes.readDoubleBE(at + 2),
    };
    at = text + length;
  }
}
