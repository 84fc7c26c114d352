/**
 * top - what the daemon does, second by second
 *
 * On a terminal a screen that q or ^C ends; it goes on when dracd does not answer, and says so. Otherwise a line each
 * time, with --json an object, and what goes wrong is an error.
 */
import type { Clock, Timer } from '../runtime/clock.js';
import { legible } from '../runtime/printable.js';
import type { Job, Status } from './commands.js';
import { type Sample, type View, viewOf } from './rates.js';
import { Screen } from './screen.js';
import { whenToldToEnd } from './told-to-end.js';
import { line, lineHeading, object, screenLines } from './top-view.js';

export interface TopOptions {
  /** Milliseconds from one question to the next. */
  readonly interval: number;
  /** So many times; undefined: until told to end. */
  readonly count?: number;
}

const LINES_A_HEADING = 20;
const NOTHING: View = { state: {}, adds: [], lookups: [], refused: [], reporters: [] };

export async function top(job: Job, options: TopOptions, clock: Clock): Promise<Status> {
  const { json, isTerminal } = job.output;
  const run = isTerminal && !json ? new OnScreen(job, options, clock) : new InLines(job, options, clock);
  await run.run();
  return 0;
}

abstract class Rounds {
  protected readonly job: Job;
  protected readonly options: TopOptions;
  protected readonly clock: Clock;
  /** Resolves when it was told to end. */
  readonly #ended: Promise<undefined>;
  #isOver = false;
  #end: () => void = () => undefined;

  constructor(job: Job, options: TopOptions, clock: Clock) {
    this.job = job;
    this.options = options;
    this.clock = clock;
    this.#ended = new Promise((resolve) => {
      this.#end = () => {
        resolve(undefined);
      };
    });
  }

  abstract run(): Promise<void>;

  protected get isOver(): boolean {
    return this.#isOver;
  }

  protected readonly end = (): void => {
    this.#isOver = true;
    this.#end();
  };

  /** Undefined: it was told to end before there was an answer. */
  protected async ask(): Promise<Sample | undefined> {
    const answer = await Promise.race([this.job.client.stats(), this.#ended]);
    return answer && { at: this.clock.mono(), answer };
  }

  /** Until the next round, or the end. */
  protected async wait(): Promise<void> {
    let timer: Timer | undefined;
    const rested = new Promise<undefined>((resolve) => {
      timer = this.clock.after(this.options.interval, () => {
        resolve(undefined);
      });
    });
    await Promise.race([rested, this.#ended]);
    timer?.stop();
  }

  protected time(): string {
    return new Date(this.clock.wall()).toISOString();
  }
}

class InLines extends Rounds {
  async run(): Promise<void> {
    const { json, write, flushed } = this.job.output;
    const stop = whenToldToEnd(this.end);
    try {
      let before = await this.ask();
      for (let n = 0; n < (this.options.count ?? Infinity); n += 1) {
        await this.wait();
        const now = this.isOver ? undefined : await this.ask();
        if (before === undefined || now === undefined) return;
        const view = viewOf(now, before);
        before = now;
        if (json) write(object(view, this.time()));
        else write((n % LINES_A_HEADING === 0 ? lineHeading() : '') + line(view, this.time()));
        await flushed();
      }
    } finally {
      stop();
    }
  }
}

class OnScreen extends Rounds {
  #view = NOTHING;
  #problem = '';

  async run(): Promise<void> {
    // What cannot be reached at all is told before the screen is taken.
    let last = await this.ask();
    if (last === undefined) return;
    this.#view = viewOf(last, undefined);
    const screen = new Screen({
      onEnd: this.end,
      onRedraw: () => {
        this.#draw(screen);
      },
    });
    screen.open();
    try {
      for (let n = 1; ; n += 1) {
        this.#draw(screen);
        if (n >= (this.options.count ?? Infinity)) return;
        await this.wait();
        if (this.isOver) return;
        last = await this.#next(last);
      }
    } finally {
      screen.close();
    }
  }

  async #next(before: Sample): Promise<Sample> {
    try {
      const now = await this.ask();
      if (now === undefined) return before;
      this.#view = viewOf(now, before);
      this.#problem = '';
      return now;
    } catch (thrown) {
      this.#problem = legible(thrown instanceof Error ? thrown.message : String(thrown));
      return before;
    }
  }

  #draw(screen: Screen): void {
    const { state } = this.#view;
    const { output } = this.job;
    const version = legible(String(state['version'] ?? ''));
    const title = `dracd ${version}  ${this.time().slice(0, 19)}Z  every ${this.options.interval / 1_000} s  q: quit`;
    screen.draw(
      screenLines(output, { view: this.#view, title, problem: this.#problem, columns: screen.columns }),
    );
  }
}
