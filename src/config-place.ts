/**
 * config-place - where a door stands, as the configuration writes it
 *
 * `127.0.0.1:4799`, `[::1]:4799` or `unix:/path/of/a/socket`. Addresses, not host names: what a name stands for
 * may change, and a door that opens to more people than was meant is an open relay's beginning.
 */
import path from 'node:path';
import { z } from 'zod';
import { parseAddress } from './core/address.js';
import { MAX_PATH_BYTES, type Place, placeText } from './runtime/place.js';

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

export const place = z.string().transform((text, context) => {
  const parsed = parsePlace(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: 'not a place to listen at' });
  return z.NEVER;
});

/** An address and port; "" is undefined. */
export const portOrNone = z.string().transform((text, context) => {
  if (text === '') return undefined;
  const parsed = parsePlace(text);
  if (parsed?.transport === 'tcp') return parsed;
  context.addIssue({ code: 'custom', message: 'not an address and port' });
  return z.NEVER;
});

/** Whether no place is listened at twice; a port that any will do for is none. */
export function areApart(list: readonly { readonly listen: readonly Place[] }[]): boolean {
  const places = list
    .flatMap(({ listen }) => listen)
    .filter((one) => one.transport === 'unix' || one.port !== 0)
    .map(placeText);
  return new Set(places).size === places.length;
}

export const absolutePath = z
  .string()
  .max(4096)
  .regex(/^\/[^\0]+$/);
