/**
 * host-addresses - the addresses this host answers to, and what 0.0.0.0 and :: stand for
 *
 * A datagram's reply must come from the address that was asked, and Node cannot choose a datagram's
 * source. A wildcard in the configuration therefore becomes one socket on each of the host's own
 * addresses, and this list is read again to follow them.
 *
 * Limits: addresses of interfaces that are up; of 127.0.0.0/8 only those configured on an interface.
 */
import { networkInterfaces } from 'node:os';
import { type ClientAddress, parseAddress } from '../core/address.js';

export const WILDCARD_IPV4 = '0.0.0.0';
export const WILDCARD_IPV6 = '::';

export type Family = 4 | 6;

/** The family of an address text, wildcard or zone included. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

/** The address without its zone (`fe80::1%eth0`). */
export function withoutZone(address: string): string {
  const at = address.indexOf('%');
  return at < 0 ? address : address.slice(0, at);
}

/** Loopback in either family; traffic from it was sent on this host. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

export interface HostAddressesOptions {
  /** Where the addresses are read; os.networkInterfaces unless a test says otherwise. */
  readonly interfaces?: () => ReturnType<typeof networkInterfaces>;
}

export class HostAddresses {
  readonly #interfaces: () => ReturnType<typeof networkInterfaces>;
  readonly #listeners: (() => void)[] = [];
  #bindable: readonly string[] = [];
  #own: ReadonlySet<ClientAddress> = new Set();

  constructor(options: HostAddressesOptions = {}) {
    this.#interfaces = options.interfaces ?? networkInterfaces;
    this.refresh();
  }

  /** Reads them again, tells the listeners when they changed, and answers whether they did. */
  refresh(): boolean {
    const bindable: string[] = [];
    for (const [name, addresses] of Object.entries(this.#interfaces())) {
      for (const { address, family } of addresses ?? []) {
        const linkLocal = family === 'IPv6' && /^fe[89ab]/i.test(address);
        bindable.push(linkLocal ? `${withoutZone(address)}%${name}` : address);
      }
    }
    bindable.sort();
    if (bindable.join() === this.#bindable.join()) return false;
    this.#bindable = bindable;
    this.#own = new Set(
      bindable.map((text) => parseAddress(withoutZone(text))).filter((address) => address !== undefined),
    );
    for (const listener of this.#listeners) listener();
    return true;
  }

  /** Calls listener after each change of the addresses. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Whether what comes from this address was sent on this host: its own addresses and loopback. */
  has(address: ClientAddress): boolean {
    return this.#own.has(address) || isLoopback(address);
  }

  /** The host's own addresses, loopback included. */
  list(): ClientAddress[] {
    return [...this.#own];
  }

  /** Replaces wildcards by the host's own addresses of that family; each address once, in order. */
  expand(configured: readonly string[]): string[] {
    const expanded = new Set<string>();
    for (const address of configured) {
      if (address !== WILDCARD_IPV4 && address !== WILDCARD_IPV6) expanded.add(address);
      else for (const own of this.#bindable) if (familyOf(own) === familyOf(address)) expanded.add(own);
    }
    return [...expanded];
  }
}
