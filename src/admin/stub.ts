/**
 * stub - the calls of dracd.admin.v1.Admin as the client makes them: their paths, and their messages as bytes
 *
 * Without the packages that read proto files and speak gRPC, which take longer to load than a call takes.
 */
import { decodeMessage, encodeMessage, type Message } from '../wire/protobuf.js';
import type { BadRequest__Output } from './gen/google/rpc/BadRequest.js';
import type { ErrorInfo__Output } from './gen/google/rpc/ErrorInfo.js';
import type { Status__Output } from './gen/google/rpc/Status.js';
import { rpcShapes, shapes } from './shapes.js';
import { SERVICE } from './well-known.js';

export type CallName = keyof typeof shapes extends infer Key
  ? Key extends `${infer Call}Request`
    ? Call
    : never
  : never;

/** The names of the calls. */
export const calls = Object.keys(shapes).flatMap((name) =>
  name.endsWith('Request') ? [name.slice(0, -'Request'.length) as CallName] : [],
);

export const pathOf = (call: CallName): string => `/${SERVICE}/${call}`;

/** Throws Malformed for what the message cannot hold. */
export const requestBytes = (call: CallName, request: object): Uint8Array =>
  encodeMessage(request as Message, shapes[`${call}Request`]);

/** The answer to a call. Throws Malformed. */
export const answerIn = (call: CallName, bytes: Uint8Array): Message =>
  decodeMessage(bytes, shapes[`${call}Response`]);

/** Readers of what errors carry. */
export const readRpc = {
  Status: (bytes: Uint8Array) => decodeMessage(bytes, rpcShapes.Status) as unknown as Status__Output,
  ErrorInfo: (bytes: Uint8Array) => decodeMessage(bytes, rpcShapes.ErrorInfo) as unknown as ErrorInfo__Output,
  BadRequest: (bytes: Uint8Array) =>
    decodeMessage(bytes, rpcShapes.BadRequest) as unknown as BadRequest__Output,
};
