/**
 * dialogue - an SMTP session over a connection of any kind, or from a chosen address inside of a namespace
 *
 * Each command has one reply. A server that says more is found out: by the RSET that ends each transaction.
 */
import { spawn } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { ROOT, childEnvironment } from './processes.js';

const PIPE = path.join(ROOT, 'test/support/pipe.mjs');

export interface Connection {
  readonly said: Writable;
  readonly heard: readonly Readable[];
  /** Emits `close` when no more will be heard. */
  readonly whole: EventEmitter;
  readonly end: () => void;
}

export class Dialogue {
  readonly #connection: Connection;
  #text = '';
  #wake: () => void = () => undefined;
  #over = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    // A server that ends the session is seen by the missing reply.
    connection.said.on('error', () => undefined);
    for (const stream of connection.heard)
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#text += text;
        this.#wake();
      });
    connection.whole.on('close', () => {
      this.#over = true;
      this.#wake();
    });
  }

  /** Connects, by a command that runs in the namespace; `way` is the client's address, the server's, and the port. */
  static from(prefix: readonly string[], way: readonly [string, string, string]): Dialogue {
    const [file, ...args] = [...prefix, process.execPath, PIPE, ...way];
    const pipe = spawn(file, args, { env: childEnvironment() });
    const end = (): void => void pipe.kill('SIGKILL');
    return new Dialogue({ said: pipe.stdin, heard: [pipe.stdout, pipe.stderr], whole: pipe, end });
  }

  /** Takes the greeting. */
  async greeted(): Promise<void> {
    this.expect(220, await this.#reply());
  }

  /** Takes the greeting and introduces itself. */
  async greet(): Promise<void> {
    await this.greeted();
    this.expect(250, await this.say('EHLO client.foreign.example'));
  }

  /** The code of RCPT to this recipient, in a mail transaction of its own. */
  async recipient(recipient: string): Promise<number> {
    return codeOf(await this.reply(recipient));
  }

  /** The whole reply to RCPT to this recipient, in a mail transaction of its own. */
  async reply(recipient: string): Promise<string> {
    this.expect(250, await this.say('MAIL FROM:<sender@foreign.example>'));
    const reply = await this.say(`RCPT TO:<${recipient}>`);
    this.expect(250, await this.say('RSET'));
    return reply;
  }

  /** A whole mail; the code that it ends with. */
  async mail(recipient: string): Promise<number> {
    this.expect(250, await this.say('MAIL FROM:<sender@foreign.example>'));
    this.expect(250, await this.say(`RCPT TO:<${recipient}>`));
    this.expect(354, await this.say('DATA'));
    return codeOf(await this.say('Subject: test\r\n\r\ntest\r\n.'));
  }

  /** Sends one command; its whole reply. */
  say(command: string): Promise<string> {
    this.#connection.said.write(`${command}\r\n`);
    return this.#reply();
  }

  close(): void {
    this.#connection.end();
  }

  async #reply(): Promise<string> {
    for (;;) {
      const end = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(this.#text);
      if (end !== null) {
        this.#text = this.#text.slice(end[0].length);
        return end[0];
      }
      if (this.#over) throw new Error(`the SMTP session ended: ${this.#text}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  protected expect(code: number, reply: string): void {
    if (codeOf(reply) !== code) throw new Error(`${code} expected, not ${reply.trim()}`);
  }
}

/** The code of a reply. */
export function codeOf(reply: string): number {
  return Number(reply.split('\r\n').at(-2)?.slice(0, 3));
}
