/**
 * forwarding - does rpcbind hand us strangers' calls as if they came from this host?
 *
 * An rpcbind started with -r forwards PMAPPROC_CALLIT, RPCBPROC_BCAST and RPCBPROC_INDIRECT over UDP from
 * a socket of its own: a stranger's ADD then comes from 127.0.0.1. A round of the probe calls our own NULL
 * procedure in these three ways, with a nonce for argument. When it comes back, reports by UDP from this
 * host's addresses are refused, and reports from the port it came from are refused for good. CLEAN_ROUNDS
 * rounds without it restore the trust in all other ports.
 *
 * A round ends as soon as rpcbind has answered INDIRECT, the last of the three, and what it may have
 * forwarded before has been read; else after ROUND_MS. A round that was not answered at all proves
 * nothing, unless the port is closed and there is no rpcbind by other signs either. Until a round has
 * proved something, and again from the moment a registration is about to be made, the verdict on this
 * host's UDP reports is 'unknown'.
 *
 * Limits: at most MAX_PORTS ports are remembered, the oldest is forgotten first. Between two rounds
 * (rpc.ts: a minute, and each registration) a change is not seen.
 * Source: RFC 1833 sections 2.2.1 and 3.2; rpcbind(8), option -r.
 */
import { randomBytes } from 'node:crypto';
import type { ClientAddress } from '../core/address.js';
import type { Clock, Timer } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import { Procedure, PROGRAM, VERSION_1 } from '../wire/drac.js';
import { PORTMAP_PROGRAM, Portmap2, Rpcb4, encodeForwardedCall } from '../wire/portmap.js';
import { encodeCall } from '../wire/rpc.js';
import { wordAt } from '../wire/xdr.js';

/** The longest a round takes, milliseconds. */
export const ROUND_MS = 500;
/** After rpcbind's last answer: time for what it forwarded to be read, milliseconds. */
export const GRACE_MS = 50;
export const CLEAN_ROUNDS = 2;
export const MAX_PORTS = 64;
const NONCE_BYTES = 8;

export type Verdict = 'direct' | 'forwarded' | 'unknown';

interface Sender {
  readonly sender: ClientAddress;
  readonly port: number;
}

/** A socket to send probes from. */
export interface ProbeSocket {
  send(message: Uint8Array): void;
  close(): void;
}

/** Opens a socket towards rpcbind's port on loopback: what it answers, and that nobody listens there. */
export type OpenProbeSocket = (
  family: 4 | 6,
  onMessage: (message: Uint8Array) => void,
  onRefused: () => void,
) => ProbeSocket;

export interface ForwardingOptions {
  /** Whether an address is this host's own, loopback included. */
  readonly isOwn: (address: ClientAddress) => boolean;
  readonly openSocket: OpenProbeSocket;
  readonly clock: Clock;
  readonly log: Log;
}

const ways = [
  { version: 2, procedure: Portmap2.CALLIT },
  { version: 4, procedure: Rpcb4.BCAST },
  { version: 4, procedure: Rpcb4.INDIRECT },
] as const;

interface Round {
  readonly nonce: Buffer;
  /** xids of the INDIRECT calls that rpcbind has not answered. */
  readonly unanswered: Set<number>;
  readonly sockets: ProbeSocket[];
  readonly isExpected: boolean;
  readonly refused: Set<4 | 6>;
  timer: Timer;
  answered: boolean;
  seen: boolean;
  readonly done: () => void;
}

export class Forwarding {
  readonly #options: ForwardingOptions;
  /** rpcbind's forwarding ports, as seen. */
  readonly #ports = new Set<number>();
  #state: Verdict = 'unknown';
  #cleanRounds = 0;
  #silenceTold = false;
  #round: Round | undefined;

  constructor(options: ForwardingOptions) {
    this.#options = options;
  }

  /** Whether rpcbind forwards, as far as is known. */
  get state(): Verdict {
    return this.#state;
  }

  /** Whether a UDP report may be a stranger's that rpcbind forwarded. */
  verdict({ sender, port }: Sender): Verdict {
    if (this.#state === 'direct' && this.#ports.size === 0) return 'direct';
    if (!this.#options.isOwn(sender)) return 'direct';
    return this.#ports.has(port) ? 'forwarded' : this.#state;
  }

  /** What was proved may not hold any more: a registration is about to be made, perhaps in another rpcbind. */
  doubt(): void {
    // Its probes went to an rpcbind that had nothing of ours to forward to.
    this.stop();
    if (this.#state === 'direct') this.#state = 'unknown';
  }

  /** There is nothing that could be forwarded to. */
  assumeNone(): void {
    if (this.#state === 'unknown') this.#state = 'direct';
  }

  /** Offers the argument of a NULL call: is it our probe, come back? */
  seen(argument: Uint8Array, { port }: Sender): void {
    const round = this.#round;
    if (round === undefined || argument.length !== NONCE_BYTES || !round.nonce.equals(argument)) return;
    round.seen = true;
    // Seen again it is the newest.
    this.#ports.delete(port);
    if (this.#ports.size >= MAX_PORTS) this.#ports.delete(this.#ports.values().next().value as number);
    this.#ports.add(port);
    this.#cleanRounds = 0;
    if (this.#state === 'forwarded') return;
    this.#state = 'forwarded';
    this.#options.log.error(
      'rpcbind forwards calls of strangers as if they came from this host; UDP reports from this host are refused',
      { cure: 'restart rpcbind without -r, or let reporters on this host use TCP' },
    );
  }

  /**
   * Sends the probes of a round over the given families and resolves when it has ended. One round at a time.
   * isExpected: rpcbind has answered elsewhere, so a closed port proves nothing.
   */
  probe(families: readonly (4 | 6)[], isExpected = true): Promise<void> {
    if (this.#round !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const round: Round = {
        nonce: randomBytes(NONCE_BYTES),
        unanswered: new Set(),
        sockets: [],
        isExpected,
        refused: new Set(),
        timer: this.#options.clock.after(ROUND_MS, this.#endRound),
        answered: false,
        seen: false,
        done: resolve,
      };
      this.#round = round;
      for (const family of families) this.#send(round, family);
    });
  }

  /** Ends a round that is under way without drawing a conclusion. */
  stop(): void {
    const round = this.#round;
    if (round === undefined) return;
    this.#round = undefined;
    this.#dismantle(round);
  }

  #send(round: Round, family: 4 | 6): void {
    const socket = this.#options.openSocket(
      family,
      (message) => {
        this.#answered(round, message);
      },
      () => {
        this.#refused(round, family);
      },
    );
    round.sockets.push(socket);
    const argument = encodeForwardedCall({
      program: PROGRAM,
      version: VERSION_1,
      procedure: Procedure.NULL,
      argument: round.nonce,
    });
    for (const { version, procedure } of ways) {
      const xid = randomBytes(4).readUInt32BE();
      if (procedure === Rpcb4.INDIRECT) round.unanswered.add(xid);
      const call = { xid, program: PORTMAP_PROGRAM, version, procedure, argument };
      socket.send(encodeCall(call));
    }
  }

  #answered(round: Round, message: Uint8Array): void {
    if (this.#round !== round || message.length < 4) return;
    if (!round.unanswered.delete(wordAt(message, 0))) return;
    round.answered = true;
    if (round.unanswered.size > 0) return;
    round.timer.stop();
    round.timer = this.#options.clock.after(GRACE_MS, this.#endRound);
  }

  #refused(round: Round, family: 4 | 6): void {
    if (this.#round !== round) return;
    round.refused.add(family);
    if (round.refused.size === round.sockets.length) this.#endRound();
  }

  readonly #endRound = (): void => {
    const round = this.#round;
    if (round === undefined) return;
    this.#round = undefined;
    if (!round.seen) {
      const closed = round.refused.size === round.sockets.length;
      if (round.answered) this.#endClean();
      else if (closed && !round.isExpected) this.assumeNone();
      else this.#endSilent();
    }
    this.#dismantle(round);
  };

  #endSilent(): void {
    if (this.#state !== 'unknown' || this.#silenceTold) return;
    this.#silenceTold = true;
    this.#options.log.warn(
      'rpcbind does not answer the forwarding probe; UDP reports from this host wait until it does',
      { cure: 'let rpcbind listen on UDP port 111 of loopback, or let reporters on this host use TCP' },
    );
  }

  #endClean(): void {
    this.#cleanRounds += 1;
    if (this.#state === 'direct') return;
    if (this.#state === 'forwarded' && this.#cleanRounds < CLEAN_ROUNDS) return;
    if (this.#state === 'forwarded') {
      this.#options.log.info('rpcbind forwards no longer; UDP reports from this host are taken again');
    }
    this.#state = 'direct';
  }

  #dismantle(round: Round): void {
    round.timer.stop();
    for (const socket of round.sockets) socket.close();
    round.done();
  }
}
