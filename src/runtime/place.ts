/** place - where a door stands: an address and port, or the path of a unix socket */

export type Place =
  | { readonly transport: 'tcp'; readonly host: string; readonly port: number }
  | { readonly transport: 'unix'; readonly path: string };

/** Under this ending a socket is made, before it is renamed to its path. */
export const BESIDE = '.new';
/** Bytes that fit into the kernel's sockaddr_un, the ending included. */
export const MAX_PATH_BYTES = 107 - BESIDE.length;

/** The place as the configuration writes it: `127.0.0.1:4799`, `[::1]:4799` or `unix:/path/of/a/socket`. */
export function placeText(place: Place): string {
  if (place.transport === 'unix') return `unix:${place.path}`;
  return `${place.host.includes(':') ? `[${place.host}]` : place.host}:${place.port}`;
}
