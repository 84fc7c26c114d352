/**
 * unreached - why there is no connection to a daemon, or none that is of use, in words, and what to do about it
 *
 * A port is knocked at once more, and it is listened to what TLS says then. A daemon hangs up without a word when it does not
 * believe a certificate; what the certificate itself tells (that it is over, that it is for servers) is looked at
 * before that is said.
 *
 * Limits: the knock has KNOCK_MS.
 */
import { X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import type { Clock } from '../runtime/clock.js';
import type { Identity } from './identity.js';
import type { Oddity } from './calls.js';
import { type LineError, tlsOptions } from './line.js';

export interface Unreached {
  readonly words: string;
  readonly cure: string;
  /** The daemon, or the system, does not let us. */
  readonly isForbidden?: true;
}

export interface Door {
  readonly server: string;
  /** Of a port. */
  readonly identity?: Identity | undefined;
  readonly clock: Pick<Clock, 'wall' | 'after'>;
}

const KNOCK_MS = 3_000;
const UNIX = 'unix:';
const FOR_CLIENTS = '1.3.6.1.5.5.7.3.2';
const CLIENT_CURE =
  'give a certificate for clients that an authority of admin.tls.client_ca has signed and that is not over';

function ofUnix(server: string, { code, hasBroken }: LineError): Unreached {
  const file = server.slice(UNIX.length);
  if (hasBroken)
    return {
      words: `the connection to dracd at ${file} broke`,
      cure: 'is dracd being started anew? Try again',
    };
  if (code === 'ENOENT')
    return {
      words: `dracd is not reached: there is no socket ${file}`,
      cure: 'is dracd running, and is this the path in [admin] listen?',
    };
  if (code === 'EACCES')
    return {
      words: `the socket ${file} is not for you`,
      cure: `become a member of the socket's group (ls -l ${file}), or use sudo`,
      isForbidden: true,
    };
  if (code === 'ECONNREFUSED')
    return {
      words: `dracd is not reached: nobody listens at ${file}`,
      cure: 'dracd has left this socket behind, or it is none: start dracd again',
    };
  return {
    words: `dracd is not reached: what answers at ${file} does not speak as dracd does${code === '' ? '' : ` (${code})`}`,
    cure: 'is this the path in [admin] listen, and is dracd not just being stopped?',
  };
}

/** What came of a knock: undefined when a daemon let us in. */
interface Knock {
  readonly code: string;
  readonly message: string;
  /** The handshake was done. */
  readonly isSecure: boolean;
  /** Those of the daemon's certificate, when they are not the one that was asked for. */
  readonly names?: string | undefined;
}

interface NameError extends NodeJS.ErrnoException {
  readonly cert?: { readonly subjectaltname?: string };
}

function knock({ server, clock }: Door, identity: Identity): Promise<Knock | undefined> {
  return new Promise((resolve) => {
    let isSecure = false;
    const end = (knocked: Knock | undefined): void => {
      timer.stop();
      socket.destroy();
      resolve(knocked);
    };
    const socket: TLSSocket = connect(tlsOptions(server, identity));
    const timer = clock.after(KNOCK_MS, () => {
      end({ code: 'SILENT', message: '', isSecure });
    });
    socket.on('secureConnect', () => {
      isSecure = true;
      if (socket.alpnProtocol !== 'h2') end({ code: 'OTHER', message: '', isSecure });
    });
    // A daemon that has let us in speaks first.
    socket.on('data', () => {
      end(undefined);
    });
    socket.on('error', (error: NameError) => {
      const { cert, code = '', message } = error;
      end({ code, message, isSecure, names: cert?.subjectaltname });
    });
    socket.on('close', () => {
      end({ code: 'CLOSED', message: '', isSecure });
    });
  });
}

/** What is wrong with our own certificate, as far as it tells by itself. */
function ofOwn({ cert }: Identity, now: number): string | undefined {
  const own = new X509Certificate(cert);
  if (Date.parse(own.validTo) <= now) return `it is over since ${own.validTo}`;
  if (Date.parse(own.validFrom) > now) return `it is good from ${own.validFrom} only`;
  // What it says of its use; undefined when it says nothing (the types do not know that).
  const uses = own.keyUsage as readonly string[] | undefined;
  return uses === undefined || uses.includes(FOR_CLIENTS) ? undefined : 'it is not one for clients';
}

const UNKNOWN_ISSUER: readonly string[] = [
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
];
const NO_TLS = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNEXPECTED_MESSAGE|RECORD_OVERFLOW/;
const NOT_THERE: Readonly<Record<string, string | undefined>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name cannot be looked up now',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to the host',
  ETIMEDOUT: 'the host does not answer',
  SILENT: 'the host does not answer',
};

/** What is wrong with the daemon's certificate, if that is it. */
function ofTheirs(server: string, { code, names = 'no name' }: Knock): Unreached | undefined {
  const words = (what: string): string => `the certificate of ${server} ${what}`;
  if (UNKNOWN_ISSUER.includes(code))
    return {
      words: words('is not signed by the authority in --ca'),
      cure: "give the authority of the daemon's own certificate (admin.tls.cert), not that of admin.tls.client_ca",
    };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      words: words(`is for another name: it has ${names}`),
      cure: 'say --server with a name that the certificate has, or renew it with this one as a subjectAltName',
    };
  if (code === 'CERT_HAS_EXPIRED')
    return { words: words('is over'), cure: 'renew it (admin.tls.cert), then dracctl reload on its host' };
  if (code === 'CERT_NOT_YET_VALID')
    return { words: words('is not valid yet'), cure: 'compare the clocks of both hosts' };
  if (code === 'INVALID_PURPOSE')
    return { words: words('is not one for servers'), cure: 'give dracd another (admin.tls.cert)' };
  return undefined;
}

/** The daemon has seen ours and has not gone on. */
function rejected({ server, identity, clock }: Door): Unreached {
  const why = identity && ofOwn(identity, clock.wall());
  return {
    words: `dracd at ${server} does not take the certificate in --cert${why === undefined ? '' : `: ${why}`}`,
    cure: CLIENT_CURE,
    isForbidden: true,
  };
}

function ofKnock(door: Door, knocked: Knock): Unreached {
  const { server } = door;
  const { code, message, isSecure } = knocked;
  if (isSecure && code === 'OTHER')
    return { words: `what answers at ${server} is not dracd`, cure: 'is this the port in [admin] listen?' };
  // Alerts name it; without a word it hangs up once it has seen a certificate that it does not believe.
  const isAlert = /ALERT_/.test(code);
  if (isSecure || (isAlert && /CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED/.test(code))) return rejected(door);
  const theirs = ofTheirs(server, knocked);
  if (theirs !== undefined) return theirs;
  if (NO_TLS.test(code))
    return {
      words: `what answers at ${server} does not speak TLS, so that it is not dracd's admin port`,
      cure: 'is this the port in [admin] listen, not that of [http] or [rpc]?',
    };
  const there = NOT_THERE[code];
  if (there !== undefined)
    return {
      words: `dracd is not reached at ${server}: ${there}`,
      cure: 'is dracd running, and is this the port in [admin] listen?',
    };
  if (code === 'ECONNRESET' || code === 'CLOSED')
    return {
      words: `what answers at ${server} hangs up before TLS begins`,
      cure: 'is this the port in [admin] listen, and are there not too many connections to it?',
    };
  return {
    words: `dracd is not reached at ${server}: ${message === '' ? code : message}`,
    cure: 'is dracd running, and is this the port in [admin] listen?',
  };
}

/** What to say of an answer that dracd does not give. */
export function odd(server: string, oddity: Oddity, what: string): Unreached {
  return oddity === 'foreign'
    ? {
        words: `what answers at ${server} is not dracd: it answers with ${what}`,
        cure: 'is this the place in [admin] listen, and is there no proxy or web server before it?',
      }
    : {
        words: `the answer of ${server} cannot be understood: ${what}`,
        cure: 'is it dracd that answers there, and as new as dracctl? (dracctl --version, dracd --version)',
      };
}

export async function unreached(door: Door, line: LineError): Promise<Unreached> {
  const { identity, server } = door;
  if (identity === undefined || server.startsWith(UNIX)) return ofUnix(server, line);
  const knocked = await knock(door, identity);
  return knocked === undefined
    ? {
        words: `the connection to dracd at ${server} broke`,
        cure: 'try again: it can be made now',
      }
    : ofKnock(door, knocked);
}
