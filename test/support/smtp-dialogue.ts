/**
 * smtp-dialogue - SMTP with a program that speaks it on its standard input and output
 *
 * Such a program is a mail server that plays a session, or a plain connection to one. What it says beside, on its
 * standard error, is kept; lines on its standard output that are no SMTP are passed over.
 */
import { spawn } from 'node:child_process';
import { childEnvironment } from './processes.js';

/** The code of a reply that did not come because the session ended. */
export const DROPPED = 0;

export interface Reply {
  readonly code: number;
  /** All its lines, or what was said at last. */
  readonly text: string;
}

export class SmtpDialogue {
  readonly #child;
  /** What was said on standard error. */
  explained = '';
  #text = '';
  #over = false;
  #wake: () => void = () => undefined;

  private constructor(command: readonly string[]) {
    const [file = '', ...args] = command;
    this.#child = spawn(file, args, { env: childEnvironment() });
    this.#child.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.#text += text;
      this.#wake();
    });
    this.#child.stderr.setEncoding('latin1').on('data', (text: string) => (this.explained += text));
    // A server that ends the session is seen by the missing reply.
    this.#child.stdin.on('error', () => undefined);
    this.#child.on('close', () => {
      this.#over = true;
      this.#wake();
    });
  }

  /** Starts the program, is greeted, and greets. */
  static async open(command: readonly string[]): Promise<SmtpDialogue> {
    const dialogue = new SmtpDialogue(command);
    const { code, text } = await dialogue.#reply();
    if (code !== 220) throw new Error(`no greeting: ${text}${dialogue.explained}`);
    await dialogue.say('EHLO client.example');
    return dialogue;
  }

  /** Sends a command, or a text that ends as one; the reply. */
  say(command: string): Promise<Reply> {
    this.#child.stdin.write(`${command}\r\n`);
    return this.#reply();
  }

  /** What a recipient gets, in a transaction of its own. */
  async reply(recipient: string): Promise<Reply> {
    const { code, text } = await this.say('MAIL FROM:<>');
    if (code !== 250) throw new Error(`MAIL FROM: ${code} ${text}`);
    const reply = await this.say(`RCPT TO:<${recipient}>`);
    await this.say('RSET');
    return reply;
  }

  async recipient(recipient: string): Promise<number> {
    return (await this.reply(recipient)).code;
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  async #reply(): Promise<Reply> {
    for (;;) {
      const end = /^(\d{3})(?: .*)?\r?\n/m.exec(this.#text);
      if (end !== null) {
        const length = end.index + end[0].length;
        const text = this.#text.slice(0, length);
        this.#text = this.#text.slice(length);
        return { code: Number(end[1]), text };
      }
      if (this.#over) return { code: DROPPED, text: this.#text };
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
