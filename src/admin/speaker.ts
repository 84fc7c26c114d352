/**
 * speaker - one gRPC server: dracd.admin.v1.Admin, health and reflection, for connections that are handed to it
 *
 * It listens nowhere itself.
 *
 * Limits: MAX_STREAMS calls at once in a connection, requests of MAX_REQUEST_BYTES, MAX_SESSION_MB for what a connection
 * does not read. A peer that answers no ping is gone after forty seconds.
 */
import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation, protoPath } from 'grpc-health-check';
import type { Duplex } from 'node:stream';
import type { Clock } from '../runtime/clock.js';
import { gate } from './caller.js';
import { api, FILE, OPTIONS as LOADING } from './contract.js';
import { describe } from './descriptors.js';
import type { WatchResponse } from './gen/dracd/admin/v1/WatchResponse.js';
import { handlers, type ServiceOptions } from './service.js';
import { SERVICE } from './well-known.js';

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
function serviceDefinition(): typeof api.Admin.service {
  const { service } = api.Admin;
  const encoded = new WeakMap<WatchResponse, Buffer>();
  const responseSerialize = (message: WatchResponse): Buffer => {
    const known = encoded.get(message) ?? service.Watch.responseSerialize(message);
    encoded.set(message, known);
    return known;
  };
  return { ...service, Watch: { ...service.Watch, responseSerialize } };
}

export class Speaker {
  readonly #server: Server;
  readonly #health = new HealthImplementation({ '': 'SERVING', [SERVICE]: 'SERVING' });
  readonly #inject: (connection: Duplex) => void;
  readonly #clock: Clock;

  constructor(options: ServiceOptions) {
    const { clock, identify, onRefused } = options;
    this.#clock = clock;
    this.#server = new Server({ ...OPTIONS, interceptors: [gate({ identify, onRefused })] });
    this.#server.addService(serviceDefinition(), handlers(options));
    this.#health.addToServer(this.#server);
    new ReflectionService(describe([FILE, protoPath], LOADING)).addToServer(this.#server);
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    this.#inject = (connection) => {
      injector.injectConnection(connection);
    };
  }

  /** Speaks with who is at the other end. */
  accept(connection: Duplex): void {
    this.#inject(connection);
  }

  /** Takes no more calls, gives those under way a while, and ends. */
  async stop(drainMs: number): Promise<void> {
    this.#health.setStatus('', 'NOT_SERVING');
    this.#health.setStatus(SERVICE, 'NOT_SERVING');
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(drainMs, resolve);
      this.#server.tryShutdown(() => {
        timer.stop();
        resolve();
      });
    });
    this.#server.forceShutdown();
  }
}
