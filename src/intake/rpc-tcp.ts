/**
 * rpc-tcp - RPC calls on connections: who may hold one, and for how long
 *
 * Limits: MAX_CONNECTIONS in all, MAX_PER_ADDRESS from one address, and MAX_STRANGERS from all senders that
 * are no reporters together, so that strangers cannot take the places of reporters. A connection beyond
 * them is closed at once. What one connection may do is in connection.ts; the times it names are looked
 * after here, every LOOK_EVERY_MS.
 */
import { type Socket, createServer } from 'node:net';
import type { ClientAddress } from '../core/address.js';
import { parseAddress } from '../core/address.js';
import type { Clock, Timer } from '../runtime/clock.js';
import type { Counters } from '../runtime/counters.js';
import { Connection } from './connection.js';
import type { Door, Opener } from './doors.js';
import { drain } from './drain.js';
import { familyOf, withoutZone } from './host-addresses.js';
import type { RpcProgram } from './rpc-program.js';

export const MAX_CONNECTIONS = 512;
export const MAX_PER_ADDRESS = 32;
export const MAX_STRANGERS = 128;
const LOOK_EVERY_MS = 500;

export interface RpcTcpOptions {
  readonly program: Pick<RpcProgram, 'take'>;
  readonly believes: (address: ClientAddress) => boolean;
  readonly counters: Counters;
  readonly clock: Clock;
}

export class RpcTcp {
  readonly #options: RpcTcpOptions;
  readonly #connections = new Set<Connection>();
  readonly #perAddress = new Map<ClientAddress, number>();
  #strangers = 0;
  #timer: Timer | undefined;

  constructor(options: RpcTcpOptions) {
    this.#options = options;
  }

  /** How many connections are held. */
  get size(): number {
    return this.#connections.size;
  }

  /** Opens a door on one address. */
  readonly open: Opener = (address, port) =>
    new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
        this.#accept(socket);
      });
      server.once('error', reject);
      server.listen({ host: address, port, exclusive: true, ipv6Only: familyOf(address) === 6 }, () => {
        server.removeAllListeners('error').on('error', () => {
          this.#options.counters.add('rpc.tcp.accept-errors');
        });
        this.#timer ??= this.#options.clock.every(LOOK_EVERY_MS, this.#look);
        const bound = server.address();
        const door: Door = {
          transport: 'tcp',
          address,
          port: typeof bound === 'object' && bound !== null ? bound.port : port,
          close: () => {
            server.close();
          },
        };
        resolve(door);
      });
    });

  /** After the doors are closed: lets what was taken be answered, then ends every connection. Bounded in time. */
  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.finish();
    await drain(this.#options.clock, this.#connections);
    for (const connection of this.#connections) connection.destroy();
    this.#timer?.stop();
    this.#timer = undefined;
  }

  #accept(socket: Socket): void {
    const { believes, clock, counters, program } = this.#options;
    const sender = parseAddress(withoutZone(socket.remoteAddress ?? ''));
    // Gone before we looked; or an IPv4-mapped peer of an IPv6 door, which is none.
    if (sender === undefined || familyOf(sender) !== familyOf(socket.localAddress ?? '')) {
      socket.destroy();
      return;
    }
    const stranger = !believes(sender);
    const held = this.#perAddress.get(sender) ?? 0;
    if (
      this.#connections.size >= MAX_CONNECTIONS ||
      held >= MAX_PER_ADDRESS ||
      (stranger && this.#strangers >= MAX_STRANGERS)
    ) {
      counters.add('rpc.tcp.refused');
      socket.destroy();
      return;
    }
    counters.add('rpc.tcp.connections');
    this.#perAddress.set(sender, held + 1);
    if (stranger) this.#strangers += 1;
    const connection = new Connection(socket, { sender, program, clock, counters });
    this.#connections.add(connection);
    socket.once('close', () => {
      this.#connections.delete(connection);
      if (stranger) this.#strangers -= 1;
      const left = (this.#perAddress.get(sender) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(sender, left);
      else this.#perAddress.delete(sender);
    });
  }

  readonly #look = (): void => {
    const now = this.#options.clock.mono();
    for (const connection of this.#connections) connection.look(now);
  };
}
