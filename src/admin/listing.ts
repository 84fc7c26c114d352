/**
 * listing - sends rows to a client, never faster than it reads and never holding up a report
 *
 * Rows are looked at for SLICE_MS, then the event loop has its turn. Messages of ROWS_A_MESSAGE rows, the first ones smaller:
 * a daemon's first list is written by code that has not been compiled yet. One message is under way at a time: several that
 * wait would be encoded in one turn. While the client's window is full nothing is read from the table.
 *
 * Limits: a client that reads nothing for STALL_MS is given up.
 */
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Clock } from '../runtime/clock.js';
import type { ListRequest__Output } from './gen/dracd/admin/v1/ListRequest.js';
import type { ListResponse } from './gen/dracd/admin/v1/ListResponse.js';
import { rowMessage } from './messages.js';
import type { Row } from './operations.js';
import { Page } from './page.js';
import { Refusal } from './refusal.js';

export const ROWS_A_MESSAGE = 256;
/** The next has twice as many, until it is ROWS_A_MESSAGE. */
export const ROWS_AT_FIRST = 16;
export const SLICE_MS = 3;
/** How many rows are looked at between two looks at the clock. */
const ROWS_A_LOOK = 64;
export const STALL_MS = 60_000;

export type ListCall = ServerWritableStream<ListRequest__Output, ListResponse>;

export interface Listing {
  /** undefined: time that others may need. */
  readonly rows: Iterable<Row | undefined>;
  readonly matches: (row: Row) => boolean;
  /** Sorted, at most so many, after a key; undefined: all, as they come. */
  readonly page: Page | undefined;
  /** Sent first. */
  readonly opening: ListResponse;
}

export interface Ending {
  /** Why the daemon ends the stream, once it does. */
  readonly ended: Refusal | undefined;
}

/** Sends a listing. Rejects with a Refusal when it is ended early; resolves at once when the client has gone. */
export async function sendListing(
  call: ListCall,
  listing: Listing,
  { clock, ending }: { readonly clock: Clock; readonly ending: Ending },
): Promise<void> {
  const { rows, matches, page, opening } = listing;
  const send = (message: ListResponse): Promise<void> => sent(call, message, clock);
  await send(opening);
  let batch: Row[] = [];
  let size = ROWS_AT_FIRST;
  let seen = 0;
  let sliceEnd = clock.mono() + SLICE_MS;
  for (const row of rows) {
    if (row !== undefined && matches(row)) {
      if (page === undefined) batch.push(row);
      else page.add(row);
    }
    if (batch.length === size) {
      await send({ rows: batch.map(rowMessage) });
      batch = [];
      size = Math.min(2 * size, ROWS_A_MESSAGE);
    }
    seen += 1;
    if (row === undefined || (seen % ROWS_A_LOOK === 0 && clock.mono() >= sliceEnd)) {
      await new Promise<void>((resolve) => clock.soon(resolve));
      sliceEnd = clock.mono() + SLICE_MS;
    }
    if (call.cancelled) return;
    if (ending.ended !== undefined) throw ending.ended;
  }
  const last = page?.finish() ?? { rows: batch, nextPageToken: '' };
  for (let from = 0; from < last.rows.length; from += ROWS_A_MESSAGE)
    await send({ rows: last.rows.slice(from, from + ROWS_A_MESSAGE).map(rowMessage) });
  if (last.nextPageToken !== '') await send({ nextPageToken: last.nextPageToken });
}

/** Resolves when the message has left, or the client has gone. Rejects when neither comes to pass for too long. */
function sent(call: ListCall, message: ListResponse, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (): void => {
      timer.stop();
      call.off('cancelled', done);
    };
    const done = (): void => {
      over();
      resolve();
    };
    const timer = clock.after(STALL_MS, () => {
      over();
      reject(new Refusal('TOO_SLOW', `nothing was read for ${STALL_MS / 1_000} seconds`));
    });
    call.on('cancelled', done);
    call.write(message, done);
    if (call.cancelled) done();
  });
}
