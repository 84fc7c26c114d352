/**
 * port - connections from other hosts: TLS first, then a speaker for whom the certificate names
 *
 * A connection lasts no longer than what has let it in: it ends when its certificate does, when a reload takes the role of
 * the certificate's names, and when a reload brings other authorities (after LEAVE_MS, in which an answer
 * to that reload leaves). Streams end with it.
 *
 * Errors: Fault CONFIG for TLS files that will not do.
 */
import { Metadata } from '@grpc/grpc-js';
import type { Socket } from 'node:net';
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls';
import { reasonOf } from '../core/fault.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import { certifiedCaller, type Identify } from './caller.js';
import type { Knocks } from './knocks.js';
import type { Speaker } from './speaker.js';
import { readTls, type TlsOptions, tlsServer } from './tls.js';

const LEAVE_MS = 500;

export interface PortOptions {
  readonly tls: TlsOptions;
  readonly speak: (socket: TLSSocket, identify: Identify) => Speaker;
  readonly knocks: Knocks;
  readonly clock: Clock;
  readonly log: Log;
}

interface Guest {
  readonly identify: Identify;
  readonly speaker: Speaker;
}

export class Port {
  readonly #options: PortOptions;
  readonly #server: Server;
  readonly #guests = new Set<Guest>();
  #tls: TlsOptions;
  #authorities: SecureContextOptions['ca'];

  constructor(options: PortOptions) {
    const { knocks, clock, log } = options;
    this.#options = options;
    this.#tls = options.tls;
    const context = readTls(options.tls, { clock, log });
    this.#authorities = context.ca;
    this.#server = tlsServer(context, { onSecure: this.#greet, onRefused: knocks.refused });
  }

  accept(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  /** Reads the TLS files anew. Throws a Fault CONFIG, and changes nothing, when they will not do. */
  renew(tls: TlsOptions): void {
    const { clock, log } = this.#options;
    const context = readTls(tls, { clock, log });
    this.#server.setSecureContext(context);
    this.#tls = tls;
    if (context.ca === this.#authorities) return;
    this.#authorities = context.ca;
    const before = [...this.#guests];
    clock.after(LEAVE_MS, () => {
      for (const guest of before) this.#dismiss(guest, 'admin.tls.client_ca has changed');
    });
  }

  /** Ends connections that nothing lets in any more. To be called now and then. */
  look(): void {
    for (const guest of this.#guests) {
      try {
        guest.identify(new Metadata());
      } catch (thrown) {
        this.#dismiss(guest, reasonOf(thrown));
      }
    }
  }

  readonly #greet = (socket: TLSSocket): void => {
    const { clock, speak } = this.#options;
    const certificate = socket.getPeerCertificate();
    const identify = certifiedCaller({ certificate, roles: () => this.#tls, clock });
    const guest = { identify, speaker: speak(socket, identify) };
    this.#guests.add(guest);
    socket.once('close', () => this.#guests.delete(guest));
  };

  #dismiss(guest: Guest, reason: string): void {
    if (!this.#guests.delete(guest)) return;
    this.#options.log.info('admin: a connection was ended', { reason });
    guest.speaker.end();
  }
}
