/**
 * rpcbind - a real rpcbind in a namespace of its own: registration, hijacking, and calls that it forwards
 */
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { LibTirpc } from '../support/libtirpc.js';
import { Namespace } from '../support/namespace.js';
import { lookup } from '../support/postmap.js';
import { ROOT, until } from '../support/processes.js';
import { SUCCESS, addCall, nextXid, words } from '../support/rpc-client.js';

const SEND = path.join(ROOT, 'test/support/rpc-send.mjs');
const RPCBIND_SOCKET = 'unix:/run/rpcbind.sock';
const PORTMAPPER = 100_000;
const PROGRAM = 900_101;
const TRANSPORTS = ['udp', 'tcp', 'udp6', 'tcp6'];
/** A look every ten seconds, and what it then does. */
const NEXT_LOOK_MS = 15_000;

let programs: LibTirpc;
const namespaces: Namespace[] = [];

async function namespace(): Promise<Namespace> {
  const created = await Namespace.create();
  namespaces.push(created);
  return created;
}

beforeAll(async () => {
  programs = await LibTirpc.build();
});
afterEach(async () => {
  await killAll();
  for (const one of namespaces.splice(0)) await one.stop();
});

/** `version netid owner` of each entry of our program. */
async function entries(inside: Namespace): Promise<string[]> {
  const listed = await inside.run('rpcinfo', '127.0.0.1');
  return listed
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([program]) => program === String(PROGRAM))
    .map(([, version, netid, , , owner]) => `${String(version)} ${String(netid)} ${String(owner)}`)
    .sort();
}

const ALL_OURS = ['1', '2']
  .flatMap((version) => TRANSPORTS.map((netid) => `${version} ${netid} superuser`))
  .sort();

/** Prints the ports of all entries, as a look of the daemon finds them. */
const LOOK = `
import { Rpcbind } from '${ROOT}/dist/intake/rpcbind.js';
import { systemClock } from '${ROOT}/dist/runtime/clock.js';
const entries = [1, 2].flatMap((version) => ${JSON.stringify(TRANSPORTS)}.map((netid) => ({ version, netid })));
process.stdout.write(JSON.stringify(await new Rpcbind({ clock: systemClock }).ports(entries)));`;

function portmapCall(version: number, procedure: number, argument: Buffer): string {
  const header = words(nextXid(), 0, 2, PORTMAPPER, version, procedure, 0, 0, 0, 0);
  return Buffer.concat([header, argument]).toString('hex');
}

function text(value: string): Buffer {
  const padded = Buffer.alloc(Math.ceil(value.length / 4) * 4);
  padded.write(value);
  return Buffer.concat([words(value.length), padded]);
}

/** The argument of RPCBPROC_SET and RPCBPROC_UNSET. */
function rpcb(version: number, netid: string, address: string): Buffer {
  return Buffer.concat([words(PROGRAM, version), text(netid), text(address), text('')]);
}

const SET = 1;
const UNSET = 2;

interface Sending {
  readonly target: string;
  readonly messages: readonly string[];
  /** Default: root. */
  readonly uid?: number;
}

/** Sends messages from inside; the replies in hexadecimal. */
async function send(inside: Namespace, { target, messages, uid }: Sending): Promise<string[]> {
  const user = uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  const said = await inside.run(...user, process.execPath, SEND, target, '300', ...messages);
  return said.split('\n').filter((line) => line !== '');
}

/** An ADD as the three procedures that forward calls carry it. */
function forwardedAdd(address: string): string[] {
  const call = addCall(nextXid(), address);
  const argument = call.subarray(40);
  const body = Buffer.concat([words(PROGRAM, 1, 1, argument.length), argument]);
  return [portmapCall(2, 5, body), portmapCall(4, 5, body), portmapCall(4, 10, body)];
}

const start = (inside: Namespace, options: Parameters<typeof Daemon.start>[0] = {}): Promise<Daemon> =>
  Daemon.start({ rpcbind: 'auto', addresses: ['0.0.0.0', '::'], prefix: inside.prefix, ...options });

describe('registration', () => {
  test('both versions on four transports, clients find the port, and nothing is left at the stop', async () => {
    const inside = await namespace();
    await inside.rpcbind();
    const daemon = await start(inside, { rpcbind: 'required' });
    expect(await entries(inside)).toEqual(ALL_OURS);
    for (const transport of ['udp', 'tcp'] as const) {
      for (const [version, host, address] of [
        [1, '127.0.0.1', '198.51.100.1'],
        [2, '127.0.0.1', '2001:db8::1'],
        [1, '::1', '198.51.100.2'],
        [2, '::1', '2001:db8::2'],
      ] as const) {
        expect(await programs.add({ host, version, transport, address, prefix: inside.prefix })).toBe(
          SUCCESS,
        );
        expect(await lookup(daemon.mapPath, address)).toMatch(/^\d+$/);
        const netid = host === '::1' ? `${transport}6` : transport;
        const said = await inside.run('rpcinfo', '-T', netid, host, String(PROGRAM), String(version));
        expect(said).toContain('ready and waiting');
      }
    }
    const { code } = await daemon.stop();
    expect(code).toBe(0);
    expect(await entries(inside)).toEqual([]);
  });

  test('what is registered is found by a look, so that nothing is registered again', async () => {
    const inside = await namespace();
    await inside.rpcbind();
    const daemon = await start(inside, { rpcbind: 'required' });
    const found = await inside.run(process.execPath, '--input-type=module', '-e', LOOK);
    expect(JSON.parse(found)).toEqual(ALL_OURS.map(() => daemon.port));
  });

  test('what a killed daemon left behind is replaced by the next one', async () => {
    const inside = await namespace();
    await inside.rpcbind();
    const first = await start(inside);
    await first.kill();
    expect(await entries(inside)).toEqual(ALL_OURS);
    const second = await start(inside, { rpcbind: 'required' });
    const options = { version: 1, transport: 'tcp', address: '198.51.100.3', prefix: inside.prefix } as const;
    expect(await programs.add(options)).toBe(SUCCESS);
    await second.stop();
  });

  test('lost when rpcbind is killed, and made again; calls go on meanwhile', async () => {
    const inside = await namespace();
    const rpcbind = await inside.rpcbind('-w');
    const daemon = await start(inside);
    await rpcbind.kill();
    const known = {
      version: 1,
      transport: 'udp',
      address: '198.51.100.4',
      port: daemon.port,
      prefix: inside.prefix,
    } as const;
    expect(await programs.add(known)).toBe(SUCCESS);
    await inside.rpcbind('-w');
    expect(await entries(inside)).toEqual([]);
    await until(
      'the registration is back',
      NEXT_LOOK_MS,
      async () => (await entries(inside)).length === ALL_OURS.length,
    );
    expect(await entries(inside)).toEqual(ALL_OURS);
    expect(await programs.add({ ...known, address: '198.51.100.5' })).toBe(SUCCESS);
  });

  test('without rpcbind: auto serves and registers when rpcbind comes, required ends and says so', async () => {
    const inside = await namespace();
    const daemon = await start(inside);
    const known = {
      version: 1,
      transport: 'udp',
      address: '198.51.100.6',
      port: daemon.port,
      prefix: inside.prefix,
    } as const;
    expect(await programs.add(known)).toBe(SUCCESS);
    const strict = Daemon.launch({ rpcbind: 'required', prefix: inside.prefix });
    expect((await strict.exited).code).toBe(1);
    expect(strict.noise.join('\n')).toMatch(/rpcbind is required.*start rpcbind/);
    await inside.rpcbind();
    await until(
      'it is registered',
      NEXT_LOOK_MS,
      async () => (await entries(inside)).length === ALL_OURS.length,
    );
  });
});

describe('hijacking by another user', () => {
  test('of our entries fails, through the socket and over the network', async () => {
    const inside = await namespace();
    await inside.rpcbind();
    await start(inside);
    for (let time = 0; time < 10; time += 1) {
      const unset = ['', ...TRANSPORTS].flatMap((netid) =>
        [1, 2].map((version) => portmapCall(4, UNSET, rpcb(version, netid, ''))),
      );
      const set = TRANSPORTS.map((netid) =>
        portmapCall(4, SET, rpcb(1, netid, netid.endsWith('6') ? '::.48.57' : '0.0.0.0.48.57')),
      );
      const mapping = portmapCall(2, UNSET, words(PROGRAM, 1, 17, 0));
      await send(inside, { target: RPCBIND_SOCKET, messages: [...unset, ...set], uid: 4_002 });
      await send(inside, { target: 'udp:127.0.0.1:111', messages: [mapping, ...unset, ...set], uid: 4_002 });
    }
    expect(await entries(inside)).toEqual(ALL_OURS);
  });

  test('positive control: an entry that was made over the network by one user is removed by another', async () => {
    const inside = await namespace();
    await inside.rpcbind();
    const entry = rpcb(1, 'udp', '127.0.0.1.48.57');
    await send(inside, { target: 'udp:127.0.0.1:111', messages: [portmapCall(4, SET, entry)], uid: 4_001 });
    expect(await entries(inside)).toEqual(['1 udp unknown']);
    await send(inside, { target: 'udp:127.0.0.1:111', messages: [portmapCall(4, UNSET, entry)], uid: 4_002 });
    expect(await entries(inside)).toEqual([]);
  });

  test('an entry that took the place of ours is told of once and not fought over', async () => {
    const inside = await namespace();
    await inside.rpcbind();
    const daemon = await start(inside);
    const entry = rpcb(1, 'udp', '0.0.0.0.48.57');
    // Only root can take it away; then anybody can take its place.
    await send(inside, { target: RPCBIND_SOCKET, messages: [portmapCall(4, UNSET, entry)] });
    await send(inside, { target: RPCBIND_SOCKET, messages: [portmapCall(4, SET, entry)], uid: 4_001 });
    const told = await daemon.logged(/another program is registered/, NEXT_LOOK_MS);
    expect(told.level).toBe('error');
    expect(told['entries']).toEqual(['version 1 udp']);
    const others = ALL_OURS.filter((line) => !line.startsWith('1 udp '));
    expect(await entries(inside)).toEqual([...others, '1 udp 4001'].sort());
  });
});

describe('calls that rpcbind forwards', () => {
  const OWN = '10.77.0.1';
  const ATTACKER = '10.77.0.2';

  async function attacked(): Promise<{ inside: Namespace; outside: Namespace }> {
    const inside = await namespace();
    const outside = await namespace();
    await inside.join(outside, OWN, ATTACKER);
    return { inside, outside };
  }

  const attack = async (outside: Namespace, address: string): Promise<void> => {
    for (let time = 0; time < 5; time += 1)
      await send(outside, { target: `udp:${OWN}:111`, messages: forwardedAdd(address) });
  };
  const local = (inside: Namespace, port: number, transport: 'udp' | 'tcp') =>
    programs.call({ version: 1, transport, address: '198.51.100.9', port, prefix: inside.prefix });

  test('rpcbind -r: noticed at the start; strangers get nothing, UDP from this host is refused, TCP works', async () => {
    const { inside, outside } = await attacked();
    await inside.rpcbind('-r');
    const daemon = await start(inside);
    expect((await daemon.logged(/^rpcbind forwards/, NEXT_LOOK_MS)).level).toBe('error');
    await attack(outside, '203.0.113.66');
    expect(await lookup(daemon.mapPath, '203.0.113.66')).toBeUndefined();
    const refused = await local(inside, daemon.port, 'udp');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/too weak/i);
    expect((await local(inside, daemon.port, 'tcp')).stdout).toBe('0\n');
  });

  test('positive control: without the probe the same calls grant', async () => {
    const { inside, outside } = await attacked();
    await inside.rpcbind('-r');
    const daemon = await start(inside, { rpcbind: 'off' });
    const address = `0.0.0.0.${daemon.port >> 8}.${daemon.port & 0xff}`;
    await send(inside, { target: RPCBIND_SOCKET, messages: [portmapCall(4, SET, rpcb(1, 'udp', address))] });
    await attack(outside, '203.0.113.66');
    expect(await lookup(daemon.mapPath, '203.0.113.66')).toMatch(/^\d+$/);
  });

  test('rpcbind without -r: strangers get nothing, and this host is served', async () => {
    const { inside, outside } = await attacked();
    await inside.rpcbind();
    const daemon = await start(inside);
    await attack(outside, '203.0.113.66');
    expect(await lookup(daemon.mapPath, '203.0.113.66')).toBeUndefined();
    expect((await local(inside, daemon.port, 'udp')).stdout).toBe('0\n');
    expect(daemon.logs.some((line) => line.event.startsWith('rpcbind forwards'))).toBe(false);
  });

  test('rpcbind replaced by one with -r while we run, and back: closed, then open again after two clean rounds', async () => {
    const { inside, outside } = await attacked();
    const first = await inside.rpcbind();
    const daemon = await start(inside);
    expect((await local(inside, daemon.port, 'udp')).stdout).toBe('0\n');
    await first.kill();
    const forwarding = await inside.rpcbind('-r');
    await daemon.logged(/^rpcbind forwards calls/, NEXT_LOOK_MS);
    await attack(outside, '203.0.113.66');
    expect(await lookup(daemon.mapPath, '203.0.113.66')).toBeUndefined();
    await forwarding.kill();
    await inside.rpcbind();
    await daemon.logged(/^rpcbind forwards no longer/, 3 * NEXT_LOOK_MS);
    expect((await local(inside, daemon.port, 'udp')).stdout).toBe('0\n');
  });
});
