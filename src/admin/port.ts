/**
 * port - connections from other hosts: TLS first, then a speaker for whom the certificate names
 *
 * A connection lasts no longer than what has let it in: it ends when its certificate does, when a reload takes the role of
 * the certificate's names, and when a reload brings other authorities (after LEAVE_MS, in which an answer
 * to that reload leaves). Streams end with it.
 *
 * Errors: Fault CONFIG for TLS files that will not do.
 * Limits: MAX_EACH connections of one peer (core/peer.ts), before anything is known of it, and of one caller.
 */
import { Metadata } from '@grpc/grpc-js';
import type { Socket } from 'node:net';
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls';
import { reasonOf } from '../core/fault.js';
import { peerOf } from '../core/peer.js';
import type { Clock } from '../runtime/clock.js';
import { Crowd } from '../runtime/crowd.js';
import type { Log } from '../runtime/log.js';
import { certifiedCaller, type Identify } from './caller.js';
import type { Speaker } from './speaker.js';
import { type CertificateEnd, readTls, type TlsOptions, tlsServer } from './tls.js';
import type { Told } from './told.js';

const LEAVE_MS = 500;
export const MAX_EACH = 64;

export interface PortOptions {
  readonly tls: TlsOptions;
  readonly speak: (socket: TLSSocket, identify: Identify) => Speaker;
  readonly told: Told;
  readonly clock: Clock;
  readonly log: Log;
}

interface Guest {
  readonly identify: Identify;
  readonly speaker: Speaker;
  /** Nothing let it in at the last look. */
  isDue: boolean;
}

export class Port {
  readonly #options: PortOptions;
  readonly #server: Server;
  readonly #guests = new Set<Guest>();
  readonly #peers = new Crowd(MAX_EACH);
  readonly #callers = new Crowd(MAX_EACH);
  #tls: TlsOptions;
  #ends: readonly CertificateEnd[];
  #authorities: SecureContextOptions['ca'];

  constructor(options: PortOptions) {
    const { told, clock, log } = options;
    this.#options = options;
    this.#tls = options.tls;
    const { context, ends } = readTls(options.tls, { clock, log });
    this.#ends = ends;
    this.#authorities = context.ca;
    this.#server = tlsServer(context, { onSecure: this.#greet, onRefused: told.unproven });
  }

  /** Until when the files that it uses serve. */
  get ends(): readonly CertificateEnd[] {
    return this.#ends;
  }

  accept(socket: Socket): void {
    const { remoteAddress } = socket;
    if (this.#peers.admits(peerOf(remoteAddress), socket)) this.#server.emit('connection', socket);
    else this.#turnAway(socket, remoteAddress);
  }

  /** Reads the TLS files anew. Throws a Fault CONFIG, and changes nothing, when they will not do. */
  renew(tls: TlsOptions): void {
    const { clock, log } = this.#options;
    const { context, ends } = readTls(tls, { clock, log });
    this.#server.setSecureContext(context);
    this.#ends = ends;
    this.#tls = tls;
    if (context.ca === this.#authorities) return;
    this.#authorities = context.ca;
    const before = [...this.#guests];
    clock.after(LEAVE_MS, () => {
      for (const guest of before) this.#dismiss(guest, 'admin.tls.client_ca has changed');
    });
  }

  /** Ends connections that nothing lets in any more, at the second look: a call is told why first. To be called now and then. */
  look(): void {
    for (const guest of this.#guests) {
      try {
        guest.identify(new Metadata());
        guest.isDue = false;
      } catch (thrown) {
        if (guest.isDue) this.#dismiss(guest, reasonOf(thrown));
        else guest.isDue = true;
      }
    }
  }

  readonly #greet = (socket: TLSSocket): void => {
    const { clock, speak } = this.#options;
    const certificate = socket.getPeerCertificate();
    const identify = certifiedCaller({ certificate, roles: () => this.#tls, clock });
    const { remoteAddress } = socket;
    if (!this.#callers.admits(certificate.subjectaltname ?? '', socket)) {
      this.#turnAway(socket, remoteAddress);
      return;
    }
    const guest = { identify, speaker: speak(socket, identify), isDue: false };
    this.#guests.add(guest);
    socket.once('close', () => this.#guests.delete(guest));
  };

  #turnAway(socket: Socket, peer: string | undefined): void {
    this.#options.told.crowded(`more than ${MAX_EACH} connections of one peer`, peer);
    socket.destroy();
  }

  #dismiss(guest: Guest, reason: string): void {
    if (!this.#guests.delete(guest)) return;
    this.#options.told.dismissed(reason);
    guest.speaker.end();
  }
}
