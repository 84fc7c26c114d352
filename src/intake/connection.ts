/**
 * connection - one reporter's TCP connection: records in, replies out
 *
 * Calls may be pipelined; replies carry the xid and may leave in another order. All replies of one turn of
 * the event loop leave in one write. A peer that has closed its side still gets its replies.
 *
 * Limits: a record must be whole RECORD_MS after its first byte; without a whole record for IDLE_MS the
 * connection is closed; so it is when the peer takes no replies for STALL_MS. Beyond MAX_IN_FLIGHT
 * unanswered calls, or while replies are not taken, nothing is read. After a violation of record marking
 * nothing more is taken, and the connection ends when the calls before it are answered; a message that is no
 * call ends it at once.
 */
import type { Socket } from 'node:net';
import type { ClientAddress } from '../core/address.js';
import type { Clock } from '../runtime/clock.js';
import type { Counters } from '../runtime/counters.js';
import { RecordReader, encodeRecords } from '../wire/record.js';
import { Malformed } from '../wire/xdr.js';
import type { Peer, RpcProgram } from './rpc-program.js';

export const RECORD_MS = 5_000;
export const IDLE_MS = 60_000;
export const STALL_MS = 10_000;
export const MAX_IN_FLIGHT = 4_096;

export interface ConnectionOptions {
  readonly sender: ClientAddress;
  readonly program: Pick<RpcProgram, 'take'>;
  readonly clock: Clock;
  readonly counters: Counters;
}

export class Connection implements Peer {
  readonly transport = 'tcp';
  readonly sender: ClientAddress;
  readonly port: number;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #reader = new RecordReader();
  #replies: Uint8Array[] = [];
  #flushing = false;
  #inFlight = 0;
  /** The peer has closed its side, or we are told to end. */
  #ending = false;
  #lastRecord: number;
  /** Since when a record has been incomplete, and since when replies have not been taken. */
  #partialSince: number | undefined;
  #stalledSince: number | undefined;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.sender = options.sender;
    this.port = socket.remotePort ?? 0;
    this.#lastRecord = options.clock.mono();
    socket.on('data', (chunk) => {
      this.#receive(chunk);
    });
    socket.on('end', () => {
      this.finish();
    });
    socket.on('drain', () => {
      this.#stalledSince = undefined;
      this.#readOn();
    });
    socket.on('error', () => {
      options.counters.add('rpc.tcp.errors');
    });
  }

  reply(bytes: Uint8Array): void {
    this.#inFlight -= 1;
    this.#replies.push(bytes);
    if (this.#flushing) return;
    this.#flushing = true;
    this.#options.clock.soon(this.#flush);
  }

  refuse(): void {
    this.#inFlight -= 1;
    this.destroy();
  }

  /** Takes no more calls; ends when those taken are answered. */
  finish(): void {
    this.#ending = true;
    this.#endIfDone();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Ends the connection when one of its times is over. `now`: monotonic milliseconds. */
  look(now: number): void {
    const { counters } = this.#options;
    const stalled = this.#stalledSince !== undefined && now - this.#stalledSince >= STALL_MS;
    // While we do not read, an incomplete record is not the peer's fault.
    const slow =
      this.#partialSince !== undefined && !this.#socket.isPaused() && now - this.#partialSince >= RECORD_MS;
    const idle = this.#inFlight === 0 && !this.#flushing && now - this.#lastRecord >= IDLE_MS;
    if (!stalled && !slow && !idle) return;
    counters.add(idle ? 'rpc.tcp.idle' : 'rpc.tcp.slow');
    this.destroy();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#ending) return;
    const { clock, counters, program } = this.#options;
    let records: Uint8Array[];
    try {
      records = this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      records = [];
    }
    const now = clock.mono();
    if (records.length > 0) this.#lastRecord = now;
    if (!this.#reader.partial) this.#partialSince = undefined;
    else if (records.length > 0 || this.#partialSince === undefined) this.#partialSince = now;
    this.#inFlight += records.length;
    counters.add('rpc.tcp.records', records.length);
    for (const record of records) {
      if (this.#socket.destroyed) return;
      program.take(record, this);
    }
    if (this.#reader.broken !== undefined) {
      counters.add('rpc.tcp.malformed');
      this.finish();
    } else if (this.#inFlight > MAX_IN_FLIGHT) this.#socket.pause();
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    const replies = this.#replies;
    this.#replies = [];
    if (this.#socket.destroyed) return;
    if (!this.#socket.write(encodeRecords(replies))) {
      this.#stalledSince ??= this.#options.clock.mono();
      this.#socket.pause();
    }
    this.#readOn();
    this.#endIfDone();
  };

  #readOn(): void {
    if (!this.#socket.isPaused() || this.#stalledSince !== undefined) return;
    if (this.#inFlight > MAX_IN_FLIGHT / 2) return;
    if (this.#partialSince !== undefined) this.#partialSince = this.#options.clock.mono();
    this.#socket.resume();
  }

  #endIfDone(): void {
    if (this.#ending && this.#inFlight === 0 && this.#replies.length === 0) this.#socket.destroySoon();
  }
}
