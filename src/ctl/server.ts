/**
 * server - where dracd is, as the command line says it: unix:/path, or host:port with a certificate
 *
 * Errors: CtlError, in words that say what to write instead.
 */
import { existsSync } from 'node:fs';
import { CtlError, EXIT } from './exit.js';

const SOCKETS = [
  '/run/dracd/admin.sock',
  '/run/rpc-dracd/admin.sock',
  '/var/lib/dracd/admin.sock',
  './var/admin.sock',
];
const PORT = /^(?:\[[0-9A-Fa-f:.%\w]+\]|[^\s:/[\]]+):(\d{1,5})$/;

export interface ServerWords {
  readonly server?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

export interface Server {
  readonly server: string;
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string } | undefined;
}

/** What it should have been, of words that are no server. */
function likely(server: string): string {
  if (/^\.{0,2}\//.test(server)) return `for a socket write --server unix:${server}`;
  if (server.includes('://')) return 'write unix:/path or host:port, without a scheme';
  if (/^[0-9A-Fa-f:]+:[0-9A-Fa-f:]+$/.test(server))
    return 'write an IPv6 address in brackets: [2001:db8::6]:9443';
  return 'write unix:/path for a socket of this host, or host:port with --cert, --key and --ca';
}

export function serverOf({ server, cert, key, ca }: ServerWords): Server {
  if (server === undefined)
    return {
      server: `unix:${SOCKETS.find((file) => existsSync(file)) ?? './var/admin.sock'}`,
      tls: undefined,
    };
  if (/^unix:./.test(server)) return { server, tls: undefined };
  const [, port = ''] = PORT.exec(server) ?? [];
  if (port === '' || Number(port) === 0 || Number(port) > 65_535)
    throw new CtlError(EXIT.usage, `--server: "${server}" is no server`, likely(server));
  if (cert === undefined || key === undefined || ca === undefined)
    throw new CtlError(EXIT.usage, `${server} needs --cert, --key and --ca`);
  return { server, tls: { cert, key, ca } };
}
