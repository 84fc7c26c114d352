/**
 * tls - the daemon's certificate and key, and whose client certificates are believed
 *
 * TLS 1.3, a client certificate signed by the given authority and by no other, checked by a tls.Server: wrapping a
 * connection in a TLSSocket by hand was measured to accept certificates of unknown authorities. Sessions are not
 * resumed: a client proves itself in every connection.
 *
 * Errors: Fault CONFIG, naming the key of the configuration and the cure.
 */
import { constants, X509Certificate } from 'node:crypto';
import { statSync } from 'node:fs';
import {
  createSecureContext,
  createServer,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls';
import { Fault, reasonOf } from '../core/fault.js';
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

function read(key: string, file: string): string {
  try {
    return readSmallFile(file, MAX_PEM_BYTES);
  } catch (thrown) {
    throw new Fault(
      'CONFIG',
      `key admin.tls.${key} = "${file}": cannot be read: ${reasonOf(thrown)}`,
      thrown,
    );
  }
}

/** Refuses what is no certificate, and tells of one that is over. */
function check(
  key: string,
  file: string,
  { pem, clock, log }: { pem: string; clock: Clock; log: Log },
): void {
  let until: string;
  try {
    until = new X509Certificate(pem).validTo;
  } catch (thrown) {
    throw new Fault('CONFIG', `key admin.tls.${key} = "${file}": must be a certificate in PEM form`, thrown);
  }
  if (Date.parse(until) <= clock.wall())
    log.warn('admin: a certificate is over; renew it and reload', { key: `admin.tls.${key}`, file, until });
}

/** Reads the files. Throws a Fault CONFIG for any that will not do. */
export function readTls(tls: TlsOptions, { clock, log }: { clock: Clock; log: Log }): SecureContextOptions {
  const cert = read('cert', tls.cert);
  const key = read('key', tls.key);
  const ca = read('client_ca', tls.clientCa);
  check('cert', tls.cert, { pem: cert, clock, log });
  check('client_ca', tls.clientCa, { pem: ca, clock, log });
  if ((statSync(tls.key).mode & OTHERS_MAY_READ) !== 0)
    log.warn('admin: everybody may read the private key; chmod o-r it', { file: tls.key });
  const options: SecureContextOptions = {
    cert,
    key,
    ca,
    minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
  try {
    createSecureContext(options);
  } catch (thrown) {
    throw new Fault(
      'CONFIG',
      `key admin.tls.key = "${tls.key}": must be the private key of admin.tls.cert, in PEM form and without a passphrase: ${reasonOf(thrown)}`,
      thrown,
    );
  }
  return options;
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
