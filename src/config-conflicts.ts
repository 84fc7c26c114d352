/**
 * config-conflicts - keys that are right each on its own and cannot hold together
 *
 * A site network that `never` takes away whole; a network that grants ask for and a map has no words for: its
 * readers would refuse whom the others let relay; an admin port without mutual TLS.
 */
import type { Config } from './config-schema.js';
import { IPV4_BYTES } from './core/address.js';
import { WIDE_IPV6 } from './core/coverage.js';
import { type Network, parseNetwork, without } from './core/network.js';
import { subjectOf } from './core/subject.js';
import type { LiveMapFormat } from './exports/format.js';
import { formats } from './exports/formats.js';

export interface Conflict {
  readonly path: readonly (string | number)[];
  /** What is wrong, and the cure. */
  readonly problem: string;
}

/** A network such as leases cover. */
const HOUSEHOLD = parseNetwork('2001:db8:1:2::/64') as Network;

const isIpv4 = ({ base }: Network): boolean => base.length === IPV4_BYTES;

function lostNetworks({ grants: { always, never } }: Config): Conflict[] {
  return always.flatMap((one, index) =>
    without(one, never).length > 0
      ? []
      : [
          {
            path: ['grants', 'always', index],
            problem: 'it lies in grants.never, which wins; take it out of one of the two',
          },
        ],
  );
}

/** The networks that every map must be able to say, and the key that asks for each. */
function networksToSay({ grants }: Config): { key: string; network: Network }[] {
  const widened = [
    ...(grants.ipv6_prefix === WIDE_IPV6 ? ['ipv6_prefix'] : []),
    ...(grants.access_networks.every(isIpv4) ? [] : ['access_networks']),
  ];
  return [
    ...grants.always
      .flatMap((one) => without(one, grants.never))
      .map((network) => ({ key: 'always', network })),
    ...widened.map((key) => ({ key, network: HOUSEHOLD })),
  ];
}

function unsaidNetworks(config: Config): Conflict[] {
  const networks = networksToSay(config);
  return config.exports.flatMap((table, index) => {
    const format: LiveMapFormat = formats[table.format];
    // tcpserver, which has a wording of its own, knows no IPv6 at all.
    const isSaid = (network: Network): boolean =>
      (format.dialects?.length === 0 && !isIpv4(network)) || format.says(subjectOf(network), table.dialects);
    const unsaid = networks.find(({ network }) => !isSaid(network));
    if (unsaid === undefined) return [];
    const { key, network } = unsaid;
    const what = key === 'always' ? subjectOf(network) : 'IPv6 networks';
    const problem = `this map has no words for ${what}, which grants.${key} asks for; let its reader ask a socketmap instead, or change grants.${key}`;
    return [{ path: ['exports', index, 'format'], problem }];
  });
}

/** Doors that anybody could come through, or nobody. */
function adminPorts({ admin: { listen, tls } }: Config): Conflict[] {
  const missing = [
    ...(tls.cert === '' ? ['cert'] : []),
    ...(tls.key === '' ? ['key'] : []),
    ...(tls.clientCa === '' ? ['client_ca'] : []),
  ];
  return listen.flatMap(({ transport }, index) => {
    if (transport === 'unix') return [];
    const path = ['admin', 'listen', index];
    if (missing.length > 0) {
      const problem = `a port needs mutual TLS; set ${missing.join(', ')} in [admin.tls], or listen on a unix socket`;
      return [{ path, problem }];
    }
    if (tls.viewers.length + tls.operators.length > 0) return [];
    return [
      { path, problem: 'nobody may come in; name certificates in admin.tls.viewers or admin.tls.operators' },
    ];
  });
}

/** What does not hold together in a configuration whose keys are all right. */
export function conflicts(config: Config): Conflict[] {
  return [...lostNetworks(config), ...unsaidNetworks(config), ...adminPorts(config)];
}
