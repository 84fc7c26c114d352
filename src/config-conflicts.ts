/**
 * config-conflicts - keys that are right each on its own and cannot hold together
 *
 * A site network that `never` takes away whole; a network that grants ask for and a map has no words for: its
 * readers would refuse whom the others let relay.
 */
import type { Config } from './config-schema.js';
import { IPV4_BYTES } from './core/address.js';
import { WIDE_IPV6 } from './core/coverage.js';
import { type Network, parseNetwork, without } from './core/network.js';
import { type Subject, subjectOf } from './core/subject.js';
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

function isSaid(table: Config['exports'][number], subject: Subject): boolean {
  const format: LiveMapFormat = formats[table.format];
  // tcpserver, which has a wording of its own, knows no IPv6 at all.
  return (format.dialects?.length === 0 && subject.includes(':')) || format.says(subject, table.dialects);
}

/** In words, which map has no words for a subject that an operator wants to let relay; undefined when all have. */
export function unsaidIn({ exports: tables }: Config, subject: Subject): string | undefined {
  const table = tables.find((one) => !isSaid(one, subject));
  return (
    table &&
    `${subject} cannot be said in the map ${table.path}: its readers would refuse whom the others let relay. ` +
      'Let that mail server ask a socketmap instead, or name a network that it has words for'
  );
}

function unsaidNetworks(config: Config): Conflict[] {
  const networks = networksToSay(config);
  return config.exports.flatMap((table, index) => {
    const unsaid = networks.find(({ network }) => !isSaid(table, subjectOf(network)));
    if (unsaid === undefined) return [];
    const { key, network } = unsaid;
    const what = key === 'always' ? subjectOf(network) : 'IPv6 networks';
    const problem = `this map has no words for ${what}, which grants.${key} asks for; let its reader ask a socketmap instead, or change grants.${key}`;
    return [{ path: ['exports', index, 'format'], problem }];
  });
}

/** What does not hold together in a configuration whose keys are all right. */
export function conflicts(config: Config): Conflict[] {
  return [...lostNetworks(config), ...unsaidNetworks(config)];
}
