/**
 * never - addresses that are never granted, whoever asks
 *
 * Unspecified, loopback, multicast, broadcast, link-local and reserved addresses; IPv6 addresses that
 * merely wrap such an IPv4 address (6to4, Teredo, NAT64, the deprecated IPv4-compatible form); the
 * host's own addresses; reporters listed as single hosts, and the sender of the very report (a
 * POP server behind which everybody would relay); and the networks the administrator names.
 *
 * Bugs: the broadcast address of a client's own network cannot be told from a host's; 255.255.255.255 is refused.
 */
import { type ClientAddress, IPV4_BYTES, addressFromBytes, addressToBytes } from './address.js';
import {
  type Network,
  anyContains,
  contains,
  isWithin,
  networkOf,
  overlaps,
  parseNetwork,
} from './network.js';
import { NetworkSet } from './network-set.js';

function networks(...texts: string[]): Network[] {
  return texts.map((text) => {
    const network = parseNetwork(text);
    if (network === undefined) throw new RangeError(`not a network: ${text}`);
    return network;
  });
}

/** RFC 6890 and its registries: this network, loopback, link-local, protocol assignments, multicast, reserved and broadcast. */
const UNUSABLE_IPV4 = networks(
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
);
/** The only IPv6 space a client can come from: global unicast, unique local (RFC 4193), and NAT64 (RFC 6052). */
const USABLE_IPV6 = networks('2000::/3', 'fc00::/7', '64:ff9b::/96');
/** Where an IPv6 address carries an IPv4 address: 6to4 (RFC 3056), NAT64 (RFC 6052), Teredo (RFC 4380, inverted). */
const WRAPPERS = [
  { network: networks('2002::/16'), at: 2, invert: 0 },
  { network: networks('64:ff9b::/96'), at: 12, invert: 0 },
  { network: networks('2001::/32'), at: 12, invert: 0xff },
].map(({ network, ...rest }) => ({ network: network[0] as Network, ...rest }));

/** What one network of a household has in common. */
const SHARED_BITS = 64;

/** Those of UNUSABLE_IPV4 that have addresses which begin with an octet: asked with each report, and nearly always none. */
const UNUSABLE_FROM = Array.from({ length: 256 }, (_, octet) => {
  const all = networkOf(Uint8Array.of(octet, 0, 0, 0), 8);
  return UNUSABLE_IPV4.filter((network) => overlaps(network, all));
});

function isUnusable(bytes: Uint8Array): boolean {
  return bytes.length === IPV4_BYTES
    ? anyContains(UNUSABLE_FROM[bytes[0] ?? 0] ?? UNUSABLE_IPV4, bytes)
    : !anyContains(USABLE_IPV6, bytes);
}

/** The four bytes of the IPv4 address that an IPv6 address wraps; undefined when it wraps none. */
function unwrap(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length === 4) return undefined;
  const wrapper = WRAPPERS.find(({ network }) => contains(network, bytes));
  return wrapper && bytes.subarray(wrapper.at, wrapper.at + 4).map((byte) => byte ^ wrapper.invert);
}

/** Whether the address carries an IPv4 address that its neighbours in the same /64 do not share. */
export function carriesOthers(bytes: Uint8Array): boolean {
  return WRAPPERS.some(({ network, at }) => at * 8 >= SHARED_BITS && contains(network, bytes));
}

/** Whether some addresses of the network are of no use to a client, or carry IPv4 addresses. */
export function isUnfit(network: Network): boolean {
  if (network.base.length === IPV4_BYTES) return UNUSABLE_IPV4.some((other) => overlaps(network, other));
  return (
    !USABLE_IPV6.some((usable) => isWithin(network, usable)) ||
    WRAPPERS.some((wrapper) => overlaps(network, wrapper.network))
  );
}

export interface NeverOptions {
  /** The administrator's `never` networks: prefixes. */
  readonly networks: readonly Network[];
}

export class NeverGranted {
  readonly #networks: NetworkSet;
  #hosts: ReadonlySet<ClientAddress> = new Set();
  #hostNetworks = new NetworkSet([]);

  constructor(options: NeverOptions) {
    this.#networks = new NetworkSet(options.networks);
  }

  /** Replaces the single hosts that are never granted: the host's own addresses and single-host reporters. */
  setHosts(hosts: Iterable<ClientAddress>): void {
    this.#hosts = new Set(hosts);
    this.#hostNetworks = new NetworkSet(
      Array.from(this.#hosts, (host) => {
        const bytes = addressToBytes(host);
        return networkOf(bytes, bytes.length * 8);
      }),
    );
  }

  /** Whether a report by sender for client must be refused. */
  refuses(client: ClientAddress, sender: ClientAddress): boolean {
    return client === sender || this.#hosts.has(client) || this.forbids(client, sender);
  }

  /** Whether the client may not relay whatever else says so: it is of no use as an address, or in a `never` network. */
  forbids(client: ClientAddress, sender?: ClientAddress): boolean {
    return this.reason(client, sender) !== undefined;
  }

  /** Why it is forbidden: it is of no use as an address, or listed (or carries an address that is). */
  reason(client: ClientAddress, sender?: ClientAddress): 'unusable' | 'never' | undefined {
    const bytes = addressToBytes(client);
    if (isUnusable(bytes)) return 'unusable';
    if (this.#networks.holds(bytes)) return 'never';
    const wrapped = unwrap(bytes);
    if (wrapped === undefined) return undefined;
    const inner = addressFromBytes(wrapped);
    return inner === sender || this.#hosts.has(inner) ? 'never' : this.reason(inner, sender);
  }

  /** Whether the client is one of the single hosts that are never granted. */
  isHost(client: ClientAddress): boolean {
    return this.#hosts.has(client);
  }

  /** Whether some address of the network is never granted. */
  touches(network: Network): boolean {
    return this.#networks.touches(network) || this.#hostNetworks.touches(network);
  }
}

/** The address of a single-host network. */
export function hostOf(network: Network): ClientAddress {
  return addressFromBytes(network.base);
}
