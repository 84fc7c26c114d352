/**
 * entry-book - operators' entries, made durable before they are in force
 *
 * Those who follow changes are told by `diary`: of what is about to be done before it is saved, and of what was done
 * when it is in force, in the same order.
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

/** Who did it and why. */
export interface By {
  readonly author: string;
  readonly reason: string;
}

/** What a change does to an entry. */
export interface Act {
  readonly kind: 'granted' | 'renewed' | 'revoked' | 'pinned' | 'unpinned' | 'denied' | 'undenied';
  readonly entry: OperatorEntry;
  readonly by: By | undefined;
}

export interface Diary {
  /** Resolves when it would be known after a kill that this was to be done, or when that cannot be. */
  intend(acts: readonly Act[]): Promise<void>;
  /** The acts intended last are in force; none of them when they could not be saved. */
  done(acts: readonly Act[]): void;
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
  readonly diary: Diary;
  /** How many entries there may be; default MAX_ENTRIES. */
  readonly max?: number;
}

interface Waiting {
  /** Nothing: all are to be written again. */
  readonly change: EntryChange | undefined;
  readonly by: By | undefined;
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
  change(change: EntryChange, by?: By): Promise<Booked> {
    return this.#enqueue(change, by);
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

  #enqueue(change: EntryChange | undefined, by?: By): Promise<Booked> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, by, resolve, reject });
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
    const { diary, entries, file, standing } = this.#options;
    const { accepted, draft } = this.#draft(group);
    // What was not there cannot go.
    const real = accepted.filter(
      ({ before, change }) => change !== undefined && ('come' in change || before !== undefined),
    );
    const acts = real.map(actOf).filter((act) => act !== undefined);
    if (acts.length > 0) await diary.intend(acts);
    try {
      await file.save(draft.values());
    } catch (thrown) {
      if (acts.length > 0) diary.done([]);
      for (const { reject } of accepted) reject(toFault(thrown, 'STORE'));
      return;
    }
    const changes = real.map(({ change }) => change).filter((change) => change !== undefined);
    const done = meanwhile(acts, standing.entries());
    const shown = new Promise<Fault | undefined>((resolve) => {
      entries.change(changes, resolve);
    });
    // They are in force, and may come to their ends before maps show them.
    if (acts.length > 0) diary.done(done);
    const fault = await shown;
    for (const { before, resolve } of accepted) resolve({ before, fault });
  }

  /** What will stand there; those for which there is no room are rejected. */
  #draft(group: readonly Waiting[]): { accepted: Accepted[]; draft: Map<string, OperatorEntry> } {
    const { max = MAX_ENTRIES, standing } = this.#options;
    const draft = new Map(Array.from(standing.entries(), (entry) => [idOf(entry), entry] as const));
    let allowing = standing.size - standing.count('deny');
    const accepted: Accepted[] = [];
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
    return { accepted, draft };
  }
}

type Accepted = Waiting & { readonly before: OperatorEntry | undefined };

const COMING = { grant: 'granted', pin: 'pinned', deny: 'denied' } as const;
const GOING = { grant: 'revoked', pin: 'unpinned', deny: 'undenied' } as const;

function actOf({ before, by, change }: Accepted): Act | undefined {
  if (change !== undefined && 'come' in change) {
    const { come: entry } = change;
    const isRenewal = entry.kind === 'grant' && before !== undefined;
    return { kind: isRenewal ? 'renewed' : COMING[entry.kind], entry, by };
  }
  return before && { kind: GOING[before.kind], entry: before, by };
}

/** The acts as they are when they are done: what has come to its end since they were asked for is over already. */
export function meanwhile(
  acts: readonly Act[],
  there: Iterable<Pick<OperatorEntry, 'kind' | 'subject'>>,
): Act[] {
  const ids = new Set(Array.from(there, idOf));
  return acts.flatMap((act) => {
    const id = idOf(act.entry);
    const wasThere = ids.has(id);
    if (act.kind === 'revoked' || act.kind === 'unpinned' || act.kind === 'undenied') {
      ids.delete(id);
      return wasThere ? [act] : [];
    }
    ids.add(id);
    return act.kind === 'renewed' && !wasThere ? [{ ...act, kind: 'granted' as const }] : [act];
  });
}
