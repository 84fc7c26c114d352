/**
 * shown - what maps show: what stands without a lease, and the leases of others
 *
 * Maps with words for "this one not" get networks whole, and beside them who is denied in them (denials, which are
 * to be told first). The others get what is left of each network, in pieces.
 *
 * All may be stepped through slowly while leases and entries change.
 */
import type { Leases } from './leases.js';
import type { Denial } from './outlets.js';
import type { Standing } from './standing.js';
import type { LeanPermission, Permission, Subject } from './subject.js';

export interface ShownOptions {
  readonly leases: Leases;
  readonly standing: Standing;
}

export class Shown {
  readonly #leases: Leases;
  readonly #standing: Standing;

  constructor({ leases, standing }: ShownOptions) {
    this.#leases = leases;
    this.#standing = standing;
  }

  /** Nobody who is denied lies in any of these. */
  *permissions(): Generator<Permission> {
    yield* this.#standing.permissions(this.#leases.time.now());
    yield* this.#ofLeases();
  }

  /** The same at a third of the work, for snapshots. */
  lean(): Iterable<LeanPermission> {
    return this.#leanUnless(() => this.permissions());
  }

  /** All who may relay, less the denials. */
  readonly undivided = {
    denials: (): Iterable<Denial> => this.#standing.denials(),
    permissions: (): Iterable<Permission> => this.#whole(),
    lean: (): Iterable<LeanPermission> => this.#leanUnless(() => this.#whole()),
  };

  *#whole(): Generator<Permission> {
    yield* this.#standing.undivided(this.#leases.time.now());
    yield* this.#ofLeases();
  }

  *#ofLeases(): Generator<Permission> {
    const { table } = this.#leases;
    for (const place of this.#leases.living()) {
      const client = table.subjectAt(place);
      if (this.holds(client)) yield { client, expiresAt: table.expiresAt(place) };
    }
  }

  #leanUnless(otherwise: () => Iterable<LeanPermission>): Iterable<LeanPermission> {
    const { table, time } = this.#leases;
    return this.#standing.isBlank ? table.lean(time.now()) : otherwise();
  }

  /** Whether maps carry this subject's lease: it is not denied, and they do not say already that it may relay without one. */
  holds(subject: Subject): boolean {
    return !this.#standing.denies(subject) && !this.hides(subject);
  }

  /** Whether maps say already that all of it may relay without a lease. */
  hides(subject: Subject): boolean {
    return this.#standing.covers(subject, this.#leases.time.now());
  }
}

/** The same, for maps, which are there before what they show. */
export function shownBy(of: () => Shown): {
  readonly snapshot: () => Iterable<Permission>;
  readonly lean: () => Iterable<LeanPermission>;
  readonly undivided: () => Shown['undivided'];
} {
  return {
    snapshot: () => of().permissions(),
    lean: () => of().lean(),
    undivided: () => of().undivided,
  };
}
