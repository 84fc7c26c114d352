/**
 * journal - where grants survive a restart
 *
 * Promise: commit calls back without a Fault only when the whole group is on stable storage (durability
 * 'disk'); what was committed and still runs is what open gives back, and nothing else. One write and
 * one fdatasync a group, off the event loop.
 *
 * A grant lives for minutes, so the journal is the tail of a log: segments rotate by age and size, and
 * one is deleted when nothing in it can be alive: a lease after its last use, by the monotonic clock,
 * so that a wall clock that jumps ahead and returns deletes nothing early, and one that jumps back does
 * not keep segments for ever. A segment of an earlier run is kept until its grants are over by the wall
 * clock at the start, and no longer than that lease. Segments go in the order in which they were written: a
 * revocation outlasts the grants that it took away.
 *
 * Errors: a failed write or fdatasync gives that group a Fault STORE and makes the journal degraded:
 * commits fail at once, the disk is not touched, until tick has opened a new segment. A segment that has
 * failed is never written or synced again. open: Fault LOCKED when another daemon holds the directory,
 * Fault STORE otherwise; a full disk does not stop a start, it starts degraded.
 *
 * Limits: one commit at a time. A segment grows past SEGMENT_BYTES by what is written within a second.
 */
import path from 'node:path';
import { Fault, reasonOf } from '../core/fault.js';
import type { Grant, Revocation } from '../core/grant.js';
import type { Place } from '../core/outlets.js';
import type { Clock } from '../runtime/clock.js';
import type { Spread } from '../runtime/distribution.js';
import type { Log } from '../runtime/log.js';
import type { DirectoryLock } from './directory.js';
import { lockDirectory, prepareDirectory } from './directory.js';
import { GroupEncoder } from './frame.js';
import type { RecoveredSegment, Recovery } from './recover.js';
import { recover } from './recover.js';
import { Sealed } from './sealed.js';
import { codeOf, type Files, nodeFiles } from './files.js';
import { Segment, segmentName } from './segment.js';
import type { Since, TailFound } from './tail.js';
import { removeSegments, tidySegments } from './tidy.js';
import { Timings } from './timings.js';

const SEGMENT_BYTES = 67_108_864;
/** A segment is in use for this part of a lease, so that the dead weight on disk stays a fraction of the live. */
const SEGMENT_SHARE_OF_LEASE = 4;
const MIN_SEGMENT_AGE_MS = 10_000;
const DELETE_MARGIN_MS = 60_000;
const RETRY_MS = 1_000;
/** Errors of a full disk. */
const FULL: readonly unknown[] = ['ENOSPC', 'EDQUOT'];

export interface JournalOptions {
  readonly directory: string;
  /** 'memory': nothing is synced; a crash of the machine, not of the daemon, may lose grants. */
  readonly durability: 'disk' | 'memory';
  /** The longest lease, milliseconds. */
  readonly lifetimeMs: number;
  /** Remove what earlier runs have left instead of giving it back. */
  readonly forgetAll?: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** After what recovery tells apart, asked for when the directory is held. */
  readonly since?: () => Since | undefined;
  /** A group may come back that was not committed, or be lost that was. */
  readonly onDoubt?: () => void;
  /** The file system, unless a test has another. */
  readonly files?: Files;
  /** When a segment is full, unless a test has another size. */
  readonly segmentBytes?: number;
}

export class Journal {
  readonly #options: JournalOptions;
  readonly #files: Files;
  readonly #lock: DirectoryLock;
  readonly #encoder = new GroupEncoder();
  readonly #chores = new Set<Promise<void>>();
  readonly #sealed: Sealed;
  /** A new segment was asked for. */
  #wanted = false;
  #nextNumber: number;
  #current: Segment | undefined;
  /** When the current segment got its first frame, monotonic milliseconds. */
  #since: number | undefined;
  /** Takes over from #current when no commit is in flight. */
  #next: Segment | undefined;
  #preparing: Promise<void> | undefined;
  #lastTry = -Infinity;
  #createFailing = false;
  /** The segment whose deletion has been told. */
  #deletionTold: Segment | undefined;
  #degraded: string | undefined;
  readonly #timings = new Timings();
  #inFlight: ((fault?: Fault) => void) | undefined;
  /** Where the last group ended. */
  #settledAt: Place | undefined;
  #idle: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  private constructor(options: JournalOptions, lock: DirectoryLock, recovery: Recovery) {
    this.#options = options;
    this.#files = options.files ?? nodeFiles;
    this.#sealed = new Sealed({ files: this.#files, clock: options.clock, log: options.log });
    this.#lock = lock;
    this.#nextNumber = recovery.nextNumber;
  }

  /**
   * Makes the directory if need be, locks it, reads it and starts a new segment. The grants are those
   * still running by the wall clock, the latest end of each client. Rejects with a Fault.
   */
  static async open(
    options: JournalOptions,
  ): Promise<{ journal: Journal; grants: Iterable<Grant>; tail: TailFound | undefined }> {
    const { directory, lifetimeMs, clock, log } = options;
    prepareDirectory(directory);
    const lock = lockDirectory(directory);
    try {
      const since = options.since?.();
      const recovery = recover({ directory, now: clock.wall(), lifetimeMs, log, since });
      const journal = new Journal(options, lock, recovery);
      const { files = nodeFiles, forgetAll = false } = options;
      if (forgetAll) await removeSegments(files, recovery.segments);
      else await tidySegments(recovery.segments, { files, log, onKept: journal.#keep });
      await journal.#begin();
      return forgetAll
        ? { journal, grants: [], tail: undefined }
        : { journal, grants: recovery.grants, tail: recovery.tail };
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Why the last write failed, while commits are refused for it. */
  get degraded(): string | undefined {
    return this.#degraded;
  }

  /** How large groups were, how many seconds they took to be durable, and how large the segment in use is. */
  stats(): { readonly groups: Spread; readonly seconds: Spread; readonly bytes: number } {
    return { ...this.#timings.spreads(), bytes: this.#current?.position ?? 0 };
  }

  /**
   * Makes the grants durable as one group. done is called once, asynchronously: with nothing when they
   * are on stable storage, with a Fault STORE when not. One call at a time; done may make the next.
   */
  commit(grants: readonly Grant[], done: (fault?: Fault) => void): void {
    this.#write(
      grants.length,
      () => {
        this.#encoder.encode(grants);
      },
      done,
    );
  }

  /** As commit: after a restart, grants committed before this are gone for whoever is in these networks. */
  revoke(revocations: readonly Revocation[], done: (fault?: Fault) => void): void {
    this.#write(
      revocations.length,
      () => {
        this.#encoder.encodeRevocations(revocations);
      },
      done,
    );
  }

  /** Where the next group begins; undefined when there is no room for it. */
  get place(): Place | undefined {
    return this.#current?.place;
  }

  /** Where the last group ended. */
  get settledAt(): Place | undefined {
    return this.#settledAt;
  }

  /** Begins a new segment with the next tick; what is in the one in use is kept as long as ever. */
  rotate(): void {
    this.#wanted = true;
    this.#lastTry = -Infinity;
  }

  /** Bytes in the segment in use, and how many segments there are. */
  get usage(): { readonly bytes: number; readonly segments: number } {
    const open = this.#current === undefined ? 0 : 1;
    return { bytes: this.#current?.position ?? 0, segments: this.#sealed.count + open };
  }

  #write(count: number, encode: () => void, done: (fault?: Fault) => void): void {
    if (this.#inFlight !== undefined) throw new Error('journal: a commit is in flight');
    const segment = this.#closed === undefined ? this.#current : undefined;
    if (segment === undefined || count === 0) {
      const fault = segment === undefined ? this.#refusal() : undefined;
      this.#options.clock.soon(() => {
        done(fault);
      });
      return;
    }
    // Before anything is in flight: what cannot be encoded is a bug of the caller, and only his.
    encode();
    this.#inFlight = done;
    this.#timings.begin(count, this.#options.clock.mono());
    segment.append(this.#encoder, (error) => {
      this.#settled(segment, error);
    });
  }

  /** To be called each second: rotates, deletes what is dead, tries a new segment after a failure. Returns at once. */
  tick(): void {
    if (this.#closed !== undefined) return;
    const deleting = this.#sealed.deleteDead();
    if (deleting !== undefined) this.#chore(deleting);
    this.#adopt();
    const mono = this.#options.clock.mono();
    const wanted =
      this.#wanted ||
      this.#current === undefined ||
      this.#due(this.#current, mono) ||
      this.#isDeleted(this.#current);
    if (
      !wanted ||
      this.#next !== undefined ||
      this.#preparing !== undefined ||
      mono - this.#lastTry < RETRY_MS
    )
      return;
    this.#lastTry = mono;
    this.#preparing = this.#prepare().finally(() => {
      this.#preparing = undefined;
    });
  }

  #isDeleted(segment: Segment): boolean {
    if (segment.isNamed) return false;
    if (this.#deletionTold !== segment) {
      this.#options.onDoubt?.();
      this.#options.log.error(
        'journal: the segment in use was deleted; the grants in it would not survive a restart, a new one is begun',
        { segment: segment.file },
      );
    }
    this.#deletionTold = segment;
    return true;
  }

  /** Waits for the commit in flight, closes, gives the directory back. Commits from now on get a Fault. */
  close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  #busy(): boolean {
    return this.#inFlight !== undefined;
  }

  #refusal(): Fault {
    return new Fault(
      'STORE',
      `journal: ${this.#closed === undefined ? (this.#degraded ?? 'not ready') : 'closed'}`,
    );
  }

  #settled(segment: Segment, error: Error | undefined): void {
    const done = this.#inFlight;
    this.#inFlight = undefined;
    let fault: Fault | undefined;
    if (error === undefined) {
      this.#timings.durable(this.#options.clock.mono());
      this.#since ??= this.#options.clock.mono();
      this.#settledAt = segment.place;
      this.#adopt();
    } else {
      this.#options.onDoubt?.();
      this.#degraded = `write failed: ${error.message}`;
      this.#options.log.error(
        'journal: write failed, grants are refused until a new segment can be written',
        {
          segment: segment.file,
          error: error.message,
        },
      );
      this.#current = undefined;
      this.#seal(segment);
      fault = new Fault('STORE', `journal: ${this.#degraded}`, error);
    }
    done?.(fault);
    if (!this.#busy()) this.#idle?.();
  }

  /** Puts the prepared segment in use, if there is one and no commit is in the old one. */
  #adopt(): void {
    if (this.#next === undefined || this.#inFlight !== undefined) return;
    if (this.#current !== undefined) this.#seal(this.#current);
    this.#current = this.#next;
    this.#next = undefined;
    this.#wanted = false;
    this.#since = undefined;
    if (this.#degraded !== undefined) {
      this.#degraded = undefined;
      this.#options.log.info('journal: writing again', { segment: this.#current.file });
    }
  }

  #due(segment: Segment, mono: number): boolean {
    if (this.#since === undefined) return false;
    const age = Math.max(this.#options.lifetimeMs / SEGMENT_SHARE_OF_LEASE, MIN_SEGMENT_AGE_MS);
    const full = this.#options.segmentBytes ?? SEGMENT_BYTES;
    return segment.position >= full || mono - this.#since >= age;
  }

  #create(): Promise<Segment> {
    const file = path.join(this.#options.directory, segmentName(this.#nextNumber));
    this.#nextNumber += 1;
    return Segment.create({ files: this.#files, sync: this.#options.durability === 'disk', file });
  }

  async #prepare(): Promise<void> {
    try {
      this.#next = await this.#create();
      this.#createFailing = false;
      this.#adopt();
    } catch (error) {
      const reason = reasonOf(error);
      if (this.#current === undefined) this.#degraded = `cannot begin a segment: ${reason}`;
      if (!this.#createFailing) this.#options.log.warn('journal: cannot begin a segment', { error: reason });
      this.#createFailing = true;
    }
  }

  /** The first segment. A full disk is waited out: what was granted must still end in time. */
  async #begin(): Promise<void> {
    try {
      this.#current = await this.#create();
    } catch (error) {
      const reason = reasonOf(error);
      if (!FULL.includes(codeOf(error))) {
        throw new Fault(
          'STORE',
          `cannot write in the journal directory ${this.#options.directory}: ${reason}`,
          error,
        );
      }
      this.#degraded = `cannot begin a segment: ${reason}`;
      this.#options.log.error('journal: starts without room, grants are refused until there is some', {
        error: reason,
      });
    }
  }

  readonly #keep = ({ file, keep, latestExpiry }: RecoveredSegment): void => {
    this.#sealed.add({ file, keep, deadline: this.#deadline(latestExpiry) });
  };

  /** For what an earlier run has left: of that only the wall clock knows how old it is. */
  #deadline(latestExpiry: number): number {
    const { clock, lifetimeMs } = this.#options;
    const remaining = latestExpiry + DELETE_MARGIN_MS - clock.wall();
    return clock.mono() + Math.min(Math.max(remaining, 0), lifetimeMs + DELETE_MARGIN_MS);
  }

  #seal(segment: Segment): void {
    if (!segment.empty) {
      // Not by the wall clock: it may be ahead just now, and return.
      const deadline = this.#options.clock.mono() + this.#options.lifetimeMs + DELETE_MARGIN_MS;
      this.#sealed.add({ file: segment.file, keep: false, deadline });
    }
    this.#chore(segment.retire());
  }

  #chore(work: Promise<void>): void {
    const entry = work.finally(() => this.#chores.delete(entry));
    this.#chores.add(entry);
  }

  async #shutDown(): Promise<void> {
    if (this.#inFlight !== undefined) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await this.#preparing;
    const open = [this.#current, this.#next].filter((segment) => segment !== undefined);
    this.#current = undefined;
    this.#next = undefined;
    await Promise.all([...this.#chores, ...open.map((segment) => segment.retire())]);
    this.#lock.release();
  }
}
