/**
 * listener - the HTTP door: one small server for numbers, health and the status page
 *
 * It only answers GET and HEAD of the paths that it was given, with no state and no cookies. It is meant for
 * loopback; whoever reaches it may read, and read alone. Another host's page cannot make a browser read it: answers are
 * no-store and carry no permission for other origins, and a request must name a host that is an address, localhost or
 * this host's name (DNS rebinding).
 *
 * Errors: Fault LISTEN when the address cannot be had. A handler that fails is answered 500 and told once a minute.
 * Limits: MAX_CONNECTIONS; a request's head has 16 KiB and ten seconds; idle connections five.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { Fault, reasonOf } from '../core/fault.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';

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

const MAX_CONNECTIONS = 64;
const MAX_HEAD_BYTES = 16 * 1024;
const HEAD_MS = 10_000;
const IDLE_MS = 5_000;
const TELL_EVERY_MS = 60_000;

const HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
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
  #toldAt = -Infinity;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEAD_BYTES,
        headersTimeout: HEAD_MS,
        requestTimeout: HEAD_MS,
        keepAliveTimeout: IDLE_MS,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** The port it listens at. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async start(): Promise<void> {
    const { address, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => {
        reject(
          new Fault(
            'LISTEN',
            `http.listen ${address}:${port}: ${reasonOf(error)}; choose another, or end who has it`,
            error,
          ),
        );
      });
      this.#server.listen({ host: address, port, exclusive: true }, resolve);
    });
    this.#server.on('error', (error) => {
      this.#tell('http: error', error);
    });
  }

  /** Closes the door and what is open. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const host = hostOf(request);
    const handler = this.#handler(request);
    if (isIP(host) === 0 && !this.#names.has(host.toLowerCase()))
      answer(response, 421, 'not the name of this host');
    else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
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
