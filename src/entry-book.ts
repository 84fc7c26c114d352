/**
 * entry-book - operators' entries, made durable before they are in force
 *
 * Changes that come while the file is being written form the next group: one write for all that waited, and then
 * all of them take effect in the order in which they came.
 *
 * Errors: Fault REFUSED at the limits (core/operator-entry.ts); STORE when the file cannot be written (nothing has changed
 * then). A live map that cannot show a change is an answer, not an error: the entry stands.
 */
import type { EntryChange } from './core/entries.js';
import { Fault, toFault } from './core/fault.js';
import type { Subject } from './core/subject.js';
import { type EntryKind, hasRoom, idOf, MAX_ENTRIES, type OperatorEntry } from './core/operator-entry.js';

/** What became of a change. */
export interface Booked {
  /** What stood there before, or was taken away. */
  readonly before: OperatorEntry | undefined;
  /** Why maps do not show it, or leases were not ended. */
  readonly fault: Fault | undefined;
}

export interface EntryBookOptions {
  readonly file: { save(entries: Iterable<OperatorEntry>): Promise<void> };
  readonly standing: {
    readonly size: number;
    count(kind: EntryKind): number;
    get(kind: EntryKind, subject: Subject): OperatorEntry | undefined;
    entries(): Iterable<OperatorEntry>;
  };
  readonly entries: { change(changes: readonly EntryChange[], done: (fault?: Fault) => void): void };
  /** How many entries there may be; default MAX_ENTRIES. */
  readonly max?: number;
}

interface Waiting {
  /** Nothing: all are to be written again. */
  readonly change: EntryChange | undefined;
  readonly resolve: (booked: Booked) => void;
  readonly reject: (fault: Fault) => void;
}

const allowingIn = (entry: OperatorEntry | undefined): number =>
  entry === undefined || entry.kind === 'deny' ? 0 : 1;

function noRoom(kind: EntryKind, { all, allowing }: { all: number; allowing: number }): Fault {
  const count = kind === 'deny' ? `${all} entries` : `${allowing} pins and grants among ${all} entries`;
  return new Fault(
    'REFUSED',
    `there are ${count} already, and no room for more: remove some that are no longer needed`,
  );
}

export class EntryBook {
  readonly #options: EntryBookOptions;
  #waiting: Waiting[] = [];
  #working: Promise<void> | undefined;

  constructor(options: EntryBookOptions) {
    this.#options = options;
  }

  /** Resolves when the change is durable, in force and shown, or cannot be shown. Rejects with a Fault. */
  change(change: EntryChange): Promise<Booked> {
    return this.#enqueue(change);
  }

  /** Throws Fault REFUSED when there is no room for it now. */
  check(entry: OperatorEntry): void {
    const { max = MAX_ENTRIES, standing } = this.#options;
    if (standing.get(entry.kind, entry.subject) !== undefined) return;
    const count = { all: standing.size, allowing: standing.size - standing.count('deny') };
    if (!hasRoom(entry.kind, count, max)) throw noRoom(entry.kind, count);
  }

  /** Writes all entries again. Rejects with Fault STORE. */
  async rewrite(): Promise<void> {
    await this.#enqueue(undefined);
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#working;
  }

  #enqueue(change: EntryChange | undefined): Promise<Booked> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
      this.#working ??= this.#work();
    });
  }

  async #work(): Promise<void> {
    // Not at once: what comes in the same turn joins the group.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#book(this.#waiting.splice(0));
    this.#working = undefined;
  }

  async #book(group: readonly Waiting[]): Promise<void> {
    const { entries, file, max = MAX_ENTRIES, standing } = this.#options;
    const draft = new Map(Array.from(standing.entries(), (entry) => [idOf(entry), entry] as const));
    let allowing = standing.size - standing.count('deny');
    const accepted: (Waiting & { before: OperatorEntry | undefined })[] = [];
    for (const one of group) {
      const change = one.change;
      const id = change === undefined ? '' : idOf('come' in change ? change.come : change.go);
      const before = draft.get(id);
      if (change !== undefined && 'come' in change) {
        if (before === undefined && !hasRoom(change.come.kind, { all: draft.size, allowing }, max)) {
          one.reject(noRoom(change.come.kind, { all: draft.size, allowing }));
          continue;
        }
        draft.set(id, change.come);
      } else draft.delete(id);
      allowing += allowingIn(draft.get(id)) - allowingIn(before);
      accepted.push({ ...one, before });
    }
    try {
      await file.save(draft.values());
    } catch (thrown) {
      for (const { reject } of accepted) reject(toFault(thrown, 'STORE'));
      return;
    }
    // What was not there cannot go.
    const changes = accepted
      .filter(({ before, change }) => before !== undefined || (change !== undefined && 'come' in change))
      .map(({ change }) => change)
      .filter((change) => change !== undefined);
    const fault = await new Promise<Fault | undefined>((resolve) => {
      entries.change(changes, resolve);
    });
    for (const { before, resolve } of accepted) resolve({ before, fault });
  }
}
