/**
 * network - sets of addresses: a prefix, or an address and a mask
 *
 * Masks need not be contiguous, because those of dracd.allow need not be. Host bits are never kept:
 * a network is what remains of its address under its mask. IPv4 and IPv6 never match each other
 * (an IPv4-mapped address is IPv4 long before it comes here).
 */
import { type ClientAddress, addressToBytes, parseAddress } from './address.js';

/** An address under a mask, both 4 or both 16 bytes in network order. */
export interface Network {
  readonly base: Uint8Array;
  readonly mask: Uint8Array;
}

/** A network read from text, with whether the text had bits set that the mask does not cover. */
export interface ParsedNetwork extends Network {
  readonly hostBits: boolean;
}

function masked(address: Uint8Array, mask: Uint8Array): ParsedNetwork {
  const base = address.map((byte, i) => byte & (mask[i] ?? 0));
  return { base, mask, hostBits: base.some((byte, i) => byte !== address[i]) };
}

function prefixMask(bytes: number, prefix: number): Uint8Array {
  return Uint8Array.from(
    { length: bytes },
    (_, i) => (0xff00 >> Math.min(8, Math.max(0, prefix - i * 8))) & 0xff,
  );
}

/** Reads `192.0.2.0/24`, `2001:db8::/32` or a single address. Answers undefined for anything else. */
export function parseNetwork(text: string): ParsedNetwork | undefined {
  const [host = '', prefixText, ...more] = text.split('/');
  const address = parseAddress(host);
  if (address === undefined || more.length > 0) return undefined;
  const bytes = addressToBytes(address);
  if (prefixText === undefined) return masked(bytes, prefixMask(bytes.length, bytes.length * 8));
  // A prefix counts the bits of the text it follows; on a mapped address it would count other bits.
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(prefixText) || host.includes(':') !== (bytes.length === 16))
    return undefined;
  const prefix = Number(prefixText);
  return prefix > bytes.length * 8 ? undefined : masked(bytes, prefixMask(bytes.length, prefix));
}

/** The network of an address under a dotted-quad mask, as dracd.allow writes it. */
export function maskNetwork(address: ClientAddress, mask: ClientAddress): ParsedNetwork | undefined {
  const base = addressToBytes(address);
  const bits = addressToBytes(mask);
  return base.length === bits.length ? masked(base, bits) : undefined;
}

/** True for a network of exactly one address. */
export function isSingleHost(network: Network): boolean {
  return network.mask.every((byte) => byte === 0xff);
}

/** Whether the bytes of an address lie in the network. */
export function contains(network: Network, address: Uint8Array): boolean {
  const { base, mask } = network;
  if (base.length !== address.length) return false;
  for (let i = 0; i < base.length; i += 1) {
    if (((address[i] ?? 0) & (mask[i] ?? 0)) !== base[i]) return false;
  }
  return true;
}

/** Whether any of the networks holds the bytes of an address. */
export function anyContains(networks: readonly Network[], address: Uint8Array): boolean {
  for (const network of networks) if (contains(network, address)) return true;
  return false;
}

/** Whether the mask is a prefix: ones, and then zeros. */
export function isPrefix({ mask }: Network): boolean {
  const bits = Array.from(mask, (byte) => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits);
}

/** How many leading bits the mask of a prefix has. */
export function prefixLength({ mask }: Network): number {
  let bits = 0;
  for (const byte of mask) for (let left = byte; left !== 0; left &= left - 1) bits += 1;
  return bits;
}

/** Whether some address lies in both; neither mask needs to be a prefix. */
export function overlaps(one: Network, other: Network): boolean {
  if (one.base.length !== other.base.length) return false;
  for (let i = 0; i < one.base.length; i += 1) {
    const common = (one.mask[i] ?? 0) & (other.mask[i] ?? 0);
    if ((((one.base[i] ?? 0) ^ (other.base[i] ?? 0)) & common) !== 0) return false;
  }
  return true;
}

/** Whether every address of the inner network lies in the outer one. */
export function isWithin(inner: Network, outer: Network): boolean {
  return contains(outer, inner.base) && outer.mask.every((byte, i) => (byte & (inner.mask[i] ?? 0)) === byte);
}

/** The network of the address's first `prefix` bits. */
export function networkOf(address: Uint8Array, prefix: number): Network {
  const { base, mask } = masked(address, prefixMask(address.length, prefix));
  return { base, mask };
}

/** The two halves of a prefix of more than one address. */
export function halves(network: Network): readonly [Network, Network] {
  const prefix = prefixLength(network);
  const upper = network.base.slice();
  upper[prefix >> 3] = (upper[prefix >> 3] ?? 0) | (0x80 >> (prefix & 7));
  return [networkOf(network.base, prefix + 1), networkOf(upper, prefix + 1)];
}

/** What is left of a prefix without the others, which are prefixes too, as prefixes in order. */
export function without(network: Network, others: readonly Network[]): Network[] {
  const within = others.filter((other) => overlaps(network, other));
  if (within.length === 0) return [network];
  if (within.some((other) => isWithin(network, other))) return [];
  return halves(network).flatMap((half) => without(half, within));
}
