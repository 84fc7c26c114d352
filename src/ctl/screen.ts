/**
 * screen - the whole terminal, for a while
 *
 * It uses the alternate screen, so that what was there comes back. The terminal is given back in every case in which
 * the process can still do something: at the end, after errors, when it is told to end, and while it is stopped (^Z).
 * After SIGKILL `reset` helps.
 */
import { whenToldToEnd } from './told-to-end.js';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const TOP = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';
const QUIT = /[qQ\u0003\u0004]/;
const STOP = '\u001a';

export interface ScreenOptions {
  /** The person or the system wants it to end. */
  readonly onEnd: () => void;
  /** What is shown must be drawn anew. */
  readonly onRedraw: () => void;
}

export class Screen {
  readonly #options: ScreenOptions;
  #isOpen = false;
  #stopListening: () => void = () => undefined;

  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  get columns(): number {
    return process.stdout.columns;
  }

  open(): void {
    const { onEnd, onRedraw } = this.#options;
    this.#enter();
    this.#stopListening = whenToldToEnd(onEnd);
    process.on('exit', this.#leave);
    process.on('SIGTSTP', this.#stop);
    process.on('SIGCONT', this.#continue);
    process.stdout.on('resize', onRedraw);
    process.stdin.on('data', this.#key);
  }

  /** Shows lines, as many as there is room for. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    const text = lines
      .slice(0, process.stdout.rows)
      .map((line) => line + REST_OF_LINE)
      .join('\r\n');
    process.stdout.write(TOP + text + REST_OF_SCREEN);
  }

  close(): void {
    const { onRedraw } = this.#options;
    this.#leave();
    this.#stopListening();
    process.off('exit', this.#leave);
    process.off('SIGTSTP', this.#stop);
    process.off('SIGCONT', this.#continue);
    process.stdout.off('resize', onRedraw);
    process.stdin.off('data', this.#key);
    process.stdin.pause();
  }

  #enter(): void {
    this.#isOpen = true;
    if (process.stdin.isTTY) process.stdin.setRawMode(true);
    process.stdout.write(ENTER);
  }

  readonly #leave = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.stdout.write(LEAVE);
  };

  readonly #key = (bytes: Buffer): void => {
    const text = bytes.toString('latin1');
    if (QUIT.test(text)) this.#options.onEnd();
    else if (text.includes(STOP)) this.#stop();
  };

  readonly #stop = (): void => {
    this.#leave();
    process.kill(process.pid, 'SIGSTOP');
  };

  readonly #continue = (): void => {
    if (!this.#isOpen) this.#enter();
    this.#options.onRedraw();
  };
}
