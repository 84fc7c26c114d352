/**
 * standing - what may relay without a lease, and what may not for all its leases
 *
 * The configuration says `always` and `never`; operators pin, grant for a while, and deny. What is denied or never
 * may not relay, whoever else says so; of the rest, what is always, pinned or granted may.
 *
 * Maps show what may as whole networks, and who may not in them beside (undivided, denials); those that have no
 * words for that, as networks without those that may not in them (permissions). What lies in a network that
 * lasts as long is not shown beside it. What does not end is shown with the end FOREVER, a number that Exim
 * can compare with the time like any other.
 */
import { addressToBytes, type ClientAddress } from './address.js';
import { halves, isWithin, type Network } from './network.js';
import { type EntryKind, idOf, type LiveEntry } from './operator-entry.js';
import type { Denial, MapChange } from './outlets.js';
import { PrefixMap } from './prefix-map.js';
import { networkOfSubject, type Permission, type Subject, subjectOf } from './subject.js';

/** The last second that 32 bits count (in 2106), epoch milliseconds. */
export const FOREVER = (2 ** 32 - 1) * 1_000;

/** Why something may relay without a lease. */
export interface Allowance {
  readonly rule: 'site' | 'pin' | 'grant';
  readonly network: Network;
  readonly subject: Subject;
  /** Wall clock, epoch milliseconds; FOREVER when it does not end. */
  readonly expiresAt: number;
  /** Steady time. */
  readonly deadline: number;
  readonly entry?: LiveEntry;
}

export class Standing {
  readonly #always = new PrefixMap<Allowance>();
  readonly #never = new PrefixMap<Network>();
  readonly #pins = new PrefixMap<Allowance>();
  readonly #grants = new PrefixMap<Allowance>();
  readonly #denies = new PrefixMap<LiveEntry>();
  readonly #entries = new Map<string, LiveEntry>();
  /** No entry ends before. */
  #nextEnd = Infinity;

  /** Both lists are prefixes. */
  constructor(always: readonly Network[], never: readonly Network[]) {
    for (const network of never) this.#never.set(network, network);
    for (const network of always)
      this.#always.set(network, {
        rule: 'site',
        network,
        subject: subjectOf(network),
        expiresAt: FOREVER,
        deadline: Infinity,
      });
  }

  /** How many entries operators have made. */
  get size(): number {
    return this.#entries.size;
  }

  /** How many of them are of this kind. */
  count(kind: EntryKind): number {
    return { grant: this.#grants, pin: this.#pins, deny: this.#denies }[kind].size;
  }

  /** Whether nothing but leases decides: nothing is always, pinned, granted or denied. */
  get isBlank(): boolean {
    return this.#always.size + this.#entries.size === 0;
  }

  get(kind: EntryKind, subject: Subject): LiveEntry | undefined {
    return this.#entries.get(idOf({ kind, subject }));
  }

  /** Operators' entries, in the order in which they came. Safe to step through while they change. */
  entries(): Iterable<LiveEntry> {
    return this.#entries.values();
  }

  /** Takes an entry over, in place of one of its kind for its subject. */
  set(entry: LiveEntry): void {
    const { kind, subject, expiresAt = FOREVER, deadline } = entry;
    const network = networkOfSubject(subject);
    this.#entries.set(idOf(entry), entry);
    this.#nextEnd = Math.min(this.#nextEnd, deadline);
    if (kind === 'deny') this.#denies.set(network, entry);
    else this.#listOf(kind).set(network, { rule: kind, network, subject, expiresAt, deadline, entry });
  }

  /** Answers the entry that was taken away, if there was one. */
  delete(kind: EntryKind, subject: Subject): LiveEntry | undefined {
    const entry = this.get(kind, subject);
    if (entry === undefined) return undefined;
    this.#entries.delete(idOf(entry));
    (kind === 'deny' ? this.#denies : this.#listOf(kind)).delete(networkOfSubject(subject));
    return entry;
  }

  /** Entries whose time is over. */
  over(now: number): LiveEntry[] {
    if (now < this.#nextEnd) return [];
    const all = [...this.#entries.values()];
    this.#nextEnd = all.reduce(
      (first, { deadline }) => (deadline > now ? Math.min(first, deadline) : first),
      Infinity,
    );
    return all.filter(({ deadline }) => deadline <= now);
  }

  /** The wall clock has jumped: tells ends as it does now, and beginnings, so that an entry lasts as long as before. */
  moveEnds(toWall: number): void {
    for (const entry of [...this.#entries.values()]) {
      const { createdAt, deadline, expiresAt } = entry;
      if (expiresAt === undefined) continue;
      const end = Math.round(deadline + toWall);
      this.set({ ...entry, createdAt: Math.max(0, createdAt + end - expiresAt), expiresAt: end });
    }
  }

  #listOf(kind: 'pin' | 'grant'): PrefixMap<Allowance> {
    return kind === 'pin' ? this.#pins : this.#grants;
  }

  /** The deny that holds the client, the most specific of them. */
  denial(client: ClientAddress, now: number): LiveEntry | undefined {
    if (this.#denies.size === 0) return undefined;
    for (const entry of this.#denies.covering(addressToBytes(client))) if (entry.deadline > now) return entry;
    return undefined;
  }

  /** Why the client may relay without a lease, if it may: what lasts longest. Whether it is denied is not asked. */
  allowance(client: ClientAddress, now: number): Allowance | undefined {
    if (this.#always.size + this.#pins.size + this.#grants.size === 0) return undefined;
    const bytes = addressToBytes(client);
    if (this.#never.holds(bytes)) return undefined;
    return this.#longest(now, (list) => list.covering(bytes));
  }

  /** Whether all of the subject may relay without a lease, for one reason. */
  covers(subject: Subject, now: number): boolean {
    if (this.#always.size + this.#pins.size + this.#grants.size === 0) return false;
    const network = networkOfSubject(subject);
    return !this.#isBlocked(network) && this.#longest(now, (list) => list.around(network)) !== undefined;
  }

  #longest(now: number, of: (list: PrefixMap<Allowance>) => Iterable<Allowance>): Allowance | undefined {
    let best: Allowance | undefined;
    for (const list of [this.#pins, this.#always, this.#grants])
      for (const one of of(list))
        if (one.deadline > now && !((best?.deadline ?? 0) >= one.deadline)) best = one;
    return best;
  }

  /** Whether some address of the network is denied, or the site's own. */
  touches(network: Network): boolean {
    return this.#denies.touches(network) || this.#always.touches(network);
  }

  /** Whether some address of the subject is denied. */
  denies(subject: Subject): boolean {
    return this.#denies.size > 0 && this.#denies.touches(networkOfSubject(subject));
  }

  /** What covers the whole subject and says that nothing in it may relay. */
  against(subject: Subject): 'never' | LiveEntry | undefined {
    const network = networkOfSubject(subject);
    if (this.#never.around(network).next().done !== true) return 'never';
    for (const entry of this.#denies.around(network)) return entry;
    return undefined;
  }

  /** What maps show that have no words for a denial: pieces of networks. Safe to step through while entries change. */
  *permissions(now: number): Generator<Permission> {
    for (const one of this.#allowances()) if (this.#isShown(one, now)) yield* this.#permissionsOf(one);
  }

  /** What the others show: networks as they are, with the denials. Likewise. */
  *undivided(now: number): Generator<Permission> {
    for (const one of this.#allowances()) if (this.#isShown(one, now)) yield permissionOf(one);
  }

  /** All who may not relay, whatever is shown. Likewise. */
  *denials(): Generator<Denial> {
    for (const network of this.#never.values()) yield this.#denialOf(network);
    for (const { subject } of this.#denies.values()) yield this.#denialOf(networkOfSubject(subject));
  }

  /** What an entry that lets something relay adds to maps. */
  shownOf({ kind, subject }: LiveEntry, now: number): MapChange {
    const network = networkOfSubject(subject);
    const one = kind === 'deny' ? undefined : this.#listOf(kind).get(network);
    return {
      remove: [],
      deny: [
        ...this.#never.within(network),
        ...this.#denies.within(network).map((entry) => networkOfSubject(entry.subject)),
      ].map((inside) => this.#denialOf(inside)),
      put: one !== undefined && this.#isShown(one, now) ? [permissionOf(one)] : [],
    };
  }

  /** Takes a deny over, and answers what that changes in maps. */
  deny(entry: LiveEntry): MapChange {
    this.set(entry);
    const network = networkOfSubject(entry.subject);
    // Also what is not shown: it may stand in a map since it was.
    const remove = this.#lists.flatMap((list) => list.within(network).map(({ subject }) => subject));
    return { remove: [...new Set(remove)], deny: [this.#denialOf(network)], put: [] };
  }

  /** Takes a deny away, and answers what that changes in maps. */
  allow(subject: Subject, now: number): MapChange {
    const network = networkOfSubject(subject);
    if (this.delete('deny', subject) === undefined || this.#never.get(network) !== undefined)
      return { remove: [], put: [] };
    return {
      remove: [],
      allow: [{ client: subject, around: this.shownAround(subject, now) }],
      put: this.#shown(now, (list) => list.within(network)),
    };
  }

  /** What maps show of what lets all of a subject relay but those who are denied in it, the longest last. */
  shownAround(subject: Subject, now: number): Permission[] {
    const network = networkOfSubject(subject);
    return this.#shown(now, (list) => list.around(network));
  }

  #shown(now: number, some: (list: PrefixMap<Allowance>) => Iterable<Allowance>): Permission[] {
    return this.#lists
      .flatMap((list) => [...some(list)].filter((one) => this.#isShown(one, now)))
      .map(permissionOf)
      .sort((a, b) => a.expiresAt - b.expiresAt);
  }

  #denialOf(network: Network): Denial {
    const isInside = this.#lists.some((list) => list.around(network).next().done !== true);
    return { client: subjectOf(network), isInside };
  }

  get #lists(): readonly PrefixMap<Allowance>[] {
    return [this.#always, this.#pins, this.#grants];
  }

  /** A list, so that entries may change meanwhile. */
  #allowances(): Allowance[] {
    return this.#lists.flatMap((list) => list.values());
  }

  #isBlocked(network: Network): boolean {
    return this.#denies.touches(network) || this.#never.touches(network);
  }

  /** Whether not all of it is denied or never, and nothing that lasts as long holds it all. */
  #isShown(one: Allowance, now: number): boolean {
    if (one.deadline <= now || this.#isBarred(one.network)) return false;
    for (const list of this.#lists)
      for (const other of list.around(one.network)) {
        if (other === one || other.deadline < one.deadline) continue;
        // Of two that say the same of one network, the first by kind is shown.
        const same = other.deadline === one.deadline && isWithin(other.network, one.network);
        if (!same || RANK[other.rule] < RANK[one.rule]) return false;
      }
    return true;
  }

  /** Whether all of it is denied or never. */
  #isBarred(network: Network): boolean {
    return [this.#never, this.#denies].some((list) => list.around(network).next().done !== true);
  }

  *#permissionsOf({ expiresAt, network }: Allowance): Generator<Permission> {
    for (const piece of this.#pieces(network)) yield { client: subjectOf(piece), expiresAt };
  }

  /** The largest networks of which all may relay. */
  *#pieces(network: Network): Generator<Network> {
    if (!this.#denies.hasWithin(network) && !this.#never.hasWithin(network)) yield network;
    else if (this.#denies.get(network) === undefined && this.#never.get(network) === undefined)
      for (const half of halves(network)) yield* this.#pieces(half);
  }
}

function permissionOf({ expiresAt, subject }: Allowance): Permission {
  return { client: subject, expiresAt };
}

const RANK = { site: 0, pin: 1, grant: 2 } as const;
