/**
 * forget - one address is taken out of all that dracd keeps: its lease or grant, maps, and the audit's files
 *
 * That somebody had it done is recorded, without the address. What operators have pinned and denied stays, and
 * is theirs to take away; segments of the journal that hold the lease are deleted when its time would be over.
 *
 * Errors: those of a revocation, after which nothing else was done; Fault STORE when the files cannot be rewritten.
 */
import type { Operations } from './admin/operations.js';
import type { Audit } from './audit/audit.js';
import type { ClientAddress } from './core/address.js';
import { reasonOf, toFault } from './core/fault.js';

export interface Forgotten {
  /** Leases and operators' grants that were taken away. */
  readonly grants: number;
  /** Records of the audit that were erased. */
  readonly records: number;
}

export interface ForgetOptions {
  readonly operations: Pick<Operations, 'revoke'>;
  readonly audit: Pick<Audit, 'act' | 'forget'>;
  readonly clock: { wall(): number };
}

export async function forget(
  client: ClientAddress,
  by: { readonly author: string; readonly reason: string },
  { audit, clock, operations }: ForgetOptions,
): Promise<Forgotten> {
  const grants = await operations.revoke({ within: client }, by);
  try {
    const records = await audit.forget(client);
    audit.act({ what: 'forget', ...by, at: clock.wall(), outcome: 'done', count: records });
    return { grants, records };
  } catch (thrown) {
    audit.act({ what: 'forget', ...by, at: clock.wall(), outcome: reasonOf(thrown) });
    throw toFault(thrown, 'STORE');
  }
}
