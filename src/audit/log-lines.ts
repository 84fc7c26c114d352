/**
 * log-lines - records in the daemon's log, as many as it can bear
 *
 * A record is a line `audit` at level info. PER_SECOND of them are said, BURST at once; what is beyond is counted, and the
 * numbers are said once a minute. Files have all of it.
 */
import type { Log } from '../runtime/log.js';
import type { AuditRecord, RecordKind } from './record.js';

export const PER_SECOND = 10;
export const BURST = 100;
const SUMMARY_MS = 60_000;

const iso = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString();

export class LogLines {
  readonly #log: Log;
  readonly #clock: { mono(): number };
  readonly #leftOut = new Map<string, number>();
  #budget = BURST;
  #refilled: number;
  #summed: number;

  constructor({ clock, log }: { readonly log: Log; readonly clock: { mono(): number } }) {
    this.#log = log;
    this.#clock = clock;
    this.#refilled = clock.mono();
    this.#summed = this.#refilled;
  }

  /** Whether the log takes another record; if not, it is counted. To be asked before the record is made. */
  takes(kind: RecordKind): boolean {
    if (this.#budget >= 1) return true;
    this.#leftOut.set(kind, (this.#leftOut.get(kind) ?? 0) + 1);
    return false;
  }

  say(record: AuditRecord): void {
    this.#budget -= 1;
    const isOne = record.count === undefined || record.count === 1;
    // The log has a time of its own.
    const said = {
      ...record,
      at: undefined,
      from: isOne ? undefined : iso(record.from),
      until: iso(record.until),
      privacy: record.privacy === 'full' ? undefined : record.privacy,
    };
    this.#log.info(
      'audit',
      Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)),
    );
  }

  /** Lets the log take more, and says what was left out; to be called many times a second. */
  tick(): void {
    const now = this.#clock.mono();
    this.#budget = Math.min(BURST, this.#budget + ((now - this.#refilled) * PER_SECOND) / 1_000);
    this.#refilled = now;
    if (this.#leftOut.size === 0 || now - this.#summed < SUMMARY_MS) return;
    this.#summed = now;
    this.#log.info('audit: more than the log takes', Object.fromEntries(this.#leftOut));
    this.#leftOut.clear();
  }
}
