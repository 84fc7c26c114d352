/**
 * databases - the readers of what the original rpc.dracd has left: Berkeley DB pages, their records, and our seal
 *
 * What is read of a page is what a plain reading by the letter of the format gives.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { accepts, must } from './holds.mjs';

const PAGE_BYTES = 512;
const HEADER_BYTES = 26;
const SEAL_BYTES = 20;

const vectors = JSON.parse(readFileSync(path.join(import.meta.dirname, '../vectors/berkeley.json'), 'utf8'));

/** Hexadecimal in which `{9}` stands for nine zeros. @param {string} text */
const unpacked = (text) =>
  new Uint8Array(
    Buffer.from(
      text.replace(/\{(\d+)\}/g, (_, zeros) => '00'.repeat(Number(zeros))),
      'hex',
    ),
  );

/** Whole files by their names. @type {Record<string, Uint8Array>} */
export const databases = Object.fromEntries(
  Object.entries(vectors.files).map(([name, text]) => [name, unpacked(String(text))]),
);
const files = Object.values(databases);

/** @param {Uint8Array} file */
const pagesOf = (file) =>
  Array.from({ length: file.length / PAGE_BYTES }, (_, i) =>
    file.slice(i * PAGE_BYTES, (i + 1) * PAGE_BYTES),
  );

/** @param {any} code */
function decodeHeader(code) {
  return {
    name: 'decodeHeader',
    corpus: files.map((file) => file.slice(0, PAGE_BYTES)),
    run: (/** @type {Uint8Array} */ bytes) => {
      const header = accepts(code, () => code.berkeley.decodeHeader(bytes));
      if (header === undefined) return false;
      const { pageBytes, lastPage, littleEndian } = header;
      must(
        pageBytes >= 512 && pageBytes <= 65_536 && Number.isInteger(Math.log2(pageBytes)),
        'no size of a page',
      );
      const view = Buffer.from(bytes);
      must(lastPage === (littleEndian ? view.readUInt32LE(32) : view.readUInt32BE(32)), 'another last page');
      return true;
    },
  };
}

/** What stands on a page: hexadecimal pairs, and how many more there are; undefined for a damaged one. @param {Buffer} page @param {any} header */
function pageByTheLetter(page, { method, littleEndian }) {
  const type = page.readUInt8(25);
  const uint16 = (/** @type {number} */ at) => (littleEndian ? page.readUInt16LE(at) : page.readUInt16BE(at));
  if (type > 13) return undefined;
  if (!(method === 'btree' ? [5] : [2, 13]).includes(type)) return { pairs: [], unread: 0 };
  const entries = uint16(20);
  if (entries % 2 === 1 || HEADER_BYTES + 2 * entries > page.length) return undefined;
  const offsets = Array.from({ length: entries }, (_, i) => uint16(HEADER_BYTES + 2 * i));
  const low = HEADER_BYTES + 2 * entries;
  const items = offsets.map((at, i) => {
    if (at < low) return undefined;
    if (method === 'hash') {
      const end = i === 0 ? page.length : (offsets[i - 1] ?? 0);
      return at < end && end <= page.length && page[at] === 1 ? page.toString('hex', at + 1, end) : undefined;
    }
    if (at + 3 > page.length) return undefined;
    if (page.readUInt8(at + 2) >= 0x80) return 'deleted';
    const end = at + 3 + uint16(at);
    return page[at + 2] === 1 && end <= page.length ? page.toString('hex', at + 3, end) : undefined;
  });
  const both = Array.from({ length: entries / 2 }, (_, i) => [items[2 * i], items[2 * i + 1]]);
  const kept = both.filter((pair) => !pair.includes('deleted'));
  const pairs = kept.filter((pair) => !pair.includes(undefined));
  return { pairs, unread: kept.length - pairs.length };
}

/** @param {any} code */
function decodePage(code) {
  const headers = files.map((file) => code.berkeley.decodeHeader(file));
  const hex = (/** @type {Uint8Array} */ bytes) => Buffer.from(bytes).toString('hex');
  return {
    name: 'decodePage',
    corpus: files.flatMap(pagesOf),
    run: (/** @type {Uint8Array} */ bytes, /** @type {import('./mutate.mjs').Random} */ random) => {
      const header = random.pick(headers);
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      const whole = bytes.length === PAGE_BYTES;
      const number = !whole ? 0 : header.littleEndian ? view.readUInt32LE(8) : view.readUInt32BE(8);
      const page = accepts(code, () => code.berkeley.decodePage(bytes, number, header));
      const expected = whole ? pageByTheLetter(view, header) : undefined;
      must(
        (page === undefined) === (expected === undefined),
        expected ? 'a page refused' : 'no page accepted',
      );
      if (page === undefined) return false;
      for (const item of page.records.flat()) must(item.buffer === bytes.buffer, 'no view of the page');
      const found = page.records.map((/** @type {Uint8Array[]} */ pair) => pair.map(hex));
      must(JSON.stringify(found) === JSON.stringify(expected?.pairs), 'other records');
      must(page.unread === expected?.unread, 'another count of what is not read');
      const other = accepts(code, () => code.berkeley.decodePage(bytes, number + 1, header));
      must(other === undefined || other.records.length === 0, 'a page of another number');
      return page.records.length > 0;
    },
  };
}

/** The key, a newline, the data. @param {any} code */
function readRecord(code) {
  const texts = [
    '192.0.2.7\n1790000000',
    '192.0.2.7/32\n1790000000',
    '2001:db8::6\0\n1790000000\0',
    '2001:db8:0:0:0:0:0:6/128\0\n0\0',
  ];
  return {
    name: 'readRecord',
    corpus: texts.map((text) => new Uint8Array(Buffer.from(text, 'latin1'))),
    run: (/** @type {Uint8Array} */ bytes) => {
      const at = bytes.indexOf(0x0a);
      const key = bytes.subarray(0, at < 0 ? bytes.length : at);
      const data = at < 0 ? new Uint8Array(0) : bytes.subarray(at + 1);
      const record = code.oldRecord.readRecord(key, data);
      if (record === undefined) return false;
      const { client, endsAt, cidrKey, termKd } = record;
      must(code.address.parseAddress(client) === client, 'no canonical address');
      must(endsAt === Number(Buffer.from(data).toString('latin1').replace(/\0$/, '')), 'another time');
      const text = Buffer.from(key).toString('latin1');
      const bits = text.includes(':') ? '/128' : '/32';
      const end = `${cidrKey ? bits : ''}${termKd ? '\0' : ''}`;
      must(text.endsWith(end), 'options that the key does not have');
      must(code.address.parseAddress(text.slice(0, text.length - end.length)) === client, 'another client');
      return true;
    },
  };
}

/** @param {any} code */
function decodeSeal(code) {
  const { seal } = code;
  const check = new seal.FileCheck();
  check.add(new Uint8Array(PAGE_BYTES));
  const sealed = [0, 1, 2, 3].map((options) =>
    seal.encodeSeal(
      { cidrKey: (options & 1) !== 0, termKd: options > 1, check: check.value },
      Uint8Array.of(1, 2, 3, 4, 5, 6),
    ),
  );
  return {
    name: 'decodeSeal',
    corpus: [...sealed, new Uint8Array(SEAL_BYTES)],
    run: (/** @type {Uint8Array} */ bytes) => {
      const found = seal.decodeSeal(bytes);
      if (found === undefined) return false;
      must(bytes.length === SEAL_BYTES, 'a seal of another length');
      const again = seal.encodeSeal(found, bytes.subarray(14));
      must(Buffer.compare(again, bytes) === 0, 'another seal when written again');
      return true;
    },
  };
}

/** All of them, over the given code. @param {any} code */
export function databaseReaders(code) {
  return [decodeHeader(code), decodePage(code), readRecord(code), decodeSeal(code)];
}
