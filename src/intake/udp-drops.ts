/**
 * udp-drops - how many datagrams the kernel has dropped because a socket's queue was full
 *
 * Linux tells it for each socket in /proc/net/udp and /proc/net/udp6, in the last column (proc(5)); the second
 * is local address and port in hexadecimal. Other sockets with our port, if any, count too.
 *
 * Total: what cannot be read or understood is undefined.
 */
import { readFileSync } from 'node:fs';

const FILES = ['/proc/net/udp', '/proc/net/udp6'];
const LOCAL_COLUMN = 1;

/** The drops of sockets with this port in the text of such a file. */
export function dropsIn(text: string, port: number): number {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let drops = 0;
  for (const line of text.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (columns[LOCAL_COLUMN]?.endsWith(ending) === true) drops += Number(columns.at(-1)) || 0;
  }
  return drops;
}

export function udpDrops(port: number): number | undefined {
  let drops: number | undefined;
  for (const file of FILES) {
    try {
      drops = (drops ?? 0) + dropsIn(readFileSync(file, 'latin1'), port);
    } catch {
      // No IPv6, or no /proc: what is there is told.
    }
  }
  return drops;
}
