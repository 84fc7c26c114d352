/**
 * site - the site's own networks, which may relay without a login
 *
 * What the administrator lists as `always`, less what is listed as `never`. It does not end, so maps carry
 * FOREVER for it: a number that Exim can compare with the time like any other.
 */
import { addressToBytes, type ClientAddress } from './address.js';
import { type Network, without } from './network.js';
import { NetworkSet } from './network-set.js';
import { type Permission, subjectOf } from './subject.js';

/** The last second that 32 bits count (in 2106), epoch milliseconds. */
export const FOREVER = (2 ** 32 - 1) * 1_000;

export class SiteNetworks {
  /** What may relay and when that ends: never. */
  readonly permissions: readonly Permission[];
  readonly #networks: NetworkSet;

  /** Both lists are prefixes. */
  constructor(always: readonly Network[], never: readonly Network[]) {
    const networks = always.flatMap((network) => without(network, never));
    this.#networks = new NetworkSet(networks);
    this.permissions = networks.map((network) => ({ client: subjectOf(network), expiresAt: FOREVER }));
  }

  /** Whether this client is of the site. */
  holds(client: ClientAddress): boolean {
    return this.permissions.length > 0 && this.#networks.holds(addressToBytes(client));
  }

  /** Whether some address of the network is of the site. */
  touches(network: Network): boolean {
    return this.#networks.touches(network);
  }
}
