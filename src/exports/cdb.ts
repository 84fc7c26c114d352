/**
 * cdb - the allow-list as D. J. Bernstein's constant database (Postfix cdb:, Exim cdb)
 *
 * The format of http://cr.yp.to/cdb/cdb.txt: 256 pointers to hash tables, the records, the tables. Each
 * table has twice as many slots as records; a record's slot is the first empty one from its hash on.
 * Records stand in the order of their keys, each key once.
 *
 * Errors: Fault MAP when the file would have more than 2^32 bytes, which its pointers cannot reach.
 */
import { Fault } from '../core/fault.js';
import type { Container } from './container.js';
import { keyedWords } from './dialect.js';
import type { Output } from './output.js';
import type { Records } from './records.js';

const TABLES = 256;
const POINTER_BYTES = 8;
const HEADER_BYTES = TABLES * POINTER_BYTES;
const LENGTHS_BYTES = 8;
const SLOT_BYTES = 8;
const HASH_START = 5381;
export const MAX_CDB_BYTES = 2 ** 32 - 1;

/** How large the file will be. Throws Fault MAP when its pointers would not reach the end. */
export function cdbBytes(records: number, content: number): number {
  const bytes = HEADER_BYTES + content + records * (LENGTHS_BYTES + 2 * SLOT_BYTES);
  if (bytes > MAX_CDB_BYTES)
    throw new Fault(
      'MAP',
      `a cdb of ${bytes} bytes cannot be: ${MAX_CDB_BYTES} are the most; use another format`,
    );
  return bytes;
}

function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = HASH_START;
  for (let i = from; i < to; i += 1) hash = ((hash << 5) + hash) ^ (bytes[i] as number);
  return hash >>> 0;
}

/** The records that stand in the file: what is needed to point at them. */
interface Written {
  readonly hashes: Uint32Array;
  readonly positions: Uint32Array;
}

function writeRecords(records: Records, order: Uint32Array, output: Output): Written {
  const { bytes } = records;
  const hashes = new Uint32Array(order.length);
  const positions = new Uint32Array(order.length);
  for (let i = 0; i < order.length; i += 1) {
    const record = order[i] as number;
    const start = records.start(record);
    const value = start + records.keyLength(record);
    const end = value + records.valueLength(record);
    hashes[i] = hashOf(bytes, start, value);
    positions[i] = output.position;
    output.appendUint32(value - start);
    output.appendUint32(end - value);
    output.append(bytes, start, end);
  }
  return { hashes, positions };
}

/** Which records belong to each table, one table's behind the other's; with where each table's begin. */
function byTable(hashes: Uint32Array): { members: Uint32Array; starts: Uint32Array } {
  const starts = new Uint32Array(TABLES + 1);
  for (const hash of hashes) starts[(hash % TABLES) + 1] = (starts[(hash % TABLES) + 1] as number) + 1;
  for (let table = 0; table < TABLES; table += 1)
    starts[table + 1] = (starts[table + 1] as number) + (starts[table] as number);
  const next = starts.slice();
  const members = new Uint32Array(hashes.length);
  for (let i = 0; i < hashes.length; i += 1) {
    const hash = hashes[i] as number;
    const place = next[hash % TABLES] as number;
    members[place] = i;
    next[hash % TABLES] = place + 1;
  }
  return { members, starts };
}

/** One table, as hash and position of each slot in turn; both are 0 in an empty one. */
function slotsOf(members: Uint32Array, { hashes, positions }: Written): Uint32Array {
  const count = members.length * 2;
  const slots = new Uint32Array(count * 2);
  for (const i of members) {
    const hash = hashes[i] as number;
    let slot = Math.floor(hash / TABLES) % count;
    while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) % count;
    slots[slot * 2] = hash;
    slots[slot * 2 + 1] = positions[i] as number;
  }
  return slots;
}

/** Writes a cdb of any records. */
export function writeCdb(records: Records, output: Output): void {
  const order = records.sorted();
  cdbBytes(order.length, records.contentBytes);
  const header = new Uint8Array(HEADER_BYTES);
  const pointers = new DataView(header.buffer);
  output.append(header);
  const written = writeRecords(records, order, output);
  const { members, starts } = byTable(written.hashes);
  for (let table = 0; table < TABLES; table += 1) {
    const slots = slotsOf(members.subarray(starts[table], starts[table + 1]), written);
    pointers.setUint32(table * POINTER_BYTES, output.position, true);
    pointers.setUint32(table * POINTER_BYTES + 4, slots.length / 2, true);
    for (const word of slots) output.appendUint32(word);
  }
  output.overwrite(header, 0);
}

export const cdb: Container = {
  suffix: '.cdb',
  tableType: 'cdb',
  dialects: ['postfix', 'sendmail', 'exim'],
  shared: true,
  denies: true,
  keys: ['dialect', 'value', 'interval', 'command'],
  words: (wording) => keyedWords(wording, { mayTerminate: false }),
  write: writeCdb,
};
