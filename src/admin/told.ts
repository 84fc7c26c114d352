/**
 * told - lines in the log about calls and connections that were refused: a few of each kind a minute
 *
 * Whoever reaches a port can knock, and a client that asks wrongly asks again and again. What is beyond the few is
 * counted, and the number is told when the minute is over, with what the last of them was.
 *
 * Limits: CALLS lines a minute for each reason of a refusal, CONNECTIONS for each of what happens to connections. The kinds
 * are those below and the codes of refusals and faults: what a client says makes none.
 */
import { Fault } from '../core/fault.js';
import type { Clock } from '../runtime/clock.js';
import type { Log, LogFields, LogLevel } from '../runtime/log.js';
import { Refusal } from './refusal.js';

export const CALLS = 10;
export const CONNECTIONS = 1;
export const MINUTE_MS = 60_000;

interface Line {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

interface Minute {
  readonly ends: number;
  told: number;
  /** How many were not told, and the last of them. */
  more: number;
  last: Line;
}

function lineOfCall(path: string, thrown: unknown): Line & { readonly kind: string } {
  const call = path.split('/').at(-1);
  const event = 'admin: a call was refused';
  if (thrown instanceof Refusal) {
    const { reason, message } = thrown;
    const level = reason === 'NO_ROLE' ? 'warn' : 'info';
    return { kind: reason, level, event, fields: { call, reason, message } };
  }
  if (thrown instanceof Fault && !thrown.temporary) {
    const { code, message } = thrown;
    return { kind: code, level: 'info', event, fields: { call, reason: code, message } };
  }
  const kind = thrown instanceof Fault ? `failed ${thrown.code}` : 'failed';
  return { kind, level: 'error', event: 'admin: a call failed', fields: { call, error: String(thrown) } };
}

export class Told {
  readonly #clock: Pick<Clock, 'mono'>;
  readonly #log: Log;
  readonly #minutes = new Map<string, Minute>();

  constructor({ clock, log }: { readonly clock: Pick<Clock, 'mono'>; readonly log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  /** A call was not done. */
  readonly call = (path: string, thrown: unknown): void => {
    const { kind, ...line } = lineOfCall(path, thrown);
    this.#tell(kind, CALLS, line);
  };

  /** A connection found no room. */
  readonly crowded = (reason: string, from?: string): void => {
    this.#connection('crowded', reason, from);
  };

  /** TLS turned a connection away. */
  readonly unproven = (reason: string, from?: string): void => {
    this.#connection('unproven', reason, from);
  };

  /** A connection was ended because nothing lets it in any more. */
  dismissed(reason: string): void {
    const fields = { reason };
    this.#tell('dismissed', CALLS, { level: 'info', event: 'admin: a connection was ended', fields });
  }

  /** Says of minutes that are over how much was not told. To be called now and then. */
  look(): void {
    const now = this.#clock.mono();
    for (const [kind, minute] of this.#minutes) if (now >= minute.ends) this.#close(kind, minute);
  }

  /** Says so of all. */
  end(): void {
    for (const [kind, minute] of this.#minutes) this.#close(kind, minute);
  }

  #connection(kind: string, reason: string, from: string | undefined): void {
    const fields = { from, reason };
    this.#tell(kind, CONNECTIONS, { level: 'warn', event: 'admin: a connection was refused', fields });
  }

  #tell(kind: string, limit: number, line: Line): void {
    this.look();
    const minute = this.#minutes.get(kind) ?? {
      ends: this.#clock.mono() + MINUTE_MS,
      told: 0,
      more: 0,
      last: line,
    };
    this.#minutes.set(kind, minute);
    if (minute.told < limit) {
      minute.told += 1;
      this.#log[line.level](line.event, line.fields);
    } else {
      minute.more += 1;
      minute.last = line;
    }
  }

  #close(kind: string, { more, last: { event, fields, level } }: Minute): void {
    this.#minutes.delete(kind);
    if (more > 0) this.#log[level](`${event}, and more of the kind in the last minute`, { more, ...fields });
  }
}
