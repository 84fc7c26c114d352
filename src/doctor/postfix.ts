/**
 * postfix - the check `postfix`: its smtpd services ask dracd, at the right place, for what dracd writes or answers
 *
 * Each service is judged with its own words (`-o` in master.cf); services with the same trouble are told of together.
 */
import path from 'node:path';
import { type Place, placeText } from '../runtime/place.js';
import type { Examined } from './check.js';
import { bad, type Finding, ok } from './finding.js';
import { type Postfix, readPostfix, type Smtpd } from './postconf.js';
import { type IsOurs, judge, type Restriction } from './restrictions.js';

/** Examples enough. */
const OFFERED = 3;
const RECIPE = 'see docs/postfix.md; then: postfix reload';
const SOCKETMAP = /^socketmap:(unix:.+|inet:.+):[^:]+$/;
const INDEXED = /^(?:proxy:)?(?:lmdb|hash|btree|cdb|dbm|texthash|cidr|socketmap):/;

/** A socket or port that Postfix is told: `unix:dracd/policy`, `inet:host:port`. */
function doorOf({ word, argument = '' }: Restriction): string | undefined {
  if (word === 'check_policy_service') return /^\{?\s*([^\s,{}]+)/.exec(argument)?.[1];
  return SOCKETMAP.exec(argument)?.[1];
}

/** The file that an smtpd means by a socket's name when it is not in a chroot; undefined for a port. */
function namedSocket(door: string, { queueDirectory }: Postfix): string | undefined {
  return door.startsWith('unix:') ? path.resolve(queueDirectory, door.slice('unix:'.length)) : undefined;
}

function isPlace(door: string, place: Place, postfix: Postfix): boolean {
  if (place.transport === 'unix') return namedSocket(door, postfix) === place.path;
  // By whatever name its host goes.
  return door.startsWith('inet:') && door.endsWith(`:${place.port}`);
}

/** What Postfix may call the files of this dracd. */
function tablesOf({ maps }: Examined): string[] {
  return maps.flatMap(({ format, path: file, table }) =>
    format === 'list' ? [`cidr:${file}`, `texthash:${file}`] : table === undefined ? [] : [table],
  );
}

const unproxied = (table: string): string => table.replace(/^proxy:/, '');

/** Whether a restriction asks this dracd. */
function oursIn(postfix: Postfix, examined: Examined): IsOurs {
  const tables = tablesOf(examined);
  return (restriction) => {
    const { word, argument = '' } = restriction;
    const kind = word === 'check_policy_service' ? 'policy' : 'socketmap';
    const door = doorOf(restriction);
    if (door !== undefined)
      return examined.lookups.some(
        (one) => one.kind === kind && one.listen.some((place) => isPlace(door, place, postfix)),
      );
    return word === 'check_client_access' && tables.includes(unproxied(argument));
  };
}

/** A file of ours that is asked for something else than a client's address, or where the answer is not read. */
function misused({ all, mynetworks }: Smtpd, { mainCf }: Postfix, examined: Examined): Finding[] {
  const tables = tablesOf(examined).filter((table) => !table.startsWith('cidr:'));
  const named = mynetworks.filter((word) => tables.includes(unproxied(word)));
  const asked = all.filter(
    ([, { word, argument = '' }]) =>
      word !== 'check_client_access' &&
      /^check_\w+_access$/.test(word) &&
      tables.includes(unproxied(argument)),
  );
  return [
    ...named.map((word) =>
      bad('error', 'in mynetworks a key lets relay whatever it says: those who are denied, too', {
        file: mainCf,
        key: 'mynetworks',
        value: word,
        cure: `take ${word} out of mynetworks, and put check_client_access ${unproxied(word)} behind permit_auth_destination; ${RECIPE}`,
      }),
    ),
    ...asked.map(([list, { word, argument = '' }]) =>
      bad(
        'error',
        `${word} asks for what a stranger says of himself: whoever names a permitted address may relay`,
        {
          file: mainCf,
          key: list,
          value: `${word} ${argument}`,
          cure: `say check_client_access ${argument} instead; ${RECIPE}`,
        },
      ),
    ),
  ];
}

/** An absolute name leads, inside of a chroot, to another file. */
function misnamed(smtpd: Smtpd, postfix: Postfix, isOurs: IsOurs): Finding[] {
  if (!smtpd.isChrooted) return [];
  const { queueDirectory } = postfix;
  return [...smtpd.relay, ...smtpd.recipient].filter(isOurs).flatMap((restriction) => {
    const name = doorOf(restriction);
    const file = name === undefined ? undefined : namedSocket(name, postfix);
    if (name === undefined || file === undefined || !name.startsWith('unix:/')) return [];
    const relative = path.relative(queueDirectory, file);
    // One outside is the business of the check `sockets`.
    if (relative.startsWith('..')) return [];
    return [
      bad('error', `${smtpd.service} runs in a chroot, where this name leads to ${queueDirectory}${file}`, {
        file: postfix.mainCf,
        value: `${restriction.word} ${restriction.argument ?? ''}`,
        cure: `name it from the queue directory: unix:${relative}; then: postfix reload`,
      }),
    ];
  });
}

/** Tables that are asked for clients and are not ours: one of them may have been meant. */
function strangers(smtpds: readonly Smtpd[]): string[] {
  const all = smtpds.flatMap(({ relay, recipient }) => [...relay, ...recipient]);
  const named = all.filter(
    ({ word, argument = '' }) =>
      (word === 'check_client_access' && INDEXED.test(argument)) || word === 'check_policy_service',
  );
  return [...new Set(named.map(({ word, argument = '' }) => `${word} ${argument}`))];
}

function nobodyAsks(postfix: Postfix, { maps, lookups }: Examined): Finding {
  const offered = [
    ...maps.flatMap(({ table }) => table ?? []),
    ...lookups.flatMap(({ kind, listen }) => listen.map((place) => `${kind} ${placeText(place)}`)),
  ]
    .slice(0, OFFERED)
    .join(' or ');
  const asked = strangers(postfix.smtpds);
  const what =
    asked.length === 0
      ? 'no smtpd asks dracd: nobody is let relay by it'
      : 'no smtpd asks for what dracd writes or answers: type and name of the map must be these';
  return bad('error', what, {
    file: postfix.mainCf,
    key: 'smtpd_relay_restrictions',
    value: asked.length === 0 ? undefined : asked.join(', '),
    cure: `dracd offers ${offered}: name it there, before what refuses; ${RECIPE}`,
  });
}

/** One finding for all services that have the same trouble. */
function merged(found: readonly (readonly [service: string, finding: Finding])[]): Finding[] {
  const groups = new Map<string, { finding: Finding; services: string[] }>();
  for (const [service, finding] of found) {
    const key = JSON.stringify(finding);
    const group = groups.get(key) ?? { finding, services: [] };
    group.services.push(service);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ finding, services }) => ({
    ...finding,
    value: finding.value === undefined ? services.join(', ') : `${finding.value} (${services.join(', ')})`,
  }));
}

export async function* postfix(examined: Examined): AsyncGenerator<Finding> {
  const read = await readPostfix(examined);
  if (read === 'absent') {
    yield bad('note', 'there is no Postfix on this host', {});
    return;
  }
  if (!examined.maps.some(({ table }) => table !== undefined) && examined.lookups.length === 0) {
    yield bad('note', 'nothing is written or answered for Postfix', { key: 'exports' });
    return;
  }
  const isOurs = oursIn(read, examined);
  const misuses = read.smtpds.flatMap((smtpd) =>
    misused(smtpd, read, examined).map((finding) => [smtpd.service, finding] as const),
  );
  yield* merged(misuses);
  const judged = read.smtpds.map((smtpd) => ({ smtpd, found: judge(smtpd, isOurs) }));
  const asking = judged.filter(({ found }) => found !== undefined);
  if (asking.length === 0) {
    if (misuses.length === 0) yield nobodyAsks(read, examined);
    return;
  }
  const troubles = asking.flatMap(({ smtpd, found = [] }) =>
    [
      ...found.map(({ severity, list, what, cure }) =>
        bad(severity, what, { file: read.mainCf, key: list, cure: `${cure}; then: postfix reload` }),
      ),
      ...misnamed(smtpd, read, isOurs),
    ].map((finding) => [smtpd.service, finding] as const),
  );
  yield* merged(troubles);
  const well = asking.filter(({ smtpd }) =>
    [...misuses, ...troubles].every(([service]) => service !== smtpd.service),
  );
  if (well.length > 0)
    yield ok('these ask dracd, and at the right place', {
      file: read.mainCf,
      value: well.map(({ smtpd }) => smtpd.service).join(', '),
    });
  const silent = judged.filter(({ found }) => found === undefined);
  if (silent.length > 0)
    yield bad('note', 'these do not ask dracd, by words of their own or of main.cf', {
      file: read.masterCf,
      key: '-o smtpd_relay_restrictions',
      value: silent.map(({ smtpd }) => smtpd.service).join(', '),
      cure: 'if clients of dracd send through them, say the same there',
    });
}
