/**
 * observers - several who hear what happens to leases, as the one that the ledger tells
 */
import type { LedgerObserver } from './core/outlets.js';

export function observers(...all: readonly LedgerObserver[]): LedgerObserver {
  return {
    get listens() {
      return all.some(({ listens }) => listens);
    },
    leased: (change, lease) => {
      for (const one of all) if (one.listens) one.leased(change, lease);
    },
    ended: (change, lease) => {
      for (const one of all) if (one.listens) one.ended(change, lease);
    },
  };
}
