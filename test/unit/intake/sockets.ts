/** sockets - the senders of the tests of intake/: plain UDP and TCP sockets, and what comes back to them */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, isIPv4, type Socket as TcpSocket } from 'node:net';
import { pause, until } from '../../support/processes.js';

/** How long we wait for what must come; never how long something may take. */
export const PATIENCE_MS = 20_000;

export interface Datagram {
  readonly hex: string;
  /** `address port` it came from. */
  readonly from: string;
}

/** A UDP socket on an address and port, with all that it has received. */
export class UdpSender {
  readonly got: Datagram[] = [];
  readonly #socket: UdpSocket;

  private constructor(socket: UdpSocket) {
    this.#socket = socket;
    socket.on('message', (message, { address, port }) => {
      this.got.push({ hex: message.toString('hex'), from: `${address} ${port}` });
    });
  }

  static async open(address = '127.0.0.1', port = 0): Promise<UdpSender> {
    const socket = createSocket({ type: isIPv4(address) ? 'udp4' : 'udp6', recvBufferSize: 1 << 20 });
    socket.bind({ port, address, exclusive: true });
    await once(socket, 'listening');
    return new UdpSender(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Resolves when the kernel has it: over loopback it then waits at the receiver. */
  send(message: Uint8Array, to: { port: number; address?: string }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(message, to.port, to.address ?? '127.0.0.1', (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  /** What has come when there are n datagrams. */
  async received(n: number): Promise<Datagram[]> {
    await until(`${n} datagrams`, PATIENCE_MS, () => this.got.length >= n);
    return this.got;
  }

  close(): void {
    this.#socket.close();
  }
}

/** A TCP connection, with all that it has received and how it ended. */
export class TcpSender {
  readonly socket: TcpSocket;
  #chunks: Buffer[] = [];
  /** Whether the other side has ended the connection, or it broke. */
  ended = false;

  private constructor(socket: TcpSocket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#chunks.push(chunk));
    socket.on('end', () => (this.ended = true));
    socket.on('close', () => (this.ended = true));
    socket.on('error', () => undefined);
  }

  /** Rejects when the connection is refused by the kernel. */
  static async open(to: { port: number; address?: string; from?: string }): Promise<TcpSender> {
    const socket = connect({
      port: to.port,
      host: to.address ?? '127.0.0.1',
      allowHalfOpen: true,
      ...(to.from === undefined ? {} : { localAddress: to.from }),
    });
    await once(socket, 'connect');
    return new TcpSender(socket);
  }

  /** All bytes so far. */
  get bytes(): Buffer {
    this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] as Buffer;
  }

  get hex(): string {
    return this.bytes.toString('hex');
  }

  /** Resolves when the bytes have been handed to the kernel. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(bytes, () => {
        resolve();
      });
    });
  }

  async received(bytes: number): Promise<Buffer> {
    await until(`${bytes} bytes`, PATIENCE_MS, () => this.bytes.length >= bytes);
    return this.bytes;
  }

  /** Resolves when the other side has ended the connection. */
  async end(): Promise<void> {
    await until('the end of the connection', PATIENCE_MS, () => this.ended);
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Resolves when everything that was sent before has been read by this process, as far as it may be. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await pause(2);
}
