/**
 * config-conflicts - keys that are right each on its own and cannot hold together
 *
 * A site network that `never` takes away whole; a network that grants ask for and a map has no words for: its
 * readers would refuse whom the others let relay, or so many words that nothing else would be done any more; an
 * admin port without mutual TLS.
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

/** A map that is published every second should not have more keys that never change. */
const MAX_KEYS = 262_144;

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

/** A network that every map must be able to say, the key that asks for it, and whether it stands there as it is. */
interface Asked {
  readonly key: string;
  readonly network: Network;
  readonly listed: boolean;
}

/** `whole`: of a map that says networks whole, whatever of them is never. */
function networksToSay({ grants }: Config, whole: boolean): Asked[] {
  const widened = [
    ...(grants.ipv6_prefix === WIDE_IPV6 ? ['ipv6_prefix'] : []),
    ...(grants.access_networks.every(isIpv4) ? [] : ['access_networks']),
  ];
  return [
    ...grants.always.flatMap((one) =>
      (whole ? [one] : without(one, grants.never)).map((network) => ({
        key: 'always',
        network,
        listed: network === one,
      })),
    ),
    ...widened.map((key) => ({ key, network: HOUSEHOLD, listed: false })),
  ];
}

/** In words, what a map cannot say. */
function unsaid({ key, network, listed }: Asked): string {
  const text = subjectOf(network);
  if (key !== 'always') return 'has no words for IPv6 networks';
  return listed ? `has no words for ${text}` : `has no words for ${text}, a part that grants.never leaves`;
}

/** How many keys a map needs for a subject; undefined when it has no words for it. */
function keysIn(table: Config['exports'][number], subject: Subject): number | undefined {
  const format: LiveMapFormat = formats[table.format];
  // tcpserver, which has a wording of its own, knows no IPv6 at all.
  if (format.dialects?.length === 0 && subject.includes(':')) return 0;
  return format.keysFor(subject, table.dialects);
}

/** In words, which map has no words for a subject that an operator wants to let relay; undefined when all have. */
export function unsaidIn({ exports: tables }: Config, subject: Subject): string | undefined {
  const table = tables.find((one) => keysIn(one, subject) === undefined);
  return (
    table &&
    `${subject} cannot be said in the map ${table.path}: its readers would refuse whom the others let relay. ` +
      'Let that mail server ask a socketmap instead, or name a network that it has words for'
  );
}

function unsaidNetworks(config: Config): Conflict[] {
  return config.exports.flatMap((table, index) => {
    const format: LiveMapFormat = formats[table.format];
    let keys = 0;
    for (const asked of networksToSay(config, format.saysDenials?.(table) === true)) {
      const more = keysIn(table, subjectOf(asked.network));
      keys += more ?? 0;
      if (more !== undefined && keys <= MAX_KEYS) continue;
      const what = more === undefined ? unsaid(asked) : `needs more than ${MAX_KEYS} keys for the networks`;
      const problem = `this map ${what}, which grants.${asked.key} asks for; let its reader ask a socketmap instead, or change grants.${asked.key}`;
      return [{ path: ['exports', index, 'format'], problem }];
    }
    return [];
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
