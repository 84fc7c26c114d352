/**
 * publish-thread - starts the publishing thread when there is work, hands it grants, and lets it go
 *
 * Promise: the event loop is never held up for more than some milliseconds, however many grants there
 * are. They are packed in steps of STEP_MS; everything else happens in the thread. A thread that had no work for
 * IDLE_MS is ended, and its memory given back.
 *
 * Errors: what the thread failed with, with its code; also when the thread itself dies (no memory).
 * Limits: one job at a time.
 */
import { Worker } from 'node:worker_threads';
import type { Denial } from '../core/outlets.js';
import type { LeanPermission } from '../core/subject.js';
import type { Clock, Timer } from '../runtime/clock.js';
import { Packer } from './packed.js';
import type { Answer, Job, Order, Written } from './publish-worker.js';

export const IDLE_MS = 10_000;
const STEP_MS = 1;
/** The clock is asked once in so many grants. */
const CLOCK_EVERY = 64;
/** The built file also where this one is not built: a thread cannot run TypeScript. */
const PROGRAM = new URL('../../dist/exports/publish-worker.js', import.meta.url);

/** Who waits for the answer to a job. */
interface Waiting {
  readonly id: number;
  resolve(written: Written): void;
  reject(error: Error): void;
}

export class PublishThread {
  readonly #clock: Clock;
  #worker: Worker | undefined;
  #idle: Timer | undefined;
  #waiting: Waiting | undefined;
  #lastId = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the thread is there, with its memory. */
  get runs(): boolean {
    return this.#worker !== undefined;
  }

  /** Writes the grants, and the denials for a file that can say such, to job.fd and brings them to the disk. */
  async write(
    job: Omit<Job, 'id'>,
    grants: Iterable<LeanPermission>,
    denials: Iterable<Denial> = [],
  ): Promise<Written> {
    if (this.#waiting !== undefined) throw new Error('the publishing thread is at work already');
    this.#idle?.stop();
    const worker = this.#start();
    worker.ref();
    const id = (this.#lastId += 1);
    const answer = new Promise<Written>((resolve, reject) => {
      this.#waiting = { id, resolve, reject };
    });
    // It may fail while the grants are still being packed; it is waited for below.
    answer.catch(() => undefined);
    try {
      const give = (order: Order, transfer: ArrayBuffer[] = []): void => worker.postMessage(order, transfer);
      give({ begin: { ...job, id } });
      const count = await this.#pack((chunk) => give({ chunk }, [chunk]), grants, denials);
      give({ end: count });
      return await answer;
    } finally {
      this.#waiting = undefined;
      worker.unref();
      if (this.#worker !== undefined) this.#idle = this.#clock.after(IDLE_MS, () => void this.end());
    }
  }

  /** Packs all, or stops early when the job has failed. Answers how many. */
  async #pack(
    give: (chunk: ArrayBuffer) => void,
    grants: Iterable<LeanPermission>,
    denials: Iterable<Denial>,
  ): Promise<number> {
    const packer = new Packer(give);
    const denied = await this.#step(denials, ({ client }) => {
      packer.deny(client);
    });
    const granted = await this.#step(grants, (grant) => {
      packer.add(grant);
    });
    packer.flush();
    return denied + granted;
  }

  /** Lets other work go on every STEP_MS. Answers how many there were, while the job had not failed. */
  async #step<T>(all: Iterable<T>, add: (one: T) => void): Promise<number> {
    let count = 0;
    let until = this.#clock.mono() + STEP_MS;
    for (const one of all) {
      add(one);
      count += 1;
      if (count % CLOCK_EVERY !== 0 || this.#clock.mono() < until) continue;
      await new Promise<void>((resolve) => {
        this.#clock.soon(resolve);
      });
      if (this.#waiting === undefined) break;
      until = this.#clock.mono() + STEP_MS;
    }
    return count;
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(PROGRAM, { name: 'publish' });
    worker.on('message', ({ id, written, failed }: Answer) => {
      const waiting = this.#waiting;
      if (waiting?.id !== id) return;
      this.#waiting = undefined;
      if (written !== undefined) waiting.resolve(written);
      else waiting.reject(Object.assign(new Error(failed?.message), { code: failed?.code }));
    });
    worker.on('error', (error) => {
      this.#lost(worker, error);
    });
    worker.on('exit', () => {
      this.#lost(worker, new Error('the publishing thread has ended'));
    });
    this.#worker = worker;
    return worker;
  }

  #lost(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(error);
  }

  /** Ends the thread; a job under way fails. It is started again when there is work. */
  async end(): Promise<void> {
    this.#idle?.stop();
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#lost(worker, new Error('the publishing thread was ended'));
    await worker.terminate();
  }
}
