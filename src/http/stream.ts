/**
 * stream - the status page kept up to date: server-sent events
 *
 * GET /events: first `history`, the points of the last hour as JSON; then `page`, the sections of the page as JSON of
 * HTML by id, every EVERY_MS; and `point` with each new point. What is sent is made once for all.
 *
 * Limits: MAX_STREAMS, and MAX_EACH of another host; more are answered 503. A reader that has not taken what it was sent is sent nothing more until
 * it has, and cut off after SLOW_MS; so it holds no more than a history and a message.
 */
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../runtime/clock.js';
import type { Point } from './history.js';
import { answer, type Handler } from './listener.js';
import { Seats } from './seats.js';

export const MAX_STREAMS = 16;
export const MAX_EACH = MAX_STREAMS / 2;
export const EVERY_MS = 2_000;
export const SLOW_MS = 20_000;
/** After how long a browser comes back whose stream has ended. */
const RETRY_MS = 3_000;

export interface StreamOptions {
  readonly points: () => readonly Point[];
  /** The page's sections by id. */
  readonly sections: () => Readonly<Record<string, string>>;
  readonly clock: Pick<Clock, 'mono' | 'every'>;
}

interface Reader {
  readonly response: ServerResponse;
  /** When it was last found to have taken all. */
  takenAt: number;
}

const event = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

export class Stream {
  readonly #options: StreamOptions;
  readonly #readers = new Set<Reader>();
  readonly #seats = new Seats(MAX_EACH);
  #timer: Timer | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** How many read. */
  get size(): number {
    return this.#readers.size;
  }

  start(): void {
    this.#timer = this.#options.clock.every(EVERY_MS, () => {
      if (this.#readers.size > 0) this.#send(event('page', this.#options.sections()));
    });
  }

  stop(): void {
    this.#timer?.stop();
    for (const { response } of this.#readers) response.destroy();
  }

  /** Tells everybody of a new point. */
  point(point: Point): void {
    if (this.#readers.size > 0) this.#send(event('point', point));
  }

  readonly handler: Handler = (request, response) => {
    if (this.#readers.size >= MAX_STREAMS || !this.#seats.admits(request.socket, response)) {
      response.setHeader('Retry-After', '60');
      answer(response, 503, 'too many read already');
      return;
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const { clock, points, sections } = this.#options;
    const reader = { response, takenAt: clock.mono() };
    this.#readers.add(reader);
    response.once('close', () => this.#readers.delete(reader));
    response.write(`retry: ${RETRY_MS}\n\n${event('history', points())}${event('page', sections())}`);
  };

  #send(text: string): void {
    const now = this.#options.clock.mono();
    for (const reader of this.#readers) {
      const { response } = reader;
      if (!response.writableNeedDrain) {
        reader.takenAt = now;
        response.write(text);
      } else if (now - reader.takenAt >= SLOW_MS) response.destroy();
    }
  }
}
