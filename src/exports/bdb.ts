/**
 * bdb - the allow-list as a Berkeley DB btree file (Postfix btree:, Sendmail btree, Exim dbm)
 *
 * Writes what Berkeley DB 5.3 itself would have after a bulk load in the order of the keys: version 9 of
 * the format, little endian, pages of 4,096 bytes. Page 0 describes the file, page 1 is the root; the
 * leaves follow in order, linked to their neighbours, then each level of internal pages.
 *
 *   page      lsn 8, number u32, previous u32, next u32, entries u16, end of the free space u16, level u8,
 *             type u8; then the offset u16 of each item; the items stand at the end, the first one last
 *   leaf      key and data in turn: length u16, type u8, bytes
 *   internal  length u16, type u8, 0, page u32, records u32 (0: not counted), key; the first key is empty
 *
 * An empty database is one empty leaf. The file is never changed in place: it could be (`postmap -i`), but
 * programs that have a db file open may go on with what they have read. Its identity is a seal (wire/seal),
 * by which what others have changed in place is told apart.
 *
 * Limits: key and value of a record fit into a page together (Records sees to that).
 */
import { randomBytes } from 'node:crypto';
import { encodeSeal, FileCheck, SEAL_AT, SEAL_RANDOM_BYTES, type SealedWording } from '../wire/seal.js';
import type { Container } from './container.js';
import { keyedWords } from './dialect.js';
import type { Output } from './output.js';
import type { Records } from './records.js';

const PAGE_BYTES = 4096;
const PAGE_HEADER = 26;
const OFFSET_BYTES = 2;
const LEAF_ITEM_HEADER = 3;
const INTERNAL_ITEM_HEADER = 12;
const MAGIC = 0x053162;
const VERSION = 9;
const KEY_DATA = 1;
const LEAF_TYPE = 5;
const LEAF_LEVEL = 1;
/** Of the log sequence number, 0 and this: the page was never logged. */
const NO_LOG = 1;
const INTERNAL_TYPE = 3;
const META_TYPE = 9;
const MIN_KEYS = 2;
const PAD = 0x20;
const ROOT = 1;

const aligned = (bytes: number): number => (bytes + 3) & ~3;

/** What a page holds besides its items. */
interface PageHeader {
  readonly number: number;
  readonly previous: number;
  readonly next: number;
  readonly level: number;
}

/** The file, with a check of all that is written to it. */
class SealedFile {
  readonly #output: Output;
  readonly #check = new FileCheck();

  constructor(output: Output) {
    this.#output = output;
  }

  append(page: Uint8Array): void {
    this.#check.add(page);
    this.#output.append(page);
  }

  /** To be called when all is written. */
  seal(wording: SealedWording): void {
    const seal = encodeSeal({ ...wording, check: this.#check.value }, randomBytes(SEAL_RANDOM_BYTES));
    this.#output.overwrite(seal, SEAL_AT);
  }
}

/** One page at a time, written when it is complete. */
class Page {
  readonly #bytes = new Uint8Array(PAGE_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #records: Records;
  #items = 0;
  /** Where the items begin. */
  #low = PAGE_BYTES;

  constructor(records: Records) {
    this.#records = records;
  }

  /** An item's place; answers where its bytes begin. */
  #place(bytes: number): number {
    this.#low -= aligned(bytes);
    this.#view.setUint16(PAGE_HEADER + this.#items * OFFSET_BYTES, this.#low, true);
    this.#items += 1;
    return this.#low;
  }

  #copy(from: number, length: number, to: number): void {
    const { bytes } = this.#records;
    for (let i = 0; i < length; i += 1) this.#bytes[to + i] = bytes[from + i] as number;
  }

  /** A key or data of a leaf: `length` bytes of the records, from `from` on. */
  addItem(from: number, length: number): void {
    const at = this.#place(LEAF_ITEM_HEADER + length);
    this.#view.setUint16(at, length, true);
    this.#view.setUint8(at + 2, KEY_DATA);
    this.#copy(from, length, at + LEAF_ITEM_HEADER);
  }

  /** A page below, with the key that it begins with. */
  addChild(page: number, from: number, length: number): void {
    const at = this.#place(INTERNAL_ITEM_HEADER + length);
    this.#view.setUint16(at, length, true);
    this.#view.setUint8(at + 2, KEY_DATA);
    this.#view.setUint32(at + 4, page, true);
    this.#copy(from, length, at + INTERNAL_ITEM_HEADER);
  }

  /** Writes the page and begins an empty one. */
  writeTo(output: SealedFile, { number, previous, next, level }: PageHeader): void {
    const view = this.#view;
    view.setUint32(4, NO_LOG, true);
    view.setUint32(8, number, true);
    view.setUint32(12, previous, true);
    view.setUint32(16, next, true);
    view.setUint16(20, this.#items, true);
    view.setUint16(22, this.#low, true);
    view.setUint8(24, level);
    view.setUint8(25, level === LEAF_LEVEL ? LEAF_TYPE : INTERNAL_TYPE);
    output.append(this.#bytes);
    this.#bytes.fill(0);
    this.#items = 0;
    this.#low = PAGE_BYTES;
  }
}

function writeMeta(output: SealedFile, lastPage: number): void {
  const bytes = new Uint8Array(PAGE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, NO_LOG, true);
  view.setUint32(12, MAGIC, true);
  view.setUint32(16, VERSION, true);
  view.setUint32(20, PAGE_BYTES, true);
  view.setUint8(25, META_TYPE);
  view.setUint32(32, lastPage, true);
  view.setUint32(76, MIN_KEYS, true);
  view.setUint32(84, PAD, true);
  view.setUint32(88, ROOT, true);
  output.append(bytes);
}

/** The pages of one level. */
interface Level {
  /** Where each page begins in the level below, or, of leaves, in the order; and where the last one ends. */
  readonly bounds: readonly number[];
  /** The place in the order of each page's first record. */
  readonly firsts: readonly number[];
}

/** Fills pages one after the other; `bytesOf` includes an item's offset. Answers where each begins, and the end. */
function fill(count: number, bytesOf: (index: number, isFirst: boolean) => number): number[] {
  const bounds = [0];
  let free = PAGE_BYTES - PAGE_HEADER;
  for (let i = 0, begin = 0; i < count; i += 1) {
    if (i !== begin && bytesOf(i, false) > free) {
      begin = i;
      bounds.push(begin);
      free = PAGE_BYTES - PAGE_HEADER;
    }
    free -= bytesOf(i, i === begin);
  }
  bounds.push(count);
  return bounds;
}

class Tree {
  readonly #records: Records;
  readonly #order: Uint32Array;
  /** Leaves first, the root last. */
  readonly #levels: readonly Level[];
  /** Number of each level's first page. */
  readonly #pages: readonly number[];
  readonly #lastPage: number;

  constructor(records: Records) {
    this.#records = records;
    this.#order = records.sorted();
    this.#levels = this.#plan();
    let next = ROOT + 1;
    this.#pages = this.#levels.map(({ firsts }, i) => {
      if (i === this.#levels.length - 1) return ROOT;
      next += firsts.length;
      return next - firsts.length;
    });
    this.#lastPage = next - 1;
  }

  /** Decides what stands on which page. */
  #plan(): Level[] {
    let bounds = fill(this.#order.length, (place) => this.#pairBytes(place));
    let level = { bounds, firsts: bounds.slice(0, -1) };
    const levels = [level];
    while (level.firsts.length > 1) {
      const below = level.firsts;
      bounds = fill(below.length, (i, isFirst) => this.#childBytes(below[i] as number, isFirst));
      level = { bounds, firsts: bounds.slice(0, -1).map((i) => below[i] as number) };
      levels.push(level);
    }
    return levels;
  }

  #pairBytes(place: number): number {
    const record = this.#order[place] as number;
    const key = aligned(LEAF_ITEM_HEADER + this.#records.keyLength(record));
    return key + aligned(LEAF_ITEM_HEADER + this.#records.valueLength(record)) + 2 * OFFSET_BYTES;
  }

  #childBytes(place: number, isFirst: boolean): number {
    const length = isFirst ? 0 : this.#records.keyLength(this.#order[place] as number);
    return aligned(INTERNAL_ITEM_HEADER + length) + OFFSET_BYTES;
  }

  write(output: SealedFile): void {
    const root = this.#levels.length - 1;
    const page = new Page(this.#records);
    writeMeta(output, this.#lastPage);
    this.#writeLevel(root, page, output);
    for (let level = 0; level < root; level += 1) this.#writeLevel(level, page, output);
  }

  #writeLevel(level: number, page: Page, output: SealedFile): void {
    const { bounds } = this.#levels[level] as Level;
    const first = this.#pages[level] as number;
    const last = first + bounds.length - 2;
    for (let number = first; number <= last; number += 1) {
      const from = bounds[number - first] as number;
      const to = bounds[number - first + 1] as number;
      if (level === 0) this.#addPairs(page, from, to);
      else this.#addChildren(page, { level, from, to });
      page.writeTo(output, {
        number,
        previous: level === 0 && number > first ? number - 1 : 0,
        next: level === 0 && number < last ? number + 1 : 0,
        level: level + LEAF_LEVEL,
      });
    }
  }

  #addPairs(page: Page, from: number, to: number): void {
    for (let place = from; place < to; place += 1) {
      const record = this.#order[place] as number;
      const start = this.#records.start(record);
      const length = this.#records.keyLength(record);
      page.addItem(start, length);
      page.addItem(start + length, this.#records.valueLength(record));
    }
  }

  #addChildren(page: Page, { level, from, to }: { level: number; from: number; to: number }): void {
    const { firsts } = this.#levels[level - 1] as Level;
    for (let i = from; i < to; i += 1) {
      const record = this.#order[firsts[i] as number] as number;
      const length = i === from ? 0 : this.#records.keyLength(record);
      page.addChild((this.#pages[level - 1] as number) + i, this.#records.start(record), length);
    }
  }
}

export const bdb: Container = {
  suffix: '.db',
  tableType: 'btree',
  dialects: ['postfix', 'sendmail', 'exim', 'drac'],
  shared: true,
  denies: true,
  keys: ['dialect', 'value', 'cidr_key', 'term_kd', 'interval', 'command'],
  words: (wording) => keyedWords(wording, { mayTerminate: true }),
  write: (records, output, wording) => {
    const file = new SealedFile(output);
    new Tree(records).write(file);
    file.seal({ cidrKey: wording?.cidrKey ?? false, termKd: records.terminated });
  },
};
