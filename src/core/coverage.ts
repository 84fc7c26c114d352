/**
 * coverage - how much of the network a lease covers: the client's address, or its /64 or /24
 *
 * An IPv6 client changes its address within its /64 many times a day, so what has fetched mail under one
 * address sends it under another. In an access network a /64 is one household; in a hosting range it may be
 * a thousand customers. Hence: exact unless the administrator says otherwise, and exact again where
 *
 *   - a listed hosting range, what is never granted or denied, one of the host's own addresses, a reporter or
 *     a site network lies in what would be covered: whoever is there would relay too;
 *   - the address carries an IPv4 address that the rest of its network does not share (NAT64, Teredo);
 *   - the network cannot be told from others in an indexed table: zero groups in its middle, or nothing but
 *     zero groups behind its first, which Postfix's keys do not count (2001:0:0:5::/64, fd00::/64).
 *
 * What a lease covers may change with the host's addresses: look-ups ask for the address and for what is around it.
 */
import { addressFromBytes, addressToBytes, type ClientAddress, IPV4_BYTES } from './address.js';
import { isWithin, type Network, networkOf } from './network.js';
import { NetworkSet } from './network-set.js';
import { carriesOthers, type NeverGranted } from './never.js';
import type { Reporters } from './reporters.js';
import type { Standing } from './standing.js';
import { type Subject, subjectOf } from './subject.js';

/** How much a lease covers when it covers more than the address. */
export const WIDE_IPV6 = 64;
export const WIDE_IPV4 = 24;

export interface CoverageOptions {
  /** 64, or 128: the address alone. */
  readonly ipv6Prefix: number;
  /** 24, or 32: the address alone. */
  readonly ipv4Prefix: number;
  /** In these a lease covers a /64 or /24 whatever the prefixes say. None is longer than that. */
  readonly access: readonly Network[];
  /** In these a lease never covers more than the address. */
  readonly hosting: readonly Network[];
  readonly never: NeverGranted;
  readonly reporters: Reporters;
  readonly standing: Standing;
}

/** So many zero groups at the end of a /64 an indexed table can tell from fewer. */
const MOST_TRAILING_ZEROS = 2;

/** Whether zero groups stand before the last one that is not zero, or too many behind it. */
function hidesZeros(base: Uint8Array): boolean {
  let zeros = 0;
  for (let i = 0; i < WIDE_IPV6 / 8; i += 2) {
    if (base[i] !== 0 || base[i + 1] !== 0) {
      if (zeros > 1) return true;
      zeros = 0;
    } else zeros += 1;
  }
  return zeros > MOST_TRAILING_ZEROS;
}

export class Coverage {
  readonly #options: CoverageOptions;
  readonly #alwaysExact: boolean;
  readonly #access: NetworkSet;
  readonly #hosting: NetworkSet;

  constructor(options: CoverageOptions) {
    this.#options = options;
    this.#access = new NetworkSet(options.access);
    this.#hosting = new NetworkSet(options.hosting);
    this.#alwaysExact =
      options.ipv6Prefix !== WIDE_IPV6 && options.ipv4Prefix !== WIDE_IPV4 && options.access.length === 0;
  }

  /** What a lease of this client, taken now, covers. */
  of(client: ClientAddress): Subject {
    const network = this.#around(client);
    return network === undefined || this.#mustBeExact(network, addressToBytes(client))
      ? client
      : subjectOf(network);
  }

  /** What an earlier lease may have covered this client with; undefined when there is no such thing. */
  around(client: ClientAddress): Subject | undefined {
    const network = this.#around(client);
    return network && subjectOf(network);
  }

  /** Likewise, what may have covered all of a network. */
  aroundNetwork(network: Network): Subject | undefined {
    const around = this.#around(addressFromBytes(network.base));
    return around !== undefined && isWithin(network, around) ? subjectOf(around) : undefined;
  }

  #around(client: ClientAddress): Network | undefined {
    if (this.#alwaysExact) return undefined;
    const bytes = addressToBytes(client);
    const { ipv4Prefix, ipv6Prefix } = this.#options;
    const isIpv4 = bytes.length === IPV4_BYTES;
    const wide = isIpv4 ? WIDE_IPV4 : WIDE_IPV6;
    const isWide = (isIpv4 ? ipv4Prefix : ipv6Prefix) === wide || this.#access.holds(bytes);
    return isWide ? networkOf(bytes, wide) : undefined;
  }

  #mustBeExact(network: Network, client: Uint8Array): boolean {
    const { never, reporters, standing } = this.#options;
    if (network.base.length !== IPV4_BYTES && (carriesOthers(client) || hidesZeros(network.base)))
      return true;
    return (
      this.#hosting.touches(network) ||
      never.touches(network) ||
      reporters.touch(network) ||
      standing.touches(network)
    );
  }
}
