/**
 * recover - reads the journal's segments after a start
 *
 * Promise: every grant in it was written by a daemon (checksums), is still running by the wall clock
 * and ends no later than a lease taken now; every acknowledged grant that is still running is in it,
 * unless its bytes were damaged afterwards. Reading changes nothing on the disk.
 *
 * A segment ends where its zeros or the file end. Other bytes there are the remains of a write that a
 * crash interrupted when the segment is the last one and no whole frame follows them (normal); anything
 * else is damage: told loudly, the rest of that segment is skipped, later segments still count.
 *
 * Errors: Fault STORE when the directory cannot be read, or when a segment has a newer format.
 * Limits: a segment is read up to MAX_SEGMENT_BYTES; synchronous, one to two seconds per million grants.
 */
import fs from 'node:fs';
import { Fault, reasonOf } from '../core/fault.js';
import type { Grant } from '../core/grant.js';
import type { Log } from '../runtime/log.js';
import { GrantCollector } from './collector.js';
import { listDirectory } from './directory.js';
import { FORMAT_VERSION, HEADER_BYTES, frameEnd, headerVersion } from './frame.js';
import { type Since, Tail, type TailFound } from './tail.js';

/** More than a segment can hold: it is full at a quarter of this, checked once a second. */
const MAX_SEGMENT_BYTES = 268_435_456;
const READ_FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
const NAMES_TOLD = 5;

/** What reading one segment found. */
export interface RecoveredSegment {
  readonly file: string;
  /** The largest expiresAt in its frames, epoch milliseconds; 0 when it has none. */
  readonly latestExpiry: number;
  /** Where its last good frame ends; 0 when not even its header is good. */
  readonly end: number;
  /** whole: nothing unreadable. torn: an interrupted write after `end`. damaged: unreadable bytes elsewhere. */
  readonly state: 'whole' | 'torn' | 'damaged';
  /** It holds bytes that were readable once: to be put aside, not deleted. */
  readonly keep: boolean;
}

export interface Recovery {
  readonly grants: Iterable<Grant>;
  readonly segments: readonly RecoveredSegment[];
  /** No segment has this number or a larger one. */
  readonly nextNumber: number;
  /** What was asked for with `since`; undefined also when not all of the journal can be believed. */
  readonly tail: TailFound | undefined;
}

export interface RecoverOptions {
  readonly directory: string;
  /** Wall clock, epoch milliseconds. */
  readonly now: number;
  readonly lifetimeMs: number;
  readonly log: Log;
  /** Tell what the journal says after this. */
  readonly since?: Since | undefined;
}

/** Takes the entries of a frame; answers the largest expiresAt in it. */
interface Taker {
  take(bytes: Buffer, start: number, end: number): number;
}

type Verdict = Omit<RecoveredSegment, 'file'> & { readonly reason?: string };

/** One buffer for all segments: they are large, and read one after the other. */
class SegmentReader {
  #bytes = Buffer.alloc(0);

  /** The file's bytes, valid until the next read. */
  read(file: string): { bytes: Buffer; cut: boolean } {
    const fd = fs.openSync(file, READ_FLAGS);
    try {
      const { size } = fs.fstatSync(fd);
      const wanted = Math.min(size, MAX_SEGMENT_BYTES);
      if (wanted > this.#bytes.length) this.#bytes = Buffer.allocUnsafe(wanted);
      let length = 0;
      while (length < wanted) {
        const count = fs.readSync(fd, this.#bytes, length, wanted - length, length);
        if (count === 0) break;
        length += count;
      }
      return { bytes: this.#bytes.subarray(0, length), cut: size > wanted };
    } finally {
      fs.closeSync(fd);
    }
  }
}

function isZero(bytes: Buffer, from: number): boolean {
  for (let at = from; at < bytes.length; at += 1) if (bytes[at] !== 0) return false;
  return true;
}

function holdsFrame(bytes: Buffer, from: number): boolean {
  for (let at = from; at < bytes.length; at += 1) {
    if (frameEnd(bytes, at, bytes.length) !== undefined) return true;
  }
  return false;
}

/** A file whose header is not one: left behind by a crash while it was made, or not a segment any more. */
function judgeHeadless(bytes: Buffer, last: boolean): Verdict {
  const unborn = isZero(bytes, 0) || (last && bytes.length < HEADER_BYTES);
  if (unborn) return { latestExpiry: 0, end: 0, state: 'whole', keep: false };
  return { latestExpiry: 0, end: 0, state: 'damaged', keep: true, reason: 'no segment header' };
}

function judgeTail(bytes: Buffer, end: number, last: boolean): Omit<Verdict, 'latestExpiry' | 'end'> {
  if (isZero(bytes, end)) return { state: 'whole', keep: false };
  if (holdsFrame(bytes, end + 1)) {
    return { state: 'damaged', keep: true, reason: 'unreadable bytes before readable ones' };
  }
  if (last) return { state: 'torn', keep: false };
  return { state: 'damaged', keep: false, reason: 'unreadable end of a segment that is not the last' };
}

function judge(bytes: Buffer, collector: Taker, last: boolean): Verdict {
  const version = headerVersion(bytes);
  if (version === undefined || version < 1) return judgeHeadless(bytes, last);
  if (version > FORMAT_VERSION) {
    throw new Fault(
      'STORE',
      `is of format ${version}, written by a newer dracd (this one reads ${FORMAT_VERSION}): kept as it is; ` +
        'run the newer dracd or move the journal directory away',
    );
  }
  let latestExpiry = 0;
  let end = HEADER_BYTES;
  for (let next = frameEnd(bytes, end, bytes.length); next !== undefined;) {
    latestExpiry = Math.max(latestExpiry, collector.take(bytes, end, next));
    end = next;
    next = frameEnd(bytes, end, bytes.length);
  }
  return { latestExpiry, end, ...judgeTail(bytes, end, last) };
}

function readVerdict(read: () => { bytes: Buffer; cut: boolean }, collector: Taker, last: boolean): Verdict {
  let content: { bytes: Buffer; cut: boolean };
  try {
    content = read();
  } catch (error) {
    // Not a reason to lose the other segments: what cannot be read grants nothing.
    return { latestExpiry: 0, end: 0, state: 'damaged', keep: true, reason: reasonOf(error) };
  }
  const verdict = judge(content.bytes, collector, last);
  if (!content.cut) return verdict;
  return { ...verdict, state: 'damaged', keep: true, reason: 'longer than any segment' };
}

function tell(log: Log, file: string, verdict: Verdict): void {
  if (verdict.state === 'torn') {
    log.info('journal: an interrupted write was dropped', { segment: file, at: verdict.end });
  } else if (verdict.state === 'damaged') {
    log.warn('journal: damaged segment, the rest of it is skipped', {
      segment: file,
      at: verdict.end,
      reason: verdict.reason,
    });
  }
}

/** Reads all segments. Throws Fault STORE. */
export function recover(options: RecoverOptions): Recovery {
  const { directory, log } = options;
  let listing;
  try {
    listing = listDirectory(directory);
  } catch (error) {
    throw new Fault('STORE', `cannot list the journal directory ${directory}: ${reasonOf(error)}`, error);
  }
  if (listing.foreign.length > 0) {
    log.warn('journal: files in its directory that are not its own are ignored', {
      directory,
      count: listing.foreign.length,
      names: listing.foreign.slice(0, NAMES_TOLD),
    });
  }
  const reader = new SegmentReader();
  const { now, lifetimeMs, since } = options;
  const from = Math.min(now, since?.until ?? now);
  const collector = new GrantCollector(from, now + lifetimeMs - from);
  const tail = since && new Tail(since, collector);
  const segments = listing.segments.map(({ file, number }): RecoveredSegment => {
    // A segment put aside after the others does not make an earlier one the last.
    const last = number === listing.lastNumber;
    let verdict: Verdict;
    tail?.begin(number);
    try {
      verdict = readVerdict(() => reader.read(file), tail ?? collector, last);
    } catch (error) {
      throw new Fault('STORE', `journal segment ${file} ${reasonOf(error)}`, error);
    }
    tell(log, file, verdict);
    tail?.end(verdict.end);
    const { latestExpiry, end, state, keep } = verdict;
    return { file, latestExpiry, end, state, keep };
  });
  const isWhole = segments.every(({ state }) => state !== 'damaged');
  // Asked in any case, and before grants are: with it revocations that were put off take effect.
  const found = tail?.found();
  return {
    grants: collector.grants(now),
    segments,
    nextNumber: listing.lastNumber + 1,
    tail: isWhole ? found : undefined,
  };
}
