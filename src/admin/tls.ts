/**
 * tls - the daemon's certificate and key, and whose client certificates are believed
 *
 * TLS 1.3, a client certificate signed by the given authority and by no other, checked by a tls.Server: wrapping a
 * connection in a TLSSocket by hand was measured to accept certificates of unknown authorities. Sessions are not
 * resumed: a client proves itself in every connection.
 *
 * Errors: Fault CONFIG, naming the key of the configuration and the cure.
 */
import { constants, createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { statSync } from 'node:fs';
import {
  createSecureContext,
  createServer,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls';
import { Fault, reasonOf } from '../core/fault.js';
import { certificatesIn, type CertificateUse, endInWords, endOf } from '../runtime/certificates.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import { readSmallFile } from '../runtime/read-file.js';

export interface TlsOptions {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string;
  readonly viewers: readonly string[];
  readonly operators: readonly string[];
}

const MAX_PEM_BYTES = 1024 * 1024;
const HANDSHAKE_MS = 5_000;
const OTHERS_MAY_READ = 0o004;

/** A file, by the key that names it. */
interface PemFile {
  readonly key: 'cert' | 'key' | 'client_ca';
  readonly file: string;
}

const faultOf = ({ key, file }: PemFile, message: string, cause?: unknown): Fault =>
  new Fault('CONFIG', `key admin.tls.${key} = "${file}": ${message}`, cause);

function read(pem: PemFile): string {
  try {
    return readSmallFile(pem.file, MAX_PEM_BYTES);
  } catch (thrown) {
    throw faultOf(pem, `cannot be read: ${reasonOf(thrown)}`, thrown);
  }
}

/** The keys of files with certificates, and what they serve for. */
const USES = { cert: 'chain', client_ca: 'authorities' } as const satisfies Record<string, CertificateUse>;

export interface CertificateEnd {
  /** In [admin.tls]. */
  readonly key: keyof typeof USES;
  /** Until when what the file has serves, epoch milliseconds. */
  readonly until: number;
}

/** The files as they are: what to speak TLS with, and until when. */
export interface ReadTls {
  readonly context: SecureContextOptions;
  readonly ends: readonly CertificateEnd[];
}

interface Surroundings {
  readonly clock: Pick<Clock, 'wall'>;
  readonly log: Log;
}

interface CertificateFile extends PemFile {
  readonly key: keyof typeof USES;
  readonly certificates: readonly X509Certificate[];
}

function certificateFile(key: keyof typeof USES, file: string, pem: string): CertificateFile {
  try {
    return { key, file, certificates: certificatesIn(pem) };
  } catch (thrown) {
    throw faultOf({ key, file }, reasonOf(thrown), thrown);
  }
}

/** Until when a file serves; tells of one that does not for long. */
function endOfFile(
  { certificates, file, key }: CertificateFile,
  { clock, log }: Surroundings,
): CertificateEnd {
  const until = endOf(certificates, USES[key]);
  const words = endInWords(until - clock.wall());
  if (words !== undefined)
    log.warn(`admin: a certificate ${words}; renew it and reload`, {
      key: `admin.tls.${key}`,
      file,
      until: new Date(until).toISOString(),
    });
  return { key, until };
}

/** Refuses what is not the key of the certificate. */
function checkKey(where: PemFile, pem: string, { certificates, file }: CertificateFile): void {
  if (pem.includes('ENCRYPTED'))
    throw faultOf(
      where,
      `is encrypted, and nobody is there to say its passphrase; take it off: openssl pkey -in ${where.file} -out NEW`,
    );
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (thrown) {
    throw faultOf(
      where,
      `must be the private key of admin.tls.cert, in PEM form (-----BEGIN PRIVATE KEY-----): ${reasonOf(thrown)}`,
      thrown,
    );
  }
  if (certificates[0]?.checkPrivateKey(key) !== true)
    throw faultOf(
      where,
      `must be the private key of admin.tls.cert; it is not that of the first certificate in "${file}" (the daemon's own stands first, intermediates behind it)`,
    );
}

/** Reads the files. Throws a Fault CONFIG for any that will not do. */
export function readTls(tls: TlsOptions, around: Surroundings): ReadTls {
  const keyFile = { key: 'key', file: tls.key } as const;
  const cert = read({ key: 'cert', file: tls.cert });
  const key = read(keyFile);
  const ca = read({ key: 'client_ca', file: tls.clientCa });
  const own = certificateFile('cert', tls.cert, cert);
  const files = [own, certificateFile('client_ca', tls.clientCa, ca)];
  checkKey(keyFile, key, own);
  const ends = files.map((file) => endOfFile(file, around));
  if ((statSync(tls.key).mode & OTHERS_MAY_READ) !== 0)
    around.log.warn('admin: everybody may read the private key; chmod o-r it', { file: tls.key });
  const context: SecureContextOptions = {
    cert,
    key,
    ca,
    minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
  try {
    createSecureContext(context);
  } catch (thrown) {
    throw faultOf(
      { key: 'cert', file: tls.cert },
      `cannot be used with its key: ${reasonOf(thrown)}`,
      thrown,
    );
  }
  return { context, ends };
}

export interface TlsGateOptions {
  readonly onSecure: (socket: TLSSocket) => void;
  /** A connection failed before anybody was known. */
  readonly onRefused: (reason: string, peer: string | undefined) => void;
}

/** A server that is handed connections; it listens nowhere itself. */
export function tlsServer(context: SecureContextOptions, { onSecure, onRefused }: TlsGateOptions): Server {
  const server = createServer({
    ...context,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['h2'],
    handshakeTimeout: HANDSHAKE_MS,
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    // Nothing comes this far without; this says so a second time.
    if (socket.authorized) onSecure(socket);
    else socket.destroy();
  });
  server.on('tlsClientError', (error, socket) => {
    onRefused(error.message, socket.remoteAddress);
    socket.destroy();
  });
  return server;
}
