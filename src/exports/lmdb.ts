/**
 * lmdb - the allow-list as a Postfix lmdb: map, changed in place under Postfix's own lock
 *
 * Postfix takes any number that a key has for "permit", and sees a change at its very next look-up.
 *
 * Promise: when a change is answered without a Fault, every look-up in the file at the path says so.
 * No look-up ever sees half a change or a damaged file of ours. Nothing here holds up the event loop
 * for more than some milliseconds, however large the map.
 *
 * The file is a projection, never the truth: it is written without sync, and built anew beside, from
 * the snapshot, and renamed into place whenever there is doubt: at the start; when someone deleted,
 * replaced, truncated or wrote to it; when a reader holds its lock longer than READER_PATIENCE_MS (a
 * stopped process). Changes wait meanwhile. After a failed write or build the map is degraded: changes
 * fail at once, and every tick tries to build it anew. Removals are still made in the file that is
 * there, if it is sound and has room (that of replaced pages, on a full disk): nobody should relay for
 * longer than granted. Of a large change that ends with a Fault the first slices may stand in the file:
 * the ledger keeps those grants all the same, and takes them out when they are over.
 *
 * Limits: processes that found an earlier file open keep it until they look at the name again (Postfix:
 * at the next connection). One daemon a path.
 *
 * Who is denied inside of what may relay has keys of its own, which say so (postfix-keys.ts). While such a key cannot be
 * written, every key is taken out that would let the client relay: those around are refused as well, until the file is
 * built anew.
 *
 * Bugs: Postfix also looks for an IPv6 address cut at its last colons, so a key written with `::` is found
 * for the longer addresses that begin with it, which may relay as it may, unless denied. A socketmap look-up is exact.
 */
import path from 'node:path';
import { Fault, reasonOf, toFault } from '../core/fault.js';
import type { MapChange } from '../core/outlets.js';
import type { Timer } from '../runtime/clock.js';
import { ChangeQueue, type Done, urgent } from './change-queue.js';
import { DeniedKeys } from './denied-keys.js';
import { entryOf } from './entry.js';
import type { Freshness, LiveMapFormat, LiveMapOptions, OpenLiveMap } from './format.js';
import { loadLibrary } from './liblmdb.js';
import { buildLmdbFile } from './lmdb-build.js';
import type { LmdbFile } from './lmdb-file.js';
import { inspectPlace } from './map-file.js';
import { keysForPostfix } from './postfix-keys.js';

/** How long a reader may hold the lock before the file is replaced. Look-ups take microseconds. */
export const READER_PATIENCE_MS = 1_000;
/** How often the lock is asked for again: at first at every turn of the event loop, then with pauses. */
const EAGER_TURNS = 20;
const PAUSE_MS = 1;
/** How long the puts of one transaction may take; its commit comes on top. */
const SLICE_MS = 2;
/** How far the file may grow at first; it doubles when that is not enough. Address space, not memory. */
const MAP_BYTES = 2 ** 30;

export interface LmdbOptions extends LiveMapOptions {
  /** Default 1 GiB. */
  readonly mapBytes?: number;
}

/** writing: a transaction is under way or about to be; waiting: for a reader's lock. */
type State = 'closed' | 'ready' | 'writing' | 'waiting' | 'building';

export class LmdbMap implements OpenLiveMap {
  readonly #options: LmdbOptions;
  readonly #path: string;
  readonly #queue = new ChangeQueue();
  readonly #denied = new DeniedKeys();
  #state: State = 'closed';
  #closing = false;
  #live: LmdbFile | undefined;
  #degraded: string | undefined;
  #degradedAt: number | undefined;
  #writtenAt = -Infinity;
  #pause: Timer | undefined;
  /** Who waits for a build that has not begun. */
  #toRenew: Done[] = [];
  /** Those who wait until nothing is under way. */
  #resting: (() => void)[] = [];

  constructor(options: LmdbOptions) {
    this.#options = { ...options, path: path.resolve(options.path) };
    this.#path = this.#options.path;
  }

  get degraded(): string | undefined {
    return this.#degraded;
  }

  get freshness(): Freshness {
    return { behindSince: this.#degradedAt, writtenAt: this.#writtenAt };
  }

  async open(): Promise<void> {
    if (this.#state !== 'closed') throw new Error('the map is open already');
    loadLibrary();
    inspectPlace(this.#options, this.#options.log);
    this.#state = 'building';
    this.#closing = false;
    this.#denied.reset(this.#options.undivided?.().denials() ?? []);
    this.#recovered();
    try {
      await this.#build();
    } catch (thrown) {
      const fault = toFault(thrown, 'MAP');
      for (const done of this.#queue.abandon()) done(fault);
      this.#rest('closed');
      throw fault;
    }
    this.#proceed();
  }

  apply(change: MapChange, done: Done): void {
    if (this.#state === 'closed' || this.#closing) {
      done(new Fault('MAP', `map ${this.#path} is closed`));
      return;
    }
    const followed = this.#denied.follow(change);
    if (this.#degraded === undefined) this.#push(followed, done);
    else {
      // What is being built may already hold an earlier state of these clients.
      this.#queue.owe(this.#state === 'building' ? followed.change : urgent(change));
      done(new Fault('MAP', this.#degraded));
    }
    if (this.#state !== 'ready' || this.#queue.isEmpty) return;
    this.#state = 'writing';
    this.#serve();
  }

  #push({ change, isStale }: ReturnType<DeniedKeys['follow']>, done: Done): void {
    const rebuilt: Done = (fault) => {
      if (fault === undefined) this.renew(done);
      else done(fault);
    };
    this.#queue.push(change, isStale ? rebuilt : done);
  }

  /**
   * Builds the file anew, now or after what is under way. Readers that have the old one open find in it what was
   * there, until they look at the name again.
   */
  renew(done: Done): void {
    if (this.#state === 'closed' || this.#closing) {
      done(new Fault('MAP', `map ${this.#path} is closed`));
      return;
    }
    this.#toRenew.push(done);
    if (this.#state === 'ready') this.#rebuild();
  }

  tick(): void {
    if (this.#state === 'closed' || this.#state === 'building') return;
    if (this.#degraded !== undefined) {
      this.#rebuild();
      return;
    }
    const found = this.#inspect();
    if (found !== undefined) this.#rebuild(found);
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#state !== 'closed' && this.#state !== 'ready') {
      await new Promise<void>((resolve) => this.#resting.push(resolve));
    }
    this.#live?.close();
    this.#live = undefined;
    this.#state = 'closed';
  }

  /** In words, why the file must be built anew; changes of mode and owner are mended on the spot. */
  #inspect(): string | undefined {
    try {
      const found = this.#file.damage();
      if (found !== undefined) return found;
      const mended = this.#file.mend();
      if (mended !== undefined)
        this.#options.log.warn('map: mode or owner mended', { path: this.#path, found: mended });
      return undefined;
    } catch (thrown) {
      return reasonOf(thrown);
    }
  }

  get #file(): LmdbFile {
    if (this.#live === undefined) throw new Error('the map is not open');
    return this.#live;
  }

  /** Writes the front of the queue, when it is its turn. */
  readonly #serve = (): void => {
    if (this.#state !== 'writing' || this.#queue.isEmpty) return;
    if (this.#file.tryLock()) this.#writeSlice();
    else this.#awaitReaders();
  };

  /** The lock is asked for, not waited for: a wait in the thread pool could not be called off. */
  #awaitReaders(): void {
    const { clock } = this.#options;
    const file = this.#file;
    const since = clock.mono();
    this.#state = 'waiting';
    let turns = 0;
    const look = (): void => {
      if (this.#state !== 'waiting' || this.#live !== file) return;
      if (file.tryLock()) {
        this.#state = 'writing';
        this.#writeSlice();
      } else if (clock.mono() - since >= READER_PATIENCE_MS)
        this.#doubt('a reader does not give its lock back');
      else if ((turns += 1) < EAGER_TURNS) clock.soon(look);
      else this.#pause = clock.after(PAUSE_MS, look);
    };
    clock.soon(look);
  }

  /** One transaction under the lock, which is held already and given back here. */
  #writeSlice(): void {
    const { clock } = this.#options;
    const file = this.#file;
    let damage: string | undefined;
    let fault: Fault | undefined;
    try {
      damage = file.damage();
      if (damage === undefined) {
        const until = clock.mono() + SLICE_MS;
        // While there is no room a slice is as small as can be: it needs a new page for each that it changes.
        const hasTime = (): boolean => this.#degraded === undefined && clock.mono() < until;
        file.transact((entries) => this.#queue.writeSlice(entries, hasTime));
      }
    } catch (thrown) {
      fault = toFault(thrown, 'MAP');
    } finally {
      file.unlock();
    }
    if (damage !== undefined) this.#doubt(damage);
    else if (fault !== undefined) {
      this.#degrade(fault);
      this.#rest('ready');
    } else {
      this.#writtenAt = clock.mono();
      for (const done of this.#queue.written()) done();
      this.#proceed();
    }
  }

  /** After a transaction or a build: the next one, or rest. */
  #proceed(): void {
    if (this.#toRenew.length > 0 && !this.#closing) this.#rebuild();
    else if (this.#queue.isEmpty) this.#rest('ready');
    else {
      this.#state = 'writing';
      this.#options.clock.soon(this.#serve);
    }
  }

  #rest(state: 'ready' | 'closed'): void {
    this.#state = state;
    const reason = this.#degraded ?? `map ${this.#path} is closed`;
    for (const done of this.#toRenew.splice(0)) done(new Fault('MAP', reason));
    for (const resolve of this.#resting.splice(0)) resolve();
  }

  #degrade(fault: Fault): void {
    if (this.#degraded !== fault.message) {
      this.#options.log.error('map: cannot be changed, trying again every second', {
        path: this.#path,
        reason: fault.message,
      });
    }
    this.#degraded = fault.message;
    this.#degradedAt ??= this.#options.clock.mono();
    for (const done of this.#queue.fail()) done(fault);
  }

  /** The file is not to be written to: it is built anew, at once, or by the next tick when that has just failed. */
  #doubt(found: string): void {
    if (this.#degraded === undefined) this.#rebuild(found);
    else this.#rest('ready');
  }

  #rebuild(found?: string): void {
    const { clock, log } = this.#options;
    const since = clock.mono();
    const renewing = this.#toRenew.splice(0);
    this.#state = 'building';
    this.#pause?.stop();
    if (found !== undefined) log.warn('map: building it anew', { path: this.#path, found });
    this.#build().then(
      (entries) => {
        // Something is missing: the next tick builds again.
        if (!this.#queue.hasLost) this.#recovered();
        for (const done of this.#queue.restart()) done();
        const told = { path: this.#path, entries, ms: Math.round(clock.mono() - since) };
        if (renewing.length > 0) log.debug('map: built anew', told);
        else log.info('map: built anew', told);
        const lost = this.#degraded === undefined ? undefined : new Fault('MAP', this.#degraded);
        for (const done of renewing) done(lost);
        this.#proceed();
      },
      (thrown: unknown) => {
        const fault = toFault(thrown, 'MAP');
        this.#degrade(fault);
        for (const done of renewing) done(fault);
        this.#proceed();
      },
    );
  }

  #recovered(): void {
    this.#degraded = undefined;
    this.#degradedAt = undefined;
  }

  /** Builds the file beside, puts it in place and goes on with it. Answers how many grants it holds. */
  async #build(): Promise<number> {
    this.#queue.mark();
    const { file, entries } = await buildLmdbFile(this.#options, {
      denied: this.#denied,
      mapBytes: this.#options.mapBytes ?? MAP_BYTES,
    });
    this.#live?.close();
    this.#live = file;
    this.#writtenAt = this.#options.clock.mono();
    return entries;
  }
}

const SUFFIX = '.lmdb';

export const lmdb: LiveMapFormat = {
  suffix: SUFFIX,
  table: (file) => `lmdb:${file.slice(0, -SUFFIX.length)}`,
  keysFor: (client) => keysForPostfix(entryOf({ client, expiresAt: 0 }))?.length,
  saysDenials: () => true,
  create: (options) => new LmdbMap(options),
};
