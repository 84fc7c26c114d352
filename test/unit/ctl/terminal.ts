/** terminal - a real terminal, tmux's, for what programs do with one */
import path from 'node:path';
import { mustRun, newDirectory, until } from '../../support/processes.js';

const LIMIT_MS = 60_000;
/** Blanks at the end of a line are not told. */
const PROMPT = /^\$$/m;

export class Terminal {
  /** Where its shell is. */
  readonly directory: string;
  readonly #socket: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.#socket = path.join(directory, 's');
  }

  /** A shell in a terminal of this size and a new directory. Its prompt is `$ `. */
  static async open(size: { columns: number; rows: number }, shell = 'sh'): Promise<Terminal> {
    const terminal = new Terminal(newDirectory('tmux'));
    const { columns, rows } = size;
    const where = ['-x', String(columns), '-y', String(rows), '-c', terminal.directory];
    await terminal.#tmux(['new-session', '-d', ...where, `PS1='$ ' ${shell}`]);
    try {
      await terminal.shows(PROMPT);
    } catch (thrown) {
      await terminal.close();
      throw thrown;
    }
    return terminal;
  }

  /** Types a line. */
  async line(text: string): Promise<void> {
    await this.#tmux(['send-keys', '-l', text]);
    await this.keys('Enter');
  }

  /** Types keys as tmux calls them: q, C-c, Enter, Tab. */
  async keys(...names: string[]): Promise<void> {
    await this.#tmux(['send-keys', ...names]);
  }

  async type(text: string): Promise<void> {
    await this.#tmux(['send-keys', '-l', text]);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux(['resize-window', '-x', String(columns), '-y', String(rows)]);
  }

  /** What stands on it now; with colours, if asked, as escape sequences. */
  async screen(colours = false): Promise<string> {
    return await this.#tmux(['capture-pane', '-p', ...(colours ? ['-e'] : [])]);
  }

  /** Whether a program uses the alternate screen, and whether the cursor is shown. */
  async state(): Promise<{ alternate: boolean; cursor: boolean }> {
    const format = '#{alternate_on}#{cursor_flag}';
    const [alternate, cursor] = await this.#tmux(['display-message', '-p', format]);
    return { alternate: alternate === '1', cursor: cursor === '1' };
  }

  /** Waits until it shows something. */
  async shows(what: RegExp): Promise<string> {
    let last = '';
    await until(`the terminal shows ${String(what)}`, LIMIT_MS, async () => {
      last = await this.screen();
      return what.test(last);
    }).catch((thrown: unknown) => {
      throw new Error(`${String(thrown)}; it shows:\n${last}`);
    });
    return last;
  }

  async close(): Promise<void> {
    await this.#tmux(['kill-server']);
  }

  #tmux(words: readonly string[]): Promise<string> {
    return mustRun(['tmux', '-u', '-f', '/dev/null', '-S', this.#socket, ...words], {
      env: { LC_ALL: 'C.UTF-8' },
    });
  }
}
