/**
 * load - ADDs in numbers, with a journal of calls and replies outside the daemon, and its checker
 *
 * Each call is written down before it is sent and each reply after it has come, with the wall clock, so
 * that after a crash one can say what must be in the map, what may be and what must not.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { pause } from './processes.js';
import { PERM, SUCCESS } from './rpc-client.js';
import type { RpcClient } from './rpc-client.js';

/** One ADD as its sender knows it. Times are epoch milliseconds. */
export interface Call {
  readonly address: string;
  readonly sentAt: number;
  repliedAt?: number;
  status?: number;
  /** No reply can come any more: the daemon was gone at this time. */
  lostAt?: number;
}

/** The journal: in memory for the checker, in a file for whoever looks into a failure. */
export class CallJournal {
  readonly calls: Call[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
    writeFileSync(file, '');
  }

  sent(address: string): Call {
    const call = { address, sentAt: Date.now() };
    this.calls.push(call);
    appendFileSync(this.#file, `call ${address} ${call.sentAt}\n`);
    return call;
  }

  replied(call: Call, status: number): void {
    call.repliedAt = Date.now();
    call.status = status;
    appendFileSync(this.#file, `reply ${call.address} ${call.repliedAt} ${status}\n`);
  }

  /** Says that calls without a reply will get none. */
  lost(at: number): void {
    for (const call of this.calls) if (call.repliedAt === undefined) call.lostAt ??= at;
  }

  acknowledged(): Call[] {
    return this.calls.filter((call) => call.status === SUCCESS);
  }
}

export interface LoadOptions {
  readonly client: RpcClient;
  readonly journal: CallJournal;
  readonly next: () => string;
  /** How many calls wait for their reply at a time. */
  readonly window: number;
  readonly stopped: () => boolean;
  /** Told of each reply. */
  readonly onReply?: (status: number) => void;
  /** How long a call waits for its reply. */
  readonly limitMs?: number;
}

/** Sends ADDs until stopped; answers how many calls got no reply. */
export async function load(options: LoadOptions): Promise<number> {
  const { client, journal, next, window, stopped, limitMs } = options;
  let unanswered = 0;
  const one = async (): Promise<void> => {
    while (!stopped()) {
      const call = journal.sent(next());
      const status = await client.add(call.address, limitMs);
      if (status === undefined) {
        unanswered += 1;
        // A closed connection answers at once: without a pause nothing else would run.
        await pause(20);
      } else {
        journal.replied(call, status);
        options.onReply?.(status);
      }
    }
  };
  await Promise.all(Array.from({ length: window }, one));
  return unanswered;
}

export interface MapReading {
  /** Key to value as read. */
  readonly map: ReadonlyMap<string, string>;
  /** Wall clock before and after the reading. */
  readonly from: number;
  readonly to: number;
}

/** The map may hold a grant for a second after its end; on a busy machine it is seen to be for longer, milliseconds. */
const REMOVAL_MS = 5_000;
/** Rounding of times on their way. */
const ROUNDING_MS = 2;

/** What is wrong with a reading of the map, given all that was sent and answered; at best nothing. */
export function faultsOf(journal: CallJournal, reading: MapReading, lifetimeMs: number): string[] {
  const promised = new Map<string, number>();
  const possible = new Map<string, number>();
  const later = (times: Map<string, number>, address: string, time: number): void => {
    times.set(address, Math.max(times.get(address) ?? 0, time));
  };
  for (const call of journal.calls) {
    if (call.status === SUCCESS) later(promised, call.address, call.sentAt + lifetimeMs);
    const last = call.repliedAt ?? call.lostAt ?? reading.to;
    // A system error promises nothing either way: the grant may come back from a write whose sync failed.
    if (call.status !== PERM) later(possible, call.address, last + lifetimeMs);
  }
  const faults: string[] = [];
  for (const [address, end] of promised) {
    const value = reading.map.get(address);
    if (value === undefined) {
      if (end > reading.to)
        faults.push(`lost: ${address} was acknowledged and lasts until ${end}; read at ${reading.to}`);
    } else if (Number(value) * 1_000 < end - ROUNDING_MS)
      faults.push(`shortened: ${address} ends at ${value}, not after ${end}`);
  }
  for (const [address, value] of reading.map) {
    const end = possible.get(address);
    if (end === undefined) faults.push(`invented: ${address} ${value}`);
    else if (end + REMOVAL_MS < reading.from)
      faults.push(`kept: ${address} was over at ${end}; read at ${reading.from}`);
    else if (Number(value) > Math.ceil((end + ROUNDING_MS) / 1_000))
      faults.push(`lengthened: ${address} ends at ${value}, not ${end}`);
  }
  return faults;
}

/** Random addresses out of a limited number, one in eight IPv6, so that renewals happen too. */
export function randomAddress(distinct: number): string {
  const number = Math.floor(Math.random() * distinct);
  if (number % 8 === 0) return `2001:db8::${(number + 1).toString(16)}`;
  return `51.${(number >> 16) & 0xff}.${(number >> 8) & 0xff}.${number & 0xff}`;
}
