/**
 * stub - the calls of dracd.admin.v1.Admin as the client makes them
 *
 * Without the packages that read proto files, which take longer to load than a call takes.
 */
import {
  type ChannelCredentials,
  type ChannelOptions,
  makeClientConstructor,
  type MethodDefinition,
} from '@grpc/grpc-js';
import { decodeMessage, encodeMessage, type Message, type Shape } from '../wire/protobuf.js';
import type { AdminClient as Stub } from './gen/dracd/admin/v1/Admin.js';
import type { BadRequest__Output } from './gen/google/rpc/BadRequest.js';
import type { ErrorInfo__Output } from './gen/google/rpc/ErrorInfo.js';
import type { Status__Output } from './gen/google/rpc/Status.js';
import { rpcShapes, shapes } from './shapes.js';
import { SERVICE } from './well-known.js';

type Name = keyof typeof shapes extends infer Key
  ? Key extends `${infer Call}Request`
    ? Call
    : never
  : never;

const streams: readonly string[] = ['List', 'Watch'] satisfies Name[];

function codec(shape: Shape) {
  return {
    write: (message: Message) => Buffer.from(encodeMessage(message, shape)),
    read: (bytes: Uint8Array) => decodeMessage(bytes, shape),
  };
}

function method(call: Name): MethodDefinition<Message, Message> {
  const request = codec(shapes[`${call}Request`]);
  const response = codec(shapes[`${call}Response`]);
  return {
    path: `/${SERVICE}/${call}`,
    requestStream: false,
    responseStream: streams.includes(call),
    requestSerialize: request.write,
    requestDeserialize: request.read,
    responseSerialize: response.write,
    responseDeserialize: response.read,
  };
}

/** The names of the calls. */
export const calls = Object.keys(shapes).flatMap((name) =>
  name.endsWith('Request') ? [name.slice(0, -'Request'.length) as Name] : [],
);

const Client = makeClientConstructor(Object.fromEntries(calls.map((call) => [call, method(call)])), SERVICE);

export function openStub(server: string, how: ChannelCredentials, options: ChannelOptions): Stub {
  return new Client(server, how, options) as unknown as Stub;
}

/** Readers of what errors carry. */
export const readRpc = {
  Status: (bytes: Uint8Array) => decodeMessage(bytes, rpcShapes.Status) as unknown as Status__Output,
  ErrorInfo: (bytes: Uint8Array) => decodeMessage(bytes, rpcShapes.ErrorInfo) as unknown as ErrorInfo__Output,
  BadRequest: (bytes: Uint8Array) =>
    decodeMessage(bytes, rpcShapes.BadRequest) as unknown as BadRequest__Output,
};
