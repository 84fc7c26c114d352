/**
 * attack - one mutated message for one decoder, and what is said when it does what it must not
 */
import { Mutator, Random, streamOf } from './mutate.mjs';

/** What a decoder did that it must not, with all that is needed to see it again. */
export class Finding extends Error {
  /** @param {{decoder: string, seed: number, iteration: number, hex: string, cause: unknown}} found */
  constructor({ decoder, seed, iteration, hex, cause }) {
    super(`${decoder}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.decoder = decoder;
    this.seed = seed;
    this.iteration = iteration;
    this.hex = hex;
  }
}

/** Runs single iterations; the same seed, decoder and iteration are the same message and the same chunks. */
export class Attack {
  #seed;
  #random = new Random();
  #mutator = new Mutator(this.#random);

  /** @param {number} seed */
  constructor(seed) {
    this.#seed = seed;
  }

  /** Whether the decoder accepted the message; throws a Finding. @param {any} decoder @param {number} iteration */
  once(decoder, iteration) {
    this.#random.restart(this.#seed, streamOf(decoder.name), iteration);
    const original = decoder.original?.(this.#random) ?? this.#random.pick(decoder.corpus);
    const message = this.#mutator.mutate(original, decoder.corpus);
    const before = message.slice();
    try {
      const accepted = decoder.run(message, this.#random);
      if (Buffer.compare(message, before) !== 0) throw new Error('the message has been changed');
      return accepted;
    } catch (cause) {
      const hex = Buffer.from(before).toString('hex');
      throw new Finding({ decoder: decoder.name, seed: this.#seed, iteration, hex, cause });
    }
  }
}
