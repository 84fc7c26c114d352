/**
 * listener - the HTTP door: one small server for numbers, health and the status page
 *
 * It only answers GET and HEAD of the paths that it was given, with no state and no cookies. It is meant for
 * loopback; whoever reaches it may read, and read alone. Another host's page cannot make a browser read it: answers
 * carry no permission for other origins, and a request must name a host that is an address, localhost or this host's
 * name (DNS rebinding). What it serves may load nothing from elsewhere, run no script that stands in a page, and be put
 * into no other page.
 *
 * Numbers are a help, not the work: a place that cannot be had is told of once and tried again every AGAIN_MS,
 * and nothing else waits for it. A handler that fails is answered 500 and told once a minute.
 *
 * Limits: MAX_CONNECTIONS, MAX_EACH of another host, more are closed at once, with MAX_REQUESTS each; a request's head has 16 KiB and ten seconds; an idle connection
 * five; one that takes nothing of its answer thirty. A request's body is not read.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { reasonOf } from '../core/fault.js';
import type { Clock, Timer } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import { Seats } from './seats.js';

/** What answers one path. A rejection is a bug or a lost resource. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

export interface ListenerOptions {
  readonly address: string;
  readonly port: number;
  /** By path: /metrics. */
  readonly routes: Readonly<Record<string, Handler>>;
  readonly clock: Clock;
  readonly log: Log;
}

export const MAX_CONNECTIONS = 64;
export const MAX_EACH = MAX_CONNECTIONS / 2;
/** Of one connection; then it is closed. */
const MAX_REQUESTS = 100;
export const AGAIN_MS = 10_000;
const MAX_HEAD_BYTES = 16 * 1024;
const HEAD_MS = 10_000;
const LOOK_MS = 2_000;
const IDLE_MS = 5_000;
const STUCK_MS = 30_000;
const TELL_EVERY_MS = 60_000;

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const;

/** The host that a request names, without its port. */
function hostOf({ headers: { host = '' } }: IncomingMessage): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(host)?.[1];
  return bracketed ?? host.replace(/:\d+$/, '');
}

/** Answers a short text. */
export function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

export class HttpListener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #names: ReadonlySet<string> = new Set(['', 'localhost', hostname().toLowerCase()]);
  #again: Timer | undefined;
  #stopped = false;
  #isTrying = false;
  #toldAt = -Infinity;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEAD_BYTES,
        headersTimeout: HEAD_MS,
        requestTimeout: HEAD_MS,
        connectionsCheckingInterval: LOOK_MS,
        keepAliveTimeout: IDLE_MS,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.maxRequestsPerSocket = MAX_REQUESTS;
    this.#server.timeout = STUCK_MS;
    const seats = new Seats(MAX_EACH);
    this.#server.on('connection', (socket) => {
      if (!seats.admits(socket, socket)) socket.destroy();
    });
    this.#server.on('error', (error) => {
      if (this.#server.listening) this.#tell('http: error', error);
    });
  }

  /** The port it listens at; 0 while it has none. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Resolves when it listens, or when it is clear that it must try again. */
  async start(): Promise<void> {
    const { address, clock, log, port } = this.#options;
    const fault = await this.#listen();
    if (fault === undefined) return;
    log.warn('http: no numbers and no status page until its place can be had', {
      place: `http.listen ${address}:${port}`,
      reason: reasonOf(fault),
      cure: 'choose another, or end who has it',
    });
    this.#again = clock.every(AGAIN_MS, () => {
      if (!this.#isTrying) void this.#listen();
    });
  }

  /** Closes the door and what is open. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#again?.stop();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#server.closeAllConnections();
    });
  }

  /** Answers why not, if not. */
  async #listen(): Promise<Error | undefined> {
    const { address, log, port } = this.#options;
    this.#isTrying = true;
    const fault = await new Promise<Error | undefined>((resolve) => {
      this.#server.once('error', resolve);
      this.#server.listen({ host: address, port, exclusive: true }, () => {
        this.#server.off('error', resolve);
        resolve(undefined);
      });
    });
    this.#isTrying = false;
    if (fault !== undefined) return fault;
    this.#again?.stop();
    if (this.#stopped) this.#server.close();
    else log.info('http: listening', { address, port: this.port });
    return undefined;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const host = hostOf(request);
    const handler = this.#handler(request);
    if (isIP(host) === 0 && !this.#names.has(host.toLowerCase()))
      answer(response, 421, `say an address, localhost or ${hostname()} in the Host header`);
    else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      // Its body is not worth reading.
      response.setHeader('Connection', 'close');
      answer(response, 405, 'only GET and HEAD');
    } else if (handler === undefined)
      answer(response, 404, `not here; try ${Object.keys(this.#options.routes).join(', ')}`);
    else await this.#run(handler, request, response);
  }

  #handler({ url = '' }: IncomingMessage): Handler | undefined {
    const { routes } = this.#options;
    const path = url.split('?', 1)[0] ?? '';
    return Object.hasOwn(routes, path) ? routes[path] : undefined;
  }

  async #run(handler: Handler, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await handler(request, response);
    } catch (error) {
      this.#tell('http: a request could not be answered', error);
      if (response.headersSent) response.destroy();
      else answer(response, 500, 'cannot tell at present');
    }
  }

  #tell(event: string, error: unknown): void {
    const { clock, log } = this.#options;
    if (clock.mono() - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = clock.mono();
    log.error(event, { error: reasonOf(error) });
  }
}
