/**
 * grant-table - the live grants in columns, each at a place that it keeps while it lives
 *
 * A grant is found by its subject: the client's address, or the network that its lease covers, whose client
 * is then kept beside.
 *
 * An object and a text for each of a million grants take three times the memory, and looking for one of them
 * by its text takes twice the time: a client's number (IPv4) is looked up instead (number-index.ts), and its text made
 * when asked for. Nothing is moved as a whole when the table grows or shrinks, which would hold up the event loop for
 * tens of milliseconds: the index is in SHARDS parts (shards.ts), the columns are in chunks of CHUNK places.
 *
 * A grant that is taken away (unlink) leaves its place empty; it is free for another client once whoever keeps
 * places by their time has met it (release). Who has kept one asks isAt.
 */
import { type ClientAddress, numberToAddress } from './address.js';
import type { Grant } from './grant.js';
import { NumberIndex } from './number-index.js';
import { SHARDS, shardOf } from './shards.js';
import { keyOf, type LeanPermission, type Subject, type SubjectKey as Key } from './subject.js';

/** No place. */
export const NOWHERE = -1;
const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;

class Chunk {
  readonly keys: (Key | undefined)[] = [];
  readonly reporters: ClientAddress[] = [];
  /** Steady time at which each ends, and the wall clock's that is stored and shown. */
  readonly deadlines = new Float64Array(CHUNK);
  readonly ends = new Float64Array(CHUNK);
  /** Who was reported, of the grants that cover more than an address; made for the first of them. */
  clients: (ClientAddress | undefined)[] | undefined;
  /** When each was last granted, in the caller's own count. */
  readonly revisions = new Uint32Array(CHUNK);
}

export class GrantTable {
  readonly #numbers = Array.from({ length: SHARDS }, () => new NumberIndex());
  readonly #texts = Array.from({ length: SHARDS }, () => new Map<Subject, number>());
  readonly #chunks: Chunk[] = [];
  readonly #free: number[] = [];
  #places = 0;
  #empty = 0;

  get size(): number {
    return this.#places - this.#free.length - this.#empty;
  }

  /** Where the subject's grant is, or NOWHERE. */
  find(subject: Subject): number {
    const key = keyOf(subject);
    const shard = shardOf(key);
    return (
      (typeof key === 'number' ? this.#numbers[shard]?.get(key) : this.#texts[shard]?.get(key)) ?? NOWHERE
    );
  }

  /** Whether the grant at a place is this subject's. */
  isAt(place: number, subject: Subject): boolean {
    return place !== NOWHERE && this.#chunkOf(place).keys[place & (CHUNK - 1)] === keyOf(subject);
  }

  /** Adds the grant of a subject that has none; answers its place. */
  add(subject: Subject, grant: Grant, deadline: number): number {
    const place = this.#free.pop() ?? this.#places++;
    if (place >> CHUNK_BITS === this.#chunks.length) this.#chunks.push(new Chunk());
    const key = keyOf(subject);
    this.#chunkOf(place).keys[place & (CHUNK - 1)] = key;
    if (typeof key === 'number') this.#numbers[shardOf(key)]?.set(key, place);
    else this.#texts[shardOf(key)]?.set(key, place);
    this.set(place, grant, deadline);
    return place;
  }

  /** Replaces all but the subject. */
  set(place: number, grant: Grant, deadline: number): void {
    const chunk = this.#chunkOf(place);
    const at = place & (CHUNK - 1);
    chunk.reporters[at] = grant.reporter;
    chunk.deadlines[at] = deadline;
    chunk.ends[at] = grant.expiresAt;
    const key = chunk.keys[at] as Key;
    if (typeof key !== 'number' && key !== grant.client)
      (chunk.clients ??= new Array<ClientAddress | undefined>(CHUNK))[at] = grant.client;
  }

  /** Takes the grant away; its place stays empty until it is released. */
  unlink(place: number): void {
    const chunk = this.#chunkOf(place);
    const at = place & (CHUNK - 1);
    const key = chunk.keys[at] as Key;
    if (typeof key === 'number') this.#numbers[shardOf(key)]?.delete(key);
    else this.#texts[shardOf(key)]?.delete(key);
    chunk.keys[at] = undefined;
    if (chunk.clients !== undefined) chunk.clients[at] = undefined;
    this.#empty += 1;
  }

  /** Gives a place whose grant was taken away to whoever comes next. */
  release(place: number): void {
    this.#empty -= 1;
    this.#free.push(place);
  }

  remove(place: number): void {
    this.unlink(place);
    this.release(place);
  }

  isEmpty(place: number): boolean {
    return this.#chunkOf(place).keys[place & (CHUNK - 1)] === undefined;
  }

  revisionAt(place: number): number {
    return this.#chunkOf(place).revisions[place & (CHUNK - 1)] as number;
  }

  setRevision(place: number, revision: number): void {
    this.#chunkOf(place).revisions[place & (CHUNK - 1)] = revision;
  }

  /** The number of an IPv4 client; undefined for whatever else is there. */
  numberAt(place: number): number | undefined {
    const key = this.#chunkOf(place).keys[place & (CHUNK - 1)];
    return typeof key === 'number' ? key : undefined;
  }

  reporterAt(place: number): ClientAddress {
    return this.#chunkOf(place).reporters[place & (CHUNK - 1)] as ClientAddress;
  }

  deadlineAt(place: number): number {
    return this.#chunkOf(place).deadlines[place & (CHUNK - 1)] as number;
  }

  expiresAt(place: number): number {
    return this.#chunkOf(place).ends[place & (CHUNK - 1)] as number;
  }

  subjectAt(place: number): Subject {
    const key = this.#chunkOf(place).keys[place & (CHUNK - 1)] as Key;
    return typeof key === 'number' ? numberToAddress(key) : key;
  }

  grantAt(place: number): Grant {
    const { clients } = this.#chunkOf(place);
    const reporter = this.reporterAt(place);
    // A subject without a client beside it is its client.
    const client = clients?.[place & (CHUNK - 1)] ?? (this.subjectAt(place) as ClientAddress);
    return { client, reporter, expiresAt: this.expiresAt(place) };
  }

  /**
   * What ends after `now`; as safe as places(). Every step gives the same object, which says something else from then
   * on: of a million no garbage is left, whose collection would be felt.
   */
  lean(now: number): IterableIterator<LeanPermission> {
    const permission: { -readonly [Part in keyof LeanPermission]: LeanPermission[Part] } = {
      client: 0,
      expiresAt: 0,
    };
    const step: IteratorResult<LeanPermission, undefined> = { done: false, value: permission };
    let place = -1;
    const next = (): IteratorResult<LeanPermission, undefined> => {
      while (++place < this.#places) {
        const chunk = this.#chunkOf(place);
        const at = place & (CHUNK - 1);
        const key = chunk.keys[at];
        if (key === undefined || !((chunk.deadlines[at] as number) > now)) continue;
        permission.client = key;
        permission.expiresAt = chunk.ends[at] as number;
        return step;
      }
      return { done: true, value: undefined };
    };
    const all: IterableIterator<LeanPermission> = { next, [Symbol.iterator]: () => all };
    return all;
  }

  /** Safe to step through while the table changes: what comes meanwhile may be among them or not. */
  *places(): Generator<number, undefined> {
    for (let place = 0; place < this.#places; place += 1)
      if (this.#chunkOf(place).keys[place & (CHUNK - 1)] !== undefined) yield place;
    return undefined;
  }

  /** Likewise, empty ones among them: of a table of which much was taken away, that is so many steps more. */
  *allPlaces(): Generator<number, undefined> {
    for (let place = 0; place < this.#places; place += 1) yield place;
    return undefined;
  }

  #chunkOf(place: number): Chunk {
    return this.#chunks[place >> CHUNK_BITS] as Chunk;
  }
}
