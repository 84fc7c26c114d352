/**
 * client-key - the address in a mail server's question, however it is spelled
 *
 * Postfix writes addresses as RFC 5952 has them, Sendmail tags IPv6 (`IPv6:2001:db8:0:0:0:0:0:6`, folded to
 * lower case by its maps), Exim's net-lookups expand it with dots (`2001.0db8.0000.0000.0000.0000.0000.0006`).
 * All come out as the one canonical text. A host name, `unknown`, nothing, or a spelling that could mean
 * two addresses is no address.
 */
import { type ClientAddress, parseAddress } from '../core/address.js';

const TAG = /^ipv6:/i;
/** All eight groups in full, so that it cannot be mistaken for anything else. */
const EXIM_IPV6 = /^(?:[0-9a-f]{4}\.){7}[0-9a-f]{4}$/i;

/** The address that a key names; undefined when it names none. */
export function clientOf(key: string): ClientAddress | undefined {
  if (TAG.test(key)) {
    const rest = key.slice('ipv6:'.length);
    return rest.includes(':') ? parseAddress(rest) : undefined;
  }
  return parseAddress(EXIM_IPV6.test(key) ? key.replaceAll('.', ':') : key);
}
