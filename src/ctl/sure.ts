/**
 * sure - whether somebody who is about to stop a good part of the world means it
 *
 * On a terminal he is asked; elsewhere he must have said --yes.
 */
import { createInterface } from 'node:readline/promises';
import { IPV4_BYTES } from '../core/address.js';
import { parseNetwork, prefixLength } from '../core/network.js';
import { CtlError, EXIT } from './exit.js';

/** What is shorter is no network of anybody's: /8 and /19 are the largest that may relay on a word, too. */
const MIN_PREFIX_IPV4 = 8;
const MIN_PREFIX_IPV6 = 19;

export interface SureOptions {
  readonly yes?: true;
}

/** Whether a network is so large that its deny is likely a slip of the pen. */
export function isVast(subject: string): boolean {
  const network = parseNetwork(subject);
  if (network === undefined) return false;
  return prefixLength(network) < (network.base.length === IPV4_BYTES ? MIN_PREFIX_IPV4 : MIN_PREFIX_IPV6);
}

/** Throws unless he is sure. */
export async function mustBeSure(what: string, { yes }: SureOptions): Promise<void> {
  if (yes === true) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new CtlError(EXIT.usage, `${what}; nothing was done`, 'say --yes if you mean it');
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question(`dracctl: ${what}. Do it? [y/N] `);
    if (!/^y(?:es)?$/i.test(answer.trim())) throw new CtlError(EXIT.usage, 'nothing was done');
  } finally {
    asking.close();
  }
}
