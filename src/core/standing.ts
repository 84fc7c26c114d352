/**
 * standing - what may relay without a lease, and what may not for all its leases
 *
 * The configuration says `always` and `never`; operators pin, grant for a while, and deny. What is denied or never
 * may not relay, whoever else says so; of the rest, what is always, pinned or granted may.
 *
 * Maps show what may as networks without those that may not in them (pieces). What lies in a network that
 * lasts as long is not shown beside it. What does not end is shown with the end FOREVER, a number that Exim
 * can compare with the time like any other.
 */
import { addressToBytes, type ClientAddress } from './address.js';
import { halves, isWithin, type Network, networkOf, prefixLength } from './network.js';
import { type EntryKind, idOf, type LiveEntry } from './operator-entry.js';
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

/** What to put into maps and what to take out, when an entry comes or goes. */
export interface Turn {
  readonly put: readonly Permission[];
  readonly remove: readonly Subject[];
}

export class Standing {
  readonly #always = new PrefixMap<Allowance>();
  readonly #never = new PrefixMap<true>();
  readonly #pins = new PrefixMap<Allowance>();
  readonly #grants = new PrefixMap<Allowance>();
  readonly #denies = new PrefixMap<LiveEntry>();
  readonly #entries = new Map<string, LiveEntry>();
  /** No entry ends before. */
  #nextEnd = Infinity;

  /** Both lists are prefixes. */
  constructor(always: readonly Network[], never: readonly Network[]) {
    for (const network of never) this.#never.set(network, true);
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

  /** What maps show. Safe to step through while entries change. */
  *permissions(now: number): Generator<Permission> {
    const lists = [this.#always, this.#pins, this.#grants].flatMap((list) => [...list.values()]);
    for (const one of lists) if (this.#isShown(one, now)) yield* this.#permissionsOf(one, one.network);
  }

  /** What maps show because of an entry that lets something relay. */
  shownOf({ kind, subject }: LiveEntry, now: number): Permission[] {
    const one = kind === 'deny' ? undefined : this.#listOf(kind).get(networkOfSubject(subject));
    return one !== undefined && this.#isShown(one, now) ? [...this.#permissionsOf(one, one.network)] : [];
  }

  /** Takes a deny over, and answers what that changes in maps. */
  deny(entry: LiveEntry, now: number): Turn {
    const network = networkOfSubject(entry.subject);
    return this.#turn(network, { region: this.#freeAround(network), now }, () => {
      this.set(entry);
    });
  }

  /** Takes a deny away, and answers what that changes in maps. */
  allow(subject: Subject, now: number): Turn {
    const network = networkOfSubject(subject);
    const entry = this.delete('deny', subject);
    const region = this.#freeAround(network);
    if (entry !== undefined) this.set(entry);
    return this.#turn(network, { region, now }, () => {
      this.delete('deny', subject);
    });
  }

  /** What a change of what is denied in the network does to what is shown in the region around it. */
  #turn(network: Network, { region, now }: { region: Network; now: number }, change: () => void): Turn {
    const parts = this.#meeting(network)
      .filter((one) => this.#isShown(one, now))
      .map((one) => ({ one, part: isWithin(one.network, region) ? one.network : region }));
    const shown = (): Subject[] =>
      parts.flatMap(({ one, part }) => Array.from(this.#permissionsOf(one, part), ({ client }) => client));
    const before = new Map(shown().map((client) => [client, this.#endOf(client, now)]));
    change();
    const remove: Subject[] = [];
    const put: Permission[] = [];
    for (const client of new Set([...before.keys(), ...shown()])) {
      const expiresAt = this.#endOf(client, now);
      if (expiresAt === undefined) remove.push(client);
      else put.push({ client, expiresAt });
    }
    // What stays is put again when something goes: its keys may be among those of what goes.
    return {
      remove,
      put: remove.length > 0 ? put : put.filter(({ client, expiresAt }) => before.get(client) !== expiresAt),
    };
  }

  /** The end that maps show for exactly this network; undefined when they do not show it. What is a piece of one may be all of another. */
  #endOf(subject: Subject, now: number): number | undefined {
    const network = networkOfSubject(subject);
    if (this.#isBlocked(network)) return undefined;
    const prefix = prefixLength(network);
    const isPiece = prefix > 0 && this.#isBlocked(networkOf(network.base, prefix - 1));
    let end: number | undefined;
    for (const list of [this.#always, this.#pins, this.#grants])
      for (const one of list.around(network))
        if ((isPiece || isWithin(one.network, network)) && this.#isShown(one, now))
          end = Math.max(one.expiresAt, end ?? 0);
    return end;
  }

  /** All that allows something in the network. */
  #meeting(network: Network): Allowance[] {
    return [this.#always, this.#pins, this.#grants].flatMap((list) => [
      ...new Set([...list.around(network), ...list.within(network)]),
    ]);
  }

  /** The largest network around this one in which nothing else is denied or never. */
  #freeAround(network: Network): Network {
    let free = network;
    for (let prefix = prefixLength(network) - 1; prefix >= 0; prefix -= 1) {
      const larger = networkOf(network.base, prefix);
      if (this.#isBlocked(larger)) break;
      free = larger;
    }
    return free;
  }

  #isBlocked(network: Network): boolean {
    return this.#denies.touches(network) || this.#never.touches(network);
  }

  /** Whether nothing that lasts as long holds it all. */
  #isShown(one: Allowance, now: number): boolean {
    if (one.deadline <= now) return false;
    for (const list of [this.#always, this.#pins, this.#grants])
      for (const other of list.around(one.network)) {
        if (other === one || other.deadline < one.deadline) continue;
        // Of two that say the same of one network, the first by kind is shown.
        const same = other.deadline === one.deadline && isWithin(other.network, one.network);
        if (!same || RANK[other.rule] < RANK[one.rule]) return false;
      }
    return true;
  }

  *#permissionsOf({ expiresAt }: Allowance, part: Network): Generator<Permission> {
    if (this.#never.around(part).next().done !== true || this.#denies.around(part).next().done !== true)
      return;
    for (const piece of this.#pieces(part)) yield { client: subjectOf(piece), expiresAt };
  }

  /** The largest networks of which all may relay. */
  *#pieces(network: Network): Generator<Network> {
    if (!this.#denies.hasWithin(network) && !this.#never.hasWithin(network)) yield network;
    else if (this.#denies.get(network) === undefined && this.#never.get(network) === undefined)
      for (const half of halves(network)) yield* this.#pieces(half);
  }
}

const RANK = { site: 0, pin: 1, grant: 2 } as const;
