/**
 * daemon - the check `daemon`: it runs, answers operators, and answers reporters
 *
 * Operators by its admin socket; reporters by procedure NULL at its port, which, when the configuration leaves it
 * open, is the one that its process listens at or that rpcbind tells.
 */
import { existsSync, readFileSync } from 'node:fs';
import { reasonOf } from '../core/fault.js';
import { VERSION_1 } from '../wire/drac.js';
import type { Examined, NetId, RpcDoor } from './check.js';
import { bad, type Finding, ok } from './finding.js';
import { daemonOf, sharedPorts, type Sought } from './process.js';
import { registered } from './registered.js';

const START = 'systemctl start dracd (or npm start), and see its log: journalctl -u dracd';

async function* askAdmin({ adminSockets, asking }: Examined): AsyncGenerator<Finding> {
  for (const file of adminSockets) {
    if (!existsSync(file)) {
      yield bad('note', 'the admin socket is not there; what needs it is left out', {
        file,
        key: 'admin.listen',
        cure: 'it is there while dracd runs and [admin] listen names it',
      });
      continue;
    }
    try {
      await asking.admin(file);
      yield ok('operators are answered', { file });
    } catch (thrown) {
      yield bad('note', `the admin socket does not answer: ${reasonOf(thrown)}`, {
        file,
        key: 'admin.listen',
        cure: `use sudo, or become a member of its group (ls -l ${file})`,
      });
    }
  }
}

/** An address to call it at, of one transport. */
interface Door {
  readonly transport: 'udp' | 'tcp';
  readonly host: string;
  readonly netid: NetId;
}

/** One line for each IPv6 address of this host. */
const IPV6_ADDRESSES = '/proc/net/if_inet6';

function hasIpv6(): boolean {
  try {
    return readFileSync(IPV6_ADDRESSES, 'utf8') !== '';
  } catch {
    return false;
  }
}

/** Where it listens; a wildcard is called at loopback. */
function doorsOf({ addresses, udp, tcp }: RpcDoor): Door[] {
  const transports = [...(udp ? (['udp'] as const) : []), ...(tcp ? (['tcp'] as const) : [])];
  // The daemon listens at the addresses that there are.
  const listened = addresses.filter((address) => address !== '::' || hasIpv6());
  const doors = transports.flatMap((transport) =>
    listened.map((address): Door => {
      const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
      return { transport, host, netid: host.includes(':') ? `${transport}6` : transport };
    }),
  );
  return [...new Map(doors.map((door) => [`${door.netid} ${door.host}`, door])).values()];
}

/** On which transports it listens. */
export const netidsOf = (rpc: RpcDoor): NetId[] => [...new Set(doorsOf(rpc).map(({ netid }) => netid))];

/** The ports to try: that of the configuration, else those that the process listens at, else rpcbind's. */
async function portsToTry({ rpc, clock, answerMs }: Examined, found: Sought): Promise<number[]> {
  if (rpc.port !== 0) return [rpc.port];
  const netids = netidsOf(rpc);
  if (typeof found === 'object') return sharedPorts(found, netids);
  const told = await registered(
    netids.map((netid) => ({ version: VERSION_1, netid })),
    { clock, limitMs: answerMs / 2 },
  ).catch(() => []);
  return [...new Set(told)].filter((port) => port !== undefined);
}

interface Called {
  readonly door: string;
  /** Undefined: it answers. */
  readonly failure?: string;
}

/** Calls a door at each port until one answers. */
async function call({ asking }: Examined, door: Door, ports: readonly number[]): Promise<Called> {
  const { transport, host } = door;
  let failure: string | undefined;
  for (const port of ports) {
    try {
      await asking.rpc({ host, port, transport });
      return { door: `${transport} ${host} port ${port}` };
    } catch (thrown) {
      failure ??= reasonOf(thrown);
    }
  }
  return { door: `${transport} ${host}`, failure: failure ?? 'its port is not known' };
}

/** By what was the matter with them. */
function silentDoors(called: readonly Called[]): Map<string, string[]> {
  const doors = new Map<string, string[]>();
  for (const { door, failure } of called)
    if (failure !== undefined) doors.set(failure, [...(doors.get(failure) ?? []), door]);
  return doors;
}

export async function* daemon(examined: Examined): AsyncGenerator<Finding> {
  const { configFile: file, rpc, store } = examined;
  const found = await daemonOf(store);
  yield* askAdmin(examined);
  const ports = await portsToTry(examined, found);
  const called = await Promise.all(doorsOf(rpc).map((door) => call(examined, door, ports)));
  const answering = called.filter(({ failure }) => failure === undefined).map(({ door }) => door);
  const isGone = found === 'absent' && answering.length === 0;
  if (isGone) {
    yield bad('error', 'dracd does not run: nobody holds its journal, and nobody answers', {
      file: store,
      key: 'store.directory',
      cure: START,
    });
    return;
  }
  if (answering.length > 0)
    yield ok('reporters are answered', { key: 'rpc.addresses', value: answering.join('; ') });
  const isHidden = found === 'hidden';
  for (const [failure, doors] of silentDoors(called))
    yield bad(isHidden && ports.length === 0 ? 'note' : 'error', `reporters get no answer: ${failure}`, {
      file,
      key: 'rpc.addresses',
      value: doors.join('; '),
      cure: isHidden ? `use sudo, which finds its port; does it run? ${START}` : START,
    });
}
