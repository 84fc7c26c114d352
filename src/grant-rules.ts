/**
 * grant-rules - what the configuration says of who may be granted, as the parts that decide
 *
 * The daemon and the one-shot that tidies maps while no daemon runs are made of the same parts, so that
 * both show the same clients. Reporters and the host's addresses are told to them by their owner, as they change.
 */
import type { Config } from './config.js';
import type { ClientAddress } from './core/address.js';
import { Coverage } from './core/coverage.js';
import { NeverGranted } from './core/never.js';
import { Reporters } from './core/reporters.js';
import { Standing } from './core/standing.js';

export interface GrantRules {
  readonly reporters: Reporters;
  readonly never: NeverGranted;
  readonly standing: Standing;
  readonly coverage: Coverage;
}

export function grantRules({ grants }: Config): GrantRules {
  const reporters = new Reporters();
  const never = new NeverGranted({ networks: grants.never });
  const standing = new Standing(grants.always, grants.never);
  const coverage = new Coverage({
    ipv6Prefix: grants.ipv6_prefix,
    ipv4Prefix: grants.ipv4_prefix,
    access: grants.access_networks,
    hosting: grants.hosting_networks,
    never,
    reporters,
    standing,
  });
  return { reporters, never, standing, coverage };
}

/** Tells the rules which single hosts are never granted: the host's own addresses, and the reporters that are known now. */
export function setHosts({ never, reporters }: GrantRules, own: readonly ClientAddress[]): void {
  never.setHosts([...own, ...reporters.singleHosts()]);
}
