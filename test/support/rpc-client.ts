/**
 * rpc-client - ONC RPC calls byte by byte, over UDP and TCP, for tests
 *
 * Written apart from src/wire on purpose: what both got wrong would not be seen otherwise. A call that
 * gets no reply resolves to undefined; nothing is sent twice.
 */
import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Socket as TcpSocket } from 'node:net';
import { SocketAddress, isIPv4 } from 'node:net';

export const PROGRAM = 900101;
/** ADD's answers. */
export const SUCCESS = 0;
export const PERM = 1;
export const SYSERR = 2;

let lastXid = Math.floor(Math.random() * 0x7fff_ffff);
/** A transaction number no other call of this process has. */
export function nextXid(): number {
  lastXid = (lastXid + 1) >>> 0;
  return lastXid;
}

/** Big-endian 32-bit words. */
export function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, index * 4));
  return bytes;
}

/** The sixteen bytes of an IPv6 address. */
export function bytesOf6(text: string): Buffer {
  const full = new SocketAddress({ address: text, family: 'ipv6' }).address;
  const [head = '', tail] = full.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => parseInt(group, 16));
  const left = groups(head);
  const right = groups(tail ?? '');
  const middle = new Array<number>(tail === undefined ? 0 : 8 - left.length - right.length).fill(0);
  return Buffer.concat(
    [...left, ...middle, ...right].map((group) => Buffer.from([group >> 8, group & 0xff])),
  );
}

/** The argument of ADD: one word for IPv4, sixteen sign-extended words for IPv6, as C clients send them. */
export function addArgument(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  return words(...[...bytesOf6(address)].map((byte) => (byte > 127 ? byte - 256 : byte)));
}

/** The header of a call with AUTH_NONE, 40 bytes. */
export function callHeader(xid: number, version: number, procedure: number): Buffer {
  return words(xid, 0, 2, PROGRAM, version, procedure, 0, 0, 0, 0);
}

export function addCall(xid: number, address: string): Buffer {
  return Buffer.concat([callHeader(xid, isIPv4(address) ? 1 : 2, 1), addArgument(address)]);
}

export function nullCall(xid: number, version = 1): Buffer {
  return callHeader(xid, version, 0);
}

/** One record of one fragment. */
export function record(message: Buffer): Buffer {
  return Buffer.concat([words(0x8000_0000 + message.length), message]);
}

/** The addstat in an accepted, successful reply; throws on any other reply. */
export function statusOf(reply: Buffer): number {
  if (reply.length !== 28 || !reply.subarray(4, 24).equals(words(1, 0, 0, 0, 0))) {
    throw new Error(`not an accepted reply: ${reply.toString('hex')}`);
  }
  return reply.readUInt32BE(24);
}

/** A daemon answers within milliseconds; a busy machine takes its time. */
const ANSWER_MS = 12_000;

type Waiter = (reply: Buffer | undefined) => void;

/** Replies find their calls by xid. */
class Pending {
  readonly #waiting = new Map<number, Waiter>();

  wait(xid: number, limitMs: number): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(xid);
        resolve(undefined);
      }, limitMs);
      this.#waiting.set(xid, (reply) => {
        clearTimeout(timer);
        this.#waiting.delete(xid);
        resolve(reply);
      });
    });
  }

  settle(reply: Buffer): void {
    if (reply.length >= 4) this.#waiting.get(reply.readUInt32BE(0))?.(reply);
  }

  giveUp(): void {
    for (const waiter of [...this.#waiting.values()]) waiter(undefined);
  }
}

export interface RpcClient {
  /** Sends a message and resolves with the reply of the same xid, or undefined when there was none in time. */
  call(message: Buffer, limitMs?: number): Promise<Buffer | undefined>;
  /** ADD; the addstat, or undefined when there was no reply in time. */
  add(address: string, limitMs?: number): Promise<number | undefined>;
  close(): void;
}

export class UdpClient implements RpcClient {
  readonly #socket: UdpSocket;
  readonly #pending = new Pending();
  readonly #port: number;
  readonly #host: string;

  private constructor(socket: UdpSocket, port: number, host: string) {
    this.#socket = socket;
    this.#port = port;
    this.#host = host;
    socket.on('message', (reply) => {
      this.#pending.settle(reply);
    });
    // ECONNREFUSED of a daemon that was killed: the call simply gets no reply.
    socket.on('error', () => undefined);
  }

  /** A socket towards host:port, bound to the given own address. */
  static async open(port: number, host = '127.0.0.1', source?: string): Promise<UdpClient> {
    const socket = createSocket({ type: isIPv4(host) ? 'udp4' : 'udp6', recvBufferSize: 1 << 20 });
    await new Promise<void>((resolve) => socket.bind(0, source, resolve));
    return new UdpClient(socket, port, host);
  }

  send(message: Buffer): void {
    this.#socket.send(message, this.#port, this.#host, () => undefined);
  }

  call(message: Buffer, limitMs = ANSWER_MS): Promise<Buffer | undefined> {
    const reply = this.#pending.wait(message.readUInt32BE(0), limitMs);
    this.send(message);
    return reply;
  }

  async add(address: string, limitMs?: number): Promise<number | undefined> {
    const reply = await this.call(addCall(nextXid(), address), limitMs);
    return reply === undefined ? undefined : statusOf(reply);
  }

  close(): void {
    this.#pending.giveUp();
    this.#socket.close();
  }
}

export class TcpClient implements RpcClient {
  readonly #socket: TcpSocket;
  readonly #pending = new Pending();
  #rest = Buffer.alloc(0);
  /** Whether the connection has ended. */
  closed = false;

  private constructor(socket: TcpSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#read(chunk);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.#pending.giveUp();
    });
  }

  /** A connection to host:port from the given own address; rejects when it is refused. */
  static open(port: number, host = '127.0.0.1', source?: string): Promise<TcpClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, ...(source === undefined ? {} : { localAddress: source }) });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new TcpClient(socket));
      });
    });
  }

  /** Raw bytes. */
  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  call(message: Buffer, limitMs = ANSWER_MS): Promise<Buffer | undefined> {
    if (this.closed) return Promise.resolve(undefined);
    const reply = this.#pending.wait(message.readUInt32BE(0), limitMs);
    this.write(record(message));
    return reply;
  }

  async add(address: string, limitMs?: number): Promise<number | undefined> {
    const reply = await this.call(addCall(nextXid(), address), limitMs);
    return reply === undefined ? undefined : statusOf(reply);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 4) {
      const end = 4 + (this.#rest.readUInt32BE(0) & 0x7fff_ffff);
      if (this.#rest.length < end) return;
      this.#pending.settle(this.#rest.subarray(4, end));
      this.#rest = this.#rest.subarray(end);
    }
  }
}
