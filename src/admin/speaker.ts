/**
 * speaker - speaks dracd.admin.v1.Admin, health and reflection at one end of one connection
 *
 * Each connection has a gRPC server of its own, so that whom it comes from is settled once, outside of what the client
 * can say. What it sends passes the turnstile.
 *
 * Limits: MAX_STREAMS calls at once, requests of MAX_REQUEST_BYTES, MAX_SESSION_MB for what is not read. A peer that
 * answers no ping is gone after forty seconds.
 */
import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import type { Duplex } from 'node:stream';
import { gate } from './caller.js';
import { api } from './contract.js';
import type { Extras } from './extras.js';
import type { WatchResponse } from './gen/dracd/admin/v1/WatchResponse.js';
import { handlers, type ServiceOptions } from './service.js';
import { Passage, type Turnstile } from './turnstile.js';

export const MAX_STREAMS = 32;
export const MAX_REQUEST_BYTES = 64 * 1024;
const MAX_SESSION_MB = 8;

const OPTIONS: ServerOptions = {
  'grpc.max_concurrent_streams': MAX_STREAMS,
  'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
  'grpc-node.max_session_memory': MAX_SESSION_MB,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.enable_channelz': 0,
};

/** The service; what all watchers are told is encoded once. */
const definition = ((): typeof api.Admin.service => {
  const { service } = api.Admin;
  const encoded = new WeakMap<WatchResponse, Buffer>();
  const responseSerialize = (message: WatchResponse): Buffer => {
    const known = encoded.get(message) ?? service.Watch.responseSerialize(message);
    encoded.set(message, known);
    return known;
  };
  return { ...service, Watch: { ...service.Watch, responseSerialize } };
})();

export interface SpeakerOptions extends ServiceOptions {
  readonly extras: Extras;
  readonly turnstile: Turnstile;
}

export class Speaker {
  readonly #server: Server;
  readonly #passage: Passage;
  readonly #options: SpeakerOptions;

  constructor(connection: Duplex, options: SpeakerOptions) {
    const { identify, onRefused, extras, turnstile } = options;
    this.#options = options;
    this.#server = new Server({ ...OPTIONS, interceptors: [gate({ identify, onRefused })] });
    this.#server.addService(definition, handlers(options));
    extras.addTo(this.#server);
    this.#passage = new Passage(connection, turnstile);
    this.#server.createConnectionInjector(ServerCredentials.createInsecure()).injectConnection(this.#passage);
  }

  /** Takes no more calls, gives those under way a while, and ends. */
  async stop(drainMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(drainMs, resolve);
      this.#server.tryShutdown(() => {
        timer.stop();
        resolve();
      });
    });
    this.end();
  }

  /** Ends at once. */
  end(): void {
    this.#server.forceShutdown();
    // The server does not know of all that it was handed.
    this.#passage.destroy();
  }
}
