/**
 * certificates - the certificates in a PEM file, and until when it serves
 *
 * A chain serves until the first of it is over, a list of authorities until the last of it is: others may have
 * been left in it on purpose.
 *
 * Errors: NoCertificate, whose message goes behind the name of the file.
 */
import { X509Certificate } from 'node:crypto';

const BLOCK =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;
const KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const DAY_MS = 86_400_000;

/** What is over within so long wants to be renewed. */
export const SOON_MS = 14 * DAY_MS;

export type CertificateUse = 'chain' | 'authorities';

export class NoCertificate extends Error {}

/** All that are there; at least one. Throws NoCertificate. */
export function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0) {
    const found = KEY.test(pem) ? '; there is a private key in it and no certificate' : '';
    throw new NoCertificate(`must be a certificate in PEM form (-----BEGIN CERTIFICATE-----)${found}`);
  }
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new NoCertificate(`must be a certificate in PEM form: number ${i + 1} in it is damaged`);
    }
  });
}

/** Until when they serve, epoch milliseconds. */
export function endOf(certificates: readonly X509Certificate[], use: CertificateUse): number {
  const ends = certificates.map(({ validTo }) => Date.parse(validTo));
  return use === 'chain' ? Math.min(...ends) : Math.max(...ends);
}

/** What is to be said of one that is over after so long; undefined: nothing. */
export function endInWords(leftMs: number): string | undefined {
  if (leftMs <= 0) return 'is over';
  if (leftMs >= SOON_MS) return undefined;
  const days = Math.floor(leftMs / DAY_MS);
  return days === 0 ? 'is over within a day' : `is over in ${days === 1 ? '1 day' : `${days} days`}`;
}
