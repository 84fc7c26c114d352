/**
 * seats - what one host may have of the places at the HTTP door, so that others find some left
 *
 * This host itself has no such limit: its users, and all who come through ssh -L or a proxy, are one address.
 */
import type { Socket } from 'node:net';
import { peerOf } from '../core/peer.js';
import { Crowd, type Guest } from '../runtime/crowd.js';

const OWN: ReadonlySet<string> = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

export class Seats {
  readonly #crowd: Crowd;

  /** `max` for each host. */
  constructor(max: number) {
    this.#crowd = new Crowd(max);
  }

  /** Counts what comes over a connection until it closes; answers whether its host may have one more. */
  admits({ remoteAddress = '' }: Pick<Socket, 'remoteAddress'>, guest: Guest): boolean {
    return OWN.has(remoteAddress) || this.#crowd.admits(peerOf(remoteAddress), guest);
  }
}
