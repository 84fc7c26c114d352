/**
 * client - speaks dracd.admin.v1.Admin to a daemon, as dracctl does
 *
 * Every call has a deadline; of a list each message has one, of a watch none. What goes wrong is an AdminError: the status, the
 * reason and the fields that the daemon named, and what to do about it.
 *
 * Limits: List and Watch are read as fast as they are consumed, no faster.
 */
import type { Clock } from '../runtime/clock.js';
import type { GrpcStatus } from '../wire/grpc.js';
import { Malformed } from '../wire/xdr.js';
import { CallError, Calls, type Incoming } from './calls.js';
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
import { type Identity, type IdentityFiles, readIdentity } from './identity.js';
import type { Violation } from './refusal.js';
import { answerIn, type CallName, pathOf, readRpc, requestBytes } from './stub.js';
import type { Unreached } from './unreached.js';
import { AUTHOR_KEY, TYPE_PREFIX } from './well-known.js';

export interface ClientOptions {
  /** `unix:/path` or `host:port`. */
  readonly server: string;
  /** Paths of PEM files; needed for a port. */
  readonly tls?: IdentityFiles | undefined;
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, 'wall' | 'after' | 'soon'>;
  /** Who says he calls; noted as a claim when the daemon cannot know. */
  readonly author?: string | undefined;
}

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
  /** There is no connection because we are not let in. */
  readonly isForbidden: boolean;

  constructor(error: CallError, { words, cure, isForbidden, reason, violations }: Told) {
    super(words, { cause: error });
    this.name = 'AdminError';
    this.status = error.status;
    this.reason = reason;
    this.violations = violations;
    this.cure = cure;
    this.isForbidden = isForbidden === true;
  }
}

/** What is told of an error, beside its status. */
interface Told extends Details, Pick<Unreached, 'words' | 'cure' | 'isForbidden'> {}

interface Details {
  readonly reason: string;
  readonly violations: readonly Violation[];
}

/** Reads what a server has sent. */
function understood<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof Malformed)) throw thrown;
    throw new CallError('INTERNAL', thrown.message, { oddity: 'garbled' });
  }
}

function readDetails(bytes: Uint8Array | undefined): Details {
  if (bytes === undefined) return { reason: '', violations: [] };
  let reason = '';
  let violations: Violation[] = [];
  for (const { type_url: type, value } of readRpc.Status(bytes).details) {
    if (type === `${TYPE_PREFIX}ErrorInfo`) ({ reason } = readRpc.ErrorInfo(value));
    if (type === `${TYPE_PREFIX}BadRequest`) violations = readRpc.BadRequest(value).fieldViolations;
  }
  return { reason, violations };
}

interface Refused {
  /** What the daemon says, or HTTP. */
  readonly details: string;
  /** The daemon has refused it. */
  readonly isDaemons: boolean;
  readonly server: string;
  readonly timeoutMs: number;
}

type Words = Pick<Unreached, 'words' | 'cure'>;

/** By status, where there is something to say. */
const wordings: Partial<Record<GrpcStatus, (refused: Refused) => Words>> = {
  UNAVAILABLE: ({ details }) => ({ words: details, cure: 'try again in a moment' }),
  DEADLINE_EXCEEDED: ({ server, timeoutMs }) => ({
    words: `no answer from ${server} within ${timeoutMs / 1_000} s`,
    cure: 'dracd is slow or hangs, or it is not dracd that listens there: try a longer --timeout, and see its log',
  }),
  PERMISSION_DENIED: ({ details }) => ({
    words: details,
    cure: 'use a certificate whose name is in admin.tls.operators',
  }),
  UNIMPLEMENTED: ({ server }) => ({
    words: `${server} does not know this call`,
    cure: 'is it dracd? If it is, it is older than dracctl: update it',
  }),
  INTERNAL: ({ details }) => ({ words: `dracd failed: ${details}`, cure: "see dracd's log" }),
};

const otherwise = ({ details, isDaemons, server }: Refused): Words => ({
  words: isDaemons ? details : `the answer of ${server} is of no use: ${details}`,
  cure: '',
});

export class AdminClient {
  readonly #options: ClientOptions;
  readonly #identity: Identity | undefined;
  readonly #calls: Calls;

  constructor(options: ClientOptions) {
    const { author, clock, server, tls } = options;
    this.#options = options;
    this.#identity = tls && readIdentity(tls);
    if (!server.startsWith(UNIX) && tls === undefined)
      throw new RangeError('a port needs a certificate, its key and an authority');
    const headers: Record<string, string> = author === undefined ? {} : { [AUTHOR_KEY]: author };
    this.#calls = new Calls({ server, identity: this.#identity, clock, headers });
  }

  authorize(request: AuthorizeRequest): Promise<AuthorizeResponse__Output> {
    return this.#ask<AuthorizeResponse__Output>('Authorize', request);
  }

  revoke(request: RevokeRequest): Promise<RevokeResponse__Output> {
    return this.#ask<RevokeResponse__Output>('Revoke', request);
  }

  explain(request: ExplainRequest): Promise<ExplainResponse__Output> {
    return this.#ask<ExplainResponse__Output>('Explain', request);
  }

  pin(request: PinRequest): Promise<PinResponse__Output> {
    return this.#ask<PinResponse__Output>('Pin', request);
  }

  unpin(request: UnpinRequest): Promise<UnpinResponse__Output> {
    return this.#ask<UnpinResponse__Output>('Unpin', request);
  }

  deny(request: DenyRequest): Promise<DenyResponse__Output> {
    return this.#ask<DenyResponse__Output>('Deny', request);
  }

  undeny(request: UndenyRequest): Promise<UndenyResponse__Output> {
    return this.#ask<UndenyResponse__Output>('Undeny', request);
  }

  history(request: HistoryRequest): Promise<HistoryResponse__Output> {
    return this.#ask<HistoryResponse__Output>('History', request);
  }

  forget(request: ForgetRequest): Promise<ForgetResponse__Output> {
    return this.#ask<ForgetResponse__Output>('Forget', request);
  }

  stats(): Promise<StatsResponse__Output> {
    return this.#ask<StatsResponse__Output>('Stats', {});
  }

  reload(): Promise<ReloadResponse__Output> {
    return this.#ask<ReloadResponse__Output>('Reload', {});
  }

  rotate(): Promise<RotateResponse__Output> {
    return this.#ask<RotateResponse__Output>('Rotate', {});
  }

  shutdown(): Promise<ShutdownResponse__Output> {
    return this.#ask<ShutdownResponse__Output>('Shutdown', {});
  }

  /** Rows, a message at a time. */
  list(request: ListRequest): Incoming<ListResponse__Output> {
    return this.#read<ListResponse__Output>('List', request, this.#options.timeoutMs);
  }

  /** Changes, a message at a time, until the daemon stops or the caller cancels. */
  watch(request: WatchRequest): Incoming<WatchResponse__Output> {
    return this.#read<WatchResponse__Output>('Watch', request);
  }

  close(): void {
    this.#calls.close();
  }

  async #ask<Answer>(call: CallName, request: object): Promise<Answer> {
    const { timeoutMs } = this.#options;
    try {
      const bytes = await this.#calls.one(pathOf(call), requestBytes(call, request), timeoutMs);
      return understood(() => answerIn(call, bytes) as Answer);
    } catch (thrown) {
      throw await this.#errorOf(thrown);
    }
  }

  #read<Answer>(call: CallName, request: object, silenceMs?: number): Incoming<Answer> {
    const stream = this.#calls.many(pathOf(call), requestBytes(call, request), silenceMs);
    const errorOf = (thrown: unknown): Promise<unknown> => this.#errorOf(thrown);
    const messages = async function* (): AsyncGenerator<Answer, void, void> {
      try {
        for await (const bytes of stream) yield understood(() => answerIn(call, bytes) as Answer);
      } catch (thrown) {
        throw await errorOf(thrown);
      }
    };
    return Object.assign(messages(), {
      cancel: () => {
        stream.cancel();
      },
    });
  }

  async #errorOf(thrown: unknown): Promise<unknown> {
    if (!(thrown instanceof CallError)) return thrown;
    const { clock, server, timeoutMs } = this.#options;
    const { line, message, oddity, status } = thrown;
    if (oddity !== undefined) {
      const { odd } = await import('./unreached.js');
      return new AdminError(thrown, { ...odd(server, oddity, message), reason: '', violations: [] });
    }
    let details: Details;
    try {
      details = understood(() => readDetails(thrown.details));
    } catch (garbled) {
      return this.#errorOf(garbled);
    }
    if (line !== undefined) {
      const { unreached } = await import('./unreached.js');
      return new AdminError(thrown, {
        ...(await unreached({ server, identity: this.#identity, clock }, line)),
        ...details,
      });
    }
    const refused = { details: message, isDaemons: details.reason !== '', server, timeoutMs };
    return new AdminError(thrown, { ...(wordings[status] ?? otherwise)(refused), ...details });
  }
}
