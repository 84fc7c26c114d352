/**
 * server - the admin door: gRPC on unix sockets and, with mutual TLS, on ports
 *
 * One gRPC server for the unix sockets and one for the ports, so that who comes through a port can never be taken for
 * somebody local. Sockets are opened as all of dracd's are (runtime/door.ts).
 *
 * Errors: Fault LISTEN; Fault CONFIG for TLS files that will not do, and for a port without them.
 * Limits: MAX_CONNECTIONS a door; at the stop what is under way has DRAIN_MS to end, and streams are told so.
 */
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import type { Socket } from 'node:net';
import type { SecureContextOptions, Server as TlsServer } from 'node:tls';
import { Fault } from '../core/fault.js';
import type { Clock } from '../runtime/clock.js';
import { type Door, openDoor } from '../runtime/door.js';
import type { Log } from '../runtime/log.js';
import { type Place, placeText } from '../runtime/place.js';
import { certifiedCaller, type Identify, localCaller } from './caller.js';
import { Feed } from './feed.js';
import type { ListCall } from './listing.js';
import type { Operations } from './operations.js';
import { Refusal } from './refusal.js';
import { Speaker } from './speaker.js';
import { readTls, type TlsOptions, tlsServer } from './tls.js';

export const MAX_CONNECTIONS = 256;
const DRAIN_MS = 300;
/** Connections that TLS refuses are told of at most so often. */
const TELL_EVERY_MS = 10_000;
const KEY = '[admin] listen';

export interface AdminOptions {
  readonly listen: readonly Place[];
  readonly mode: number;
  readonly group?: string | undefined;
  /** Needed for a port. */
  readonly tls?: TlsOptions | undefined;
  readonly operations: Operations;
  /** The lifetime of a grant for which none is said. */
  readonly lifetimeMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

export class AdminServer {
  readonly #options: AdminOptions;
  readonly #feed: Feed;
  readonly #lists = new Set<ListCall>();
  readonly #ending: { ended: Refusal | undefined } = { ended: undefined };
  readonly #doors: Door[] = [];
  readonly #connections = new Set<Socket>();
  #speakers: Speaker[] = [];
  #tls: TlsOptions | undefined;
  #tlsServer: TlsServer | undefined;
  #refusedSince = 0;
  #toldAt = -Infinity;
  #stopping: Promise<void> | undefined;

  constructor(options: AdminOptions) {
    this.#options = options;
    this.#tls = options.tls;
    const { operations, clock, log } = options;
    this.#feed = new Feed({
      operations,
      clock,
      onEnd: (why) => {
        log.debug('admin: a watch has ended', {
          why: why?.message ?? 'the client has gone',
          watching: this.#feed.size,
        });
      },
    });
  }

  /** Where it listens, as the configuration writes it. */
  get doors(): string[] {
    return this.#doors.map(({ text }) => text);
  }

  /** What it holds now: connections, watchers, lists. */
  get load(): { readonly connections: number; readonly watchers: number; readonly lists: number } {
    return { connections: this.#connections.size, watchers: this.#feed.size, lists: this.#lists.size };
  }

  async start(): Promise<void> {
    const { listen, log } = this.#options;
    // What grpc-js would print on standard error is told here in a line of ours, or is nothing.
    setLogVerbosity(logVerbosity.NONE);
    const toLocal = this.#local(listen.some(({ transport }) => transport === 'unix'));
    const toPort = this.#secure(listen.find(({ transport }) => transport === 'tcp'));
    try {
      for (const place of listen) {
        this.#doors.push(await this.#open(place, place.transport === 'unix' ? toLocal : toPort));
        if (this.#stopping !== undefined)
          throw new Fault('LISTEN', 'stopped while the doors were being opened');
      }
    } catch (thrown) {
      this.#closeDoors();
      await this.stop();
      throw thrown;
    }
    log.info('admin: listening', { doors: this.doors });
  }

  /** Reads the TLS files anew. Throws a Fault CONFIG, and changes nothing, when they will not do. */
  renew(tls: TlsOptions): void {
    if (this.#tlsServer === undefined) return;
    const { clock, log } = this.#options;
    this.#tlsServer.setSecureContext(readTls(tls, { clock, log }));
    this.#tls = tls;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#closeDoors();
    const why = new Refusal('STOPPING', 'dracd is being stopped');
    this.#ending.ended = why;
    this.#feed.end(why);
    await Promise.all(this.#speakers.map((speaker) => speaker.stop(DRAIN_MS)));
    for (const socket of this.#connections) socket.destroy();
  }

  #closeDoors(): void {
    for (const door of this.#doors.splice(0)) door.close();
  }

  #open(place: Place, onSocket: (socket: Socket) => void): Promise<Door> {
    const { mode, group, log } = this.#options;
    return openDoor({
      place,
      who: 'admin',
      key: KEY,
      fault: (message, cause) => new Fault('LISTEN', message, cause),
      mode,
      group,
      maxConnections: MAX_CONNECTIONS,
      onSocket: (socket) => {
        this.#connections.add(socket);
        socket.on('error', () => undefined).once('close', () => this.#connections.delete(socket));
        onSocket(socket);
      },
      onDrop: () => {
        this.#tellRefused(`more than ${MAX_CONNECTIONS} connections`, undefined);
      },
      onError: () => undefined,
      log,
    });
  }

  #speaker(identify: Identify): Speaker {
    const { operations, lifetimeMs, clock, log } = this.#options;
    const speaker = new Speaker({
      operations,
      lifetimeMs,
      identify,
      feed: this.#feed,
      lists: this.#lists,
      ending: this.#ending,
      clock,
      onRefused: (path, thrown) => {
        const call = path.split('/').at(-1);
        if (thrown instanceof Refusal) {
          const { reason, message } = thrown;
          log[reason === 'NO_ROLE' ? 'warn' : 'info']('admin: a call was refused', { call, reason, message });
        } else log.error('admin: a call failed', { call, error: String(thrown) });
      },
    });
    this.#speakers.push(speaker);
    return speaker;
  }

  #local(isWanted: boolean): (socket: Socket) => void {
    const speaker = isWanted ? this.#speaker(localCaller) : undefined;
    return (socket) => speaker?.accept(socket);
  }

  /** The way of connections through ports; a port without TLS is refused. */
  #secure(port: Place | undefined): (socket: Socket) => void {
    if (port === undefined) return (socket) => void socket.destroy();
    const { clock, log } = this.#options;
    const tls = this.#tls;
    if (tls === undefined)
      throw new Fault(
        'CONFIG',
        `key admin.listen: ${placeText(port)} needs cert, key and client_ca in [admin.tls]; or listen on a unix socket only`,
      );
    const context: SecureContextOptions = readTls(tls, { clock, log });
    const speaker = this.#speaker(certifiedCaller(() => this.#tls ?? tls, clock));
    const server = tlsServer(context, {
      onSecure: (socket) => {
        speaker.accept(socket);
      },
      onRefused: (reason, peer) => {
        this.#tellRefused(reason, peer);
      },
    });
    this.#tlsServer = server;
    return (socket) => void server.emit('connection', socket);
  }

  /** One line for many: whoever can reach the port can knock. */
  #tellRefused(reason: string, peer: string | undefined): void {
    const { clock, log } = this.#options;
    this.#refusedSince += 1;
    if (clock.mono() - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = clock.mono();
    log.warn('admin: connections were refused', {
      count: this.#refusedSince,
      lastFrom: peer,
      lastReason: reason,
    });
    this.#refusedSince = 0;
  }
}
