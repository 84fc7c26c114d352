/**
 * reporters - whose word is believed
 *
 * A list of networks: what the configuration allows plus the original's dracd.allow. Nothing else in a
 * call (AUTH_SYS names, ports) ever decides.
 *
 * dracd.allow, line by line: `netmask netaddr`, dotted quads, `#` starts a comment. A line whose
 * address has bits outside its mask never matched in the original; here the address is masked and the
 * line is warned of, unless the mask is no prefix either: then it is ignored, as ever. A line that cannot be read is warned of and believed for nobody.
 */
import { type ClientAddress, addressToBytes, parseAddress } from './address.js';
import { type Network, anyContains, isPrefix, isSingleHost, maskNetwork, overlaps } from './network.js';
import { NetworkSet } from './network-set.js';
import { hostOf } from './never.js';

/** Longest dracd.allow that is read, in lines; more is a mistake or an attack. */
export const MAX_ALLOW_LINES = 100_000;
/** Senders whose verdict is remembered, so that a busy reporter costs one comparison of text. */
const MAX_REMEMBERED = 1_024;

/** What dracd.allow says, and what is wrong with it (1-based line numbers). */
export interface AllowFile {
  readonly networks: readonly Network[];
  readonly warnings: readonly { readonly line: number; readonly message: string }[];
}

function readLine(text: string): { network?: Network; warning?: string } {
  const words = text.split(/\s+/);
  const [maskText = '', addressText = ''] = words;
  const mask = parseAddress(maskText);
  const address = parseAddress(addressText);
  if (words.length !== 2 || mask === undefined || address === undefined) {
    return {
      warning: 'ignored: a line holds a netmask and a network address, such as 255.255.255.0 192.0.2.0',
    };
  }
  const network = maskNetwork(address, mask);
  if (network === undefined) return { warning: 'ignored: netmask and address are of different families' };
  if (network.hostBits && !isPrefix(network)) {
    return { warning: 'ignored: matched nobody in the original either; are netmask and address swapped?' };
  }
  if (network.hostBits) {
    return { network, warning: `the address has bits outside its netmask; read as ${hostOf(network)}` };
  }
  return { network };
}

/** Reads the text of a dracd.allow file. Total: whatever it holds, it answers. */
export function parseAllowFile(text: string): AllowFile {
  const networks: Network[] = [];
  const warnings: { line: number; message: string }[] = [];
  const lines = text.split(/\r?\n/, MAX_ALLOW_LINES + 1);
  if (lines.length > MAX_ALLOW_LINES) {
    warnings.push({
      line: MAX_ALLOW_LINES + 1,
      message: `ignored from here: more than ${MAX_ALLOW_LINES} lines`,
    });
    lines.length = MAX_ALLOW_LINES;
  }
  for (const [index, raw] of lines.entries()) {
    const line = raw.replace(/#[^]*/, '').trim();
    if (line === '') continue;
    const { network, warning } = readLine(line);
    if (network !== undefined) networks.push(network);
    if (warning !== undefined) warnings.push({ line: index + 1, message: warning });
  }
  return { networks, warnings };
}

export class Reporters {
  #networks: readonly Network[] = [];
  #prefixes = new NetworkSet([]);
  /** Those whose mask is none. */
  #others: readonly Network[] = [];
  readonly #remembered = new Map<ClientAddress, boolean>();

  /** Replaces the list; takes effect with the next report. */
  replace(networks: readonly Network[]): void {
    this.#networks = networks;
    this.#prefixes = new NetworkSet(networks.filter(isPrefix));
    this.#others = networks.filter((network) => !isPrefix(network));
    this.#remembered.clear();
  }

  /** Whether the word of this sender is believed. */
  believes(sender: ClientAddress): boolean {
    const known = this.#remembered.get(sender);
    if (known !== undefined) return known;
    const bytes = addressToBytes(sender);
    const believed = this.#prefixes.holds(bytes) || anyContains(this.#others, bytes);
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(sender, believed);
    return believed;
  }

  /** Whether some address of the network is a reporter's. */
  touch(network: Network): boolean {
    return this.#prefixes.touches(network) || this.#others.some((other) => overlaps(network, other));
  }

  /** The reporters listed as single hosts. */
  singleHosts(): ClientAddress[] {
    return this.#networks.filter(isSingleHost).map(hostOf);
  }
}
