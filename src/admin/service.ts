/**
 * service - the calls of dracd.admin.v1.Admin, each a request checked, an operation, and its answer
 *
 * Who may make a call has been settled before (caller.ts).
 */
import type { handleUnaryCall, ServerErrorResponse, ServerWritableStream } from '@grpc/grpc-js';
import type { Clock } from '../runtime/clock.js';
import type { Caller, Identify } from './caller.js';
import {
  optional,
  readAddress,
  readAll,
  readEntryLifetime,
  readGrantLifetime,
  readKind,
  readPageSize,
  type Read,
  readReason,
  readRelayable,
  readSubject,
  readTime,
  readUser,
} from './fields.js';
import type { Feed } from './feed.js';
import { matcher } from './filter.js';
import type { AdminHandlers } from './gen/dracd/admin/v1/Admin.js';
import type { ForgetRequest__Output } from './gen/dracd/admin/v1/ForgetRequest.js';
import type { HistoryRequest__Output } from './gen/dracd/admin/v1/HistoryRequest.js';
import type { HistoryResponse } from './gen/dracd/admin/v1/HistoryResponse.js';
import type { ListRequest__Output } from './gen/dracd/admin/v1/ListRequest.js';
import type { DenyRequest__Output } from './gen/dracd/admin/v1/DenyRequest.js';
import type { RevokeRequest__Output } from './gen/dracd/admin/v1/RevokeRequest.js';
import type { WatchRequest__Output } from './gen/dracd/admin/v1/WatchRequest.js';
import type { WatchResponse } from './gen/dracd/admin/v1/WatchResponse.js';
import { type Ending, type ListCall, type Listing, sendListing } from './listing.js';
import { explainMessage, historyMessage, rowMessage, statsMessage } from './messages.js';
import type { Operations, Selection } from './operations.js';
import { Page, readPageToken } from './page.js';
import { badFields, errorResponse, Refusal } from './refusal.js';
import { Shares } from './shares.js';

export const MAX_LISTS = 16;
export const MAX_WATCHERS = 128;
/** Each reads the audit's files of many days. */
export const MAX_HISTORIES = 4;

/** What callers have under way, by all doors together. */
export interface UnderWay {
  readonly lists: Shares;
  readonly watches: Shares;
  readonly histories: Shares;
}

export const nothingUnderWay = (): UnderWay => ({
  lists: new Shares('lists', MAX_LISTS),
  watches: new Shares('watches', MAX_WATCHERS),
  histories: new Shares('questions about the past', MAX_HISTORIES),
});

export interface ServiceOptions {
  readonly operations: Operations;
  /** The lifetime of a grant for which none is said. */
  readonly lifetimeMs: number;
  readonly identify: Identify;
  readonly feed: Feed;
  readonly underWay: UnderWay;
  readonly ending: Ending;
  readonly clock: Clock;
  /** A call was not done. */
  readonly onRefused: (path: string, thrown: unknown) => void;
}

interface Call<Request> {
  readonly request: Request;
  getPath(): string;
}

type Work<Request, Response> = (
  request: Request,
  author: string,
  caller: Caller,
) => Promise<Response> | Response;

/** Makes a gRPC handler of a function that answers or throws. */
function unary<Request, Response>(
  { identify, onRefused }: ServiceOptions,
  work: Work<Request, Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const answer = async (): Promise<Response> => {
      const caller = identify(call.metadata);
      return await work(call.request, caller.author, caller);
    };
    answer().then(
      (response) => {
        callback(null, response);
      },
      (thrown: unknown) => {
        onRefused(call.getPath(), thrown);
        callback(errorResponse(thrown));
      },
    );
  };
}

/** The fields that Pin, Deny and Authorize have in common. */
function readWish(request: DenyRequest__Output, lifetimeMs: Read<number | undefined>) {
  return {
    lifetime: lifetimeMs,
    user: optional(readUser, request.user),
    reason: readReason(request.reason),
  };
}

function wishOf(request: DenyRequest__Output, author: string, readName = readSubject) {
  const { subject, lifetime, user, reason } = readAll({
    subject: readName(request.subject),
    ...readWish(request, readEntryLifetime(request.lifetime)),
  });
  return { subject, lifetimeMs: lifetime, user, reason, author, validateOnly: request.validateOnly };
}

function selectionOf(request: RevokeRequest__Output): { selection: Selection; reason: string } {
  const { within, reporter, all } = request;
  const reason = readReason(request.reason);
  switch (request.selection) {
    case 'within': {
      const read = readAll({ within: readSubject(within ?? ''), reason });
      return { selection: { within: read.within }, reason: read.reason };
    }
    case 'reporter': {
      const read = readAll({ reporter: readAddress(reporter ?? ''), reason });
      return { selection: { reporter: read.reporter }, reason: read.reason };
    }
    case 'all': {
      const isAll: Read<true> = all === true ? { value: true } : { wrong: 'must be true' };
      const read = readAll({ all: isAll, reason });
      return { selection: { all: true }, reason: read.reason };
    }
    case undefined:
      throw badFields([{ field: 'selection', description: 'must be one of within, reporter and all' }]);
  }
}

function listingOf(request: ListRequest__Output, operations: Operations): Listing {
  const { within, covering, reporter, user, kind, ends_before, page_size, page_token } = readAll({
    within: optional(readSubject, request.within),
    covering: optional(readSubject, request.covering),
    reporter: optional(readAddress, request.reporter),
    user: optional(readUser, request.user),
    kind: readKind(request.kind),
    ends_before: readTime(request.endsBefore),
    page_size: readPageSize(request.pageSize),
    page_token: readPageToken(request.pageToken, request.pageSize),
  });
  const position = { epoch: operations.epoch, number: operations.position };
  return {
    matches: matcher({ within, covering, reporter, user, kind, endsBefore: ends_before }),
    page: page_size === 0 ? undefined : new Page(page_size, page_token),
    opening: { position },
    rows: operations.rows({}),
  };
}

/** The number that a watch goes on from; undefined: from now on. */
function startOf({ after }: WatchRequest__Output, operations: Operations): number | undefined {
  if (after === null) return undefined;
  const { epoch, number } = after;
  if (epoch === operations.epoch && number >= 0 && number <= operations.position) return number;
  throw new Refusal(
    'HISTORY_GONE',
    'the position is of another run of changes; list anew, and watch from the position that comes with it',
  );
}

const by = ({ reason }: { readonly reason: string }, author: string): { author: string; reason: string } => ({
  author,
  reason,
});

const readRemoval = (request: { readonly subject: string; readonly reason: string }) =>
  readAll({ subject: readSubject(request.subject), reason: readReason(request.reason) });

/** Of what is kept, the reason is: it must not bring the address back. */
function readErasure(request: ForgetRequest__Output) {
  const { address, reason } = readAll({
    address: readAddress(request.address),
    reason: readReason(request.reason),
  });
  if ([address, request.address].some((name) => reason.toLowerCase().includes(name.toLowerCase())))
    throw badFields([{ field: 'reason', description: 'must not name the address: the reason is kept' }]);
  return { address, reason };
}

async function history(
  request: HistoryRequest__Output,
  caller: Caller,
  { clock, operations, underWay }: ServiceOptions,
): Promise<HistoryResponse> {
  const { address, at = clock.wall() } = readAll({
    address: readAddress(request.address),
    at: readTime(request.at),
  });
  const giveBack = underWay.histories.take(caller);
  try {
    return historyMessage({ address, at }, await operations.history(address, at));
  } finally {
    giveBack();
  }
}

/** The calls that are answered with one message. */
type Unary =
  | 'Authorize'
  | 'Revoke'
  | 'Explain'
  | 'Pin'
  | 'Unpin'
  | 'Deny'
  | 'Undeny'
  | 'History'
  | 'Forget'
  | 'Stats'
  | 'Reload'
  | 'Rotate'
  | 'Shutdown';

function unaryHandlers(options: ServiceOptions): Pick<AdminHandlers, Unary> {
  const { operations, lifetimeMs } = options;
  return {
    Authorize: unary(options, async (request, author) => {
      const { subject, lifetime, user, reason } = readAll({
        subject: readRelayable(request.subject),
        ...readWish(request, readGrantLifetime(request.lifetime)),
      });
      const { validateOnly } = request;
      const wish = { subject, lifetimeMs: lifetime ?? lifetimeMs, user, reason, author, validateOnly };
      return { row: rowMessage(await operations.authorize(wish)) };
    }),
    Revoke: unary(options, async (request, author) => {
      const { selection, reason } = selectionOf(request);
      return { revoked: await operations.revoke(selection, { author, reason }) };
    }),
    Explain: unary(options, (request) => {
      const { address } = readAll({ address: readAddress(request.address) });
      return explainMessage(address, operations.explain(address));
    }),
    Pin: unary(options, async (request, author) => {
      const { evenIfDenied } = request;
      const wish = { ...wishOf(request, author, readRelayable), evenIfDenied };
      return { row: rowMessage(await operations.pin(wish)) };
    }),
    Unpin: unary(options, async (request, author) => {
      const removal = readRemoval(request);
      return { removed: await operations.remove('pin', removal.subject, by(removal, author)) };
    }),
    Deny: unary(options, async (request, author) => ({
      row: rowMessage(await operations.deny(wishOf(request, author))),
    })),
    Undeny: unary(options, async (request, author) => {
      const removal = readRemoval(request);
      return { removed: await operations.remove('deny', removal.subject, by(removal, author)) };
    }),
    History: unary(options, (request, _author, caller) => history(request, caller, options)),
    Forget: unary(options, async (request, author) => {
      const { address, reason } = readErasure(request);
      return operations.forget(address, { author, reason });
    }),
    Stats: unary(options, () =>
      statsMessage({ ...operations.stats(), watchers: options.feed.size }, operations.reports()),
    ),
    Reload: unary(options, async (_request, author) => {
      const { changed, needsRestart } = await operations.reload(author);
      return { changed: [...changed], needsRestart: [...needsRestart] };
    }),
    Rotate: unary(options, async (_request, author) => {
      await operations.rotate(author);
      return {};
    }),
    Shutdown: unary(options, async (_request, author) => {
      await operations.shutdown(author);
      return {};
    }),
  };
}

type WatchCall = ServerWritableStream<WatchRequest__Output, WatchResponse>;

interface Failing {
  emit(event: 'error', error: ServerErrorResponse): boolean;
}

export function handlers(options: ServiceOptions): AdminHandlers {
  const { operations, feed, underWay, identify, ending, clock, onRefused } = options;
  const fail = (call: Call<unknown> & Failing, thrown: unknown): void => {
    onRefused(call.getPath(), thrown);
    call.emit('error', errorResponse(thrown));
  };
  const list = async (call: ListCall): Promise<void> => {
    const giveBack = underWay.lists.take(identify(call.metadata));
    try {
      await sendListing(call, listingOf(call.request, operations), { clock, ending });
    } finally {
      giveBack();
    }
  };
  const watch = (call: WatchCall): void => {
    const after = startOf(call.request, operations);
    const giveBack = underWay.watches.take(identify(call.metadata));
    try {
      const watcher = feed.join(
        {
          send: (message, sent) => void call.write(message, sent),
          end: (why) => {
            giveBack();
            fail(call, why);
          },
        },
        after,
      );
      call.on('cancelled', () => {
        giveBack();
        watcher.end(undefined);
      });
    } catch (thrown) {
      giveBack();
      throw thrown;
    }
  };
  return {
    ...unaryHandlers(options),
    List: (call) => {
      list(call).then(
        () => {
          call.end();
        },
        (thrown: unknown) => {
          fail(call, thrown);
        },
      );
    },
    Watch: (call) => {
      try {
        watch(call);
      } catch (thrown) {
        fail(call, thrown);
      }
    },
  };
}
