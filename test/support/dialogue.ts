/**
 * dialogue - an SMTP session from a chosen address, inside of a namespace
 *
 * Each command has one reply. A server that says more is found out: by the RSET that ends each transaction.
 */
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import path from 'node:path';
import { ROOT, childEnvironment } from './processes.js';

const PIPE = path.join(ROOT, 'test/support/pipe.mjs');

export class Dialogue {
  readonly #pipe: ChildProcessWithoutNullStreams;
  #text = '';
  #wake: () => void = () => undefined;
  #over = false;

  /** Connects, by a command that runs in the namespace; `way` is the client's address, the server's, and the port. */
  constructor(prefix: readonly string[], way: readonly [string, string, string]) {
    const [file, ...args] = [...prefix, process.execPath, PIPE, ...way];
    const pipe = spawn(file, args, { env: childEnvironment() });
    this.#pipe = pipe;
    pipe.stdin.on('error', () => undefined);
    for (const stream of [pipe.stdout, pipe.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#text += text;
        this.#wake();
      });
    pipe.on('close', () => {
      this.#over = true;
      this.#wake();
    });
  }

  /** Takes the greeting and introduces itself. */
  async greet(): Promise<void> {
    this.#expect(220, await this.#reply());
    this.#expect(250, await this.say('EHLO client.foreign.example'));
  }

  /** The code of RCPT to this recipient, in a mail transaction of its own. */
  async recipient(recipient: string): Promise<number> {
    return codeOf(await this.reply(recipient));
  }

  /** The whole reply to RCPT to this recipient, in a mail transaction of its own. */
  async reply(recipient: string): Promise<string> {
    this.#expect(250, await this.say('MAIL FROM:<sender@foreign.example>'));
    const reply = await this.say(`RCPT TO:<${recipient}>`);
    this.#expect(250, await this.say('RSET'));
    return reply;
  }

  /** A whole mail; the code that it ends with. */
  async mail(recipient: string): Promise<number> {
    this.#expect(250, await this.say('MAIL FROM:<sender@foreign.example>'));
    this.#expect(250, await this.say(`RCPT TO:<${recipient}>`));
    this.#expect(354, await this.say('DATA'));
    return codeOf(await this.say('Subject: test\r\n\r\ntest\r\n.'));
  }

  /** Sends one command; its whole reply. */
  say(command: string): Promise<string> {
    this.#pipe.stdin.write(`${command}\r\n`);
    return this.#reply();
  }

  close(): void {
    this.#pipe.kill('SIGKILL');
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

  #expect(code: number, reply: string): void {
    if (codeOf(reply) !== code) throw new Error(`${code} expected, not ${reply.trim()}`);
  }
}

/** The code of a reply. */
export function codeOf(reply: string): number {
  return Number(reply.split('\r\n').at(-2)?.slice(0, 3));
}
