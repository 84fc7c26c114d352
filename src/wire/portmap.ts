/**
 * portmap - what is said to rpcbind: portmapper version 2 and rpcbind versions 3 and 4
 *
 * Purpose: arguments and results of SET, UNSET, GETPORT, DUMP and of the procedures that forward a call
 *   (CALLIT, BCAST, INDIRECT), in both directions; universal addresses.
 * Promise: total, bounded, and exact: bytes after a value are Malformed. Opaque parts are views.
 * Limits: 255 bytes for each of netid, address and owner; 2048 bytes of forwarded argument or result. (The
 *   RFC sets none.)
 * Errors: Malformed. fromUniversal returns undefined instead: its text may well name something else than a
 *   network address (a unix socket's path).
 * Source: RFC 1833, sections 2 and 3; universal addresses RFC 5665, section 5.2.
 */
import { Malformed, XdrReader, XdrWriter } from './xdr.js';

export const PORTMAP_PROGRAM = 100000;
/** The well-known port of rpcbind, on UDP and TCP. */
export const PORTMAP_PORT = 111;

/** Procedures of version 2 (the portmapper). */
export const Portmap2 = { NULL: 0, SET: 1, UNSET: 2, GETPORT: 3, DUMP: 4, CALLIT: 5 } as const;
/** Procedures of version 3 (rpcbind). */
export const Rpcb3 = { NULL: 0, SET: 1, UNSET: 2, GETADDR: 3, DUMP: 4, CALLIT: 5 } as const;
/** Procedures of version 4 (rpcbind). */
export const Rpcb4 = { NULL: 0, SET: 1, UNSET: 2, GETADDR: 3, DUMP: 4, BCAST: 5, INDIRECT: 10 } as const;
/** Values of a mapping's `protocol`: IP protocol numbers. */
export const Protocol = { TCP: 6, UDP: 17 } as const;

/** Bytes of a netid, a universal address or an owner. */
export const MAX_TEXT = 255;
/** Bytes of a forwarded call's argument or result. */
export const MAX_FORWARDED = 2048;

/** Version 2's registration: SET and UNSET take it, GETPORT takes it with port 0. */
export interface Mapping {
  readonly program: number;
  readonly version: number;
  readonly protocol: number;
  readonly port: number;
}

/** Versions 3 and 4's registration: SET and UNSET take it. */
export interface Rpcb {
  readonly program: number;
  readonly version: number;
  /** 'udp', 'tcp', 'udp6', 'tcp6', 'local'. */
  readonly netid: string;
  /** A universal address. */
  readonly address: string;
  readonly owner: string;
}

/** A call to be forwarded: the argument of CALLIT (versions 2 and 3), BCAST and INDIRECT (version 4). */
export interface ForwardedCall {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly argument: Uint8Array;
}

/** What comes back from version 2's CALLIT. */
export interface PortResult {
  readonly port: number;
  readonly result: Uint8Array;
}

/** What comes back from CALLIT (version 3), BCAST and INDIRECT (version 4). */
export interface AddressResult {
  /** The universal address of the program that answered. */
  readonly address: string;
  readonly result: Uint8Array;
}

export function encodeMapping(mapping: Mapping): Uint8Array {
  const writer = new XdrWriter(16).uint32(mapping.program).uint32(mapping.version);
  return writer.uint32(mapping.protocol).uint32(mapping.port).bytes();
}

export function decodeMapping(bytes: Uint8Array): Mapping {
  return whole(bytes, (reader) => ({
    program: reader.uint32(),
    version: reader.uint32(),
    protocol: reader.uint32(),
    port: reader.uint32(),
  }));
}

export function encodeRpcb(rpcb: Rpcb): Uint8Array {
  const writer = new XdrWriter().uint32(rpcb.program).uint32(rpcb.version);
  return writer.string(rpcb.netid).string(rpcb.address).string(rpcb.owner).bytes();
}

export function decodeRpcb(bytes: Uint8Array): Rpcb {
  return whole(bytes, (reader) => ({
    program: reader.uint32(),
    version: reader.uint32(),
    netid: reader.string(MAX_TEXT),
    address: reader.string(MAX_TEXT),
    owner: reader.string(MAX_TEXT),
  }));
}

export function encodeForwardedCall(call: ForwardedCall): Uint8Array {
  const writer = new XdrWriter().uint32(call.program).uint32(call.version).uint32(call.procedure);
  return writer.opaque(call.argument).bytes();
}

export function decodeForwardedCall(bytes: Uint8Array): ForwardedCall {
  return whole(bytes, (reader) => ({
    program: reader.uint32(),
    version: reader.uint32(),
    procedure: reader.uint32(),
    argument: reader.opaque(MAX_FORWARDED),
  }));
}

export function encodePortResult(answer: PortResult): Uint8Array {
  return new XdrWriter().uint32(answer.port).opaque(answer.result).bytes();
}

export function decodePortResult(bytes: Uint8Array): PortResult {
  return whole(bytes, (reader) => ({ port: reader.uint32(), result: reader.opaque(MAX_FORWARDED) }));
}

export function encodeAddressResult(answer: AddressResult): Uint8Array {
  return new XdrWriter().string(answer.address).opaque(answer.result).bytes();
}

export function decodeAddressResult(bytes: Uint8Array): AddressResult {
  return whole(bytes, (reader) => ({
    address: reader.string(MAX_TEXT),
    result: reader.opaque(MAX_FORWARDED),
  }));
}

/** The result of SET and UNSET: true when it was done. */
export function encodeDone(done: boolean): Uint8Array {
  return new XdrWriter(4).bool(done).bytes();
}

export function decodeDone(bytes: Uint8Array): boolean {
  return whole(bytes, (reader) => reader.bool());
}

/** The result of GETPORT: 0 when nothing is registered. */
export function encodePort(port: number): Uint8Array {
  return new XdrWriter(4).uint32(port).bytes();
}

/** A number over 65535 is Malformed: it is no port. */
export function decodePort(bytes: Uint8Array): number {
  const port = whole(bytes, (reader) => reader.uint32());
  if (port > 0xffff) throw new Malformed('port over 65535');
  return port;
}

/** The result of DUMP (version 4): all that is registered, in no order. Bounded by the length of the record. */
export function encodeList(list: readonly Rpcb[]): Uint8Array {
  const writer = new XdrWriter();
  for (const { program, version, netid, address, owner } of list)
    writer.bool(true).uint32(program).uint32(version).string(netid).string(address).string(owner);
  return writer.bool(false).bytes();
}

export function decodeList(bytes: Uint8Array): Rpcb[] {
  return whole(bytes, (reader) => {
    const list: Rpcb[] = [];
    while (reader.bool())
      list.push({
        program: reader.uint32(),
        version: reader.uint32(),
        netid: reader.string(MAX_TEXT),
        address: reader.string(MAX_TEXT),
        owner: reader.string(MAX_TEXT),
      });
    return list;
  });
}

/** `host` as IP address text, `port` 0 to 65535 (Malformed otherwise): '192.0.2.1', 111 gives '192.0.2.1.0.111'. */
export function toUniversal(host: string, port: number): string {
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) throw new Malformed('port over 65535');
  return `${host}.${port >>> 8}.${port & 0xff}`;
}

const UNIVERSAL = /^(.+)\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
const IPV4 = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/;
/** The characters of IPv6 text, and perhaps a zone. Whether the address is one, the address parser tells. */
const IPV6 = /^(?=[^%]*:)[0-9A-Fa-f:.]+(?:%[\w.-]+)?$/;

/** Host and port of a universal address that toUniversal could have written; undefined for any other text. */
export function fromUniversal(text: string): { host: string; port: number } | undefined {
  if (text.length > MAX_TEXT) return undefined;
  const [, host = '', high = '', low = ''] = UNIVERSAL.exec(text) ?? [];
  if (Number(high) > 255 || Number(low) > 255 || !isHost(host)) return undefined;
  return { host, port: Number(high) * 256 + Number(low) };
}

function isHost(host: string): boolean {
  return IPV4.test(host) ? host.split('.').every((octet) => Number(octet) <= 255) : IPV6.test(host);
}

function whole<T>(bytes: Uint8Array, read: (reader: XdrReader) => T): T {
  const reader = new XdrReader(bytes);
  const value = read(reader);
  reader.end();
  return value;
}
