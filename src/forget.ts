/**
 * forget - one address is taken out of all that dracd keeps: its lease or grant, maps, what it remembers, and the audit's files
 *
 * That somebody had it done is recorded, without the address. What operators have pinned and denied stays, and
 * is theirs to take away; segments of the journal that hold the lease are deleted when its time would be over.
 *
 * Errors: those of the revocation, after which nothing else was done; Fault STORE when the files cannot be rewritten.
 */
import type { Forgotten } from './admin/operations.js';
import type { Audit } from './audit/audit.js';
import type { ClientAddress } from './core/address.js';
import { reasonOf, toFault } from './core/fault.js';

export interface ForgetOptions {
  /** Takes leases and operators' grants away, and tells the audit of no act that names the address. */
  readonly revoke: (client: ClientAddress) => Promise<number>;
  /** Forgets leases that have ended, and changes. */
  readonly erase: (client: ClientAddress) => Promise<void>;
  readonly audit: Pick<Audit, 'act' | 'forget'>;
  readonly clock: { wall(): number };
}

export async function forget(
  client: ClientAddress,
  by: { readonly author: string; readonly reason: string },
  { audit, clock, erase, revoke }: ForgetOptions,
): Promise<Forgotten> {
  try {
    const grants = await revoke(client);
    // That it was taken away is remembered as well.
    await erase(client);
    const records = await audit.forget(client);
    audit.act({ what: 'forget', ...by, at: clock.wall(), outcome: 'done', count: records });
    return { grants, records };
  } catch (thrown) {
    audit.act({ what: 'forget', ...by, at: clock.wall(), outcome: reasonOf(thrown) });
    throw toFault(thrown, 'STORE');
  }
}
