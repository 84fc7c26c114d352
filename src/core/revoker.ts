/**
 * revoker - takes leases away: those of an address or network, those on a reporter's word, or all
 *
 * Promise: what has been told done is on stable storage and out of the table and the live map. Reports that came
 * before are settled before, and their leases are taken too; what is granted afterwards stays.
 *
 * Of a network the store is told first, once; then the table is searched, SCAN_STEP places, FOUND_STEP leases or STEP_MS at a
 * time, between which other work goes on. Meanwhile what is still there and meant is doomed: it lets nobody relay any more. Of a
 * reporter the store is told of each lease, up to SCAN_STEP in a turn of their own.
 *
 * An address that a wide lease covers ends that lease, and all leases in the network that it covers: the
 * store does not know on which client's word it stood.
 *
 * Bugs: a wide lease on a reporter's word that is taken away takes with it, after a restart, leases for single
 * addresses inside it that others have reported.
 */
import type { ClientAddress } from './address.js';
import type { Coverage } from './coverage.js';
import type { Fault } from './fault.js';
import type { Revocation } from './grant.js';
import { NOWHERE } from './grant-table.js';
import type { Leases } from './leases.js';
import type { Place } from './outlets.js';
import { isNetwork, networkOfSubject, type Subject } from './subject.js';

export const SCAN_STEP = 1_000;
/** What is found must be ended, recorded and taken out of maps in one turn of the event loop, in which reports come, too. */
export const FOUND_STEP = 250;
const STEP_MS = 2;
/** Places looked at between two looks at the clock. */
const CLOCK_EVERY = 64;

/** Which leases. */
export type LeaseSelection =
  { readonly within: Subject } | { readonly reporter: ClientAddress } | { readonly all: true };

/** How many were taken away; with a Fault when the store or the live map could not do its part. */
export type Revoked = (count: number, fault?: Fault) => void;

/** Something that has the store for itself for one write. */
export interface Turn {
  /** What is to be written, asked for when the turn has come. */
  records(): readonly Revocation[];
  stored(fault?: Fault): void;
}

export interface RevokerOptions {
  readonly leases: Leases;
  readonly coverage: Coverage;
  /** Runs a turn once all reports that have come so far are settled. */
  readonly enqueue: (turn: Turn) => void;
  /** Takes subjects out of the maps. */
  readonly hide: (subjects: readonly Subject[], done: (fault?: Fault) => void) => void;
  readonly clock: { wall(): number; mono(): number; soon(fn: () => void): void };
  readonly store: { readonly settledAt?: Place | undefined };
  /** The lease at a place is about to be taken away. */
  readonly onRevoked: (place: number) => void;
}

/** What is being taken away. */
interface Cut {
  readonly matches: (place: number) => boolean;
  /** What was granted later is not meant. */
  readonly revision: number;
}

/** A revocation that is in the store while not all that it means is gone. */
export interface Unfinished {
  readonly storedAt: Place | undefined;
}

const EVERYTHING = ['0.0.0.0/0', '::/0'] as Subject[];

export class Revoker {
  readonly #options: RevokerOptions;
  readonly #cuts: (Cut & Unfinished)[] = [];

  constructor(options: RevokerOptions) {
    this.#options = options;
  }

  revoke(selection: LeaseSelection, done: Revoked): void {
    if ('reporter' in selection) this.#revokeReporter(selection.reporter, done);
    else this.#revokeNetworks('all' in selection ? EVERYTHING : [selection.within], done);
  }

  /** In the order in which they were stored; each is the same object until it is finished. */
  get unfinished(): readonly Unfinished[] {
    return this.#cuts;
  }

  /** Whether the lease at a place is being taken away, so that it counts no more. */
  dooms(place: number): boolean {
    return this.#cuts.some((cut) => this.#isMeant(cut, place));
  }

  #isMeant({ matches, revision }: Cut, place: number): boolean {
    const { table } = this.#options.leases;
    return !table.isEmpty(place) && table.revisionAt(place) <= revision && matches(place);
  }

  #revokeNetworks(subjects: readonly Subject[], done: Revoked): void {
    const { clock, enqueue, leases } = this.#options;
    let meant = subjects;
    enqueue({
      records: () => {
        meant = subjects.map((subject) => this.#widened(subject));
        return meant.map((subject) => ({ subject, at: clock.wall() }));
      },
      stored: (fault) => {
        if (fault !== undefined) {
          done(0, fault);
          return;
        }
        const { settledAt: storedAt } = this.#options.store;
        const cut = { matches: this.#matcher(meant), revision: leases.cut(), storedAt };
        const [only] = meant;
        const places =
          meant.length === 1 && only !== undefined && !isNetwork(only)
            ? [leases.table.find(only)].filter((place) => place !== NOWHERE).values()
            : leases.table.allPlaces();
        this.#remove(cut, places, done);
      },
    });
  }

  /** The subject, or what a lease that covers all of it covers. */
  #widened(subject: Subject): Subject {
    const { coverage, leases } = this.#options;
    const network = networkOfSubject(subject);
    const around = coverage.aroundNetwork(network);
    return around !== undefined && leases.table.find(around) !== NOWHERE ? around : subject;
  }

  #matcher(subjects: readonly Subject[]): (place: number) => boolean {
    const networks = subjects.map(networkOfSubject);
    return (place) => networks.some((network) => this.#options.leases.overlaps(place, network));
  }

  /** Takes what is meant, which the store knows of, out of the table and the maps, step by step. Until then it is doomed. */
  #remove(cut: Cut & Unfinished, places: Iterator<number>, done: Revoked): void {
    const { clock, hide } = this.#options;
    this.#cuts.push(cut);
    let count = 0;
    let failed: Fault | undefined;
    const step = (): void => {
      const gone: Subject[] = [];
      const found = (place: number): number => gone.push(this.#end(place));
      const isOver = this.#search(cut, places, { most: FOUND_STEP, found });
      count += gone.length;
      const goOn = (fault?: Fault): void => {
        failed ??= fault;
        if (!isOver) {
          clock.soon(step);
          return;
        }
        this.#cuts.splice(this.#cuts.indexOf(cut), 1);
        done(count, failed);
      };
      if (gone.length > 0) hide(gone, goOn);
      else goOn();
    };
    step();
  }

  /** Takes one step, which finds so many at most; answers whether there are no more places. */
  #search(
    cut: Cut,
    places: Iterator<number>,
    { most, found }: { readonly most: number; readonly found: (place: number) => void },
  ): boolean {
    const { clock } = this.#options;
    const until = clock.mono() + STEP_MS;
    let left = most;
    for (let looked = 1; looked <= SCAN_STEP && left > 0; looked += 1) {
      const next = places.next();
      if (next.done === true) return true;
      if (this.#isMeant(cut, next.value)) {
        found(next.value);
        left -= 1;
      }
      if (looked % CLOCK_EVERY === 0 && clock.mono() >= until) break;
    }
    return false;
  }

  #end(place: number): Subject {
    const { leases, onRevoked } = this.#options;
    onRevoked(place);
    return leases.end(place);
  }

  #revokeReporter(reporter: ClientAddress, done: Revoked): void {
    const { enqueue, leases } = this.#options;
    enqueue({
      records: () => [],
      stored: (fault) => {
        if (fault !== undefined) {
          done(0, fault);
          return;
        }
        const matches = (place: number): boolean => leases.reporterAt(place) === reporter;
        this.#revokeEach({ matches, revision: leases.cut() }, leases.table.allPlaces(), done);
      },
    });
  }

  /** A turn for each step in which something was found. */
  #revokeEach(cut: Cut, places: Iterator<number>, done: Revoked): void {
    const { clock, enqueue, leases, store } = this.#options;
    let count = 0;
    let failed: Fault | undefined;
    const step = (): void => {
      const found: number[] = [];
      const isOver = this.#search(cut, places, { most: SCAN_STEP, found: (place) => found.push(place) });
      const goOn = (fault?: Fault): void => {
        failed ??= fault;
        if (isOver) done(count, failed);
        else clock.soon(step);
      };
      if (found.length === 0) {
        goOn();
        return;
      }
      const told = new Set<number>();
      enqueue({
        records: () => {
          for (const place of found) if (this.#isMeant(cut, place)) told.add(place);
          return Array.from(told, (place) => ({ subject: leases.table.subjectAt(place), at: clock.wall() }));
        },
        stored: (fault) => {
          if (fault !== undefined) {
            done(count, fault);
            return;
          }
          const { settledAt: storedAt } = store;
          const those = { matches: (place: number) => told.has(place), revision: cut.revision, storedAt };
          this.#remove(those, told.values(), (n, mapFault) => {
            count += n;
            goOn(mapFault);
          });
        },
      });
    };
    step();
  }
}
