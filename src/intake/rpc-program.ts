/**
 * rpc-program - ONC RPC program 900101: what each version and procedure does with a call
 *
 * A message comes in with the peer that sent it; the peer gets exactly one of reply and refuse, now or
 * when the ledger has settled the report. Nothing of a credential is ever used for a decision.
 *
 * The replies are those of RFC 5531 section 9. An argument that is short, absent or too long is answered
 * with GARBAGE_ARGS. A report that rpcbind may have forwarded for a stranger is answered with AUTH_ERROR
 * AUTH_TOOWEAK (forwarding.ts), and so is one by UDP from an own IPv6 address other than ::1, which anybody
 * can forge.
 */
import { type ClientAddress, addressFromBytes } from '../core/address.js';
import type { Outcome, Report } from '../core/ledger.js';
import type { Counters } from '../runtime/counters.js';
import type { Log } from '../runtime/log.js';
import {
  AddStat,
  Procedure,
  PROGRAM,
  VERSION_1,
  VERSION_2,
  addReply,
  decodeAdd1,
  decodeAdd2,
} from '../wire/drac.js';
import {
  AuthStat,
  type RpcCall,
  authError,
  decodeCall,
  garbageArgs,
  procUnavail,
  progMismatch,
  progUnavail,
  success,
} from '../wire/rpc.js';
import { Malformed } from '../wire/xdr.js';
import type { Transport } from './doors.js';
import type { Forwarding, Verdict } from './forwarding.js';
import type { Authorizer } from './intake.js';
import type { Strangers } from './strangers.js';

/** Who sent a message, and the way back. */
export interface Peer {
  readonly transport: Transport;
  readonly sender: ClientAddress;
  readonly port: number;
  /** Sends the one answer to a message. */
  reply(bytes: Uint8Array): void;
  /** The message gets no answer: silence on UDP, the end of the connection on TCP. */
  refuse(): void;
}

/** What a report learns, as the protocol says it. */
const ADD_STATS: Readonly<Record<Outcome, AddStat>> = {
  granted: AddStat.SUCCESS,
  renewed: AddStat.SUCCESS,
  stranger: AddStat.PERM,
  unusable: AddStat.PERM,
  full: AddStat.SYSERR,
  failed: AddStat.SYSERR,
};

const COUNTER_OF: Readonly<Record<Outcome, string>> = {
  granted: 'rpc.add.granted',
  renewed: 'rpc.add.renewed',
  stranger: 'rpc.add.stranger',
  unusable: 'rpc.add.unusable',
  full: 'rpc.add.full',
  failed: 'rpc.add.failed',
};

/** An ADD on its way: a class and not closures, because there is one for each datagram. */
class AddCall implements Report {
  readonly client: ClientAddress;
  readonly sender: ClientAddress;
  readonly xid: number;
  readonly version: number;
  readonly peer: Peer;
  readonly #settled: (call: AddCall, outcome: Outcome) => void;

  constructor(
    of: { client: ClientAddress; call: RpcCall; peer: Peer },
    settled: (call: AddCall, outcome: Outcome) => void,
  ) {
    this.client = of.client;
    this.sender = of.peer.sender;
    this.xid = of.call.xid;
    this.version = of.call.version;
    this.peer = of.peer;
    this.#settled = settled;
  }

  settle(outcome: Outcome): void {
    this.#settled(this, outcome);
  }
}

export interface RpcProgramOptions {
  readonly authorizer: Authorizer;
  /** Whether an address is this host's own, loopback included. */
  readonly isOwn: (address: ClientAddress) => boolean;
  readonly forwarding: Pick<Forwarding, 'seen' | 'verdict'>;
  readonly strangers: Pick<Strangers, 'tell'>;
  /** What a sender is called in counts. */
  readonly nameOf: (sender: ClientAddress) => string;
  readonly counters: Counters;
  readonly log: Log;
}

type Handler = (call: RpcCall, peer: Peer) => void;

export class RpcProgram {
  readonly #options: RpcProgramOptions;
  /** version -> procedure -> what it does. */
  readonly #rows: Readonly<Record<number, Readonly<Record<number, Handler>>>>;

  constructor(options: RpcProgramOptions) {
    this.#options = options;
    const nothing: Handler = (call, peer) => {
      this.#null(call, peer);
    };
    const add =
      (decode: (argument: Uint8Array) => Uint8Array): Handler =>
      (call, peer) => {
        this.#add(call, peer, decode);
      };
    this.#rows = {
      [VERSION_1]: { [Procedure.NULL]: nothing, [Procedure.ADD]: add(decodeAdd1) },
      [VERSION_2]: { [Procedure.NULL]: nothing, [Procedure.ADD]: add(decodeAdd2) },
    };
  }

  /** Takes one message. Never throws, whatever its bytes are. */
  take(message: Uint8Array, peer: Peer): void {
    const decoded = decodeCall(message);
    switch (decoded.kind) {
      case 'call':
        this.#dispatch(decoded.call, peer);
        return;
      case 'reply':
        this.#options.counters.add('rpc.denied');
        peer.reply(decoded.bytes);
        return;
      case 'drop':
        this.#options.counters.add('rpc.malformed');
        peer.refuse();
    }
  }

  #dispatch(call: RpcCall, peer: Peer): void {
    const { counters } = this.#options;
    const procedures = this.#rows[call.version];
    const handler = procedures?.[call.procedure];
    if (call.program === PROGRAM && handler !== undefined) {
      handler(call, peer);
      return;
    }
    counters.add('rpc.unavailable');
    if (call.program !== PROGRAM) peer.reply(progUnavail(call.xid));
    else if (procedures === undefined) peer.reply(progMismatch(call.xid, VERSION_1, VERSION_2));
    else peer.reply(procUnavail(call.xid));
  }

  /** Arguments are ignored, as every RPC server does; our own probe carries its nonce in them. */
  #null(call: RpcCall, peer: Peer): void {
    const { counters, forwarding } = this.#options;
    counters.add('rpc.null');
    if (peer.transport === 'udp' && call.argument.length > 0) forwarding.seen(call.argument, peer);
    peer.reply(success(call.xid));
  }

  #add(call: RpcCall, peer: Peer, decode: (argument: Uint8Array) => Uint8Array): void {
    const { authorizer, counters } = this.#options;
    const verdict = peer.transport === 'udp' ? this.#verdict(peer) : 'direct';
    if (verdict === 'unknown') {
      counters.add('rpc.add.early');
      peer.refuse();
      return;
    }
    if (verdict === 'forwarded') {
      counters.add('rpc.add.forwarded');
      peer.reply(authError(call.xid, AuthStat.AUTH_TOOWEAK));
      return;
    }
    let bytes;
    try {
      bytes = decode(call.argument);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      counters.add('rpc.garbage');
      peer.reply(garbageArgs(call.xid));
      return;
    }
    authorizer.authorize(new AddCall({ client: addressFromBytes(bytes), call, peer }, this.#settled));
  }

  /** The kernel drops forged datagrams from loopback and from own IPv4 addresses, but not from own IPv6 ones. */
  #verdict(peer: Peer): Verdict {
    const { forwarding, isOwn } = this.#options;
    const { sender } = peer;
    if (sender.includes(':') && sender !== '::1' && isOwn(sender)) return 'forwarded';
    return forwarding.verdict(peer);
  }

  readonly #settled = (call: AddCall, outcome: Outcome): void => {
    const { counters, log, nameOf, strangers } = this.#options;
    counters.add(COUNTER_OF[outcome]);
    const { transport } = call.peer;
    counters.addLabelled('rpc.reports', nameOf(call.sender), transport, String(call.version), outcome);
    if (outcome === 'stranger') strangers.tell(call.sender);
    log.debug('rpc: report', { client: call.client, reporter: call.sender, outcome });
    call.peer.reply(addReply(call.xid, ADD_STATS[outcome]));
  };
}
