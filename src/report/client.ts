/**
 * client - the reporter's side of the RPC: what libdrac is to a POP3 server
 *
 * Asks rpcbind on the host for the port (RFC 1833 version 2 GETPORT) unless one is given, then calls
 * ADD: version 1 for an IPv4 address, version 2 for IPv6. Over UDP a call is sent again every second
 * with the same xid until the time is up; over TCP it is sent once.
 *
 * Errors: Fault UNREACHABLE (no such host, nothing registered, connection refused, an RPC denial) and
 * Fault TIMEOUT. Everything a server may answer is bounded by the codecs.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { type ClientAddress, addressToBytes } from '../core/address.js';
import { Fault, reasonOf } from '../core/fault.js';
import type { Clock } from '../runtime/clock.js';
import {
  decodeAddStat,
  encodeAdd1,
  encodeAdd2,
  Procedure,
  PROGRAM,
  VERSION_1,
  VERSION_2,
} from '../wire/drac.js';
import {
  decodePort,
  encodeMapping,
  PORTMAP_PORT,
  PORTMAP_PROGRAM,
  Portmap2,
  Protocol,
} from '../wire/portmap.js';
import { encodeRecord, RecordReader } from '../wire/record.js';
import { decodeReply, encodeCall, type Reply } from '../wire/rpc.js';

/** The version of the port mapper protocol that every rpcbind and portmap speaks. */
const PORTMAP_VERSION = 2;
const RETRANSMIT_MS = 1_000;

export interface ClientOptions {
  readonly host: string;
  /** 0: ask rpcbind. */
  readonly port: number;
  readonly transport: 'udp' | 'tcp';
  /** For everything together: name, rpcbind and call. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

interface Call {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly argument: Uint8Array;
}

interface Server {
  readonly address: string;
  readonly family: number;
  readonly port: number;
}

function unreachable(server: Server, reason: string, cause?: unknown): Fault {
  return new Fault('UNREACHABLE', `${server.address} port ${server.port}: ${reason}`, cause);
}

/** The result of a reply to a call, decoded, or a Fault that says what the server answered instead. */
function resultOf<T>(reply: Reply, server: Server, decode: (result: Uint8Array) => T): T {
  if (reply.kind === 'success') {
    try {
      return decode(reply.result);
    } catch (error) {
      throw unreachable(
        server,
        `the server answered something else (${reasonOf(error)}); is it a dracd?`,
        error,
      );
    }
  }
  if (reply.kind === 'denied' && reply.authStat !== undefined)
    throw unreachable(
      server,
      'the server refused the call (authentication error); its log tells why, and TCP may be taken',
    );
  throw unreachable(server, `the server refused the call (${reply.kind} ${reply.stat}); is it a dracd?`);
}

/** Runs one exchange against a deadline; `begin` gets settle functions and returns how to end it. */
function exchange(
  server: Server,
  options: { clock: Clock; timeoutMs: number },
  begin: (resolve: (reply: Reply) => void, reject: (fault: Fault) => void) => () => void,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let end = (): void => undefined;
    const timer = options.clock.after(Math.max(0, options.timeoutMs), () => {
      end();
      reject(new Fault('TIMEOUT', `${server.address} port ${server.port}: no answer in time`));
    });
    const settled = (act: () => void): void => {
      timer.stop();
      end();
      act();
    };
    end = begin(
      (reply) => {
        settled(() => {
          resolve(reply);
        });
      },
      (fault) => {
        settled(() => {
          reject(fault);
        });
      },
    );
  });
}

function callUdp(server: Server, call: Call, options: { clock: Clock; timeoutMs: number }): Promise<Reply> {
  const xid = randomInt(2 ** 32);
  const message = encodeCall({ xid, ...call });
  return exchange(server, options, (resolve, reject) => {
    const socket = createSocket(server.family === 6 ? 'udp6' : 'udp4');
    let resend = { stop: (): void => undefined };
    const send = (): void => {
      socket.send(message, (error) => {
        if (error !== null) reject(unreachable(server, reasonOf(error), error));
      });
    };
    socket.on('message', (bytes) => {
      try {
        const reply = decodeReply(bytes);
        if (reply.xid === xid) resolve(reply);
      } catch {
        // Not a reply: another datagram may still be one.
      }
    });
    socket.on('error', (error) => {
      reject(unreachable(server, reasonOf(error), error));
    });
    // Node hands the error of a connect to this callback, though its types do not say so.
    socket.connect(server.port, server.address, (error?: Error) => {
      if (error !== undefined) {
        reject(unreachable(server, reasonOf(error), error));
        return;
      }
      send();
      resend = options.clock.every(RETRANSMIT_MS, send);
    });
    return () => {
      resend.stop();
      socket.close();
    };
  });
}

function callTcp(server: Server, call: Call, options: { clock: Clock; timeoutMs: number }): Promise<Reply> {
  const xid = randomInt(2 ** 32);
  return exchange(server, options, (resolve, reject) => {
    const reader = new RecordReader();
    const socket = connect(server.port, server.address, () => {
      socket.write(encodeRecord(encodeCall({ xid, ...call })));
    });
    socket.on('data', (chunk) => {
      try {
        for (const record of reader.push(chunk)) {
          const reply = decodeReply(record);
          if (reply.xid === xid) resolve(reply);
        }
      } catch (error) {
        reject(unreachable(server, `not an RPC reply: ${reasonOf(error)}`, error));
      }
    });
    socket.on('error', (error) => {
      reject(unreachable(server, reasonOf(error), error));
    });
    socket.on('close', () => {
      reject(unreachable(server, 'the server closed the connection'));
    });
    return () => {
      socket.destroy();
    };
  });
}

/** Reports addresses to one server; finds its address and port once. */
export class ReportClient {
  readonly #options: ClientOptions;
  readonly #deadline: number;
  /** The server of each version, once it has answered. */
  readonly #servers = new Map<number, Server>();

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#deadline = options.clock.mono() + options.timeoutMs;
  }

  /** Calls NULL; resolves when it is answered. */
  async ping(): Promise<void> {
    await this.#ask(
      { version: VERSION_1, procedure: Procedure.NULL, argument: new Uint8Array() },
      () => null,
    );
  }

  /** Reports one address and answers the addstat (0 success, 1 permission denied, 2 system error, 3 unknown). */
  async report(client: ClientAddress): Promise<number> {
    const bytes = addressToBytes(client);
    const call =
      bytes.length === 4
        ? { version: VERSION_1, argument: encodeAdd1(bytes) }
        : { version: VERSION_2, argument: encodeAdd2(bytes) };
    return this.#ask({ ...call, procedure: Procedure.ADD }, decodeAddStat);
  }

  /** The result of one call. Of a host with several addresses the first is taken that can be reached. */
  async #ask<T>(ours: Omit<Call, 'program'>, decode: (result: Uint8Array) => T): Promise<T> {
    const call = { program: PROGRAM, ...ours };
    const { version } = call;
    const known = this.#servers.get(version);
    if (known !== undefined) return resultOf(await this.#call(known, call), known, decode);
    let failure: unknown;
    for (const address of await this.#addresses()) {
      try {
        const server = await this.#locate(address, version);
        const result = resultOf(await this.#call(server, call), server, decode);
        this.#servers.set(version, server);
        return result;
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'UNREACHABLE') throw error;
        failure ??= error;
      }
    }
    throw failure;
  }

  #call(server: Server, call: Call): Promise<Reply> {
    const { clock, transport } = this.#options;
    const options = { clock, timeoutMs: this.#deadline - clock.mono() };
    return transport === 'udp' ? callUdp(server, call, options) : callTcp(server, call, options);
  }

  async #addresses(): Promise<LookupAddress[]> {
    const { host } = this.#options;
    return lookup(host, { all: true }).catch((error: unknown) => {
      throw new Fault('UNREACHABLE', `${host}: ${reasonOf(error)}`, error);
    });
  }

  /** The server at one address: the port that is configured, or the one that rpcbind there tells. */
  async #locate({ address, family }: LookupAddress, version: number): Promise<Server> {
    const { port, transport } = this.#options;
    if (port !== 0) return { address, family, port };
    const rpcbind = { address, family, port: PORTMAP_PORT };
    const argument = encodeMapping({
      program: PROGRAM,
      version,
      protocol: transport === 'udp' ? Protocol.UDP : Protocol.TCP,
      port: 0,
    });
    const call = {
      program: PORTMAP_PROGRAM,
      version: PORTMAP_VERSION,
      procedure: Portmap2.GETPORT,
      argument,
    };
    const reply = await this.#call(rpcbind, call).catch((error: unknown) => {
      if (!(error instanceof Fault)) throw error;
      throw new Fault(error.code, `rpcbind does not tell the port (${error.message}); give the port`, error);
    });
    const found = resultOf(reply, rpcbind, decodePort);
    if (found !== 0) return { address, family, port: found };
    throw unreachable(
      rpcbind,
      `rpcbind knows no dracd there (program ${PROGRAM} version ${version}, ${transport})`,
    );
  }
}
