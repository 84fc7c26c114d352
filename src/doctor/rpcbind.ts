/**
 * rpcbind - the check `rpcbind`: reporters that ask it for our port are told the right one, and it forwards nothing
 */
import { reasonOf } from '../core/fault.js';
import { VERSION_1, VERSION_2 } from '../wire/drac.js';
import type { Examined } from './check.js';
import { netidsOf } from './daemon.js';
import { bad, type Finding, ok } from './finding.js';
import { forwards } from './forwarding.js';
import { daemonOf, sharedPorts } from './process.js';
import { type Registered, registered } from './registered.js';

const nameOf = ({ version, netid }: Registered): string => `version ${version} ${netid}`;

/** The ports that may be ours; undefined when that cannot be known. */
async function ownPorts({ rpc, store }: Examined): Promise<readonly number[] | undefined> {
  if (rpc.port !== 0) return [rpc.port];
  const found = await daemonOf(store);
  return typeof found === 'object' ? sharedPorts(found, netidsOf(rpc)) : undefined;
}

async function* registration(examined: Examined): AsyncGenerator<Finding> {
  const { rpc, clock, answerMs, configFile: file } = examined;
  const netids = netidsOf(rpc);
  const wanted = [VERSION_1, VERSION_2].flatMap((version) => netids.map((netid) => ({ version, netid })));
  const told = await registered(wanted, { clock, limitMs: answerMs });
  const own = await ownPorts(examined);
  const missing = wanted.filter((_, i) => told[i] === undefined);
  const isForeign = (port: number | undefined): boolean =>
    port !== undefined && own?.includes(port) === false;
  const foreign = wanted.flatMap((entry, i) =>
    isForeign(told[i]) ? [`${nameOf(entry)}: port ${told[i] ?? 0}`] : [],
  );
  const isRight = (port: number | undefined): boolean => port !== undefined && !isForeign(port);
  const right = wanted.filter((_, i) => isRight(told[i]));
  if (right.length > 0)
    yield ok('rpcbind tells POP3 servers the port', {
      key: 'program 900101',
      value: `${right.map(nameOf).join(', ')}: port ${[...new Set(told.filter(isRight))].join(' ')}`,
    });
  if (missing.length > 0)
    yield bad('error', 'rpcbind does not know us: POP3 servers that ask it for the port do not find dracd', {
      file,
      key: 'rpc.rpcbind',
      value: missing.map(nameOf).join(', '),
      cure: 'a running dracd registers again within ten seconds; if it does not: systemctl restart dracd, and see its log',
    });
  if (foreign.length > 0)
    yield bad('error', 'rpcbind names a port that is not ours: POP3 servers speak to another program', {
      file,
      key: 'rpc.port',
      value: foreign.join(', '),
      cure: 'see rpcinfo -p; stop the other program (or rpcinfo -d 900101 1; rpcinfo -d 900101 2), then: systemctl restart dracd',
    });
}

async function* forwarding({ clock, rpc, answerMs }: Examined): AsyncGenerator<Finding> {
  if (!rpc.udp) return;
  const answer = await forwards(clock, answerMs);
  if (answer === 'yes')
    yield bad('error', 'rpcbind forwards calls of strangers as if they came from this host', {
      key: 'rpcbind -r',
      cure: 'restart rpcbind without -r (Debian: OPTIONS in /etc/default/rpcbind); until then dracd refuses UDP reports from this host',
    });
  else if (answer === 'no') yield ok('rpcbind forwards no calls');
  else
    yield bad('note', 'whether rpcbind forwards calls could not be found out: it does not answer on UDP', {
      key: '127.0.0.1 port 111',
      cure: 'let rpcbind listen on UDP port 111 of loopback, or let reporters on this host use TCP',
    });
}

export async function* rpcbind(examined: Examined): AsyncGenerator<Finding> {
  const { rpc, configFile: file } = examined;
  const isFound = rpc.port !== 0;
  if (rpc.rpcbind === 'off') {
    yield isFound
      ? ok('it is not used: reporters must be told the port', { key: 'rpc.port', value: String(rpc.port) })
      : bad('note', 'it is not used, and the port is another one at each start', {
          file,
          key: 'rpc.port',
          value: '0',
          cure: 'set rpc.port and tell it to the reporters, or set rpc.rpcbind = "auto"',
        });
    return;
  }
  try {
    yield* registration(examined);
  } catch (thrown) {
    const isNeeded = rpc.rpcbind === 'required' || !isFound;
    yield bad(isNeeded ? 'error' : 'note', `rpcbind does not answer: ${reasonOf(thrown)}`, {
      file,
      key: 'rpc.rpcbind',
      value: rpc.rpcbind,
      cure: isFound
        ? 'systemctl start rpcbind, or tell reporters the port'
        : 'systemctl start rpcbind: without it nobody can know the port; or set rpc.port',
    });
    return;
  }
  yield* forwarding(examined);
}
