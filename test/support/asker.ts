/**
 * asker - a mail server's side of the look-up protocols, written apart from src/wire on purpose
 *
 * A connection goes to a door as the configuration writes it. Answers come in order; a connection that was
 * closed answers undefined.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { LookupKind } from '../../src/lookups/lookups.js';
import { settlesWithin } from './processes.js';

export type Heard = 'permitted' | 'not' | 'unknown';

/** One protocol: how to ask about a client, and what an answer means. */
export interface Protocol {
  question(client: string): Buffer;
  /** The first whole answer in the text, as it stands there. */
  answer: RegExp;
  /** What a whole answer says; throws on one that the mail servers do not know. */
  heard(answer: string): Heard;
}

export const protocols: Readonly<Record<LookupKind, Protocol>> = {
  socketmap: {
    question: (client) => {
      const payload = Buffer.from(`relay ${client}`, 'latin1');
      return Buffer.concat([Buffer.from(`${payload.length}:`), payload, Buffer.from(',')]);
    },
    answer: /^(\d+):(?:OK|NOTFOUND|TEMP|PERM) ?[^,]*,/,
    heard: (answer) => {
      const [, length, text = ''] = /^(\d+):(.*),$/.exec(answer) ?? [];
      if (Number(length) !== text.length) throw new Error(`no netstring: ${answer}`);
      if (text === 'OK OK' || /^OK \d+$/.test(text)) return 'permitted';
      if (text === 'NOTFOUND ') return 'not';
      if (text.startsWith('TEMP ')) return 'unknown';
      throw new Error(`not known: ${answer}`);
    },
  },
  policy: {
    question: (client) =>
      Buffer.from(
        `request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=${client}\nsize=0\n\n`,
        'latin1',
      ),
    answer: /^action=[^\n]*\n\n/,
    heard: (answer) => {
      const action = /^action=(.*)\n\n$/.exec(answer)?.[1] ?? '';
      if (action === 'OK') return 'permitted';
      if (action === 'DUNNO' || /^(?:550|451) /.test(action)) return 'not';
      if (/^DEFER_IF_REJECT /.test(action)) return 'unknown';
      throw new Error(`not known: ${answer}`);
    },
  },
};

/** A connection to a door. */
export class Asker {
  readonly socket: Socket;
  readonly #protocol: Protocol;
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;
  #text = '';
  #over = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket, protocol: Protocol) {
    this.socket = socket;
    this.#protocol = protocol;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#text += text;
      this.#wake();
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#over = true;
        this.#wake();
        resolve();
      });
    });
  }

  /** Connects; rejects when nobody is there. */
  static async open(door: string, kind: LookupKind): Promise<Asker> {
    const [, host = '', port = ''] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(door) ?? [];
    const socket = door.startsWith('unix:')
      ? connect({ path: door.slice('unix:'.length), allowHalfOpen: true })
      : connect({ host, port: Number(port), allowHalfOpen: true });
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Asker(socket, protocols[kind]);
  }

  /** Asks about a client on this connection; what the answer says. */
  async ask(client: string): Promise<Heard> {
    this.socket.write(this.#protocol.question(client));
    return this.heard();
  }

  /** What the next answer says. */
  async heard(): Promise<Heard> {
    const answer = await this.answer();
    if (answer === undefined) throw new Error('closed without an answer');
    return this.#protocol.heard(answer);
  }

  /** The next whole answer; undefined when the connection ended without one. */
  async answer(withinMs = 40_000): Promise<string | undefined> {
    for (;;) {
      const found = this.#protocol.answer.exec(this.#text)?.[0];
      if (found !== undefined) {
        this.#text = this.#text.slice(found.length);
        return found;
      }
      if (this.#over) return undefined;
      const more = new Promise<void>((resolve) => (this.#wake = resolve));
      if (!(await settlesWithin(more, withinMs)))
        throw new Error(`no answer within ${withinMs} ms: ${this.#text}`);
    }
  }

  /** Whether the other side ended the connection within this time. */
  endsWithin(ms: number): Promise<boolean> {
    this.socket.on('end', () => this.socket.end());
    return settlesWithin(this.closed, ms);
  }

  close(): void {
    this.socket.destroy();
  }
}
