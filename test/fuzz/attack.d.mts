/** attack - the types of attack.mjs */
import type { Decoder } from './decoders.mjs';

export class Finding extends Error {
  readonly decoder: string;
  readonly seed: number;
  readonly iteration: number;
  /** The message. */
  readonly hex: string;
}

export class Attack {
  constructor(seed: number);
  /** Whether the decoder accepted the message of this iteration; throws a Finding. */
  once(decoder: Decoder, iteration: number): boolean;
}
