/**
 * peer - under which name connections of one host are counted
 *
 * An IPv4 address; of an IPv6 address the /64, for whoever has one of its addresses has all.
 */
import { addressToBytes, IPV6_BYTES, parseAddress } from './address.js';
import { networkOf } from './network.js';
import { subjectOf } from './subject.js';

const IPV6_PREFIX = 64;

/** Of a socket's remoteAddress; what is no address (of an interface, or of one that has gone) is a name as it is. */
export function peerOf(remoteAddress: string | undefined): string {
  const text = remoteAddress ?? '';
  const address = parseAddress(text);
  if (address === undefined) return text;
  const bytes = addressToBytes(address);
  return bytes.length === IPV6_BYTES ? subjectOf(networkOf(bytes, IPV6_PREFIX)) : address;
}
