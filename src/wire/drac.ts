/**
 * drac - the DRAC procedures' arguments and results (proto/drac.x)
 *
 * Purpose: the address in an ADD call of version 1 (IPv4) or 2 (IPv6), and the AddStat of its reply.
 * Promise: total and exact. An argument that is short, absent or followed by more bytes is Malformed, so
 *   nothing but the call's own bytes can ever become an address.
 * Limits: 4 bytes in version 1; 64 or 16 bytes in version 2.
 * Errors: Malformed, which a server answers with GARBAGE_ARGS.
 * Source: drac.x of DRAC 1.12 and of its IPv6 extension; RFC 4506 for the encoding.
 */
import { successWord } from './rpc.js';
import { Malformed, wordAt } from './xdr.js';

export const PROGRAM = 900101;
/** Version 1 speaks of IPv4 addresses, version 2 of IPv6 addresses. */
export const VERSION_1 = 1;
export const VERSION_2 = 2;
/** The procedures of both versions. NULL takes and returns nothing. */
export const Procedure = { NULL: 0, ADD: 1 } as const;

/** What ADD returns: granted; the report is not believed or unusable; our failure; anything else. */
export const AddStat = { SUCCESS: 0, PERM: 1, SYSERR: 2, UNKNOWN: 3 } as const;
export type AddStat = (typeof AddStat)[keyof typeof AddStat];

const ADDRESS_4 = 4;
const ADDRESS_6 = 16;
/** rpcgen gives each char of `char[16]` an XDR unit of its own. */
const ADDRESS_6_UNITS = 4 * ADDRESS_6;
const ADD_STAT_BYTES = 4;
const ADD_STATS: readonly AddStat[] = Object.values(AddStat);

/** Version 1: the four bytes of the IPv4 address, in the order of the dotted quad; a view of `argument`. */
export function decodeAdd1(argument: Uint8Array): Uint8Array {
  if (argument.length !== ADDRESS_4) throw new Malformed('ADD of version 1 takes 4 bytes');
  return argument;
}

/**
 * Version 2: the sixteen bytes of the IPv6 address. In the usual form of 64 bytes only the low byte of each
 * unit counts: clients whose char is signed fill the rest with its sign. The form of 16 bytes, which
 * re-implementations may send as opaque, is returned as it is: a view.
 */
export function decodeAdd2(argument: Uint8Array): Uint8Array {
  if (argument.length === ADDRESS_6) return argument;
  if (argument.length !== ADDRESS_6_UNITS) throw new Malformed('ADD of version 2 takes 64 or 16 bytes');
  const address = new Uint8Array(ADDRESS_6);
  for (let at = 0; at < ADDRESS_6; at += 1) address[at] = argument[4 * at + 3] as number;
  return address;
}

/** The argument of version 1's ADD for the four bytes of an address. */
export function encodeAdd1(address: Uint8Array): Uint8Array {
  if (address.length !== ADDRESS_4) throw new Malformed('an IPv4 address has 4 bytes');
  return Uint8Array.from(address);
}

/** The argument of version 2's ADD for the sixteen bytes of an address: 64 bytes, high bytes zero. */
export function encodeAdd2(address: Uint8Array): Uint8Array {
  if (address.length !== ADDRESS_6) throw new Malformed('an IPv6 address has 16 bytes');
  const argument = new Uint8Array(ADDRESS_6_UNITS);
  for (let at = 0; at < ADDRESS_6; at += 1) argument[4 * at + 3] = address[at] as number;
  return argument;
}

/** The whole reply to an ADD, in one allocation: what success(xid, encodeAddStat(stat)) gives. */
export function addReply(xid: number, stat: AddStat): Uint8Array {
  return successWord(xid, stat);
}

/** The result of ADD. */
export function encodeAddStat(stat: AddStat): Uint8Array {
  return Uint8Array.of(0, 0, 0, stat);
}

/** The result of ADD as a client reads it; a number that is no AddStat is Malformed. */
export function decodeAddStat(result: Uint8Array): AddStat {
  if (result.length !== ADD_STAT_BYTES) throw new Malformed('the result of ADD takes 4 bytes');
  const stat = ADD_STATS[wordAt(result, 0)];
  if (stat === undefined) throw new Malformed('no AddStat');
  return stat;
}
