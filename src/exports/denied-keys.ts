/**
 * denied-keys - which keys of a map for Postfix say "not this one", counted by what needs them
 *
 * Promise: follows the ledger at once; what is written later asks here, so that what is denied when the last change
 * is written is denied in the map, whatever order the changes had. A key that is denied is never a permission.
 *
 * A network with a `::` inside hides addresses as well: 2001:db8::6:1 is no part of 2001:db8:0:0:0:6::/96, but its
 * key would be met on the way from 2001:db8::6:1:1, which is. So such an address has no key. Who these are among those
 * that a map shows is not known here: when such a network comes or goes the map is to be built anew.
 */
import type { Denial, MapChange } from '../core/outlets.js';
import { isNetwork, type Subject } from '../core/subject.js';
import { DENIED_UNTIL, type Entry, entryOf } from './entry.js';
import { cutsOf, denialKeys, groupsBehind, isNeeded } from './postfix-keys.js';

const HIDDEN = '::';

const entryOfSubject = (client: Subject): Entry => entryOf({ client, expiresAt: DENIED_UNTIL });

/** Whether what follows a key has fewer groups than that. */
const isShorter = (rest: string, groups: number): boolean => rest.split(':').length - 1 < groups;

export class DeniedKeys {
  readonly #subjects = new Set<Subject>();
  readonly #counts = new Map<string, number>();
  /** Keys with a hidden `::`, and how many groups follow each in what is denied. */
  readonly #hiding = new Map<string, number[]>();

  /** Begins anew with these. */
  reset(denials: Iterable<Denial>): void {
    this.#subjects.clear();
    this.#counts.clear();
    this.#hiding.clear();
    for (const one of denials) this.add(one);
  }

  /** Whether it has no key. */
  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /** Each key once. Safe to step through while it changes. */
  keys(): Iterable<string> {
    return this.#counts.keys();
  }

  /** Whether this denial has keys here. */
  holds(subject: Subject): boolean {
    return this.#subjects.has(subject);
  }

  has(key: string): boolean {
    return this.#counts.has(key);
  }

  /** Whether a key may say that somebody may relay. */
  mayPermit(key: string): boolean {
    if (this.isEmpty) return true;
    return !this.#counts.has(key) && !this.#isHidden(key);
  }

  #isHidden(key: string): boolean {
    if (this.#hiding.size === 0 || !key.includes(HIDDEN)) return false;
    for (const cut of cutsOf(key))
      if (this.#hiding.get(cut)?.some((groups) => isShorter(key.slice(cut.length), groups)) === true)
        return true;
    return false;
  }

  /** Takes a denial over if a map must have its keys; answers whether it hides addresses. */
  add(denial: Denial): boolean {
    const { client } = denial;
    if (this.#subjects.has(client) || !isNeeded(denial)) return false;
    this.#subjects.add(client);
    return this.#change(client, 1);
  }

  /** Takes one away; answers whether it hid addresses. */
  delete(subject: Subject): boolean {
    return this.#subjects.delete(subject) && this.#change(subject, -1);
  }

  #change(subject: Subject, by: 1 | -1): boolean {
    const entry = entryOfSubject(subject);
    const groups = groupsBehind(entry);
    let hides = false;
    for (const key of denialKeys(entry)) {
      const count = (this.#counts.get(key) ?? 0) + by;
      if (count > 0) this.#counts.set(key, count);
      else this.#counts.delete(key);
      if (groups === 0 || !isNetwork(subject) || !key.includes(HIDDEN)) continue;
      hides = true;
      const all = this.#hiding.get(key) ?? [];
      if (by > 0) all.push(groups);
      else all.splice(all.indexOf(groups), 1);
      if (all.length > 0) this.#hiding.set(key, all);
      else this.#hiding.delete(key);
    }
    return hides;
  }

  /** Follows a change; answers what of it concerns a map, and whether the map must be built anew for it. */
  follow(change: MapChange): { readonly change: MapChange; readonly isStale: boolean } {
    const { allow = [], deny = [] } = change;
    if (allow.length === 0 && deny.length === 0) return { change, isStale: false };
    let isStale = false;
    for (const denial of deny) isStale = this.add(denial) || isStale;
    const gone = allow.filter(({ client }) => this.#subjects.has(client));
    for (const { client } of gone) isStale = this.delete(client) || isStale;
    return { change: { ...change, allow: gone }, isStale };
  }
}

/** The keys of a denial. */
export function keysOfDenial(subject: Subject): Iterable<string> {
  return denialKeys(entryOfSubject(subject));
}
