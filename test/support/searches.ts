/**
 * searches - what the readers of a map ask it for, to learn whether a client may relay
 */
import { addressFromBytes, addressToBytes, type ClientAddress } from '../../src/core/address.js';
import type { DialectName } from '../../src/exports/dialect.js';

/** The groups of an IPv6 address, each with at least so many digits. */
function groups(client: ClientAddress, digits: number, prefix = 128): string[] {
  const bytes = addressToBytes(client).map((byte, i) => (i < prefix / 8 ? byte : 0));
  return Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16).padStart(digits, '0'),
  );
}

export const isIpv6 = (client: ClientAddress): boolean => client.includes(':');

/** The text, and what is left of it when it is cut at its last delimiter, again and again. */
function cutAt(delimiter: string, text: string): string[] {
  const all = [text];
  for (let cut = text.lastIndexOf(delimiter); cut >= 0; cut = text.lastIndexOf(delimiter, cut - 1)) {
    all.push(text.slice(0, cut));
    if (cut === 0) break;
  }
  return all;
}

/** What each reader asks a table for, in order. */
export const searches: Record<DialectName | 'tcpserver', (client: ClientAddress) => string[]> = {
  postfix: (client) => cutAt(isIpv6(client) ? ':' : '.', client),
  sendmail: (client) => [isIpv6(client) ? groups(client, 1).join(':') : client],
  exim: (client) => [
    client,
    isIpv6(client)
      ? `${groups(client, 4, 64).join('.')}/64`
      : `${addressFromBytes(addressToBytes(client).with(3, 0))}/24`,
  ],
  drac: (client) => [client],
  opensmtpd: (client) => [client],
  tcpserver: (client) => [
    client,
    ...cutAt('.', client)
      .slice(1)
      .map((piece) => `${piece}.`),
  ],
};
