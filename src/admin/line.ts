/**
 * line - the connection of a client: opened when there is something to ask, kept, and opened anew when it has broken
 *
 * It is open when the other side has spoken HTTP/2: a daemon that does not believe our certificate hangs up before.
 *
 * Errors: LineError. Limits: CONNECT_MS to open it; a host that does not answer a ping within PING_MS has gone.
 */
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock, Timer } from '../runtime/clock.js';
import type { Identity } from './identity.js';

/** There is no connection, or no more. */
export class LineError extends Error {
  /** Of the system, or empty. */
  readonly code: string;
  /** It broke; otherwise there was none at all. */
  readonly hasBroken: boolean;

  constructor(code: string, hasBroken: boolean) {
    super(code);
    this.name = 'LineError';
    this.code = code;
    this.hasBroken = hasBroken;
  }
}

export interface LineOptions {
  /** `unix:/path` or `host:port`. */
  readonly server: string;
  /** For a port. */
  readonly identity: Identity | undefined;
  readonly clock: Pick<Clock, 'after' | 'soon'>;
}

const CONNECT_MS = 20_000;
/** A watch may be silent for hours: a host that has gone, or a router that has forgotten, is noticed. */
const ARE_YOU_THERE_MS = 60_000;
const PING_MS = 20_000;
const UNIX = 'unix:';

/** The parts of `host:port`; an IPv6 address stands in brackets. */
export function hostAndPort(server: string): { host: string; port: number } {
  const at = server.lastIndexOf(':');
  return { host: server.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(server.slice(at + 1)) };
}

/** What TLS needs to connect to a port. */
export function tlsOptions(server: string, identity: Identity) {
  const { host, port } = hostAndPort(server);
  return {
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...identity,
    ALPNProtocols: ['h2'],
  };
}

export class Line {
  readonly #options: LineOptions;
  #opening: Promise<ClientHttp2Session> | undefined;
  #ping: Timer | undefined;
  #isClosed = false;
  /** Gives up a connection that is not open yet. */
  #giveUp: () => void = () => undefined;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** Rejects with a LineError. */
  open(): Promise<ClientHttp2Session> {
    if (this.#opening === undefined) {
      const opening = this.#open();
      this.#opening = opening;
      opening.catch(() => {
        this.#forget(opening);
      });
    }
    return this.#opening;
  }

  close(): void {
    this.#isClosed = true;
    this.#ping?.stop();
    this.#giveUp();
    this.#opening?.then(
      (session) => {
        this.#end(session);
      },
      () => undefined,
    );
  }

  #forget(opening: Promise<ClientHttp2Session>): void {
    if (this.#opening !== opening) return;
    this.#opening = undefined;
    this.#ping?.stop();
  }

  async #open(): Promise<ClientHttp2Session> {
    const { clock, server } = this.#options;
    const socket = await this.#socket();
    return new Promise((resolve, reject) => {
      const session = connectHttp2(server.startsWith(UNIX) ? 'http://localhost' : `https://${server}`, {
        createConnection: () => socket,
      });
      const timer = clock.after(CONNECT_MS, () => {
        fail('ETIMEDOUT');
      });
      const fail = (code: string): void => {
        timer.stop();
        this.#end(session);
        reject(new LineError(code, false));
      };
      this.#giveUp = () => {
        fail('');
      };
      session.on('error', (error: NodeJS.ErrnoException) => {
        fail(error.code ?? '');
      });
      session.once('close', () => {
        fail('');
      });
      session.once('remoteSettings', () => {
        timer.stop();
        this.#giveUp = () => undefined;
        resolve(session);
        this.#keep(session);
      });
    });
  }

  #socket(): Promise<Socket> {
    const { identity, server } = this.#options;
    const isLocal = identity === undefined || server.startsWith(UNIX);
    return new Promise((resolve, reject) => {
      const socket = isLocal
        ? connect({ path: server.slice(UNIX.length) })
        : connectTls(tlsOptions(server, identity));
      const fail = (error: NodeJS.ErrnoException): void => {
        socket.destroy();
        reject(new LineError(error.code ?? '', false));
      };
      this.#giveUp = () => {
        socket.destroy();
      };
      socket.once('error', fail);
      socket.once('close', () => {
        reject(new LineError('', false));
      });
      socket.once(isLocal ? 'connect' : 'secureConnect', () => {
        socket.off('error', fail);
        resolve(socket);
      });
    });
  }

  /** Not in the midst of what arrives: see calls.ts. */
  #end(session: ClientHttp2Session): void {
    this.#options.clock.soon(() => {
      session.destroy();
    });
  }

  /** Looks after a connection until it ends. */
  #keep(session: ClientHttp2Session): void {
    const opening = this.#opening;
    const forget = (): void => {
      if (opening !== undefined) this.#forget(opening);
    };
    // What is under way when the daemon stops may end; what is new needs another.
    session.once('goaway', forget).once('close', forget);
    if (this.#isClosed) this.#end(session);
    else this.#look(session);
  }

  #look(session: ClientHttp2Session): void {
    const { clock } = this.#options;
    this.#ping = clock.after(ARE_YOU_THERE_MS, () => {
      const limit = clock.after(PING_MS, () => {
        this.#end(session);
      });
      this.#ping = limit;
      const isSent =
        !session.destroyed &&
        session.ping((error) => {
          limit.stop();
          if (error === null && !session.destroyed && !this.#isClosed) this.#look(session);
        });
      if (!isSent) limit.stop();
    });
  }
}
