/**
 * journal-bench - a journal in a directory of its own on the real disk, and what a test asks of it
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ClientAddress } from '../../../src/core/address.js';
import type { Fault } from '../../../src/core/fault.js';
import type { Grant } from '../../../src/core/grant.js';
import type { Subject } from '../../../src/core/subject.js';
import type { Log } from '../../../src/runtime/log.js';
import { GroupEncoder, encodeHeader } from '../../../src/store/frame.js';
import type { JournalOptions } from '../../../src/store/journal.js';
import { Journal } from '../../../src/store/journal.js';
import { readJournal } from '../../../src/store/read-journal.js';
import { FakeClock } from '../../support/fake-clock.js';
import type { Said } from '../../support/live-map.js';
import { recordingLog } from '../../support/live-map.js';
import { newDirectory } from '../../support/processes.js';
import { WatchedFiles } from './watched-files.js';

export const REPORTER = '192.0.2.1';

export function grantOf(client: string, expiresAt: number, reporter = REPORTER): Grant {
  return { client: client as ClientAddress, expiresAt, reporter: reporter as ClientAddress };
}

/** A group as it stands on the disk. */
export function encoded(grants: readonly Grant[]): Buffer {
  const encoder = new GroupEncoder();
  encoder.encode(grants);
  return Buffer.from(encoder.bytes.subarray(0, encoder.length));
}

/** A group of revocations as it stands on the disk. */
export function encodedRevocations(...subjects: string[]): Buffer {
  const encoder = new GroupEncoder();
  encoder.encodeRevocations(
    subjects.map((subject) => ({ subject: subject as Subject, at: 1_780_000_000_123 })),
  );
  return Buffer.from(encoder.bytes.subarray(0, encoder.length));
}

/** A segment with one frame for each group. */
export function segmentBytes(...groups: (readonly Grant[])[]): Buffer {
  return Buffer.concat([encodeHeader(), ...groups.map(encoded)]);
}

/** In an order that does not depend on how they came. */
export function sorted(grants: Iterable<Grant>): Grant[] {
  return [...grants].sort((a, b) => (a.client < b.client ? -1 : a.client > b.client ? 1 : 0));
}

export class JournalBench {
  readonly root = newDirectory('journal');
  readonly clock = new FakeClock({ soon: 'microtask' });
  readonly log: Log;
  readonly said: Said[];
  readonly lifetimeMs: number;
  directory = path.join(this.root, 'journal');
  files = new WatchedFiles();
  #journal: Journal | undefined;
  #crashes = 0;

  constructor(lifetimeMs = 1_800_000) {
    const { log, said } = recordingLog();
    this.log = log;
    this.said = said;
    this.lifetimeMs = lifetimeMs;
  }

  get journal(): Journal {
    if (this.#journal === undefined) throw new Error('not open');
    return this.#journal;
  }

  /** Opens it; answers the grants, sorted. */
  async open(options: Partial<JournalOptions> = {}): Promise<Grant[]> {
    const { directory, lifetimeMs, clock, log, files } = this;
    const all = { directory, lifetimeMs, clock, log, files, durability: 'disk', ...options } as const;
    const { journal, grants } = await Journal.open(all);
    this.#journal = journal;
    return sorted(grants);
  }

  /** What is in it while no daemon uses it, and the lock. */
  read(): ReturnType<typeof readJournal> {
    const { directory, lifetimeMs, clock, log } = this;
    return readJournal({ directory, lifetimeMs, clock, log });
  }

  /** Resolves with the Fault, or with nothing when the group is durable. */
  commit(...grants: Grant[]): Promise<Fault | undefined> {
    return new Promise((resolve) => {
      this.journal.commit(grants, resolve);
    });
  }

  /** Likewise, when these networks are revoked. */
  revoke(...subjects: string[]): Promise<Fault | undefined> {
    const at = this.clock.wall();
    return new Promise((resolve) => {
      this.journal.revoke(
        subjects.map((subject) => ({ subject: subject as Subject, at })),
        resolve,
      );
    });
  }

  /** A grant for a whole lease from now. */
  lease(client: string, reporter = REPORTER): Grant {
    return grantOf(client, this.clock.wall() + this.lifetimeMs, reporter);
  }

  /** Moves both clocks, ticks, and waits until what the tick has begun is done. */
  async tick(ms = 1_000): Promise<void> {
    this.clock.advance(ms);
    this.journal.tick();
    await this.files.settled();
  }

  async close(): Promise<void> {
    await this.#journal?.close();
    this.#journal = undefined;
  }

  async reopen(options: Partial<JournalOptions> = {}): Promise<Grant[]> {
    await this.close();
    return this.open(options);
  }

  /** The daemon is killed here: from now on the directory is one with the files as they are at this moment. */
  async crash(): Promise<void> {
    this.#crashes += 1;
    const copy = path.join(this.root, `after-${this.#crashes}`);
    mkdirSync(copy, { mode: 0o750 });
    for (const name of readdirSync(this.directory)) {
      // Not copyFileSync: it never ends when the file is cut meanwhile.
      writeFileSync(path.join(copy, name), readFileSync(path.join(this.directory, name)));
    }
    await this.close();
    rmSync(this.directory, { recursive: true });
    this.directory = copy;
  }

  /** Names in the directory, sorted, without the lock. */
  names(): string[] {
    return readdirSync(this.directory)
      .filter((name) => name !== 'lock')
      .sort();
  }

  bytes(name: string): Buffer {
    return readFileSync(path.join(this.directory, name));
  }

  heard(event: string | RegExp): Said[] {
    return this.said.filter((line) =>
      typeof event === 'string' ? line.event === event : event.test(line.event),
    );
  }

  async remove(): Promise<void> {
    this.files.release();
    await this.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}
