/**
 * watch - prints what changes, and goes on where it was after a broken connection
 *
 * With `reconnect` it tries again after FIRST_MS, then twice as long each time, up to LONGEST_MS, each a little
 * at random. A gap (dracd does not remember the position any more, or was started anew) is never silent: without
 * `reconnect` it is an error; with it a line says so and it goes on with what is new.
 */
import { AdminError } from '../admin/client.js';
import type { Change__Output } from '../admin/gen/dracd/admin/v1/Change.js';
import type { Position__Output } from '../admin/gen/dracd/admin/v1/Position.js';
import type { Clock, Timer } from '../runtime/clock.js';
import { legible } from '../runtime/printable.js';
import type { Job, Status } from './commands.js';
import { CtlError, EXIT } from './exit.js';
import { json, type Output, rowObject, timeText } from './output.js';
import { whenToldToEnd } from './told-to-end.js';
import { positionText } from './values.js';

export interface WatchOptions {
  readonly after?: Position__Output;
  readonly reconnect?: true;
}

const FIRST_MS = 250;
const LONGEST_MS = 10_000;
const GONE = 'HISTORY_GONE';
/** What passes when dracd is back, or less busy. */
const PASSING: readonly string[] = ['UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED', 'INTERNAL'];

function changeText(output: Output, change: Change__Output, epoch: string): string {
  const kind = change.kind.replace('KIND_', '').toLowerCase();
  const { row, author, reason, number, at } = change;
  if (output.json) {
    const object = row === null ? {} : rowObject(row);
    const position = positionText({ epoch, number });
    return json({ number, change: kind, at: timeText(at), ...object, author, reason, position });
  }
  const who = author === '' ? (row?.reporter ?? '') : author;
  const line = [timeText(at) ?? '', kind.padEnd(8), (row?.subject ?? '').padEnd(20), who, reason];
  return `${line.map(legible).join('  ').trimEnd()}\n`;
}

const gapText = (output: Output, after: Position__Output): string =>
  output.json
    ? json({ change: 'gap', after: positionText(after) })
    : `changes after ${legible(positionText(after))} were missed: list anew\n`;

/** Until it is told to end, or the daemon stops. */
export async function watch(job: Job, options: WatchOptions, clock: Clock): Promise<Status> {
  const watching = new Watch(job, options, clock);
  const stop = whenToldToEnd(watching.end);
  try {
    await watching.run();
  } finally {
    stop();
  }
  return 0;
}

class Watch {
  readonly #job: Job;
  readonly #clock: Clock;
  readonly #reconnect: boolean;
  #position: Position__Output | undefined;
  #wait = FIRST_MS;
  #isOver = false;
  #stop: () => void = () => undefined;

  constructor(job: Job, { after, reconnect }: WatchOptions, clock: Clock) {
    this.#job = job;
    this.#clock = clock;
    this.#reconnect = reconnect === true;
    this.#position = after;
  }

  readonly end = (): void => {
    this.#isOver = true;
    this.#stop();
    if (this.#position !== undefined)
      process.stderr.write(
        `dracctl: to go on from here: dracctl watch --after ${legible(positionText(this.#position))}\n`,
      );
  };

  async run(): Promise<void> {
    for (;;) {
      try {
        await this.#read();
        return;
      } catch (thrown) {
        if (!(thrown instanceof AdminError)) throw thrown;
        if (thrown.reason === GONE) await this.#jump(thrown);
        else await this.#rest(thrown);
      }
      if (this.#isOver) return;
    }
  }

  async #read(): Promise<void> {
    const { client, output } = this.#job;
    const messages = client.watch({ after: this.#position });
    this.#stop = () => {
      messages.cancel();
    };
    for await (const { changes, position } of messages) {
      this.#wait = FIRST_MS;
      output.write(changes.map((change) => changeText(output, change, position?.epoch ?? '')).join(''));
      await output.flushed();
      this.#position = position ?? this.#position;
    }
  }

  async #jump(thrown: AdminError): Promise<void> {
    const { output } = this.#job;
    const from = this.#position;
    if (!this.#reconnect || from === undefined)
      throw new CtlError(
        EXIT.failed,
        thrown.message,
        'list anew (dracctl export), and watch from the position that it prints',
      );
    output.write(gapText(output, from));
    await output.flushed();
    this.#position = undefined;
  }

  async #rest(thrown: AdminError): Promise<void> {
    if (!this.#reconnect || !PASSING.includes(thrown.status)) throw thrown;
    const ms = this.#wait * (0.5 + Math.random() / 2);
    this.#wait = Math.min(this.#wait * 2, LONGEST_MS);
    process.stderr.write(`dracctl: ${legible(thrown.message)}; trying again\n`);
    await new Promise<void>((resolve) => {
      const timer: Timer = this.#clock.after(ms, resolve);
      this.#stop = () => {
        timer.stop();
        resolve();
      };
    });
  }
}
