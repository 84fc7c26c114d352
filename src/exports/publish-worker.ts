/**
 * publish-worker - the publishing thread: grants in, a complete file on the disk out
 *
 * It is told to begin a job, is given the grants in chunks, and at the end sorts them, writes the file
 * to the descriptor it was lent, brings it to the disk and answers once. A job that fails is answered
 * at once, and what still comes of it is passed over. Nothing is kept between jobs.
 */
import { parentPort } from 'node:worker_threads';
import { Fault, reasonOf } from '../core/fault.js';
import type { Container } from './container.js';
import type { ContainerName } from './containers.js';
import { containers } from './containers.js';
import type { Wording, Words } from './dialect.js';
import { DeniedKeys } from './denied-keys.js';
import { DENIED_UNTIL, type Entry, networkText } from './entry.js';
import { Output } from './output.js';
import { unpack } from './packed.js';
import { DENIED, denialKeys } from './postfix-keys.js';
import { Records } from './records.js';

export interface Job {
  readonly id: number;
  /** An empty file, open for writing. It stays open. */
  readonly fd: number;
  readonly container: ContainerName;
  readonly wording: Wording;
}

/** What was written. */
export interface Written {
  readonly grants: number;
  readonly bytes: number;
  /** How many grants the file has no words for, and some of them. */
  readonly unsaid: number;
  readonly examples: readonly string[];
}

export type Order =
  | { readonly begin: Job }
  | { readonly chunk: ArrayBuffer }
  /** With how many grants and denials were sent. */
  | { readonly end: number };

export interface Answer {
  readonly id: number;
  readonly written?: Written;
  readonly failed?: { readonly message: string; readonly code: string | undefined };
}

const MAX_EXAMPLES = 3;

/** A job under way. */
class Publication {
  readonly #job: Job;
  readonly #words: Words;
  readonly #records: Records;
  readonly #denied = new DeniedKeys();
  readonly #examples: string[] = [];
  #denials = 0;
  #grants = 0;
  #unsaid = 0;

  constructor(job: Job) {
    this.#job = job;
    this.#words = containers[job.container].words(job.wording);
    this.#records = new Records(this.#words.terminated);
    for (const [key, value] of this.#words.fixed) this.#records.add(key, value, 0);
  }

  add(chunk: ArrayBuffer): void {
    for (const entry of unpack(chunk))
      if (entry.expiresAt === DENIED_UNTIL) this.#deny(entry);
      else this.#permit(entry);
  }

  /** All of these come before who may relay. */
  #deny(entry: Entry): void {
    this.#denials += 1;
    this.#denied.add({ client: networkText(entry), isInside: true });
    for (const key of denialKeys(entry)) this.#records.add(key, DENIED, DENIED_UNTIL);
  }

  #permit(entry: Entry): void {
    this.#grants += 1;
    const keys = this.#words.keys(entry);
    if (keys === undefined) {
      this.#unsaid += 1;
      if (this.#examples.length < MAX_EXAMPLES) this.#examples.push(networkText(entry));
    } else
      for (const key of keys)
        if (this.#denied.mayPermit(key))
          this.#records.add(key, this.#words.value(key, entry), entry.expiresAt);
  }

  finish(expected: number): Written {
    const came = this.#denials + this.#grants;
    if (came !== expected)
      throw new Fault('MAP', `${came} grants came to the publishing thread, not ${expected}`);
    const output = new Output(this.#job.fd);
    const container: Container = containers[this.#job.container];
    container.write(this.#records, output, this.#job.wording);
    return {
      grants: this.#grants,
      bytes: output.finish(),
      unsaid: this.#unsaid,
      examples: this.#examples,
    };
  }
}

let id = 0;
let publication: Publication | undefined;

function follow(order: Order): Answer | undefined {
  if ('begin' in order) {
    id = order.begin.id;
    publication = undefined;
    publication = new Publication(order.begin);
  } else if ('chunk' in order) publication?.add(order.chunk);
  else if (publication !== undefined) {
    const written = publication.finish(order.end);
    publication = undefined;
    return { id, written };
  }
  return undefined;
}

function codeOf(thrown: unknown): string | undefined {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : undefined;
}

parentPort?.on('message', (order: Order) => {
  let answer: Answer | undefined;
  try {
    answer = follow(order);
  } catch (thrown) {
    publication = undefined;
    answer = { id, failed: { message: reasonOf(thrown), code: codeOf(thrown) } };
  }
  if (answer !== undefined) parentPort?.postMessage(answer);
});
