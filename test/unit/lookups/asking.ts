/** asking - what the tests of lookups/ ask, and whom */
import { type ClientAddress, parseAddress } from '../../../src/core/address.js';
import type { Verdict } from '../../../src/core/decision.js';
import type { OnMiss, Permits } from '../../../src/lookups/lookup.js';

export function at(text: string): ClientAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new RangeError(`no address: ${text}`);
  return address;
}

/** Says what it was told to, and keeps who was asked about. */
export class FakePermits implements Permits {
  readonly asked: ClientAddress[] = [];
  readonly #verdicts = new Map<ClientAddress, Verdict>();
  /** Of everybody else. */
  otherwise: Verdict = { verdict: 'not' };

  say(client: string, verdict: Verdict): this {
    this.#verdicts.set(at(client), verdict);
    return this;
  }

  ask(client: ClientAddress): Verdict {
    this.asked.push(client);
    return this.#verdicts.get(client) ?? this.otherwise;
  }
}

export const dunno: OnMiss = { answer: 'dunno', text: 'x', ended: 'x', url: '', pastMs: 0, graceMs: 0 };

/** The bytes as text, one character each. */
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
