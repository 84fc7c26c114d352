/** registration - what becomes of our entries, with an rpcbind that the test plays */
import { Fault } from '../../../src/core/fault.js';
import { Registration, type RpcbindMode } from '../../../src/intake/registration.js';
import type { Entry, NetId } from '../../../src/intake/rpcbind.js';
import { FakeClock } from '../../support/fake-clock.js';
import { recordingLog } from '../../support/live-map.js';
import { pause } from '../../support/processes.js';

const PORT = 900;
const ALL: readonly NetId[] = ['udp', 'tcp', 'udp6', 'tcp6'];
const name = ({ version, netid }: Entry): string => `${version} ${netid}`;

/** rpcbind's list: `version netid` to port and owner. Of a dead server it tells no port, but keeps the entry. */
class FakeRpcbind {
  readonly entries = new Map<string, { port: number; owner: string; dead?: boolean }>();
  /** What each call fails with. */
  fault: Fault | undefined;
  /** Awaited by each call. */
  gate: Promise<unknown> = Promise.resolve();
  readonly calls: string[] = [];

  async ports(entries: readonly Entry[]): Promise<(number | undefined)[]> {
    await this.#called('ports', entries);
    return entries.map((entry) => {
      const found = this.entries.get(name(entry));
      return found?.dead === true ? undefined : found?.port;
    });
  }

  async set(entries: readonly Entry[], port: number): Promise<boolean[]> {
    await this.#called('set', entries);
    return entries.map((entry) => {
      if (this.entries.has(name(entry))) return false;
      this.entries.set(name(entry), { port, owner: 'us' });
      return true;
    });
  }

  async unset(entries: readonly Entry[]): Promise<boolean[]> {
    await this.#called('unset', entries);
    return entries.map(
      (entry) => this.entries.get(name(entry))?.owner === 'us' && this.entries.delete(name(entry)),
    );
  }

  async #called(what: string, entries: readonly Entry[]): Promise<void> {
    if (entries.length > 0) this.calls.push(`${what} ${entries.map(name).join(', ')}`);
    await this.gate;
    if (this.fault !== undefined && entries.length > 0) throw this.fault;
  }

  /** `version netid port` of what is registered. */
  get list(): string[] {
    return [...this.entries].map(([entry, { port }]) => `${entry} ${port}`).sort();
  }
}

class World {
  readonly clock = new FakeClock();
  readonly rpcbind = new FakeRpcbind();
  readonly recorded = recordingLog();
  netids: readonly NetId[] = ALL;
  /** What was registered each time when it was announced that more will be. */
  readonly announced: string[][] = [];
  readonly registration: Registration;

  constructor(mode: RpcbindMode = 'auto') {
    this.registration = new Registration({
      mode,
      rpcbind: this.rpcbind,
      doors: () => ({ netids: this.netids, port: PORT }),
      announcing: () => this.announced.push(this.rpcbind.list),
      clock: this.clock,
      log: this.recorded.log,
    });
  }

  get lines(): string[] {
    return this.recorded.said.map(({ level, event }) => `${level} ${event}`);
  }
}

const OURS = [1, 2].flatMap((version) => ALL.map((netid) => `${version} ${netid} ${PORT}`)).sort();
const ABSENT = new Fault('UNREACHABLE', 'rpcbind at /run/rpcbind.sock: connect ENOENT');
const REGISTERED = 'info rpcbind: registered';
const TAKEN = 'error rpcbind: another program is registered in our place; its clients do not reach us';
const GONE = 'rpcbind: does not answer; clients must be told the port';

async function started(mode?: RpcbindMode): Promise<World> {
  const world = new World(mode);
  await world.registration.start();
  return world;
}

describe('start', () => {
  test.each(['auto', 'required'] as const)('%s: both versions on every transport', async (mode) => {
    const { rpcbind, registration, lines } = await started(mode);
    expect([rpcbind.list, registration.state, lines]).toEqual([OURS, 'registered', [REGISTERED]]);
  });

  test('only what has a door', async () => {
    const world = new World();
    world.netids = ['tcp'];
    await world.registration.start();
    expect(world.rpcbind.list).toEqual([`1 tcp ${PORT}`, `2 tcp ${PORT}`]);
  });

  test('replaces what an earlier run of ours left behind', async () => {
    const world = new World();
    world.rpcbind.entries.set('1 udp', { port: 7, owner: 'us' });
    await world.registration.start();
    expect([world.rpcbind.list, world.registration.state]).toEqual([OURS, 'registered']);
    expect(world.lines).toEqual(['warn rpcbind: entries from before were removed', REGISTERED]);
    expect(world.recorded.said[0]?.fields).toEqual({ entries: ['version 1 udp'] });
  });

  test('replaces what a killed run left behind, though rpcbind does not tell of it', async () => {
    const world = new World('required');
    for (const netid of ALL) world.rpcbind.entries.set(`1 ${netid}`, { port: 7, owner: 'us', dead: true });
    await world.registration.start();
    expect([world.rpcbind.list, world.registration.state]).toEqual([OURS, 'registered']);
  });

  test('is announced before rpcbind knows of us', async () => {
    const world = await started();
    expect(world.announced).toEqual([[]]);
  });

  test('off: rpcbind is not spoken to', async () => {
    const world = await started('off');
    expect(await world.registration.look()).toBe(false);
    await world.registration.stop();
    expect([world.rpcbind.calls, world.registration.state, world.lines]).toEqual([[], 'off', []]);
  });

  test('auto without rpcbind: goes on, says so once, and registers when it comes', async () => {
    const world = new World();
    world.rpcbind.fault = ABSENT;
    await world.registration.start();
    expect(await world.registration.look()).toBe(false);
    expect([world.registration.state, world.lines]).toEqual(['absent', [`info ${GONE}`]]);
    world.rpcbind.fault = undefined;
    expect(await world.registration.look()).toBe(true);
    expect([world.rpcbind.list, world.registration.state]).toEqual([OURS, 'registered']);
    expect(world.lines).toEqual([`info ${GONE}`, REGISTERED]);
  });

  test('required without rpcbind: Fault RPCBIND with the cure', async () => {
    const world = new World('required');
    world.rpcbind.fault = ABSENT;
    await expect(world.registration.start()).rejects.toMatchObject({
      code: 'RPCBIND',
      temporary: true,
      message: expect.stringMatching(/absent; start rpcbind.*rpcbind = "auto"/) as string,
    });
  });

  test('required, and another program has an entry: Fault RPCBIND; ours are withdrawn by stop', async () => {
    const world = new World('required');
    world.rpcbind.entries.set('2 tcp', { port: 7, owner: 'them' });
    await expect(world.registration.start()).rejects.toMatchObject({
      code: 'RPCBIND',
      message: expect.stringMatching(/taken; see rpcinfo/) as string,
    });
    await world.registration.stop();
    expect(world.rpcbind.list).toEqual(['2 tcp 7']);
  });
});

describe('look', () => {
  test('nothing lost, nothing done, nothing said', async () => {
    const world = await started();
    world.rpcbind.calls.length = 0;
    expect(await world.registration.look()).toBe(false);
    expect(world.rpcbind.calls).toHaveLength(1);
    expect(world.lines).toEqual([REGISTERED]);
    expect(world.announced).toHaveLength(1);
  });

  test.each([
    ['everything', OURS],
    ['one entry', ['1 udp 900']],
  ])('%s was lost: registered again', async (_, lost) => {
    const world = await started();
    for (const entry of lost) world.rpcbind.entries.delete(entry.replace(/ \d+$/, ''));
    expect(await world.registration.look()).toBe(true);
    expect(world.rpcbind.list).toEqual(OURS);
    expect(world.announced.at(-1)).toEqual(OURS.filter((entry) => !lost.includes(entry)));
    expect(world.rpcbind.calls.at(-1)).toBe(
      `set ${[1, 2]
        .flatMap((version) => ALL.map((netid) => `${version} ${netid}`))
        .filter((entry) => lost.includes(`${entry} ${PORT}`))
        .join(', ')}`,
    );
  });

  test('another program in our place: told once, and not fought over', async () => {
    const world = await started();
    world.rpcbind.entries.set('1 udp', { port: 7, owner: 'them' });
    for (let look = 0; look < 3; look += 1) expect(await world.registration.look()).toBe(false);
    expect([world.registration.state, world.lines]).toEqual(['taken', [REGISTERED, TAKEN]]);
    expect(world.recorded.said[1]?.fields).toMatchObject({ entries: ['version 1 udp'] });
    expect(world.recorded.said[1]?.fields['cure']).toContain('rpcinfo -d 900101');
    expect(world.rpcbind.entries.get('1 udp')).toEqual({ port: 7, owner: 'them' });
    await world.registration.stop();
    expect(world.rpcbind.list).toEqual(['1 udp 7']);
  });

  test('our place is free again: registered again', async () => {
    const world = await started();
    world.rpcbind.entries.set('1 udp', { port: 7, owner: 'them' });
    await world.registration.look();
    world.rpcbind.entries.delete('1 udp');
    expect(await world.registration.look()).toBe(true);
    expect([world.registration.state, world.rpcbind.list]).toEqual(['registered', OURS]);
    expect(world.lines).toEqual([REGISTERED, TAKEN, REGISTERED]);
  });

  test('rpcbind refuses what it said was free: somebody was faster', async () => {
    const world = new World();
    world.rpcbind.set = async (entries) => {
      await Promise.resolve();
      return entries.map(({ netid }) => netid !== 'udp6');
    };
    await world.registration.start();
    expect(world.registration.state).toBe('taken');
    expect(world.recorded.said[0]?.fields['entries']).toEqual(['version 1 udp6', 'version 2 udp6']);
  });

  test('rpcbind went away: told once, a warning by now; and its coming back is told of', async () => {
    const world = await started();
    world.rpcbind.fault = ABSENT;
    for (let look = 0; look < 3; look += 1) expect(await world.registration.look()).toBe(false);
    expect([world.registration.state, world.lines]).toEqual(['absent', [REGISTERED, `warn ${GONE}`]]);
    expect(world.recorded.said[1]?.fields).toEqual({ error: ABSENT.message });
    world.rpcbind.fault = undefined;
    world.rpcbind.entries.clear();
    expect(await world.registration.look()).toBe(true);
    expect(world.lines).toEqual([REGISTERED, `warn ${GONE}`, REGISTERED]);
  });

  test('rpcbind came back and had forgotten nothing: that is worth a probe, too', async () => {
    const world = await started();
    world.rpcbind.fault = ABSENT;
    await world.registration.look();
    world.rpcbind.fault = undefined;
    expect([await world.registration.look(), await world.registration.look()]).toEqual([true, false]);
  });

  test('doors that vanish are withdrawn, doors that come are registered', async () => {
    const world = await started();
    world.netids = ['udp', 'tcp'];
    expect(await world.registration.look()).toBe(false);
    expect(world.rpcbind.list).toEqual(OURS.filter((entry) => !entry.includes('6')));
    world.netids = ALL;
    expect(await world.registration.look()).toBe(true);
    expect(world.rpcbind.list).toEqual(OURS);
  });

  test('one at a time: who asks meanwhile gets the same answer', async () => {
    const world = await started();
    world.rpcbind.calls.length = 0;
    world.rpcbind.entries.clear();
    expect(await Promise.all([world.registration.look(), world.registration.look()])).toEqual([true, true]);
    expect(world.rpcbind.calls.filter((call) => call.startsWith('set'))).toHaveLength(1);
  });
});

describe('stop', () => {
  test('withdraws ours, and later looks do nothing', async () => {
    const world = await started();
    await world.registration.stop();
    expect(world.rpcbind.list).toEqual([]);
    expect(await world.registration.look()).toBe(false);
    expect([world.rpcbind.list, world.clock.pendingTimers]).toEqual([[], 0]);
  });

  test('before the start, and twice', async () => {
    const world = new World();
    await world.registration.stop();
    await world.registration.stop();
    expect(world.rpcbind.calls).toEqual([]);
  });

  test('waits for a look under way, which may still register', async () => {
    const world = await started();
    world.rpcbind.entries.clear();
    const looking = world.registration.look();
    await world.registration.stop();
    await looking;
    expect(world.rpcbind.list).toEqual([]);
  });

  test('is bounded when rpcbind hangs, and says that it could not', async () => {
    const world = await started();
    world.rpcbind.gate = new Promise(() => undefined);
    let stopped = false;
    const stopping = world.registration.stop().then(() => (stopped = true));
    await pause(0);
    expect(stopped).toBe(false);
    world.clock.advance(300);
    await stopping;
    expect(world.lines.at(-1)).toBe('warn rpcbind: our registration could not be withdrawn in time');
  });

  test('says so when rpcbind refuses', async () => {
    const world = await started();
    world.rpcbind.fault = new Fault('RPCBIND', 'refused the call');
    await world.registration.stop();
    expect(world.lines.at(-1)).toBe('warn rpcbind: our registration could not be withdrawn');
    expect(world.recorded.said.at(-1)?.fields).toEqual({ error: 'refused the call' });
  });

  test('rpcbind did not answer the last look: what may still stand there is withdrawn', async () => {
    const world = await started();
    world.rpcbind.fault = new Fault('TIMEOUT', 'rpcbind does not answer');
    await world.registration.look();
    expect(world.registration.state).toBe('absent');
    world.rpcbind.fault = undefined;
    await world.registration.stop();
    expect(world.rpcbind.list).toEqual([]);
  });

  test('rpcbind registered us and did not say so in time: withdrawn too', async () => {
    const world = new World();
    const { rpcbind } = world;
    const set = rpcbind.set.bind(rpcbind);
    rpcbind.set = async (entries, port) => {
      await set(entries, port);
      throw new Fault('TIMEOUT', 'rpcbind does not answer');
    };
    await world.registration.start();
    expect([world.registration.state, rpcbind.list]).toEqual(['absent', OURS]);
    await world.registration.stop();
    expect(rpcbind.list).toEqual([]);
  });

  test('rpcbind is gone for good: nothing more is said', async () => {
    const world = await started();
    world.rpcbind.fault = ABSENT;
    await world.registration.look();
    const before = world.lines;
    await world.registration.stop();
    expect(world.lines).toEqual(before);
  });
});
