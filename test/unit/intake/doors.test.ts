/** doors - one port for all, and how they follow the host, with openers that the test plays */
import type { NetworkInterfaceInfo } from 'node:os';
import { type Door, Doors, type Opener, type Transport } from '../../../src/intake/doors.js';
import { HostAddresses } from '../../../src/intake/host-addresses.js';
import { recordingLog } from '../../support/live-map.js';

function failure(code: string): Error {
  return Object.assign(new Error(`bind ${code}`), { code });
}

/** A system on which doors open and close, on a host whose addresses the test sets. */
class World {
  readonly recorded = recordingLog();
  /** `transport address port` of each open door. */
  readonly open: string[] = [];
  readonly asked: string[] = [];
  /** What an opening fails with: by `transport address port`, or by a part of it. */
  refuse: (place: string) => string | undefined = () => undefined;
  /** Awaited by each opening. */
  gate: Promise<void> = Promise.resolve();
  #own: readonly string[] = ['127.0.0.1', '::1'];
  #nextPort = 50_000;
  readonly host = new HostAddresses({ interfaces: () => this.#interfaces() });

  readonly #opener =
    (transport: Transport): Opener =>
    async (address, wanted) => {
      const port = wanted === 0 ? (this.#nextPort += 1) : wanted;
      const place = `${transport} ${address} ${port}`;
      this.asked.push(`${transport} ${address} ${wanted}`);
      await this.gate;
      const code = this.refuse(place);
      if (code !== undefined) throw failure(code);
      this.open.push(place);
      const close = (): void => void this.open.splice(this.open.indexOf(place) >>> 0, 1);
      return { transport, address, port, close } satisfies Door;
    };

  readonly openers = { udp: this.#opener('udp'), tcp: this.#opener('tcp') };

  doors(
    addresses: readonly string[],
    port = 0,
    openers: Partial<Record<Transport, Opener>> = this.openers,
  ): Doors {
    return new Doors({ openers, addresses, port, host: this.host, log: this.recorded.log });
  }

  /** Changes the host's addresses; they are read at once. */
  set(...own: string[]): void {
    this.#own = own;
    this.host.refresh();
  }

  #interfaces(): NodeJS.Dict<NetworkInterfaceInfo[]> {
    const rest = { netmask: '', mac: '', internal: false, cidr: null };
    return {
      any: this.#own.map((address) =>
        address.includes(':')
          ? { ...rest, address, family: 'IPv6', scopeid: 0 }
          : { ...rest, address, family: 'IPv4' },
      ),
    };
  }

  events(level: string): string[] {
    return this.recorded.said.filter((one) => one.level === level).map(({ event }) => event);
  }
}

describe('open', () => {
  test('UDP and TCP on each address, on the port that the kernel chose for the first', async () => {
    const world = new World();
    const doors = world.doors(['0.0.0.0', '::']);
    await doors.open();
    expect(world.open).toEqual([
      'udp 127.0.0.1 50001',
      'tcp 127.0.0.1 50001',
      'udp ::1 50001',
      'tcp ::1 50001',
    ]);
    expect(world.asked.map((place) => place.split(' ')[2])).toEqual(['0', '50001', '50001', '50001']);
    expect(doors.port).toBe(50_001);
    expect(doors.list().map(({ port }) => port)).toEqual(Array(4).fill(50_001));
  });

  test('on the configured port', async () => {
    const world = new World();
    const doors = world.doors(['192.0.2.2'], 900);
    await doors.open();
    expect(world.open).toEqual(['udp 192.0.2.2 900', 'tcp 192.0.2.2 900']);
    expect(doors.port).toBe(900);
  });

  test('one transport only', async () => {
    const world = new World();
    await world.doors(['127.0.0.1'], 900, { tcp: world.openers.tcp }).open();
    expect(world.open).toEqual(['tcp 127.0.0.1 900']);
  });

  test('before it there is no door and no port', () => {
    const doors = new World().doors(['127.0.0.1'], 900);
    expect([doors.port, doors.list()]).toEqual([0, []]);
  });

  test('chooses another port when a later door finds the first one’s taken', async () => {
    const world = new World();
    world.refuse = (place) => (/^tcp ::1 5000[1-4]$/.test(place) ? 'EADDRINUSE' : undefined);
    const doors = world.doors(['0.0.0.0', '::']);
    await doors.open();
    expect(doors.port).toBe(50_005);
    expect(world.open).toHaveLength(4);
    expect(world.open.every((place) => place.endsWith(' 50005'))).toBe(true);
  });

  test('gives up after 32 ports, and leaves nothing open', async () => {
    const world = new World();
    world.refuse = (place) => (place.startsWith('tcp') ? 'EADDRINUSE' : undefined);
    await expect(world.doors(['127.0.0.1']).open()).rejects.toMatchObject({ code: 'LISTEN' });
    expect(world.asked.filter((place) => place === 'udp 127.0.0.1 0')).toHaveLength(32);
    expect(world.open).toEqual([]);
  });

  test('does not try another port than the configured one', async () => {
    const world = new World();
    world.refuse = (place) => (place === 'tcp 127.0.0.1 900' ? 'EADDRINUSE' : undefined);
    await expect(world.doors(['127.0.0.1'], 900).open()).rejects.toMatchObject({ code: 'LISTEN' });
    expect(world.asked).toEqual(['udp 127.0.0.1 900', 'tcp 127.0.0.1 900']);
    expect(world.open).toEqual([]);
  });

  test.each([
    ['EADDRINUSE', /another program has it.*\[rpc\] port/],
    ['EADDRNOTAVAIL', /no such address.*\[rpc\] addresses/],
    ['EACCES', /below 1024.*\[rpc\] port/],
    ['EAFNOSUPPORT', /address family.*\[rpc\] addresses/],
    ['EINVAL', /zone.*\[rpc\] addresses/],
    ['EWHATEVER', /\[rpc\] addresses and \[rpc\] port/],
  ])('%s: the Fault names transport, address, port, cause and cure', async (code, cure) => {
    const world = new World();
    world.refuse = (place) => (place.startsWith('tcp') ? code : undefined);
    const opening = world.doors(['192.0.2.2'], 900).open();
    await expect(opening).rejects.toMatchObject({
      code: 'LISTEN',
      temporary: false,
      message: expect.stringMatching(cure) as string,
    });
    await expect(opening).rejects.toThrow(`cannot listen on tcp 192.0.2.2 port 900: bind ${code}; `);
    expect(world.open).toEqual([]);
  });

  test('an address behind a wildcard that is not usable yet is left for the next look', async () => {
    const world = new World();
    world.set('127.0.0.1', '2001:db8::2');
    world.refuse = (place) => (place.includes('2001:') ? 'EADDRNOTAVAIL' : undefined);
    const doors = world.doors(['0.0.0.0', '::']);
    await doors.open();
    expect(world.open).toEqual(['udp 127.0.0.1 50001', 'tcp 127.0.0.1 50001']);
    world.refuse = () => undefined;
    expect(await doors.follow()).toBe(true);
    expect(world.open.slice(2)).toEqual(['udp 2001:db8::2 50001', 'tcp 2001:db8::2 50001']);
  });

  test.each([
    ['no address', ['::'], undefined],
    ['no transport', ['127.0.0.1'], {}],
  ])('%s is a Fault', async (_, addresses, openers) => {
    const world = new World();
    world.set('127.0.0.1');
    await expect(world.doors(addresses, 0, openers).open()).rejects.toMatchObject({
      code: 'LISTEN',
      message: expect.stringContaining('nothing to listen on') as string,
    });
  });

  test('no usable address at all is a Fault', async () => {
    const world = new World();
    world.refuse = () => 'EADDRNOTAVAIL';
    await expect(world.doors(['0.0.0.0']).open()).rejects.toMatchObject({ code: 'LISTEN' });
  });
});

describe('follow', () => {
  test('opens doors on new addresses, on the same port, and closes those on addresses that are gone', async () => {
    const world = new World();
    world.set('127.0.0.1', '192.0.2.2');
    const doors = world.doors(['0.0.0.0']);
    await doors.open();
    world.set('127.0.0.1', '192.0.2.3');
    expect(await doors.follow()).toBe(true);
    expect(world.open.sort()).toEqual([
      'tcp 127.0.0.1 50001',
      'tcp 192.0.2.3 50001',
      'udp 127.0.0.1 50001',
      'udp 192.0.2.3 50001',
    ]);
    expect(world.recorded.said.map(({ event, fields }) => [event, fields['address']])).toEqual([
      ['rpc: stopped listening, the address is gone', '192.0.2.2'],
      ['rpc: stopped listening, the address is gone', '192.0.2.2'],
      ['rpc: listening on a new address', '192.0.2.3'],
      ['rpc: listening on a new address', '192.0.2.3'],
    ]);
  });

  test('changes nothing, and says nothing, when nothing has changed', async () => {
    const world = new World();
    const doors = world.doors(['0.0.0.0']);
    await doors.open();
    world.asked.length = 0;
    expect(await doors.follow()).toBe(false);
    expect([world.asked, world.recorded.said]).toEqual([[], []]);
  });

  test('a configured address stays open whatever the host’s addresses are', async () => {
    const world = new World();
    const doors = world.doors(['192.0.2.2']);
    await doors.open();
    world.set('127.0.0.1');
    expect(await doors.follow()).toBe(false);
    expect(world.open).toHaveLength(2);
  });

  test('what cannot be opened is told of once, and tried again at each look', async () => {
    const world = new World();
    const doors = world.doors(['0.0.0.0']);
    await doors.open();
    world.set('127.0.0.1', '192.0.2.2');
    world.refuse = (place) => (place === 'tcp 192.0.2.2 50001' ? 'EADDRINUSE' : undefined);
    expect(await doors.follow()).toBe(true);
    for (let look = 0; look < 5; look += 1) expect(await doors.follow()).toBe(false);
    expect(world.events('error')).toEqual(['rpc: cannot listen']);
    expect(world.recorded.said.find(({ level }) => level === 'error')?.fields['error']).toContain(
      'tcp 192.0.2.2 port 50001',
    );
    world.refuse = () => undefined;
    expect(await doors.follow()).toBe(true);
    expect(world.open).toHaveLength(4);
    // The next failure is another one.
    world.set('127.0.0.1');
    await doors.follow();
    world.set('127.0.0.1', '192.0.2.2');
    world.refuse = (place) => (place.includes('192.0.2.2') ? 'EADDRINUSE' : undefined);
    await doors.follow();
    expect(world.events('error')).toHaveLength(3);
    // So is that of an address which had gone meanwhile.
    world.set('127.0.0.1');
    await doors.follow();
    world.set('127.0.0.1', '192.0.2.2');
    await doors.follow();
    await doors.follow();
    expect(world.events('error')).toHaveLength(5);
  });

  test('one at a time', async () => {
    const world = new World();
    const doors = world.doors(['0.0.0.0']);
    await doors.open();
    world.set('127.0.0.1', '192.0.2.2');
    const both = await Promise.all([doors.follow(), doors.follow()]);
    expect(both).toEqual([true, false]);
    expect(world.open).toHaveLength(4);
  });

  test('before open and after close it does nothing', async () => {
    const world = new World();
    const doors = world.doors(['0.0.0.0']);
    expect(await doors.follow()).toBe(false);
    await doors.open();
    doors.close();
    expect(await doors.follow()).toBe(false);
    expect(world.open).toEqual([]);
  });
});

describe('close', () => {
  test('closes every door, once', async () => {
    const world = new World();
    const doors = world.doors(['0.0.0.0', '::']);
    await doors.open();
    doors.close();
    doors.close();
    expect([world.open, doors.list()]).toEqual([[], []]);
  });

  test('while a new door is being opened: that one is closed too', async () => {
    const world = new World();
    const doors = world.doors(['0.0.0.0']);
    await doors.open();
    world.set('127.0.0.1', '192.0.2.2');
    let pass = (): void => undefined;
    world.gate = new Promise((resolve) => (pass = resolve));
    const following = doors.follow();
    doors.close();
    pass();
    expect(await following).toBe(false);
    expect([world.open, doors.list()]).toEqual([[], []]);
  });

  test('while the first doors are being opened: none stays open, and open rejects', async () => {
    const world = new World();
    const doors = world.doors(['0.0.0.0', '::']);
    let pass = (): void => undefined;
    world.gate = new Promise((resolve) => (pass = resolve));
    const opening = doors.open();
    doors.close();
    pass();
    await expect(opening).rejects.toMatchObject({ code: 'LISTEN' });
    expect([world.open, doors.list()]).toEqual([[], []]);
  });
});
