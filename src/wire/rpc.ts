/**
 * rpc - ONC RPC version 2 messages: calls as a server reads them, replies as it writes them, and the reverse
 *
 * Purpose: bytes of one message (a datagram, or a record of wire/record) to an RpcCall, or to the reply that
 *   RFC 5531 prescribes for a call that cannot be accepted; and every reply that a server of ours gives.
 * Promise: decodeCall is total: it never throws. Credentials are checked for their form and then forgotten:
 *   no decision is ever taken on them. A call's argument is a view of the message, not a copy. A refusal is
 *   never larger than the message that it answers.
 * Limits: 400 bytes of credential and of verifier (RFC 5531 section 8.2); an AUTH_SYS machine name of 255
 *   bytes and 16 further groups (Appendix A). A credential or verifier over 400 bytes gets no answer.
 * Errors: decodeReply and encodeCall throw Malformed. Reply encoders expect numbers from 0 to 2^32 - 1.
 * Source: RFC 5531, sections 8, 9 and 10, Appendix A.
 */
import { Malformed, XdrReader, XdrWriter, padded, putWord, wordAt } from './xdr.js';

export const RPC_VERSION = 2;
export const MsgType = { CALL: 0, REPLY: 1 } as const;
export const ReplyStat = { MSG_ACCEPTED: 0, MSG_DENIED: 1 } as const;
export const AcceptStat = {
  SUCCESS: 0,
  PROG_UNAVAIL: 1,
  PROG_MISMATCH: 2,
  PROC_UNAVAIL: 3,
  GARBAGE_ARGS: 4,
  SYSTEM_ERR: 5,
} as const;
export const RejectStat = { RPC_MISMATCH: 0, AUTH_ERROR: 1 } as const;
export const AuthStat = {
  AUTH_BADCRED: 1,
  AUTH_REJECTEDCRED: 2,
  AUTH_BADVERF: 3,
  AUTH_REJECTEDVERF: 4,
  AUTH_TOOWEAK: 5,
  AUTH_INVALIDRESP: 6,
  AUTH_FAILED: 7,
} as const;
export const AuthFlavor = { AUTH_NONE: 0, AUTH_SYS: 1, AUTH_SHORT: 2, AUTH_DES: 3 } as const;

/** Bytes of a credential or verifier body. */
export const MAX_AUTH_BODY = 400;
/** Bytes of the machine name in an AUTH_SYS credential. */
export const MAX_MACHINE_NAME = 255;
/** Groups after the first in an AUTH_SYS credential. */
export const MAX_GIDS = 16;

/** xid, type, RPC version, program, version, procedure: the credential follows. */
const CREDENTIAL_START = 24;
/** The five words of the smallest AUTH_SYS body: stamp, name length, uid, gid, number of groups. */
const SMALLEST_AUTH_SYS = 20;
const ACCEPTED_BYTES = 24;
const NOTHING = new Uint8Array(0);

/** A well-formed call. All numbers are 0 to 2^32 - 1. */
export interface RpcCall {
  readonly xid: number;
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  /** Everything after the verifier: a view of the message. */
  readonly argument: Uint8Array;
}

/**
 * What a server makes of a message: a call to answer; a reply that refuses it (`bytes`, to be sent as it
 * is); or nothing to answer ('drop': silence on UDP, the end of the connection on TCP). `reason` is one of
 * a few fixed texts: it never quotes the message.
 */
export type Decoded =
  | { readonly kind: 'call'; readonly call: RpcCall }
  | { readonly kind: 'reply'; readonly bytes: Uint8Array; readonly reason: string }
  | { readonly kind: 'drop'; readonly reason: string };

/** A reply as a client reads it. `low` and `high` stand with PROG_MISMATCH and RPC_MISMATCH only. */
export type Reply =
  | { readonly xid: number; readonly kind: 'success'; readonly result: Uint8Array }
  | {
      readonly xid: number;
      readonly kind: 'accepted';
      readonly stat: number;
      readonly low?: number;
      readonly high?: number;
    }
  | {
      readonly xid: number;
      readonly kind: 'denied';
      readonly stat: number;
      readonly authStat?: number;
      readonly low?: number;
      readonly high?: number;
    };

/** Reads a message as a server does. Never throws; see Decoded. RFC 5531 section 9. */
export function decodeCall(bytes: Uint8Array): Decoded {
  // Shorter ones are not answered whatever they say: the refusal of their RPC version would be larger than they are.
  if (bytes.length < CREDENTIAL_START) return { kind: 'drop', reason: 'header too short' };
  if (wordAt(bytes, 4) !== MsgType.CALL) return { kind: 'drop', reason: 'not a call' };
  const xid = wordAt(bytes, 0);
  if (wordAt(bytes, 8) !== RPC_VERSION) {
    // Another version's header may have any form after this word, so nothing more is looked at.
    return { kind: 'reply', bytes: rpcMismatch(xid), reason: 'RPC version is not 2' };
  }
  const verifier = authEnd(bytes, CREDENTIAL_START);
  if (verifier < 0) return { kind: 'drop', reason: 'credential truncated or too long' };
  const argument = authEnd(bytes, verifier);
  if (argument < 0) return { kind: 'drop', reason: 'verifier truncated or too long' };
  const flavor = wordAt(bytes, CREDENTIAL_START);
  if (flavor !== AuthFlavor.AUTH_NONE && !(flavor === AuthFlavor.AUTH_SYS && isAuthSys(bytes))) {
    return refuseFlavor(xid, flavor);
  }
  return {
    kind: 'call',
    call: {
      xid,
      program: wordAt(bytes, 12),
      version: wordAt(bytes, 16),
      procedure: wordAt(bytes, 20),
      argument: bytes.subarray(argument),
    },
  };
}

/** Where the opaque_auth at `start` ends, its padding included; -1 when it is cut short or over its limit. */
function authEnd(bytes: Uint8Array, start: number): number {
  if (start + 8 > bytes.length) return -1;
  const length = wordAt(bytes, start + 4);
  if (length > MAX_AUTH_BODY) return -1;
  const end = start + 8 + padded(length);
  return end > bytes.length ? -1 : end;
}

/** Is the call's credential body one authsys_parms and nothing else? authEnd has accepted its bounds. */
function isAuthSys(bytes: Uint8Array): boolean {
  const body = CREDENTIAL_START + 8;
  const length = wordAt(bytes, CREDENTIAL_START + 4);
  if (length < SMALLEST_AUTH_SYS) return false;
  const name = wordAt(bytes, body + 4);
  if (name > MAX_MACHINE_NAME) return false;
  const beforeGroups = SMALLEST_AUTH_SYS + padded(name);
  if (beforeGroups > length) return false;
  const groups = wordAt(bytes, body + beforeGroups - 4);
  return groups <= MAX_GIDS && beforeGroups + 4 * groups === length;
}

/** The denials of libtirpc, which existing clients know. */
function refuseFlavor(xid: number, flavor: number): Decoded {
  switch (flavor) {
    case AuthFlavor.AUTH_SYS:
      return { kind: 'reply', bytes: authError(xid, AuthStat.AUTH_BADCRED), reason: 'AUTH_SYS malformed' };
    case AuthFlavor.AUTH_DES:
      return { kind: 'reply', bytes: authError(xid, AuthStat.AUTH_FAILED), reason: 'AUTH_DES not served' };
    default:
      return {
        kind: 'reply',
        bytes: authError(xid, AuthStat.AUTH_REJECTEDCRED),
        reason: 'authentication flavor not served',
      };
  }
}

/** An accepted reply with an empty verifier and `extra` zero bytes after accept_stat. */
function accepted(xid: number, stat: number, extra: number): Uint8Array {
  // The words left at zero: MSG_ACCEPTED, and the AUTH_NONE verifier with its length.
  const bytes = new Uint8Array(ACCEPTED_BYTES + extra);
  putWord(bytes, 0, xid);
  bytes[7] = MsgType.REPLY;
  bytes[23] = stat;
  return bytes;
}

/** SUCCESS with the encoded `result` (none: a void procedure). */
export function success(xid: number, result: Uint8Array = NOTHING): Uint8Array {
  const bytes = accepted(xid, AcceptStat.SUCCESS, result.length);
  if (result.length > 0) bytes.set(result, ACCEPTED_BYTES);
  return bytes;
}

/** SUCCESS with one unsigned word as its result: the whole reply of a procedure that returns an enum. */
export function successWord(xid: number, word: number): Uint8Array {
  const bytes = accepted(xid, AcceptStat.SUCCESS, 4);
  putWord(bytes, ACCEPTED_BYTES, word);
  return bytes;
}

/** The program is not served here. */
export function progUnavail(xid: number): Uint8Array {
  return accepted(xid, AcceptStat.PROG_UNAVAIL, 0);
}

/** The program is served in the versions `low` to `high` only. */
export function progMismatch(xid: number, low: number, high: number): Uint8Array {
  const bytes = accepted(xid, AcceptStat.PROG_MISMATCH, 8);
  putWord(bytes, ACCEPTED_BYTES, low);
  putWord(bytes, ACCEPTED_BYTES + 4, high);
  return bytes;
}

/** The version has no such procedure. */
export function procUnavail(xid: number): Uint8Array {
  return accepted(xid, AcceptStat.PROC_UNAVAIL, 0);
}

/** The procedure cannot decode its argument. */
export function garbageArgs(xid: number): Uint8Array {
  return accepted(xid, AcceptStat.GARBAGE_ARGS, 0);
}

/** The server failed. No detail goes to peers. */
export function systemErr(xid: number): Uint8Array {
  return accepted(xid, AcceptStat.SYSTEM_ERR, 0);
}

/** The RPC version is not ours: MSG_DENIED, RPC_MISMATCH, 2 to 2. */
export function rpcMismatch(xid: number): Uint8Array {
  const bytes = new Uint8Array(24);
  putWord(bytes, 0, xid);
  bytes[7] = MsgType.REPLY;
  bytes[11] = ReplyStat.MSG_DENIED;
  bytes[15] = RejectStat.RPC_MISMATCH;
  bytes[19] = RPC_VERSION;
  bytes[23] = RPC_VERSION;
  return bytes;
}

/** MSG_DENIED, AUTH_ERROR with one of AuthStat. */
export function authError(xid: number, stat: number): Uint8Array {
  const bytes = new Uint8Array(20);
  putWord(bytes, 0, xid);
  bytes[7] = MsgType.REPLY;
  bytes[11] = ReplyStat.MSG_DENIED;
  bytes[15] = RejectStat.AUTH_ERROR;
  putWord(bytes, 16, stat);
  return bytes;
}

/** A call with AUTH_NONE for credential and verifier. Malformed when a number is no unsigned int. */
export function encodeCall(call: RpcCall): Uint8Array {
  const writer = new XdrWriter(CREDENTIAL_START + 16 + call.argument.length);
  writer.uint32(call.xid).uint32(MsgType.CALL).uint32(RPC_VERSION);
  writer.uint32(call.program).uint32(call.version).uint32(call.procedure);
  writer.uint32(AuthFlavor.AUTH_NONE).uint32(0).uint32(AuthFlavor.AUTH_NONE).uint32(0);
  return writer.raw(call.argument).bytes();
}

/** Reads a message as a client does. Malformed when it is not one whole reply. RFC 5531 section 9. */
export function decodeReply(bytes: Uint8Array): Reply {
  const reader = new XdrReader(bytes);
  const xid = reader.uint32();
  if (reader.uint32() !== MsgType.REPLY) throw new Malformed('not a reply');
  switch (reader.uint32()) {
    case ReplyStat.MSG_ACCEPTED:
      return decodeAccepted(xid, reader);
    case ReplyStat.MSG_DENIED:
      return decodeDenied(xid, reader);
    default:
      throw new Malformed('unknown reply_stat');
  }
}

function decodeAccepted(xid: number, reader: XdrReader): Reply {
  reader.uint32();
  reader.opaque(MAX_AUTH_BODY);
  const stat = reader.uint32();
  if (stat === AcceptStat.SUCCESS) return { xid, kind: 'success', result: reader.rest() };
  if (stat > AcceptStat.SYSTEM_ERR) throw new Malformed('unknown accept_stat');
  const reply: Reply =
    stat === AcceptStat.PROG_MISMATCH
      ? { xid, kind: 'accepted', stat, low: reader.uint32(), high: reader.uint32() }
      : { xid, kind: 'accepted', stat };
  reader.end();
  return reply;
}

function decodeDenied(xid: number, reader: XdrReader): Reply {
  const stat = reader.uint32();
  if (stat > RejectStat.AUTH_ERROR) throw new Malformed('unknown reject_stat');
  const reply: Reply =
    stat === RejectStat.RPC_MISMATCH
      ? { xid, kind: 'denied', stat, low: reader.uint32(), high: reader.uint32() }
      : { xid, kind: 'denied', stat, authStat: reader.uint32() };
  reader.end();
  return reply;
}
