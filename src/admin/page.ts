/**
 * page - the first so many rows after a place, of however many are shown to it
 *
 * Keeps no more than twice a page's rows: a row that cannot be on the page any more is passed over.
 */
import { sortKey } from './filter.js';
import type { Row } from './operations.js';
import type { Read } from './fields.js';

interface Kept {
  readonly key: string;
  readonly row: Row;
}

const byKey = (one: Kept, other: Kept): number => (one.key < other.key ? -1 : 1);

export class Page {
  readonly #size: number;
  readonly #after: string;
  #kept: Kept[] = [];
  /** No row beyond this can be on the page, or be the one that tells that there are more. */
  #worst: string | undefined;

  /** A page of `size` rows whose keys come after `after`. */
  constructor(size: number, after: string) {
    this.#size = size;
    this.#after = after;
  }

  add(row: Row): void {
    const key = sortKey(row);
    if (key <= this.#after || (this.#worst !== undefined && key > this.#worst)) return;
    this.#kept.push({ key, row });
    if (this.#kept.length >= 2 * (this.#size + 1)) this.#cut();
  }

  #cut(): void {
    this.#kept.sort(byKey);
    this.#kept.length = Math.min(this.#kept.length, this.#size + 1);
    this.#worst = this.#kept.at(-1)?.key;
  }

  /** The rows in order, and the token of the next page if there is one. */
  finish(): { readonly rows: readonly Row[]; readonly nextPageToken: string } {
    this.#kept.sort(byKey);
    const page = this.#kept.slice(0, this.#size);
    const last = page.at(-1);
    const more = this.#kept.length > this.#size && last !== undefined;
    return { rows: page.map(({ row }) => row), nextPageToken: more ? tokenOf(last.key) : '' };
  }
}

const tokenOf = (key: string): string => Buffer.from(key, 'latin1').toString('base64url');

/** Kind, family, 4 or 16 bytes, length. */
const KEY = /^[\0-\x02](?:\x04[^]{4}[\0-\x20]|\x10[^]{16}[\0-\x80])$/;

/** The key that a token stands for; none: before the first row. */
export function readPageToken(token: string, pageSize: number): Read<string> {
  if (token === '') return { value: '' };
  const value = Buffer.from(token, 'base64url').toString('latin1');
  if (!KEY.test(value) || tokenOf(value) !== token) return { wrong: 'is no next_page_token of this dracd' };
  return pageSize === 0 ? { wrong: 'goes with a page_size' } : { value };
}
