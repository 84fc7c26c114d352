/**
 * doors - the sockets of the RPC intake: which are open, on which port, and how they follow the host
 *
 * Every door (UDP or TCP, on one address) has the same port number, so that one firewall rule covers
 * all. With port 0 the first door's port is chosen by the kernel and the others are tried on it; when
 * one of them is taken the choice starts again, PORT_TRIALS times in all.
 *
 * Errors: at the start every door must open, or a Fault LISTEN names address, port, key and cure.
 * Later a door that cannot be opened is told of once and tried again at each look.
 */
import { Fault, reasonOf } from '../core/fault.js';
import type { Log } from '../runtime/log.js';
import type { HostAddresses } from './host-addresses.js';

export type Transport = 'udp' | 'tcp';

/** One listening socket. */
export interface Door {
  readonly transport: Transport;
  readonly address: string;
  readonly port: number;
  close(): void;
}

/** Opens a door on an address; port 0 lets the kernel choose. Rejects with Node's own error. */
export type Opener = (address: string, port: number) => Promise<Door>;

export interface DoorsOptions {
  readonly openers: Readonly<Partial<Record<Transport, Opener>>>;
  /** As configured; wildcards are expanded here. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly host: HostAddresses;
  readonly log: Log;
}

const PORT_TRIALS = 32;

const codeOf = (thrown: unknown): string =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : '';

const CURES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program has it; stop that program or choose another [rpc] port (0: any)',
  EADDRNOTAVAIL: 'this host has no such address; correct [rpc] addresses',
  EACCES: 'ports below 1024 need CAP_NET_BIND_SERVICE; choose another [rpc] port (0: any)',
  EAFNOSUPPORT: 'this host has no such address family; remove it from [rpc] addresses',
  EINVAL: 'an address of this link needs its zone, such as fe80::1%eth0; correct [rpc] addresses',
};

function listenFault(at: { transport: Transport; address: string; port: number }, thrown: unknown): Fault {
  const cure = CURES[codeOf(thrown)] ?? 'see [rpc] addresses and [rpc] port';
  return new Fault(
    'LISTEN',
    `cannot listen on ${at.transport} ${at.address} port ${at.port}: ${reasonOf(thrown)}; ${cure}`,
    thrown,
  );
}

interface Place {
  readonly transport: Transport;
  readonly address: string;
  readonly open: Opener;
}

export class Doors {
  readonly #options: DoorsOptions;
  readonly #open = new Map<string, Door>();
  /** Places told of as not to be had. */
  readonly #missed = new Set<string>();
  #port = 0;
  #closed = true;
  #following = false;

  constructor(options: DoorsOptions) {
    this.#options = options;
  }

  /** The one port number of all doors; 0 before open. */
  get port(): number {
    return this.#port;
  }

  list(): Door[] {
    return [...this.#open.values()];
  }

  /** Opens every door on one port. */
  async open(): Promise<void> {
    this.#closed = false;
    const places = this.#places();
    if (places.length === 0) {
      throw new Fault(
        'LISTEN',
        'nothing to listen on: [rpc] addresses stand for no address of this host, or udp and tcp are both off',
      );
    }
    for (let trial = 1; ; trial += 1) {
      try {
        await this.#openAll(places);
        return;
      } catch (thrown) {
        this.#closeAll();
        const anotherPort =
          this.#options.port === 0 && thrown instanceof Fault && codeOf(thrown.cause) === 'EADDRINUSE';
        if (!anotherPort || trial === PORT_TRIALS) throw thrown;
      }
    }
  }

  async #openAll(places: readonly Place[]): Promise<void> {
    this.#port = this.#options.port;
    for (const place of places) {
      let door: Door;
      try {
        door = await place.open(place.address, this.#port);
      } catch (thrown) {
        // An address that a wildcard stands for may be new and not usable yet; the next look tries again.
        if (!this.#isConfigured(place.address) && codeOf(thrown) === 'EADDRNOTAVAIL') continue;
        throw listenFault({ ...place, port: this.#port }, thrown);
      }
      this.#open.set(keyOf(place), door);
      this.#port = door.port;
      // Whoever opens closes what is open when this throws.
      if (this.#isClosed()) throw new Fault('LISTEN', 'stopped while the doors were being opened');
    }
    if (this.#open.size === 0) throw new Fault('LISTEN', 'no address of [rpc] addresses can be listened on');
  }

  /** Opens doors on addresses that are new, closes those on addresses that are gone; answers whether any changed. */
  async follow(): Promise<boolean> {
    if (this.#closed || this.#following) return false;
    this.#following = true;
    try {
      const places = this.#places();
      let changed = this.#closeVanished(new Set(places.map(keyOf)));
      for (const place of places) {
        if (!this.#open.has(keyOf(place)) && (await this.#openLate(place))) changed = true;
      }
      return changed;
    } finally {
      this.#following = false;
    }
  }

  #closeVanished(wanted: ReadonlySet<string>): boolean {
    let changed = false;
    for (const key of this.#missed) if (!wanted.has(key)) this.#missed.delete(key);
    for (const [key, door] of this.#open) {
      if (wanted.has(key)) continue;
      door.close();
      this.#open.delete(key);
      this.#options.log.info('rpc: stopped listening, the address is gone', {
        transport: door.transport,
        address: door.address,
      });
      changed = true;
    }
    return changed;
  }

  async #openLate(place: Place): Promise<boolean> {
    const key = keyOf(place);
    try {
      const door = await place.open(place.address, this.#port);
      // We may have been closed while we waited.
      if (this.#isClosed()) {
        door.close();
        return false;
      }
      this.#open.set(key, door);
      this.#missed.delete(key);
      this.#options.log.info('rpc: listening on a new address', {
        transport: door.transport,
        address: door.address,
      });
      return true;
    } catch (thrown) {
      if (!this.#missed.has(key)) {
        this.#missed.add(key);
        this.#options.log.error('rpc: cannot listen', {
          error: listenFault({ ...place, port: this.#port }, thrown).message,
        });
      }
      return false;
    }
  }

  close(): void {
    this.#closed = true;
    this.#closeAll();
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #closeAll(): void {
    for (const door of this.#open.values()) door.close();
    this.#open.clear();
  }

  #isConfigured(address: string): boolean {
    return this.#options.addresses.includes(address);
  }

  #places(): Place[] {
    const places: Place[] = [];
    for (const address of this.#options.host.expand(this.#options.addresses)) {
      for (const transport of ['udp', 'tcp'] as const) {
        const open = this.#options.openers[transport];
        if (open !== undefined) places.push({ transport, address, open });
      }
    }
    return places;
  }
}

function keyOf(place: { transport: Transport; address: string }): string {
  return `${place.transport} ${place.address}`;
}
