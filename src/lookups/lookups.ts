/**
 * lookups - the table of the live answering services: one line for each
 *
 * The configuration accepts a `[[lookups]]` table of each kind; the contract suite runs on all of them.
 */
import type { Lookup, LookupOptions } from './lookup.js';
import { policy } from './policy.js';
import { socketmap } from './socketmap.js';

export const lookups = { socketmap, policy } as const satisfies Record<
  string,
  (options: LookupOptions) => Lookup
>;

/** What `kind` may say in the configuration. */
export type LookupKind = keyof typeof lookups;
