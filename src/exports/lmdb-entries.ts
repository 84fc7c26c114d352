/**
 * lmdb-entries - what a change does to the keys of an LMDB map, inside a transaction
 *
 * Key: the client's canonical text (of a network, what Postfix meets for all in it); value: the second its grant
 * ends, decimal, rounded up, or DENIED. What is denied now wins over whatever a change says of the same key.
 *
 * Statuses are LMDB's, 0 for done.
 */
import { endSecond } from '../core/grant.js';
import type { Allowed } from '../core/outlets.js';
import { isNetwork, type Permission, type Subject } from '../core/subject.js';
import type { KeyRun, KeyWriter, Written } from './change-queue.js';
import { type DeniedKeys, keysOfDenial } from './denied-keys.js';
import { DENIED_UNTIL, entryOf } from './entry.js';
import { STATUS, type Status } from './liblmdb.js';
import { cutsOf, DENIED, keysForPostfix, piecesAround } from './postfix-keys.js';

/** What of an open database is needed. */
export interface KeyStore {
  put(key: string, value: string, append?: boolean): Status;
  remove(key: string): Status;
}

export class Entries implements KeyWriter {
  readonly #store: KeyStore;
  readonly #denied: DeniedKeys;
  /** The keys of the last network, permitted and denied: one with many comes again with each slice. */
  readonly #permitted = new LastKeys();
  readonly #refused = new LastKeys();

  constructor(store: KeyStore, denied: DeniedKeys) {
    this.#store = store;
    this.#denied = denied;
  }

  put({ client, expiresAt }: Permission, run: KeyRun): Written {
    return this.#each(this.#keysOf(client), run, (key) =>
      this.#denied.mayPermit(key) ? this.putKey(key, expiresAt) : STATUS.OK,
    );
  }

  remove(client: Subject, run: KeyRun): Written {
    return this.#each(this.#keysOf(client), run, (key) =>
      this.#denied.has(key) ? STATUS.OK : this.removeKey(key),
    );
  }

  deny(client: Subject, run: KeyRun): Written {
    return this.#each(this.#keysOfDenial(client), run, (key) =>
      // It may be denied no more.
      this.#denied.has(key) ? this.putKey(key, DENIED_UNTIL) : STATUS.OK,
    );
  }

  allow(allowed: Allowed, run: KeyRun): Written {
    const status = this.#each(this.#keysOfDenial(allowed.client), run, (key) =>
      this.#denied.has(key) ? STATUS.OK : this.removeKey(key),
    );
    if (status !== STATUS.OK) return status;
    for (const piece of piecesAround(allowed)) {
      const put = this.put(piece, run);
      if (put !== STATUS.OK) return put;
    }
    return STATUS.OK;
  }

  hide(client: Subject, run: KeyRun): Written {
    return this.#each(this.#keysOfDenial(client), run, (key) => {
      for (const cut of cutsOf(key)) {
        const status = this.removeKey(cut);
        if (status !== STATUS.OK) return status;
      }
      return STATUS.OK;
    });
  }

  putKey(key: string, expiresAt: number): Status {
    return this.#store.put(key, valueOf(expiresAt));
  }

  /** For a key greater than all that are there: faster, and the pages become full. */
  append(key: string, expiresAt: number): Status {
    return this.#store.put(key, valueOf(expiresAt), true);
  }

  removeKey(key: string): Status {
    const status = this.#store.remove(key);
    return status === STATUS.NOT_FOUND ? STATUS.OK : status;
  }

  /** The first status that is not 0. */
  #each(keys: readonly string[], run: KeyRun, change: (key: string) => Status): Written {
    for (const key of keys) {
      if (run.isPast()) continue;
      if (!run.hasRoom()) return undefined;
      const status = change(key);
      if (status !== STATUS.OK) return status;
    }
    return STATUS.OK;
  }

  #keysOf(client: Subject): readonly string[] {
    if (!isNetwork(client)) return [client];
    return this.#permitted.of(client, () => keysForPostfix(entryOf({ client, expiresAt: 0 })) ?? []);
  }

  #keysOfDenial(client: Subject): readonly string[] {
    if (!isNetwork(client)) return [client];
    return this.#refused.of(client, () => [...keysOfDenial(client)]);
  }
}

class LastKeys {
  #client = '';
  #keys: readonly string[] = [];

  of(client: Subject, make: () => readonly string[]): readonly string[] {
    if (this.#client !== client) this.#keys = make();
    this.#client = client;
    return this.#keys;
  }
}

function valueOf(expiresAt: number): string {
  return expiresAt === DENIED_UNTIL ? DENIED : String(endSecond(expiresAt));
}
