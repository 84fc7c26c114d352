/**
 * server - the admin door: gRPC on unix sockets and, with mutual TLS, on ports
 *
 * Sockets are opened as all of dracd's are (runtime/door.ts), and opened anew when somebody takes one away
 * (runtime/kept-door.ts). Each connection has a speaker that was told at its beginning whom it comes from, so that who comes
 * through a port (port.ts) can never be taken for somebody local.
 *
 * Errors: Fault LISTEN; Fault CONFIG for TLS files that will not do, and for a port without them.
 * Limits: MAX_CONNECTIONS a door; at the stop what is under way has DRAIN_MS to end, and streams are told so.
 */
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Fault } from '../core/fault.js';
import type { Clock, Timer } from '../runtime/clock.js';
import { KeptDoor } from '../runtime/kept-door.js';
import type { Log } from '../runtime/log.js';
import { type Place, placeText } from '../runtime/place.js';
import { type Identify, localCaller } from './caller.js';
import { Extras } from './extras.js';
import { Feed } from './feed.js';
import type { Operations } from './operations.js';
import { Port } from './port.js';
import { Refusal } from './refusal.js';
import { nothingUnderWay } from './service.js';
import { Speaker } from './speaker.js';
import type { CertificateEnd, TlsOptions } from './tls.js';
import { Told } from './told.js';
import { Turnstile } from './turnstile.js';

export const MAX_CONNECTIONS = 256;
const DRAIN_MS = 300;
/** How often is looked whether somebody has taken a socket away. */
const LOOK_EVERY_MS = 1_000;
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
  readonly #underWay = nothingUnderWay();
  readonly #ending: { ended: Refusal | undefined } = { ended: undefined };
  readonly #doors: KeptDoor[] = [];
  readonly #connections = new Set<Socket>();
  readonly #speakers = new Set<Speaker>();
  readonly #extras = new Extras();
  readonly #turnstile: Turnstile;
  readonly #told: Told;
  #port: Port | undefined;
  #timer: Timer | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: AdminOptions) {
    this.#options = options;
    const { operations, clock, log } = options;
    this.#turnstile = new Turnstile(clock);
    this.#told = new Told({ clock, log });
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

  /** Until when the certificates of its port serve; none without one. */
  get certificates(): readonly CertificateEnd[] {
    return this.#port?.ends ?? [];
  }

  /** What it holds now: connections, watchers, lists. */
  get load(): { readonly connections: number; readonly watchers: number; readonly lists: number } {
    return {
      connections: this.#connections.size,
      watchers: this.#feed.size,
      lists: this.#underWay.lists.size,
    };
  }

  async start(): Promise<void> {
    const { clock, listen, log } = this.#options;
    // What grpc-js would print on standard error is told here in a line of ours, or is nothing.
    setLogVerbosity(logVerbosity.NONE);
    this.#port = this.#secure(listen.find(({ transport }) => transport === 'tcp'));
    this.#timer = clock.every(LOOK_EVERY_MS, this.#look);
    try {
      for (const place of listen) {
        this.#doors.push(await this.#open(place));
        if (this.#stopping !== undefined)
          throw new Fault('LISTEN', 'stopped while the doors were being opened');
      }
    } catch (thrown) {
      // A stop that came meanwhile has not seen the last of them.
      await this.#closeDoors();
      await this.stop();
      throw thrown;
    }
    log.info('admin: listening', { doors: this.doors });
  }

  /** Reads the TLS files anew. Throws a Fault CONFIG, and changes nothing, when they will not do. */
  renew(tls: TlsOptions): void {
    this.#port?.renew(tls);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const closed = this.#closeDoors();
    const why = new Refusal('STOPPING', 'dracd is being stopped');
    this.#ending.ended = why;
    this.#feed.end(why);
    this.#extras.end();
    await Promise.all([...this.#speakers].map((speaker) => speaker.stop(DRAIN_MS)));
    for (const socket of this.#connections) socket.destroy();
    this.#timer?.stop();
    this.#told.end();
    await closed;
  }

  async #closeDoors(): Promise<void> {
    await Promise.all(this.#doors.splice(0).map((door) => door.close()));
  }

  readonly #look = (): void => {
    for (const door of this.#doors) door.look();
    this.#port?.look();
    this.#told.look();
  };

  #open(place: Place): Promise<KeptDoor> {
    const { mode, group, log } = this.#options;
    return KeptDoor.open({
      place,
      who: 'admin',
      key: KEY,
      fault: (message, cause) => new Fault('LISTEN', message, cause),
      mode,
      group,
      halfOpen: false,
      maxConnections: MAX_CONNECTIONS,
      onSocket: (socket) => {
        this.#connections.add(socket);
        socket.on('error', () => undefined).once('close', () => this.#connections.delete(socket));
        if (place.transport === 'unix') this.#speak(socket, localCaller);
        else this.#port?.accept(socket);
      },
      onDrop: () => {
        this.#told.crowded(`more than ${MAX_CONNECTIONS} connections`);
      },
      onError: () => undefined,
      log,
    });
  }

  readonly #speak = (socket: Duplex, identify: Identify): Speaker => {
    const { operations, lifetimeMs, clock } = this.#options;
    const speaker = new Speaker(socket, {
      operations,
      lifetimeMs,
      identify,
      feed: this.#feed,
      underWay: this.#underWay,
      ending: this.#ending,
      clock,
      onRefused: this.#told.call,
      extras: this.#extras,
      turnstile: this.#turnstile,
    });
    this.#speakers.add(speaker);
    socket.once('close', () => this.#speakers.delete(speaker));
    return speaker;
  };

  /** What stands behind ports; a port without TLS is refused. */
  #secure(port: Place | undefined): Port | undefined {
    if (port === undefined) return undefined;
    const { tls, clock, log } = this.#options;
    if (tls === undefined)
      throw new Fault(
        'CONFIG',
        `key admin.listen: ${placeText(port)} needs cert, key and client_ca in [admin.tls]; or listen on a unix socket only`,
      );
    return new Port({ tls, speak: this.#speak, told: this.#told, clock, log });
  }
}
