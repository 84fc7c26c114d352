/**
 * berkeley - Berkeley DB files, btree and hash, read page by page without the library
 *
 * Purpose: the records of a file that a program changes in place, and may have left half-written.
 * Promise: total and bounded. Pages are looked at one by one and never followed, so that no link can lead in
 *   a circle; each length and offset is compared with the page before it is used. What is returned are
 *   views of the given page.
 * Records: pairs of plain items that are not marked as deleted. A pair with another kind of item (overflow,
 *   off-page duplicates) or one that leaves the page is counted, not read. That leaves are read in the order
 *   of the file, and without the tree, has a price: a leaf that a crash has cut off from the tree is read too.
 * Limits: btree version 8 and 9 (libraries 3.1 to 18), hash 7 to 9; pages of 512 to 65,536 bytes, either byte order.
 * Errors: Malformed, and nothing else.
 */
import { Malformed } from './xdr.js';

export const MIN_PAGE_BYTES = 512;
export const MAX_PAGE_BYTES = 65_536;

/** What the first page says of all. */
export interface Header {
  readonly method: 'btree' | 'hash';
  readonly version: number;
  readonly pageBytes: number;
  readonly littleEndian: boolean;
  /** The number of the last page, as the first one says. */
  readonly lastPage: number;
}

/** What stands on one page. */
export interface Page {
  /** Keys with their data. */
  readonly records: readonly (readonly [key: Uint8Array, data: Uint8Array])[];
  /** Pairs that are none of ours to read. */
  readonly unread: number;
}

const MAGIC_AT = 12;
const VERSION_AT = 16;
const PAGE_BYTES_AT = 20;
const ENCRYPTION_AT = 24;
const TYPE_AT = 25;
/** Checksums and partitions. */
const PROPERTIES_AT = 26;
const LAST_PAGE_AT = 32;
const FLAGS_AT = 48;
const COMPRESSED = 0x80;
const HEADER_BYTES = 72;

const BTREE_MAGIC = 0x053162;
const HASH_MAGIC = 0x061561;
const OTHER_MAGICS = new Map([
  [0x042253, 'a queue'],
  [0x074582, 'a heap'],
]);
const METHODS = {
  btree: { name: 'btree', type: 9, versions: [8, 9] },
  hash: { name: 'hash', type: 8, versions: [7, 8, 9] },
} as const;

const NUMBER_AT = 8;
const ENTRIES_AT = 20;
const OFFSETS_AT = 26;
const LAST_TYPE = 13;
const PageType = { HASH_UNSORTED: 2, BTREE_LEAF: 5, HASH: 13 } as const;

const ITEM_HEADER_BYTES = 3;
const KEY_DATA = 1;
const DELETED = 0x80;

const NOTHING: Page = { records: [], unread: 0 };

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** Which method a magic number stands for, as it is read in one byte order. */
function methodOf(magic: number): (typeof METHODS)[keyof typeof METHODS] | undefined {
  if (magic === BTREE_MAGIC) return METHODS.btree;
  return magic === HASH_MAGIC ? METHODS.hash : undefined;
}

/** In words, what a file without our magic numbers is. */
function stranger(view: DataView): string {
  for (const littleEndian of [true, false]) {
    // The magic number stood first then.
    if (methodOf(view.getUint32(0, littleEndian)) !== undefined)
      return 'a file of Berkeley DB 1.85, which the libraries since cannot read either (db_dump185 can)';
    const other = OTHER_MAGICS.get(view.getUint32(MAGIC_AT, littleEndian));
    if (other !== undefined) return `${other} of Berkeley DB, neither btree nor hash`;
  }
  return 'no Berkeley DB file';
}

/** Reads the beginning of a file. */
export function decodeHeader(bytes: Uint8Array): Header {
  if (bytes.length < HEADER_BYTES) throw new Malformed('no Berkeley DB file: too short');
  const view = viewOf(bytes);
  const littleEndian = methodOf(view.getUint32(MAGIC_AT, true)) !== undefined;
  const method = methodOf(view.getUint32(MAGIC_AT, littleEndian));
  if (method === undefined) throw new Malformed(stranger(view));
  const version = view.getUint32(VERSION_AT, littleEndian);
  if (!(method.versions as readonly number[]).includes(version))
    throw new Malformed(
      `${method.name} version ${version} of Berkeley DB, not ${method.versions.join(', ')} (db_upgrade changes that)`,
    );
  const pageBytes = view.getUint32(PAGE_BYTES_AT, littleEndian);
  if (pageBytes < MIN_PAGE_BYTES || pageBytes > MAX_PAGE_BYTES || (pageBytes & (pageBytes - 1)) !== 0)
    throw new Malformed(`a damaged Berkeley DB file: pages of ${pageBytes} bytes`);
  if (view.getUint8(TYPE_AT) !== method.type)
    throw new Malformed('a damaged Berkeley DB file: its first page is of another kind');
  if (view.getUint8(ENCRYPTION_AT) !== 0) throw new Malformed('an encrypted Berkeley DB file');
  const compressed = (view.getUint32(FLAGS_AT, littleEndian) & COMPRESSED) !== 0;
  if (view.getUint8(PROPERTIES_AT) !== 0 || (method === METHODS.btree && compressed))
    throw new Malformed('a Berkeley DB file with checksums, partitions or compression');
  const lastPage = view.getUint32(LAST_PAGE_AT, littleEndian);
  return { method: method.name, version, pageBytes, littleEndian, lastPage };
}

/** One page while it is read. */
class PageReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  readonly entries: number;
  /** Where the items may begin. */
  readonly #low: number;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#littleEndian = littleEndian;
    this.entries = this.#uint16(ENTRIES_AT);
    this.#low = OFFSETS_AT + 2 * this.entries;
    if (this.entries % 2 !== 0 || this.#low > bytes.length)
      throw new Malformed(`a damaged page: ${this.entries} items`);
  }

  #uint16(at: number): number {
    return this.#view.getUint16(at, this.#littleEndian);
  }

  #offset(index: number): number {
    return this.#uint16(OFFSETS_AT + 2 * index);
  }

  /** An item of a leaf: length, type, bytes. */
  leafItem(index: number): Uint8Array | 'deleted' | undefined {
    const at = this.#offset(index);
    const start = at + ITEM_HEADER_BYTES;
    if (at < this.#low || start > this.#bytes.length) return undefined;
    const type = this.#view.getUint8(at + 2);
    if ((type & DELETED) !== 0) return 'deleted';
    const end = start + this.#uint16(at);
    return type === KEY_DATA && end <= this.#bytes.length ? this.#bytes.subarray(start, end) : undefined;
  }

  /** An item of a bucket: type, bytes, as far as the item before it. */
  bucketItem(index: number): Uint8Array | undefined {
    const at = this.#offset(index);
    const end = index === 0 ? this.#bytes.length : this.#offset(index - 1);
    if (at < this.#low || at >= end || end > this.#bytes.length) return undefined;
    return this.#view.getUint8(at) === KEY_DATA ? this.#bytes.subarray(at + 1, end) : undefined;
  }
}

/** Reads page `number` of a file, a whole page of bytes. Pages that hold no records have none. */
export function decodePage(bytes: Uint8Array, number: number, header: Header): Page {
  if (bytes.length !== header.pageBytes) throw new Malformed(`a page of ${bytes.length} bytes`);
  const type = bytes[TYPE_AT] as number;
  if (type > LAST_TYPE) throw new Malformed(`a damaged page: of kind ${type}`);
  const isLeaf = header.method === 'btree' && type === PageType.BTREE_LEAF;
  const isBucket = header.method === 'hash' && (type === PageType.HASH || type === PageType.HASH_UNSORTED);
  if (!isLeaf && !isBucket) return NOTHING;
  if (viewOf(bytes).getUint32(NUMBER_AT, header.littleEndian) !== number)
    throw new Malformed('a damaged page: of another number');
  const page = new PageReader(bytes, header.littleEndian);
  const records: [Uint8Array, Uint8Array][] = [];
  let unread = 0;
  for (let index = 0; index < page.entries; index += 2) {
    const key = isLeaf ? page.leafItem(index) : page.bucketItem(index);
    const data = isLeaf ? page.leafItem(index + 1) : page.bucketItem(index + 1);
    if (key === 'deleted' || data === 'deleted') continue;
    if (key === undefined || data === undefined) unread += 1;
    else records.push([key, data]);
  }
  return { records, unread };
}
