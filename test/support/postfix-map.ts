/**
 * postfix-map - a live map for Postfix without its file: the keys that changes leave, and Postfix's search in them
 */
import { type ClientAddress, parseAddress } from '../../src/core/address.js';
import type { Fault } from '../../src/core/fault.js';
import type { LiveMap, MapChange } from '../../src/core/outlets.js';
import { isNetwork, partsOf, type Subject } from '../../src/core/subject.js';
import { ChangeQueue } from '../../src/exports/change-queue.js';
import { DeniedKeys, keysOfDenial } from '../../src/exports/denied-keys.js';
import { entryOf } from '../../src/exports/entry.js';
import type { Undivided } from '../../src/exports/format.js';
import { STATUS } from '../../src/exports/liblmdb.js';
import { Entries } from '../../src/exports/lmdb-entries.js';
import { DENIED, eachKeyForPostfix } from '../../src/exports/postfix-keys.js';
import { searches } from './searches.js';

/** What Postfix makes of a table's keys and values: the key that it stops at, if it lets the client relay. */
export function permitting(keys: ReadonlyMap<string, string>, client: ClientAddress): string | undefined {
  const met = searches.postfix(client).find((key) => keys.has(key));
  return met === undefined || keys.get(met) === DENIED ? undefined : met;
}

/** Whether a key is that of another, shorter address with a `::`: whoever is written like it and longer may relay too. */
export function isLongerThan(key: string, client: ClientAddress): boolean {
  return key.includes('::') && parseAddress(key) !== undefined && client.startsWith(`${key}:`);
}

/** Whether one of the denials may keep Postfix from letting this client relay, who lies in none: all limits that there are. */
export function isRefusedBeside(denials: readonly Subject[], client: ClientAddress): boolean {
  const cuts = new Set(searches.postfix(client));
  return denials.some((denied) => {
    const groups = Math.ceil(partsOf(denied).prefix / 16);
    if (!denied.includes(':')) return false;
    for (const key of keysOfDenial(denied)) {
      if (!cuts.has(key)) continue;
      // Written like one that is denied, up to the last group, or up to the last that its network fixes.
      if (key.includes('::')) return true;
      // More than two zero groups at the end of a network: how many cannot be told.
      if (key.endsWith(':') && groups - (key.split(':').length - 1) > 2) return true;
    }
    return false;
  });
}

/** All keys of a table that is built at once. */
export function built({ denials, permissions }: Undivided): Map<string, string> {
  const denied = new DeniedKeys();
  denied.reset(denials());
  const keys = new Map(Array.from(denied.keys(), (key) => [key, DENIED]));
  const entries = new Entries(storeOf(keys), denied);
  for (const { client, expiresAt } of permissions())
    if (!isNetwork(client)) {
      if (denied.mayPermit(client)) entries.putKey(client, expiresAt);
    } else
      for (const key of eachKeyForPostfix(entryOf({ client, expiresAt })))
        if (denied.mayPermit(key)) entries.putKey(key, expiresAt);
  return keys;
}

function storeOf(keys: Map<string, string>) {
  return {
    put: (key: string, value: string) => {
      keys.set(key, value);
      return STATUS.OK;
    },
    remove: (key: string) => (keys.delete(key) ? STATUS.OK : STATUS.NOT_FOUND),
  };
}

export class PostfixMap implements LiveMap {
  keys = new Map<string, string>();
  /** How many keys changes have written and taken out. */
  written = 0;
  /** How often it was built anew. */
  renewals = 0;
  readonly #undivided: () => Undivided;
  readonly #denied = new DeniedKeys();

  constructor(undivided: () => Undivided) {
    this.#undivided = undivided;
  }

  open(): void {
    this.#denied.reset(this.#undivided().denials());
    this.keys = built(this.#undivided());
  }

  apply(told: MapChange, done: (fault?: Fault) => void): void {
    const { change, isStale } = this.#denied.follow(told);
    const queue = new ChangeQueue();
    queue.push(change, done);
    const store = storeOf(this.keys);
    const counted = {
      put: (key: string, value: string) => {
        this.written += 1;
        return store.put(key, value);
      },
      remove: (key: string) => {
        this.written += 1;
        return store.remove(key);
      },
    };
    while (!queue.isEmpty) {
      const status = queue.writeSlice(new Entries(counted, this.#denied), () => true);
      if (status !== STATUS.OK) throw new Error(`status ${status}`);
      const told = queue.written();
      if (isStale) this.renew(() => undefined);
      for (const one of told) one();
    }
  }

  renew(done: (fault?: Fault) => void): void {
    this.renewals += 1;
    this.keys = built(this.#undivided());
    done();
  }

  permits(client: ClientAddress): boolean {
    return permitting(this.keys, client) !== undefined;
  }
}
