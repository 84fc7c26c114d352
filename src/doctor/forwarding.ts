/**
 * forwarding - asks rpcbind to forward a call of procedure NULL, as a stranger would
 *
 * An rpcbind that was started with -r does it, and what strangers send then seems to come from this host. All
 * three procedures that forward are tried; the one asked last is answered in any case, and when it is refused
 * what the others would have brought has come as well.
 *
 * Source: RFC 1833 sections 2.2.1 and 3.2; rpcbind(8), option -r.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Clock } from '../runtime/clock.js';
import { Procedure, PROGRAM, VERSION_1 } from '../wire/drac.js';
import { encodeForwardedCall, PORTMAP_PORT, PORTMAP_PROGRAM, Portmap2, Rpcb4 } from '../wire/portmap.js';
import { decodeReply, encodeCall } from '../wire/rpc.js';

const WAYS = [
  { version: 2, procedure: Portmap2.CALLIT },
  { version: 4, procedure: Rpcb4.BCAST },
  { version: 4, procedure: Rpcb4.INDIRECT },
] as const;
const RESEND_MS = 500;

export type Forwards = 'yes' | 'no' | 'unknown';

/** Asks rpcbind on loopback; 'unknown' when it does not answer in time. */
export function forwards(clock: Clock, limitMs: number): Promise<Forwards> {
  const first = randomInt(2 ** 31);
  const last = first + WAYS.length - 1;
  const argument = encodeForwardedCall({
    program: PROGRAM,
    version: VERSION_1,
    procedure: Procedure.NULL,
    argument: new Uint8Array(),
  });
  const calls = WAYS.map(({ version, procedure }, i) =>
    encodeCall({ xid: first + i, program: PORTMAP_PROGRAM, version, procedure, argument }),
  );
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (answer: Forwards): void => {
      timer.stop();
      resend.stop();
      socket.removeAllListeners('message').close();
      resolve(answer);
    };
    const send = (): void => {
      for (const call of calls) socket.send(call, PORTMAP_PORT, '127.0.0.1', () => undefined);
    };
    const timer = clock.after(limitMs, () => {
      end('unknown');
    });
    const resend = clock.every(RESEND_MS, send);
    socket.on('error', () => undefined);
    socket.on('message', (bytes) => {
      const answer = meaning(bytes, first, last);
      if (answer !== undefined) end(answer);
    });
    send();
  });
}

function meaning(bytes: Uint8Array, first: number, last: number): Forwards | undefined {
  try {
    const { xid, kind } = decodeReply(bytes);
    if (xid < first || xid > last) return undefined;
    if (kind === 'success') return 'yes';
    return xid === last ? 'no' : undefined;
  } catch {
    // Not a reply: another datagram may still be one.
    return undefined;
  }
}
