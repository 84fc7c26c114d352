/**
 * check - what a check is, and what it may look at
 *
 * A check is a generator of findings: what it has found before its time is over is told all the same. It changes
 * nothing. What is beyond files (the daemon, rpcbind) is asked through functions that are handed in.
 *
 * A new check is a file beside this one and a line in checks.ts.
 */
import type { Clock } from '../runtime/clock.js';
import type { Place } from '../runtime/place.js';
import type { Finding } from './finding.js';
import type { Programs } from './programs.js';

/** One `[[exports]]`. */
export interface MapFile {
  /** As messages call it: `exports[0]`. */
  readonly key: string;
  readonly format: 'lmdb' | 'bdb' | 'cdb' | 'tcprules' | 'list';
  readonly path: string;
  /** What Postfix calls it, when it is one for Postfix: `lmdb:/var/lib/dracd/relay`. */
  readonly table?: string | undefined;
  /** Whether a client's canonical text is a key of it. */
  readonly isCanonical: boolean;
  /** Whether its values, if it has some, are the seconds at which grants end. */
  readonly hasEnds: boolean;
  /** A change is in the file after so long. */
  readonly intervalMs: number;
}

/** One `[[lookups]]`. */
export interface LookupDoors {
  readonly key: string;
  readonly kind: 'socketmap' | 'policy';
  readonly listen: readonly Place[];
}

export interface RpcDoor {
  /** 0: any. */
  readonly port: number;
  readonly udp: boolean;
  readonly tcp: boolean;
  readonly addresses: readonly string[];
  readonly rpcbind: 'auto' | 'required' | 'off';
}

export const NETIDS = ['udp', 'tcp', 'udp6', 'tcp6'] as const;
export type NetId = (typeof NETIDS)[number];

/** Who may relay at present, as the daemon says. */
export interface Live {
  readonly address: string;
  /** Epoch milliseconds; undefined: it has no end. */
  readonly endsAt: number | undefined;
  readonly madeAt: number | undefined;
}

/** The running programs, asked. Each rejects with an Error whose message can be shown. */
export interface Asking {
  /** Through an admin socket: that the daemon answers. */
  admin(socket: string): Promise<void>;
  /** Some leases and pins of single addresses, those that last longest first. */
  live(socket: string): Promise<readonly Live[]>;
  /** Calls procedure NULL at an address. */
  rpc(door: { host: string; port: number; transport: 'udp' | 'tcp' }): Promise<void>;
}

export interface Examined {
  /** Undefined: the built-in defaults. */
  readonly configFile: string | undefined;
  /** The journal's directory. */
  readonly store: string;
  readonly maps: readonly MapFile[];
  readonly lookups: readonly LookupDoors[];
  readonly adminSockets: readonly string[];
  /** The files that the operators' port needs; undefined: there is none. */
  readonly tls: { readonly cert: string; readonly clientCa: string } | undefined;
  readonly rpc: RpcDoor;
  readonly allowFile: string;
  /** Postfix's configuration directory, when it is not the one of this host. */
  readonly postfix: string | undefined;
  readonly asking: Asking;
  /** For one answer of a program or a server, milliseconds. */
  readonly answerMs: number;
  readonly programs: Programs;
  readonly clock: Clock;
}

export type Check = (examined: Examined) => AsyncIterable<Finding>;
