/**
 * rpc - the RPC intake: doors, rpcbind and the probe for forwarded calls, composed
 *
 * start opens every door, registers with rpcbind and proves whether rpcbind forwards, in this order; it
 * resolves when reports are taken. Meanwhile and later the host's addresses are looked at every
 * HOST_EVERY_MS, rpcbind every RPCBIND_EVERY_MS, and forwarding every PROBE_EVERY_MS and after each
 * registration. stop withdraws the registration, closes the doors and lets what was taken be answered.
 *
 * Errors: Fault LISTEN, Fault RPCBIND (rpcbind = "required").
 */
import { createSocket } from 'node:dgram';
import type { ClientAddress } from '../core/address.js';
import { Fault, reasonOf } from '../core/fault.js';
import type { Clock, Timer } from '../runtime/clock.js';
import type { Counters } from '../runtime/counters.js';
import type { Log } from '../runtime/log.js';
import { Doors } from './doors.js';
import { Forwarding, type OpenProbeSocket } from './forwarding.js';
import { type Family, type HostAddresses, familyOf } from './host-addresses.js';
import type { Authorizer, Intake } from './intake.js';
import { Registration, type RegistrationState, type RpcbindMode } from './registration.js';
import { RpcProgram } from './rpc-program.js';
import { RpcTcp } from './rpc-tcp.js';
import { RpcUdp } from './rpc-udp.js';
import { type NetId, Rpcbind } from './rpcbind.js';
import { Strangers } from './strangers.js';
import { udpDrops } from './udp-drops.js';
import { PORTMAP_PORT } from '../wire/portmap.js';

const HOST_EVERY_MS = 5_000;
const RPCBIND_EVERY_MS = 10_000;
const PROBE_EVERY_MS = 60_000;

export interface RpcIntakeOptions {
  readonly addresses: readonly string[];
  readonly udp: boolean;
  readonly tcp: boolean;
  /** 0: any, the same for all doors. */
  readonly port: number;
  readonly rpcbind: RpcbindMode;
  /** Whether UDP calls of strangers are answered. */
  readonly strangers: 'answer' | 'silent';
  readonly authorizer: Authorizer;
  readonly believes: (address: ClientAddress) => boolean;
  /** What a sender is called in counts. */
  readonly nameOf: (sender: ClientAddress) => string;
  readonly host: HostAddresses;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Log;
}

export class RpcIntake implements Intake {
  readonly #options: RpcIntakeOptions;
  readonly #doors: Doors;
  readonly #udp: RpcUdp;
  readonly #tcp: RpcTcp;
  readonly #forwarding: Forwarding;
  readonly #registration: Registration;
  readonly #timers: Timer[] = [];
  #hostUnread = false;
  #stopped = false;

  constructor(options: RpcIntakeOptions) {
    this.#options = options;
    const { addresses, believes, clock, counters, host, log, nameOf, port } = options;
    const isOwn = (address: ClientAddress): boolean => host.has(address);
    const strangers = new Strangers({ clock, log });
    this.#forwarding = new Forwarding({ isOwn, openSocket: openProbeSocket, clock, log });
    const program = new RpcProgram({
      authorizer: options.authorizer,
      isOwn,
      nameOf,
      forwarding: this.#forwarding,
      strangers,
      counters,
      log,
    });
    const answerStrangers = options.strangers === 'answer';
    this.#udp = new RpcUdp({ program, believes, isOwn, strangers, answerStrangers, counters, clock });
    this.#tcp = new RpcTcp({ program, believes, counters, clock });
    const openers = {
      ...(options.udp ? { udp: this.#udp.open } : {}),
      ...(options.tcp ? { tcp: this.#tcp.open } : {}),
    };
    this.#doors = new Doors({ openers, addresses, port, host, log });
    this.#registration = new Registration({
      mode: options.rpcbind,
      rpcbind: new Rpcbind({ clock }),
      doors: () => ({ netids: this.#netids(), port: this.#doors.port }),
      announcing: () => {
        this.#forwarding.doubt();
      },
      clock,
      log,
    });
  }

  /** The one port number of all doors. */
  get port(): number {
    return this.#doors.port;
  }

  /** The addresses that have a door. */
  get addresses(): string[] {
    return [...new Set(this.#doors.list().map(({ address }) => address))];
  }

  get registration(): RegistrationState {
    return this.#registration.state;
  }

  /** Whether calls from this host may have been sent by others through rpcbind. */
  get forwarded(): boolean {
    return this.#forwarding.state === 'forwarded';
  }

  /** Datagrams that the kernel has dropped before we saw them; undefined where it does not say. */
  get udpDrops(): number | undefined {
    return this.#options.udp ? udpDrops(this.#doors.port) : undefined;
  }

  async start(): Promise<void> {
    const { clock } = this.#options;
    try {
      await this.#doors.open();
      await this.#registration.start();
      await this.#probe();
      if (this.#stopped) throw new Fault('LISTEN', 'stopped while it was being started');
    } catch (error) {
      await this.stop();
      throw error;
    }
    const every = (ms: number, fn: () => void): void => {
      this.#timers.push(clock.every(ms, fn));
    };
    every(HOST_EVERY_MS, () => {
      this.#readHost();
      void this.#doors.follow();
    });
    every(RPCBIND_EVERY_MS, () => {
      void this.#look();
    });
    every(PROBE_EVERY_MS, () => {
      void this.#probe();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) timer.stop();
    this.#forwarding.stop();
    // First the way to us, then the doors: nobody is sent to a door that is closed.
    await this.#registration.stop();
    this.#doors.close();
    await Promise.all([this.#udp.stop(), this.#tcp.stop()]);
  }

  /** Reading them takes a descriptor: when there is none left the addresses stay as they were. */
  #readHost(): void {
    try {
      this.#options.host.refresh();
      this.#hostUnread = false;
    } catch (error) {
      if (this.#hostUnread) return;
      this.#hostUnread = true;
      this.#options.log.error('rpc: the addresses of this host cannot be read and are taken to be the same', {
        error: reasonOf(error),
      });
    }
  }

  async #look(): Promise<void> {
    const registered = await this.#registration.look();
    // While anything is amiss each look is used to find out whether it still is.
    if (registered || this.#forwarding.state !== 'direct') await this.#probe();
  }

  /** Also when we are not registered: an entry of an earlier run, or of somebody else, may lead to us. */
  async #probe(): Promise<void> {
    // A look may have been under way.
    if (this.#stopped) return;
    const families = this.#netids()
      .filter((netid): netid is 'udp' | 'udp6' => netid.startsWith('udp'))
      .map((netid): Family => (netid === 'udp' ? 4 : 6));
    const { state } = this.#registration;
    if (families.length === 0) this.#forwarding.assumeNone();
    else await this.#forwarding.probe(families, state === 'registered' || state === 'taken');
  }

  #netids(): NetId[] {
    const netids = this.#doors
      .list()
      .map(({ transport, address }): NetId => (familyOf(address) === 6 ? `${transport}6` : transport));
    return [...new Set(netids)];
  }
}

/** A socket of the system for the probe. What cannot be sent is a probe that is not answered. */
const openProbeSocket: OpenProbeSocket = (family, onMessage, onRefused) => {
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  const waiting: Uint8Array[] = [];
  let connected = false;
  socket.on('error', (error) => {
    if ('code' in error && error.code === 'ECONNREFUSED') onRefused();
  });
  socket.on('message', onMessage);
  socket.on('connect', () => {
    connected = true;
    for (const message of waiting) socket.send(message);
  });
  socket.connect(PORTMAP_PORT, family === 6 ? '::1' : '127.0.0.1');
  return {
    send: (message) => {
      if (connected) socket.send(message);
      else waiting.push(message);
    },
    close: () => {
      socket.close();
    },
  };
};
