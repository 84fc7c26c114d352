/**
 * place - where a look-up listens, as the configuration writes it
 *
 * `127.0.0.1:4799`, `[::1]:4799` or `unix:/path/of/a/socket`. Addresses, not host names: what a name stands for
 * may change, and a door that opens to more people than was meant is an open relay's beginning.
 */
import path from 'node:path';
import { parseAddress } from '../core/address.js';

export type Place =
  | { readonly transport: 'tcp'; readonly host: string; readonly port: number }
  | { readonly transport: 'unix'; readonly path: string };

/** Under this ending a socket is made, before it is renamed to its path. */
export const BESIDE = '.new';
/** Bytes that fit into the kernel's sockaddr_un, the ending included. */
const MAX_PATH_BYTES = 107 - BESIDE.length;
const MAX_PORT = 65_535;
const UNIX = 'unix:';
const TCP = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):(0|[1-9][0-9]{0,4})$/;

/** Reads a place; undefined for anything else. */
export function parsePlace(text: string): Place | undefined {
  if (text.startsWith(UNIX)) {
    const file = text.slice(UNIX.length);
    const fits = Buffer.byteLength(file) <= MAX_PATH_BYTES && !file.includes('\0');
    return path.isAbsolute(file) && !file.endsWith('/') && fits
      ? { transport: 'unix', path: path.normalize(file) }
      : undefined;
  }
  const [, bracketed, bare, port] = TCP.exec(text) ?? [];
  const host = parseAddress(bracketed ?? bare ?? '');
  // Brackets are for IPv6 alone, so that a place has one spelling.
  if (host === undefined || host.includes(':') !== (bracketed !== undefined) || Number(port) > MAX_PORT)
    return undefined;
  return { transport: 'tcp', host, port: Number(port) };
}

/** The place as the configuration writes it. */
export function placeText(place: Place): string {
  if (place.transport === 'unix') return `${UNIX}${place.path}`;
  return `${place.host.includes(':') ? `[${place.host}]` : place.host}:${place.port}`;
}
