/**
 * health - whether the process lives, and whether it does its work
 *
 *   GET /livez   200 as long as the event loop turns
 *   GET /readyz  200 when reports are taken and every map and look-up says what the ledger says; else 503
 *
 * Both answer JSON: {"status": "ok" | "degraded", "reasons": [...]}, each reason {"part", "reason"} in words. A degraded
 * daemon refuses and puts off; it never permits what it is not sure of.
 */
import type { Sample } from './sample.js';

export interface Reason {
  readonly part: string;
  readonly reason: string;
}

/** A map may lag behind by its interval and a publication; longer is a fault. */
const MAX_BEHIND_MS = 90_000;

/** In words, what does not work at present. */
export function reasonsOf({ exports, forwarded, grants, journal, rpcbind }: Sample): Reason[] {
  const reasons: Reason[] = [];
  if (journal.degraded !== undefined) reasons.push({ part: 'journal', reason: journal.degraded });
  if (grants.full)
    reasons.push({ part: 'ledger', reason: `full: ${grants.max} live grants; new clients are refused` });
  for (const { path, degraded, behindMs } of exports) {
    if (degraded !== undefined) reasons.push({ part: `export ${path}`, reason: degraded });
    else if (behindMs > MAX_BEHIND_MS)
      reasons.push({
        part: `export ${path}`,
        reason: `has not been published for ${Math.round(behindMs / 1000)} s`,
      });
  }
  if (forwarded)
    reasons.push({
      part: 'rpcbind',
      reason:
        'forwards calls of strangers as if they came from this host: UDP reports from this host are refused',
    });
  if (rpcbind === 'taken')
    reasons.push({
      part: 'rpcbind',
      reason:
        'sends POP3 servers to another program that has registered 900101: is an old rpc.dracd still running?',
    });
  return reasons;
}
