/**
 * rpcbind - what is said to this host's rpcbind, through its unix socket
 *
 * Through the socket rpcbind learns our uid from the kernel and makes it the owner of what we register:
 * no other user can then remove or replace it. What is registered over the network, everybody can.
 *
 * What is registered is asked for as a whole (DUMP): GETADDR tells of the transport on which it is asked, whatever it
 * names, and of a unix socket that is nothing.
 *
 * Errors: Fault UNREACHABLE when nobody listens (rpcbind does not run), Fault TIMEOUT when it does not
 * answer within ANSWER_MS, Fault RPCBIND when it answers with anything but a result.
 * Source: RFC 1833 section 2 (version 4); record marking RFC 5531 section 11.
 */
import { connect } from 'node:net';
import { Fault, reasonOf } from '../core/fault.js';
import type { Clock } from '../runtime/clock.js';
import { PROGRAM } from '../wire/drac.js';
import {
  PORTMAP_PROGRAM,
  type Rpcb,
  Rpcb4,
  decodeDone,
  decodeList,
  encodeRpcb,
  fromUniversal,
  toUniversal,
} from '../wire/portmap.js';
import { RecordReader, encodeRecords } from '../wire/record.js';
import { type Reply, decodeReply, encodeCall } from '../wire/rpc.js';

export const RPCBIND_SOCKET = '/run/rpcbind.sock';
export const ANSWER_MS = 1_000;
const RPCBIND_VERSION = 4;
/** A list of some thousand entries, in the fragments that rpcbind sends. */
const LIMITS = { maxRecordBytes: 512 * 1024, maxFragments: 1_024 };

/** One thing to register: a version of our program on a transport. */
export interface Entry {
  readonly version: number;
  readonly netid: NetId;
}

/** RFC 5665 section 5.2, with the wildcard address that stands for "this host". */
const WILDCARDS = { udp: '0.0.0.0', tcp: '0.0.0.0', udp6: '::', tcp6: '::' } as const;
export type NetId = keyof typeof WILDCARDS;

const NOTHING = new Uint8Array(0);

interface Call {
  readonly procedure: number;
  readonly argument: Uint8Array;
}

export interface RpcbindOptions {
  readonly clock: Clock;
  /** Where rpcbind listens; RPCBIND_SOCKET unless a test says otherwise. */
  readonly socket?: string;
}

export class Rpcbind {
  readonly #clock: Clock;
  readonly #path: string;
  #xid = 0;

  constructor(options: RpcbindOptions) {
    this.#clock = options.clock;
    this.#path = options.socket ?? RPCBIND_SOCKET;
  }

  /** The registered port of each entry; undefined where nothing is registered. */
  async ports(entries: readonly Entry[]): Promise<(number | undefined)[]> {
    if (entries.length === 0) return [];
    const [list = []] = await this.#call([{ procedure: Rpcb4.DUMP, argument: NOTHING }], decodeList);
    return entries.map((entry) => portOf(list, entry));
  }

  /** Registers each entry; answers which rpcbind accepted. It refuses one that is registered already. */
  set(entries: readonly Entry[], port: number): Promise<boolean[]> {
    const calls = entries.map((entry) => ({
      procedure: Rpcb4.SET,
      argument: argumentOf(entry, toUniversal(WILDCARDS[entry.netid], port)),
    }));
    return this.#call(calls, decodeDone);
  }

  /** Removes each entry that is our user's; answers which rpcbind removed. */
  unset(entries: readonly Entry[]): Promise<boolean[]> {
    const calls = entries.map((entry) => ({ procedure: Rpcb4.UNSET, argument: argumentOf(entry, '') }));
    return this.#call(calls, decodeDone);
  }

  /** Sends all calls on one connection and resolves with their results, in order. */
  #call<T>(calls: readonly Call[], decode: (result: Uint8Array) => T): Promise<T[]> {
    if (calls.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const first = this.#xid + 1;
      this.#xid += calls.length;
      const results = new Map<number, T>();
      const reader = new RecordReader(LIMITS);
      const socket = connect(this.#path);
      const timer = this.#clock.after(ANSWER_MS, () => {
        end(() => {
          reject(new Fault('TIMEOUT', `rpcbind at ${this.#path} does not answer`));
        });
      });
      const end = (settle: () => void): void => {
        timer.stop();
        socket.destroy();
        settle();
      };
      const fail = (fault: Fault): void => {
        end(() => {
          reject(fault);
        });
      };
      socket.on('connect', () => {
        socket.write(encodeRecords(calls.map((call, index) => message(call, first + index))));
      });
      socket.on('data', (chunk) => {
        try {
          for (const record of reader.push(chunk)) {
            const reply = decodeReply(record);
            if (reply.xid < first || reply.xid >= first + calls.length)
              throw new Error('answers what was not asked');
            results.set(reply.xid, decode(resultOf(reply)));
          }
        } catch (error) {
          fail(new Fault('RPCBIND', `rpcbind at ${this.#path}: ${reasonOf(error)}`, error));
          return;
        }
        if (results.size < calls.length) return;
        end(() => {
          resolve([...results].sort(([a], [b]) => a - b).map(([, result]) => result));
        });
      });
      socket.on('error', (error) => {
        fail(new Fault('UNREACHABLE', `rpcbind at ${this.#path}: ${reasonOf(error)}`, error));
      });
      socket.on('close', () => {
        fail(new Fault('UNREACHABLE', `rpcbind at ${this.#path} closed the connection`));
      });
    });
  }
}

/** What names an entry; rpcbind takes its owner from the kernel. */
function argumentOf({ version, netid }: Entry, address: string): Uint8Array {
  return encodeRpcb({ program: PROGRAM, version, netid, address, owner: '' });
}

function portOf(list: readonly Rpcb[], { version, netid }: Entry): number | undefined {
  const found = list.find((one) => one.program === PROGRAM && one.version === version && one.netid === netid);
  return found && fromUniversal(found.address)?.port;
}

function message({ procedure, argument }: Call, xid: number): Uint8Array {
  return encodeCall({ xid, program: PORTMAP_PROGRAM, version: RPCBIND_VERSION, procedure, argument });
}

function resultOf(reply: Reply): Uint8Array {
  if (reply.kind !== 'success') throw new Error(`refused the call (${reply.kind} ${reply.stat})`);
  return reply.result;
}
