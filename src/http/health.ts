/**
 * health - whether the process lives, and whether it does its work
 *
 *   GET /livez   200 as long as the event loop turns
 *   GET /readyz  200 when reports are taken and every map and look-up says what the ledger says; else 503. What is no reason
 *                for that, and yet wants to be mended, is told with 200 as well
 *
 * Both answer JSON: {"status": "ok" | "degraded", "reasons": [...]}, each reason {"part", "reason", "cure"} in words. A
 * degraded daemon refuses and puts off; it never permits what it is not sure of.
 */
import { endInWords } from '../runtime/certificates.js';
import type { CertificateSample, ExportSample, Sample } from './sample.js';

export interface Reason {
  readonly part: string;
  readonly reason: string;
  readonly cure: string;
}

/** A map may lag behind by its interval and a publication; longer is a fault. */
const MAX_BEHIND_MS = 90_000;

function ofExport({ path, degraded, behindMs }: ExportSample): Reason[] {
  const part = `export ${path}`;
  const cure = 'see to its disk and the rights on its directory; dracd goes on by itself';
  if (degraded !== undefined) return [{ part, reason: degraded, cure }];
  if (behindMs <= MAX_BEHIND_MS) return [];
  return [{ part, reason: `has not been published for ${Math.round(behindMs / 1000)} s`, cure }];
}

function ofCertificate({ key, leftMs, until }: CertificateSample): Reason[] {
  const words = endInWords(leftMs);
  if (words === undefined) return [];
  return [
    {
      part: 'admin',
      reason: `the certificate of admin.tls.${key} ${words} (${new Date(until).toISOString()}): operators cannot come through the port then`,
      cure: 'renew the file, then: dracctl reload',
    },
  ];
}

/** In words, what wants to be mended though mail goes on as it should. */
export function warningsOf({ audit: { degraded }, certificates }: Sample): Reason[] {
  const cure = 'make room on the disk of audit.file, or mend it; dracd goes on by itself';
  const ofAudit = degraded === undefined ? [] : [{ part: 'audit', reason: degraded, cure }];
  return [...ofAudit, ...certificates.flatMap(ofCertificate)];
}

/** In words, what does not work at present. */
export function reasonsOf({ exports, forwarded, grants, journal, rpcbind }: Sample): Reason[] {
  const reasons: Reason[] = [];
  if (journal.degraded !== undefined)
    reasons.push({
      part: 'journal',
      reason: journal.degraded,
      cure: 'make room on the disk of store.directory, or mend it; dracd goes on by itself',
    });
  if (grants.full)
    reasons.push({
      part: 'ledger',
      reason: `full: ${grants.max} live grants; new clients are refused`,
      cure: 'raise grants.max, or find the reporter that floods',
    });
  reasons.push(...exports.flatMap(ofExport));
  if (forwarded)
    reasons.push({
      part: 'rpcbind',
      reason:
        'forwards calls of strangers as if they came from this host: UDP reports from this host are refused',
      cure: 'restart rpcbind without -r',
    });
  if (rpcbind === 'taken')
    reasons.push({
      part: 'rpcbind',
      reason: 'sends POP3 servers to another program that has registered 900101',
      cure: 'end the other program (an old rpc.dracd?), or take its entry away with rpcinfo -d',
    });
  return reasons;
}
