/**
 * rpc-udp - RPC calls in datagrams
 *
 * Promise: the reply to a call leaves from the socket, and so from the address, that was asked. A sender
 * that is no reporter is answered within the rate of strangers.ts; when strangers are not to be answered,
 * only those on this host are (rpcinfo, the daemon's own self-check). A door that is closed takes nothing
 * more, and its socket stays until what was taken is answered, or stop has waited long enough (drain.ts).
 *
 * Limits: a datagram longer than MAX_RECORD_BYTES is dropped. Nothing is ever sent to a port where answering
 * services live (REFLECTING_PORTS) or to one of our own sockets, so that two servers cannot be set to talk
 * to each other for ever. An IPv4-mapped source on an IPv6 socket is a forgery, whatever it claims (the
 * kernel lets it pass from afar). RECEIVE_BUFFER_BYTES hold a burst of 512 calls and more, if the kernel's
 * net.core.rmem_max allows.
 *
 * Bugs: a reply that the kernel does not take is not counted, because Node tells of it only to a callback
 * for each datagram; the client asks again.
 */
import { type RemoteInfo, type Socket, createSocket } from 'node:dgram';
import type { ClientAddress } from '../core/address.js';
import { parseAddress } from '../core/address.js';
import type { Clock } from '../runtime/clock.js';
import type { Counters } from '../runtime/counters.js';
import { MAX_RECORD_BYTES } from '../wire/record.js';
import type { Door, Opener } from './doors.js';
import { drain } from './drain.js';
import { familyOf, withoutZone } from './host-addresses.js';
import type { Peer, RpcProgram } from './rpc-program.js';
import type { Strangers } from './strangers.js';

export const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** Reserved, echo, daytime, chargen, domain, sunrpc, ntp: services that answer whatever they are sent. */
export const REFLECTING_PORTS: ReadonlySet<number> = new Set([0, 7, 13, 19, 53, 111, 123]);

export interface RpcUdpOptions {
  readonly program: Pick<RpcProgram, 'take'>;
  readonly believes: (address: ClientAddress) => boolean;
  readonly isOwn: (address: ClientAddress) => boolean;
  readonly strangers: Pick<Strangers, 'mayAnswer' | 'tell'>;
  /** Whether strangers get answers at all. */
  readonly answerStrangers: boolean;
  readonly counters: Counters;
  readonly clock: Pick<Clock, 'after'>;
}

/** An address in numbers needs no resolver, and no detour through one for each datagram. */
function numeric(
  address: string,
  _options: unknown,
  callback: (error: Error | null, address: string, family: number) => void,
): void {
  callback(null, address, familyOf(address));
}

/** One socket, with how many calls it has taken and not yet answered or refused. */
class UdpDoor implements Door {
  readonly transport = 'udp';
  readonly address: string;
  readonly port: number;
  readonly #socket: Socket;
  /** The doors whose sockets are open: this one leaves them at its end. */
  readonly #open: Set<UdpDoor>;
  #unanswered = 0;
  #closed = false;

  constructor(socket: Socket, address: string, open: Set<UdpDoor>) {
    this.#socket = socket;
    this.address = address;
    this.port = socket.address().port;
    this.#open = open.add(this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    if (this.#unanswered === 0) this.end();
  }

  /** Closes the socket, whatever is unanswered. */
  end(): void {
    if (this.#open.delete(this)) this.#socket.close();
  }

  took(): void {
    this.#unanswered += 1;
  }

  /** Sends the answer, if there is one, to a call that was taken. */
  answer(bytes: Uint8Array | undefined, port: number, address: string): void {
    if (bytes !== undefined && this.#open.has(this)) this.#socket.send(bytes, port, address);
    this.#unanswered -= 1;
    if (this.#closed && this.#unanswered === 0) this.end();
  }
}

/** The sender of one datagram. */
class UdpPeer implements Peer {
  readonly transport = 'udp';
  readonly sender: ClientAddress;
  readonly port: number;
  readonly #door: UdpDoor;
  readonly #address: string;

  constructor(door: UdpDoor, sender: ClientAddress, remote: RemoteInfo) {
    this.#door = door;
    this.sender = sender;
    this.port = remote.port;
    this.#address = remote.address;
  }

  reply(bytes: Uint8Array): void {
    this.#door.answer(bytes, this.port, this.#address);
  }

  /** Silence. */
  refuse(): void {
    this.#door.answer(undefined, this.port, this.#address);
  }
}

export class RpcUdp {
  readonly #options: RpcUdpOptions;
  /** Those whose sockets are open. */
  readonly #doors = new Set<UdpDoor>();
  /** The last sender as it was spelled: a busy reporter is parsed once. */
  #spelled = '';
  #sender: ClientAddress | undefined;

  constructor(options: RpcUdpOptions) {
    this.#options = options;
  }

  /** Opens a door on one address. */
  readonly open: Opener = (address, port) =>
    new Promise((resolve, reject) => {
      const socket = createSocket({
        type: familyOf(address) === 6 ? 'udp6' : 'udp4',
        ipv6Only: familyOf(address) === 6,
        recvBufferSize: RECEIVE_BUFFER_BYTES,
        lookup: numeric,
      });
      socket.once('error', (error) => {
        socket.close();
        reject(error);
      });
      socket.bind({ port, address, exclusive: true }, () => {
        resolve(this.#serve(socket, address));
      });
    });

  /** After the doors are closed: lets what was taken be answered, then closes every socket. Bounded in time. */
  async stop(): Promise<void> {
    await drain(this.#options.clock, this.#doors);
    for (const door of this.#doors) door.end();
  }

  #serve(socket: Socket, address: string): Door {
    const door = new UdpDoor(socket, address, this.#doors);
    socket.removeAllListeners('error').on('error', () => {
      this.#options.counters.add('rpc.udp.errors');
    });
    socket.on('message', (message, remote) => {
      this.#receive(door, message, remote);
    });
    return door;
  }

  #receive(door: UdpDoor, message: Uint8Array, remote: RemoteInfo): void {
    if (door.closed) return;
    const { counters, program } = this.#options;
    counters.add('rpc.udp.datagrams');
    if (message.length > MAX_RECORD_BYTES) {
      counters.add('rpc.udp.oversize');
      return;
    }
    const sender = this.#senderOf(remote.address);
    if (
      sender === undefined ||
      familyOf(sender) !== familyOf(door.address) ||
      REFLECTING_PORTS.has(remote.port) ||
      this.#isOurs(sender, remote, door.port)
    ) {
      counters.add('rpc.udp.unanswerable');
      return;
    }
    if (!this.#mayCall(sender)) return;
    door.took();
    program.take(message, new UdpPeer(door, sender, remote));
  }

  #isOurs(sender: ClientAddress, remote: RemoteInfo, ownPort: number): boolean {
    return remote.port === ownPort && this.#options.isOwn(sender);
  }

  #mayCall(sender: ClientAddress): boolean {
    const { answerStrangers, believes, counters, isOwn, strangers } = this.#options;
    // What is sent on this host comes back to it: there is nobody to be flooded.
    if (believes(sender) || isOwn(sender)) return true;
    if (answerStrangers && strangers.mayAnswer(sender)) return true;
    counters.add('rpc.udp.strangers-unanswered');
    strangers.tell(sender);
    return false;
  }

  #senderOf(spelled: string): ClientAddress | undefined {
    if (spelled !== this.#spelled) {
      this.#spelled = spelled;
      this.#sender = parseAddress(withoutZone(spelled));
    }
    return this.#sender;
  }
}
