/**
 * client - speaks dracd.admin.v1.Admin to a daemon, as dracctl does
 *
 * Every call has a deadline; streams have none. What goes wrong is an AdminError: the status, the
 * reason and the fields that the daemon named, and what to do about it.
 *
 * Limits: List and Watch are read as fast as they are consumed, no faster.
 */
import { readFileSync } from 'node:fs';
import {
  type CallOptions,
  type ClientReadableStream,
  credentials,
  type ChannelCredentials,
  Metadata,
  type requestCallback,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { Clock } from '../runtime/clock.js';
import type { AdminClient as Stub } from './gen/dracd/admin/v1/Admin.js';
import type { AuthorizeRequest } from './gen/dracd/admin/v1/AuthorizeRequest.js';
import type { AuthorizeResponse__Output } from './gen/dracd/admin/v1/AuthorizeResponse.js';
import type { DenyRequest } from './gen/dracd/admin/v1/DenyRequest.js';
import type { DenyResponse__Output } from './gen/dracd/admin/v1/DenyResponse.js';
import type { ExplainRequest } from './gen/dracd/admin/v1/ExplainRequest.js';
import type { ExplainResponse__Output } from './gen/dracd/admin/v1/ExplainResponse.js';
import type { ForgetRequest } from './gen/dracd/admin/v1/ForgetRequest.js';
import type { ForgetResponse__Output } from './gen/dracd/admin/v1/ForgetResponse.js';
import type { HistoryRequest } from './gen/dracd/admin/v1/HistoryRequest.js';
import type { HistoryResponse__Output } from './gen/dracd/admin/v1/HistoryResponse.js';
import type { PinRequest } from './gen/dracd/admin/v1/PinRequest.js';
import type { PinResponse__Output } from './gen/dracd/admin/v1/PinResponse.js';
import type { ReloadResponse__Output } from './gen/dracd/admin/v1/ReloadResponse.js';
import type { RevokeRequest } from './gen/dracd/admin/v1/RevokeRequest.js';
import type { RevokeResponse__Output } from './gen/dracd/admin/v1/RevokeResponse.js';
import type { RotateResponse__Output } from './gen/dracd/admin/v1/RotateResponse.js';
import type { ShutdownResponse__Output } from './gen/dracd/admin/v1/ShutdownResponse.js';
import type { StatsResponse__Output } from './gen/dracd/admin/v1/StatsResponse.js';
import type { UndenyRequest } from './gen/dracd/admin/v1/UndenyRequest.js';
import type { UndenyResponse__Output } from './gen/dracd/admin/v1/UndenyResponse.js';
import type { UnpinRequest } from './gen/dracd/admin/v1/UnpinRequest.js';
import type { UnpinResponse__Output } from './gen/dracd/admin/v1/UnpinResponse.js';
import type { ListRequest } from './gen/dracd/admin/v1/ListRequest.js';
import type { ListResponse__Output } from './gen/dracd/admin/v1/ListResponse.js';
import type { WatchRequest } from './gen/dracd/admin/v1/WatchRequest.js';
import type { WatchResponse__Output } from './gen/dracd/admin/v1/WatchResponse.js';
import type { Violation } from './refusal.js';
import { openStub, readRpc } from './stub.js';
import { AUTHOR_KEY, DETAILS, TYPE_PREFIX } from './well-known.js';

export interface ClientOptions {
  /** `unix:/path` or `host:port`. */
  readonly server: string;
  /** Paths of PEM files; needed for a port. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string } | undefined;
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, 'wall'>;
  /** Who says he calls; noted as a claim when the daemon cannot know. */
  readonly author?: string | undefined;
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const FIRST_RECONNECT_MS = 100;
const LONGEST_RECONNECT_MS = 5_000;
const ARE_YOU_THERE_MS = 60_000;
const UNIX = 'unix:';

/** A call that was not done. */
export class AdminError extends Error {
  /** The gRPC status by name, such as NOT_FOUND. */
  readonly status: string;
  /** As admin.proto lists them; empty when it was not the daemon that refused. */
  readonly reason: string;
  readonly violations: readonly Violation[];
  /** What to do; empty when there is nothing to say. */
  readonly cure: string;

  constructor(error: ServiceError, server: string) {
    super(error.details, { cause: error });
    this.name = 'AdminError';
    const { reason, violations } = readDetails(error.metadata);
    this.status = status[error.code];
    this.reason = reason;
    this.violations = violations;
    this.cure = cureOf(error, { server, reason });
  }
}

function readDetails(metadata: Metadata | undefined): { reason: string; violations: Violation[] } {
  const [bytes] = metadata?.get(DETAILS) ?? [];
  if (!(bytes instanceof Uint8Array)) return { reason: '', violations: [] };
  let reason = '';
  let violations: Violation[] = [];
  for (const { type_url: type, value } of readRpc.Status(bytes).details) {
    if (type === `${TYPE_PREFIX}ErrorInfo`) ({ reason } = readRpc.ErrorInfo(value));
    if (type === `${TYPE_PREFIX}BadRequest`) violations = readRpc.BadRequest(value).fieldViolations;
  }
  return { reason, violations };
}

function cureOfUnreached(details: string, server: string): string {
  const isLocal = server.startsWith(UNIX);
  if (details.includes('ENOENT')) return 'is dracd running, and is this the path in [admin] listen?';
  if (details.includes('EACCES'))
    return `become a member of the socket's group (ls -l ${server.slice(UNIX.length)}), or use sudo`;
  if (details.includes('ECONNREFUSED'))
    return isLocal
      ? 'dracd has left this socket behind: start it again'
      : 'is dracd running, and is this the port in [admin] listen?';
  if (/certificate|alert|self-signed|SSL|TLS/i.test(details))
    return "give a certificate that admin.tls.client_ca has signed and that is not over, and the authority of the daemon's own";
  return isLocal ? 'is dracd running?' : 'is dracd running, and does a certificate go with the connection?';
}

function cureOf(error: ServiceError, { server, reason }: { server: string; reason: string }): string {
  switch (error.code) {
    case status.UNAVAILABLE:
      return reason === '' ? cureOfUnreached(error.details, server) : 'try again in a moment';
    case status.DEADLINE_EXCEEDED:
      return 'dracd is slow or hangs: try a longer --timeout, and see its log';
    case status.PERMISSION_DENIED:
      return 'use a certificate whose name is in admin.tls.operators';
    case status.UNIMPLEMENTED:
      return 'this dracd is older than dracctl';
    case status.INTERNAL:
      return "see dracd's log";
    default:
      return '';
  }
}

function credentialsOf({ server, tls }: ClientOptions): ChannelCredentials {
  if (server.startsWith(UNIX)) return credentials.createInsecure();
  if (tls === undefined) throw new RangeError('a port needs a certificate, its key and an authority');
  return credentials.createSsl(readFileSync(tls.ca), readFileSync(tls.key), readFileSync(tls.cert));
}

type Ask<Answer> = (metadata: Metadata, options: CallOptions, callback: requestCallback<Answer>) => void;

/** Messages as they come; cancelled, they end at once. */
export type Incoming<T> = AsyncGenerator<T, void, void> & { cancel(): void };

export class AdminClient {
  readonly #options: ClientOptions;
  readonly #stub: Stub;
  readonly #metadata = new Metadata();

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#stub = openStub(options.server, credentialsOf(options), {
      'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
      // A connection of its own: in a shared one, streams would wait for each other.
      'grpc.use_local_subchannel_pool': 1,
      // Who waits for a daemon that is started anew need not wait for long after that.
      'grpc.initial_reconnect_backoff_ms': FIRST_RECONNECT_MS,
      'grpc.max_reconnect_backoff_ms': LONGEST_RECONNECT_MS,
      // A watch may be silent for hours: a host that has gone, or a router that has forgotten, is noticed.
      'grpc.keepalive_time_ms': ARE_YOU_THERE_MS,
    });
    if (options.author !== undefined) this.#metadata.set(AUTHOR_KEY, options.author);
  }

  authorize(request: AuthorizeRequest): Promise<AuthorizeResponse__Output> {
    return this.#ask<AuthorizeResponse__Output>((...rest) => this.#stub.Authorize(request, ...rest));
  }

  revoke(request: RevokeRequest): Promise<RevokeResponse__Output> {
    return this.#ask<RevokeResponse__Output>((...rest) => this.#stub.Revoke(request, ...rest));
  }

  explain(request: ExplainRequest): Promise<ExplainResponse__Output> {
    return this.#ask<ExplainResponse__Output>((...rest) => this.#stub.Explain(request, ...rest));
  }

  pin(request: PinRequest): Promise<PinResponse__Output> {
    return this.#ask<PinResponse__Output>((...rest) => this.#stub.Pin(request, ...rest));
  }

  unpin(request: UnpinRequest): Promise<UnpinResponse__Output> {
    return this.#ask<UnpinResponse__Output>((...rest) => this.#stub.Unpin(request, ...rest));
  }

  deny(request: DenyRequest): Promise<DenyResponse__Output> {
    return this.#ask<DenyResponse__Output>((...rest) => this.#stub.Deny(request, ...rest));
  }

  undeny(request: UndenyRequest): Promise<UndenyResponse__Output> {
    return this.#ask<UndenyResponse__Output>((...rest) => this.#stub.Undeny(request, ...rest));
  }

  history(request: HistoryRequest): Promise<HistoryResponse__Output> {
    return this.#ask<HistoryResponse__Output>((...rest) => this.#stub.History(request, ...rest));
  }

  forget(request: ForgetRequest): Promise<ForgetResponse__Output> {
    return this.#ask<ForgetResponse__Output>((...rest) => this.#stub.Forget(request, ...rest));
  }

  stats(): Promise<StatsResponse__Output> {
    return this.#ask<StatsResponse__Output>((...rest) => this.#stub.Stats({}, ...rest));
  }

  reload(): Promise<ReloadResponse__Output> {
    return this.#ask<ReloadResponse__Output>((...rest) => this.#stub.Reload({}, ...rest));
  }

  rotate(): Promise<RotateResponse__Output> {
    return this.#ask<RotateResponse__Output>((...rest) => this.#stub.Rotate({}, ...rest));
  }

  shutdown(): Promise<ShutdownResponse__Output> {
    return this.#ask<ShutdownResponse__Output>((...rest) => this.#stub.Shutdown({}, ...rest));
  }

  /** Rows, a message at a time. */
  list(request: ListRequest): Incoming<ListResponse__Output> {
    return this.#read(this.#stub.List(request, this.#metadata));
  }

  /** Changes, a message at a time, until the daemon stops or the caller cancels. */
  watch(request: WatchRequest): Incoming<WatchResponse__Output> {
    return this.#read(this.#stub.Watch(request, this.#metadata));
  }

  close(): void {
    this.#stub.close();
  }

  #ask<Answer>(ask: Ask<Answer>): Promise<Answer> {
    const { clock, timeoutMs, server } = this.#options;
    return new Promise((resolve, reject) => {
      ask(this.#metadata, { deadline: clock.wall() + timeoutMs }, (error, answer) => {
        if (error !== null) reject(new AdminError(error, server));
        else if (answer !== undefined) resolve(answer);
      });
    });
  }

  #read<T>(stream: ClientReadableStream<T>): Incoming<T> {
    const { server } = this.#options;
    let isCancelled = false;
    const messages = async function* (): AsyncGenerator<T, void, void> {
      try {
        for await (const message of stream) yield message as T;
      } catch (thrown) {
        if (!isCancelled) throw new AdminError(thrown as ServiceError, server);
      } finally {
        stream.cancel();
      }
    };
    const cancel = (): void => {
      isCancelled = true;
      stream.cancel();
    };
    return Object.assign(messages(), { cancel });
  }
}
