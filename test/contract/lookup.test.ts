/** What every live look-up promises, whatever its protocol; asked over real sockets as mail servers ask. */
import { existsSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { parsePlace } from '../../src/config-place.js';
import { Fault } from '../../src/core/fault.js';
import type { Verdict } from '../../src/core/decision.js';
import type { Lookup, LookupOptions } from '../../src/lookups/lookup.js';
import { type LookupKind, lookups } from '../../src/lookups/lookups.js';
import { systemClock } from '../../src/runtime/clock.js';
import { Counters } from '../../src/runtime/counters.js';
import type { Place } from '../../src/runtime/place.js';
import { Asker, protocols } from '../support/asker.js';
import { recordingLog } from '../support/live-map.js';
import { newDirectory, until } from '../support/processes.js';

const PERMITTED: Verdict = { verdict: 'permitted', expiresAt: 1_790_000_000_001 };

const place = (text: string): Place => {
  const parsed = parsePlace(text);
  if (parsed === undefined) throw new RangeError(text);
  return parsed;
};

test('the kinds', () => {
  expect(Object.keys(lookups)).toEqual(Object.keys(protocols));
});

describe.each(Object.keys(lookups) as LookupKind[])('%s', (kind) => {
  const protocol = protocols[kind];
  let directory: string;
  let verdicts: Map<string, Verdict>;
  const running: Lookup[] = [];
  const askers: Asker[] = [];
  const servers: Server[] = [];

  beforeEach(() => {
    directory = newDirectory('lookup');
    verdicts = new Map<string, Verdict>([
      ['192.0.2.7', PERMITTED],
      ['2001:db8::6', PERMITTED],
      ['192.0.2.9', { verdict: 'unknown' }],
    ]);
  });

  afterEach(async () => {
    for (const asker of askers.splice(0)) asker.close();
    for (const one of running.splice(0)) await one.stop();
    for (const server of servers.splice(0)) server.close();
    rmSync(directory, { recursive: true });
  });

  function create(listen: readonly string[], more: Partial<LookupOptions> = {}) {
    const counters = new Counters();
    const recorded = recordingLog();
    const lookup = lookups[kind]({
      listen: listen.map(place),
      mode: 0o660,
      hit: 'OK',
      miss: { answer: 'dunno', text: 'x', ended: 'x', url: '', pastMs: 0, graceMs: 0 },
      lifetimeMs: 60_000,
      permits: { ask: (client) => verdicts.get(client) ?? { verdict: 'not' } },
      counters,
      clock: systemClock,
      log: recorded.log,
      ...more,
    });
    running.push(lookup);
    return { lookup, counters, said: recorded.said };
  }

  async function started(listen: readonly string[] = [unix()], more: Partial<LookupOptions> = {}) {
    const created = create(listen, more);
    await created.lookup.start();
    return { ...created, doors: created.lookup.doors };
  }

  const unix = (name = 's'): string => `unix:${path.join(directory, name)}`;

  async function open(door: string): Promise<Asker> {
    const asker = await Asker.open(door, kind);
    askers.push(asker);
    return asker;
  }

  test('answers at all its doors, TCP over both families and unix, and tells the port it got', async () => {
    const { doors } = await started(['127.0.0.1:0', '[::1]:0', unix('one'), unix('two')]);
    expect(doors).toEqual([
      expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/),
      expect.stringMatching(/^\[::1\]:[1-9]\d*$/),
      unix('one'),
      unix('two'),
    ]);
    for (const door of doors) expect(await (await open(door)).ask('192.0.2.7')).toBe('permitted');
  });

  test('yes, no and cannot tell, for every spelling of an address and for what is none, on one connection', async () => {
    const asker = await open((await started()).doors[0] ?? '');
    expect(await asker.ask('192.0.2.7')).toBe('permitted');
    expect(await asker.ask('2001:DB8:0:0:0:0:0:6')).toBe('permitted');
    expect(await asker.ask('::ffff:192.0.2.7')).toBe('permitted');
    expect(await asker.ask('192.0.2.8')).toBe('not');
    expect(await asker.ask('192.0.2.9')).toBe('unknown');
    expect(await asker.ask('unknown')).toBe('not');
    expect(await asker.ask('')).toBe('not');
    expect(await asker.ask('192.0.2.7 192.0.2.7')).toBe('not');
    expect(await asker.ask('\0\x01\x1b\x7f\xff')).toBe('not');
  });

  test('asks at the moment of the question', async () => {
    const asker = await open((await started()).doors[0] ?? '');
    for (let round = 0; round < 3; round += 1) {
      verdicts.delete('192.0.2.7');
      expect(await asker.ask('192.0.2.7')).toBe('not');
      verdicts.set('192.0.2.7', PERMITTED);
      expect(await asker.ask('192.0.2.7')).toBe('permitted');
    }
  });

  test('a question that comes byte by byte, and many that come at once, are answered in their order', async () => {
    const asker = await open((await started(['127.0.0.1:0'])).doors[0] ?? '');
    asker.socket.setNoDelay(true);
    for (const byte of protocol.question('192.0.2.7')) {
      asker.socket.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    expect(await asker.heard()).toBe('permitted');
    const clients = Array.from({ length: 3_000 }, (_, i) => `192.0.2.${7 + (i % 3)}`);
    asker.socket.write(Buffer.concat(clients.map((client) => protocol.question(client))));
    const heard: string[] = [];
    while (heard.length < clients.length) heard.push(await asker.heard());
    const expected = ['permitted', 'not', 'unknown'];
    expect(heard).toEqual(clients.map((_, i) => expected[i % 3]));
  });

  test('who has asked and closed its side gets the answer and then the end', async () => {
    const asker = await open((await started()).doors[0] ?? '');
    asker.socket.end(protocol.question('192.0.2.7'));
    expect(await asker.heard()).toBe('permitted');
    expect(await asker.answer()).toBeUndefined();
  });

  test('who has asked much at once and closed its side gets every answer, more than one step of them', async () => {
    const { doors } = await started(['127.0.0.1:0']);
    for (let time = 0; time < 5; time += 1) {
      const asker = await open(doors[0] ?? '');
      asker.socket.end(Buffer.concat(Array.from({ length: 300 }, () => protocol.question('192.0.2.7'))));
      for (let n = 0; n < 300; n += 1) expect(await asker.heard()).toBe('permitted');
      expect(await asker.answer()).toBeUndefined();
    }
  });

  test('who breaks the protocol gets the answers it is owed and then the end; others go on', async () => {
    const { doors, counters } = await started();
    const [door = ''] = doors;
    const good = await open(door);
    const bad = await open(door);
    bad.socket.write(Buffer.concat([protocol.question('192.0.2.7'), Buffer.from('\n\n00000000:')]));
    expect(await bad.heard()).toBe('permitted');
    expect(await bad.endsWithin(20_000)).toBe(true);
    const worse = await open(door);
    worse.socket.write('\n');
    expect(await worse.endsWithin(20_000)).toBe(true);
    expect(await worse.answer()).toBeUndefined();
    expect(await good.ask('192.0.2.7')).toBe('permitted');
    expect(counters.snapshot()[`lookup.${kind}.malformed`]).toBe(2);
  });

  test('counts connections and answers', async () => {
    const { doors, counters } = await started();
    const asker = await open(doors[0] ?? '');
    for (const client of ['192.0.2.7', '192.0.2.8', '192.0.2.8', '192.0.2.9']) await asker.ask(client);
    expect(counters.snapshot()).toMatchObject({
      [`lookup.${kind}.connections`]: 1,
      [`lookup.${kind}.hit`]: 1,
      [`lookup.${kind}.miss`]: 2,
      [`lookup.${kind}.unknown`]: 1,
    });
  });

  test('stop ends connections, closes the doors and removes the sockets; twice is once', async () => {
    const { lookup, doors } = await started(['127.0.0.1:0', unix()]);
    const inUse = [await open(doors[0] ?? ''), await open(doors[1] ?? '')];
    for (const asker of inUse) expect(await asker.ask('192.0.2.7')).toBe('permitted');
    const ended = Promise.all(inUse.map((asker) => asker.endsWithin(20_000)));
    await Promise.all([lookup.stop(), lookup.stop()]);
    expect(await ended).toEqual([true, true]);
    expect(existsSync(path.join(directory, 's'))).toBe(false);
    for (const door of doors) await expect(Asker.open(door, kind)).rejects.toThrow(/ECONNREFUSED|ENOENT/);
    expect(lookup.doors).toEqual([]);
  });

  test('can be had again at the same places', async () => {
    const { lookup, doors } = await started(['127.0.0.1:0', unix()]);
    await lookup.stop();
    const again = await started(doors);
    for (const door of again.doors) expect(await (await open(door)).ask('192.0.2.7')).toBe('permitted');
  });

  test('a start that fails is a Fault that names the place, and leaves nothing open', async () => {
    const server = createServer();
    servers.push(server);
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const { lookup } = create([unix(), `127.0.0.1:${port}`]);
    const failure = await lookup.start().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(Fault);
    expect(failure).toMatchObject({ code: 'LISTEN' });
    expect(String(failure)).toContain(`cannot listen on 127.0.0.1:${port}: `);
    expect(existsSync(path.join(directory, 's'))).toBe(false);
    expect(lookup.doors).toEqual([]);
  });

  test('stopped while it starts: nothing is left open', async () => {
    const { lookup } = create([unix('a'), unix('b'), '127.0.0.1:0']);
    const start = lookup.start();
    await lookup.stop();
    await expect(start).rejects.toThrow('stopped');
    expect(existsSync(path.join(directory, 'a'))).toBe(false);
    expect(existsSync(path.join(directory, 'b'))).toBe(false);
    expect(lookup.doors).toEqual([]);
  });

  test('stopped without having been started', async () => {
    const { lookup } = create([unix()]);
    await lookup.stop();
    expect(existsSync(path.join(directory, 's'))).toBe(false);
  });

  test('its unix socket has the mode that was asked for, and no other name', async () => {
    await started([unix()], { mode: 0o606 });
    expect((lstatSync(path.join(directory, 's')).mode & 0o7777).toString(8)).toBe('606');
    expect(existsSync(path.join(directory, 's.new'))).toBe(false);
  });

  test('something else at its path is left as it is', async () => {
    writeFileSync(path.join(directory, 's'), 'mine');
    mkdirSync(path.join(directory, 'd'));
    for (const name of ['s', 'd']) {
      const { lookup } = create([unix(name)]);
      await expect(lookup.start()).rejects.toThrow(/stands there; move it away/);
    }
    expect(lstatSync(path.join(directory, 's')).isFile()).toBe(true);
    expect(lstatSync(path.join(directory, 'd')).isDirectory()).toBe(true);
  });

  test('its connections are shared out among its doors: who fills one shuts nobody out of another', async () => {
    const { doors, counters } = await started([unix('one'), unix('two')]);
    const [full = '', other = ''] = doors;
    while (askers.length < 512) await open(full);
    expect(await (askers.at(-1) as Asker).ask('192.0.2.7')).toBe('permitted');
    expect(await (await open(full)).endsWithin(20_000)).toBe(true);
    expect(await (await open(other)).ask('192.0.2.7')).toBe('permitted');
    expect(counters.snapshot()[`lookup.${kind}.refused`]).toBe(1);
  });

  test('more connections than it takes: those beyond are closed at once, and room that is made is used', async () => {
    const { doors, counters } = await started();
    const [door = ''] = doors;
    const first = await open(door);
    expect(await first.ask('192.0.2.7')).toBe('permitted');
    while (askers.length < 1_024) await open(door);
    const last = askers.at(-1) as Asker;
    expect(await last.ask('192.0.2.7')).toBe('permitted');
    const beyond = await open(door);
    expect(await beyond.endsWithin(20_000)).toBe(true);
    expect(counters.snapshot()).toMatchObject({
      [`lookup.${kind}.connections`]: 1_024,
      [`lookup.${kind}.refused`]: 1,
    });
    last.close();
    await until('there is room', 5_000, async () => {
      const asker = await open(door);
      asker.socket.write(protocol.question('192.0.2.7'));
      return (await asker.answer()) !== undefined;
    });
    expect(await first.ask('192.0.2.7')).toBe('permitted');
  });
});
