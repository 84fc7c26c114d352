/**
 * certificates - the check `certificates`: what the operators' port shows and believes is there, and not over soon
 *
 * Looks at the files; a daemon that was not told to reload since they were renewed goes on with those of before.
 */
import {
  certificatesIn,
  type CertificateUse,
  endInWords,
  endOf,
  NoCertificate,
} from '../runtime/certificates.js';
import { readSmallFile } from '../runtime/read-file.js';
import type { Examined } from './check.js';
import { bad, type Finding, ok } from './finding.js';

const MAX_BYTES = 1024 * 1024;

const causeOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

function look(file: string, key: string, { use, now }: { use: CertificateUse; now: number }): Finding {
  const where = { file, key };
  let until: number;
  try {
    until = endOf(certificatesIn(readSmallFile(file, MAX_BYTES)), use);
  } catch (thrown) {
    const what =
      thrown instanceof NoCertificate ? `it ${thrown.message}` : `it cannot be read: ${causeOf(thrown)}`;
    const cure = 'put the certificate there; dracd would not start again as it is';
    return bad('error', what, { ...where, cure });
  }
  const words = endInWords(until - now);
  const value = new Date(until).toISOString();
  if (words === undefined) return ok('it serves for a while', { ...where, value });
  const cure = 'renew it, then: dracctl reload; operators cannot come through the port once it is over';
  return bad('warning', `it ${words}`, { ...where, value, cure });
}

export async function* certificates({ clock, tls }: Examined): AsyncGenerator<Finding> {
  const now = clock.wall();
  await Promise.resolve();
  if (tls === undefined) yield ok('operators come through no port');
  else {
    yield look(tls.cert, 'admin.tls.cert', { use: 'chain', now });
    yield look(tls.clientCa, 'admin.tls.client_ca', { use: 'authorities', now });
  }
}
