/**
 * calls - gRPC calls as a client makes them, over one connection (line.ts)
 *
 * Errors: CallError, with the status that the daemon gave, or the one that gRPC has for what happened. Whether it is gRPC that
 * answers is looked at before anything is read.
 * Streams are ended when what has arrived has been read, never in the midst of it: Node.js ends itself then
 * (its issue 38964).
 *
 * Limits: messages are read as fast as they are consumed, no faster; wire/grpc.ts has the largest. MAX_WORDS characters of what a
 * server says.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders as Headers,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Clock, Timer } from '../runtime/clock.js';
import { type GrpcStatus, marked, MessageReader, messageIn, statusIn } from '../wire/grpc.js';
import { Malformed } from '../wire/xdr.js';
import { Line, LineError, type LineOptions } from './line.js';
import { DETAILS } from './well-known.js';

/** What is wrong with an answer: it is no gRPC at all, or what it holds cannot be read. */
export type Oddity = 'foreign' | 'garbled';

/** A call that was not done. */
export class CallError extends Error {
  readonly status: GrpcStatus;
  /** A serialised google.rpc.Status. */
  readonly details: Uint8Array | undefined;
  /** Why it got nowhere, if it did. */
  readonly line: LineError | undefined;
  /** It was answered, and not as dracd does. */
  readonly oddity: Oddity | undefined;

  constructor(
    status: GrpcStatus,
    message: string,
    { details, line, oddity }: { details?: Uint8Array | undefined; line?: LineError; oddity?: Oddity } = {},
  ) {
    super(message);
    this.name = 'CallError';
    this.status = status;
    this.details = details;
    this.line = line;
    this.oddity = oddity;
  }
}

export interface CallsOptions extends LineOptions {
  readonly clock: Pick<Clock, 'after' | 'soon'>;
  /** Sent with each call. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Ends a call before the daemon does. */
class Ending {
  readonly ended: Promise<undefined>;
  #isEnded = false;
  #end: () => void = () => undefined;
  onEnd: () => void = () => undefined;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = () => {
        resolve(undefined);
      };
    });
  }

  hasEnded(): boolean {
    return this.#isEnded;
  }

  end(): void {
    this.#isEnded = true;
    this.#end();
    this.onEnd();
  }
}

/** Messages as they come; cancelled, they end at once. */
export type Incoming<T> = AsyncGenerator<T, void, void> & { cancel(): void };

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_REFUSED_STREAM } = constants;
const MAX_TIMEOUT_MS = 99_999_999;
/** More than the daemon ever says: see refusal.ts. */
const MAX_WORDS = 500;
const TYPE = /^application\/grpc(?:[+;]|$)/i;

const shortened = (text: string): string =>
  text.length > MAX_WORDS ? `${text.slice(0, MAX_WORDS)}...` : text;

/** What HTTP says of a call that has no status of its own. */
function withoutStatus(stream: ClientHttp2Stream, session: ClientHttp2Session): CallError {
  const { rstCode: code } = stream;
  if (code === NGHTTP2_ENHANCE_YOUR_CALM) return new CallError('RESOURCE_EXHAUSTED', 'too much was asked');
  if (session.destroyed || session.closed || code === NGHTTP2_REFUSED_STREAM)
    return new CallError('UNAVAILABLE', '', { line: new LineError('', true) });
  return new CallError('INTERNAL', `the call ended without a status (HTTP/2 code ${code})`);
}

function bytesOf(header: string | string[] | undefined): Uint8Array | undefined {
  return typeof header === 'string' ? Buffer.from(header, 'base64') : undefined;
}

function textOf(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : '';
}

/** Why the head of an answer is not that of gRPC, if it is not. */
function foreign(head: Headers): CallError | undefined {
  const status = Number(head[':status']);
  const type = head['content-type'] ?? '';
  if (status === 200 && TYPE.test(type)) return undefined;
  const what = type === '' ? 'no content-type' : shortened(type);
  return new CallError('UNAVAILABLE', `HTTP status ${status}, ${what}`, { oddity: 'foreign' });
}

/** Throws unless the headers, or trailers, say that it went well. */
function check(headers: Headers): void {
  const status = statusIn(textOf(headers['grpc-status']));
  if (status === 'OK') return;
  const details = bytesOf(headers[DETAILS]);
  throw new CallError(status, shortened(messageIn(textOf(headers['grpc-message']))), { details });
}

export class Calls {
  readonly #options: CallsOptions;
  readonly #line: Line;

  constructor(options: CallsOptions) {
    this.#options = options;
    this.#line = new Line(options);
  }

  /** A call with one answer. */
  async one(path: string, request: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const ending = new Ending();
    const timer = this.#options.clock.after(timeoutMs, () => {
      ending.end();
    });
    const timeout = { 'grpc-timeout': `${Math.min(Math.ceil(timeoutMs), MAX_TIMEOUT_MS)}m` };
    let answer: Uint8Array | undefined;
    try {
      for await (const message of this.#messages(path, request, { ending, headers: timeout }))
        answer = message;
    } finally {
      timer.stop();
    }
    if (ending.hasEnded()) throw new CallError('DEADLINE_EXCEEDED', '');
    if (answer === undefined) throw new CallError('INTERNAL', 'the answer has no message');
    return answer;
  }

  /** A call with many answers; a server that is silent for so long when one is waited for has failed. */
  many(path: string, request: Uint8Array, silenceMs = Infinity): Incoming<Uint8Array> {
    const ending = new Ending();
    const messages = this.#messages(path, request, { ending, headers: {} });
    return Object.assign(silenceMs === Infinity ? messages : this.#heard(messages, ending, silenceMs), {
      cancel: () => {
        ending.end();
      },
    });
  }

  close(): void {
    this.#line.close();
  }

  /** Time counts while a message is waited for, and not while the last one is being used: that may be written to a pipe. */
  async *#heard(
    messages: AsyncIterable<Uint8Array>,
    ending: Ending,
    silenceMs: number,
  ): AsyncGenerator<Uint8Array, void, void> {
    const silence = { isTooLong: false };
    const wait = (): Timer =>
      this.#options.clock.after(silenceMs, () => {
        silence.isTooLong = true;
        ending.end();
      });
    let timer = wait();
    try {
      for await (const message of messages) {
        timer.stop();
        yield message;
        timer = wait();
      }
    } finally {
      timer.stop();
    }
    if (silence.isTooLong) throw new CallError('DEADLINE_EXCEEDED', '');
  }

  async #open(ending: Ending): Promise<ClientHttp2Session | undefined> {
    try {
      return await Promise.race([this.#line.open(), ending.ended]);
    } catch (thrown) {
      if (thrown instanceof LineError) throw new CallError('UNAVAILABLE', thrown.code, { line: thrown });
      throw thrown;
    }
  }

  async *#messages(
    path: string,
    request: Uint8Array,
    { ending, headers }: { ending: Ending; headers: Readonly<Record<string, string>> },
  ): AsyncGenerator<Uint8Array, void, void> {
    const session = await this.#open(ending);
    if (session === undefined || ending.hasEnded()) return;
    const stream = asked(session, {
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
      ...this.#options.headers,
    });
    const cancel = (): void => {
      this.#options.clock.soon(() => {
        stream.close(NGHTTP2_CANCEL);
      });
    };
    ending.onEnd = cancel;
    try {
      yield* received(stream, session, marked(request));
    } catch (thrown) {
      if (!ending.hasEnded()) throw thrown;
    } finally {
      cancel();
    }
  }
}

/** Begins a stream; a session that ends in this moment has none. */
function asked(session: ClientHttp2Session, headers: OutgoingHttpHeaders): ClientHttp2Stream {
  try {
    return session.request(headers);
  } catch (thrown) {
    if (session.closed || session.destroyed)
      throw new CallError('UNAVAILABLE', '', { line: new LineError('', true) });
    throw thrown;
  }
}

/** The messages of a stream; throws a CallError unless its status is OK. */
async function* received(
  stream: ClientHttp2Stream,
  session: ClientHttp2Session,
  request: Uint8Array,
): AsyncGenerator<Uint8Array, void, void> {
  const got: { head?: Headers; tail?: Headers } = {};
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  let stranger: CallError | undefined;
  stream.once('response', (headers) => {
    got.head = headers;
    stranger = foreign(headers);
  });
  stream.once('trailers', (headers: Headers) => (got.tail = headers));
  stream.on('error', () => undefined);
  stream.end(request);
  const reader = new MessageReader();
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      if (stranger !== undefined) break;
      yield* reader.take(chunk as Uint8Array);
    }
  } catch (thrown) {
    // Of a stream that has broken, the headers tell more.
    if (thrown instanceof Malformed) throw new CallError('INTERNAL', thrown.message, { oddity: 'garbled' });
  }
  if (stranger !== undefined) throw stranger;
  await closed;
  const { head, tail } = got;
  const found = tail ?? head;
  if (found?.['grpc-status'] !== undefined) check(found);
  else throw withoutStatus(stream, session);
}
