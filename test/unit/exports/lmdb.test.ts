/** The live lmdb map beside other processes: readers that hold on, other writers, a full disk. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, rmSync, statfsSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { ClientAddress } from '../../../src/core/address.js';
import type { Allowed, Denial } from '../../../src/core/outlets.js';
import type { Permission, Subject } from '../../../src/core/subject.js';
import { LmdbMap, READER_PATIENCE_MS } from '../../../src/exports/lmdb.js';
import { LmdbFile } from '../../../src/exports/lmdb-file.js';
import { Replacement } from '../../../src/exports/map-file.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { FakeClock } from '../../support/fake-clock.js';
import {
  EXPIRES_AT,
  grant,
  grants,
  LockHolder,
  MapBench,
  recordingLog,
  VALUE,
} from '../../support/live-map.js';
import { dump, lookup, tableName } from '../../support/postmap.js';
import { childEnvironment, mustRun, pause, run, until } from '../../support/processes.js';

/** By which patience with a reader never ends, and a slice has all the time. */
const PATIENT = { ...systemClock, mono: () => 1_000 };

const benches: MapBench[] = [];

async function opened(
  options: ConstructorParameters<typeof MapBench>[1] = {},
  mapBytes = 2 ** 30,
): Promise<MapBench> {
  const bench = new MapBench((all) => new LmdbMap({ ...all, mapBytes }), options);
  benches.push(bench);
  await bench.map.open();
  return bench;
}

afterEach(async () => {
  await LockHolder.releaseAll();
  for (const bench of benches.splice(0)) {
    await bench.map.close();
    rmSync(bench.directory, { recursive: true, force: true });
  }
});

test('a map that is too small grows, in a build and in place', async () => {
  const bench = await opened({ live: grants(20_000) }, 2 ** 16);
  expect((await dump(bench.path)).size).toBe(20_000);
  expect(await bench.apply({ put: grants(60_000) })).toBeUndefined();
  expect((await dump(bench.path)).size).toBe(60_000);
  expect(bench.said).toEqual([]);
});

test('a reader with the lock is waited for', async () => {
  const bench = await opened({ clock: PATIENT });
  const { ino } = statSync(bench.path);
  const reader = await LockHolder.take(bench.path, 'shared');
  let answered = false;
  const changes = [bench.put('192.0.2.1'), bench.put('192.0.2.2'), bench.remove('192.0.2.1')];
  void changes[0]?.then(() => (answered = true));
  await pause(100);
  expect(answered).toBe(false);
  await reader.release();
  expect(await Promise.all(changes)).toEqual([undefined, undefined, undefined]);
  expect(statSync(bench.path).ino).toBe(ino);
  expect([...(await dump(bench.path)).keys()]).toEqual(['192.0.2.2']);
  expect(bench.said).toEqual([]);
});

test('a reader that stopped with the lock loses the file when patience is over, and not before', async () => {
  const clock = new FakeClock({ soon: 'microtask' });
  const bench = await opened({ live: [grant('192.0.2.9')], clock });
  const { ino } = statSync(bench.path);
  const reader = await LockHolder.take(bench.path, 'shared');
  reader.process.kill('SIGSTOP');
  const changes = [bench.put('192.0.2.1'), bench.put('192.0.2.2')];
  await pause(1);
  clock.advance(READER_PATIENCE_MS - 1);
  expect([bench.said, statSync(bench.path).ino]).toEqual([[], ino]);
  clock.advance(1);
  expect(bench.heard('warn', 'map: building it anew')).toHaveLength(1);
  expect(await Promise.all(changes)).toEqual([undefined, undefined]);
  expect(statSync(bench.path).ino).not.toBe(ino);
  expect((await dump(bench.path)).size).toBe(3);
  expect(await bench.put('192.0.2.3')).toBeUndefined();
  expect(clock.pendingTimers).toBe(0);
});

test('the lock is free between changes and after a build', async () => {
  const bench = await opened();
  for (let i = 0; i < 2; i += 1) {
    const reader = await LockHolder.take(bench.path, 'exclusive');
    expect(reader.locked).toBe(true);
    await reader.release();
    await bench.put('192.0.2.1');
  }
  expect(await lookup(bench.path, '192.0.2.1')).toBe(VALUE);
});

/**
 * A look-up that takes long, done as Postfix does it: the shared lock, a read transaction, and within it
 * every key twice, before and after it is told to go on. Says how many of them it found.
 */
const SLOW_LOOKUP = `
import ctypes, fcntl, sys
lmdb = ctypes.CDLL('liblmdb.so.0')
pointer = ctypes.c_void_p
class Val(ctypes.Structure):
    _fields_ = [('size', ctypes.c_size_t), ('data', pointer)]
NOSUBDIR, RDONLY, NOLOCK = 0x4000, 0x20000, 0x400000
file, value, keys = sys.argv[1].encode(), sys.argv[2].encode() + b'\\0', sys.argv[3].encode().split()
env, txn, dbi = pointer(), pointer(), ctypes.c_uint()
assert lmdb.mdb_env_create(ctypes.byref(env)) == 0
assert lmdb.mdb_env_open(env, file, NOSUBDIR | RDONLY | NOLOCK, 0o600) == 0
def found():
    n = 0
    for key in keys:
        k, v = Val(len(key) + 1, ctypes.cast(ctypes.c_char_p(key), pointer)), Val()
        n += lmdb.mdb_get(txn, dbi, ctypes.byref(k), ctypes.byref(v)) == 0 and ctypes.string_at(v.data, v.size) == value
    return n
with open(file, 'rb') as f:
    fcntl.lockf(f, fcntl.LOCK_SH)
    assert lmdb.mdb_txn_begin(env, None, RDONLY, ctypes.byref(txn)) == 0
    assert lmdb.mdb_dbi_open(txn, None, 0, ctypes.byref(dbi)) == 0
    print(found(), flush=True)
    sys.stdin.readline()
    print(found(), flush=True)
    lmdb.mdb_txn_abort(txn)
`;

/** Runs a slow look-up of all keys; `meanwhile` is done between its two readings. Answers what each of them found. */
async function slowLookup(
  file: string,
  keys: readonly string[],
  meanwhile: () => Promise<void>,
): Promise<string[]> {
  const child = spawn('python3', ['-c', SLOW_LOOKUP, file, VALUE, keys.join(' ')], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: childEnvironment(),
  });
  const ended = once(child, 'exit');
  const said: string[] = [];
  createInterface(child.stdout).on('line', (line) => said.push(line));
  await until('the look-up has begun', 10_000, () => said.length === 1);
  await meanwhile();
  child.stdin.end('\n');
  await ended;
  return said;
}

describe('a look-up under way', () => {
  const steady = grants(300);
  const keys = steady.map(({ client }) => client);
  const renewed = steady.map(({ client }) => grant(client, EXPIRES_AT + 60_000));

  test('sees nothing of changes, which wait for its end', async () => {
    const bench = await opened({ live: steady, clock: PATIENT });
    let answered = 0;
    let changes: Promise<unknown>[] = [];
    const said = await slowLookup(bench.path, keys, async () => {
      changes = [1, 2, 3].map(() => bench.apply({ put: renewed, remove: keys }).then(() => (answered += 1)));
      await pause(50);
      expect(answered).toBe(0);
    });
    expect(said).toEqual(['300', '300']);
    await Promise.all(changes);
    expect([answered, (await dump(bench.path)).size, bench.said]).toEqual([3, 300, []]);
  });

  test('the control: without the lock the same changes spoil it', async () => {
    const { log } = recordingLog();
    const bench = new MapBench((options) => new LmdbMap(options));
    benches.push(bench);
    const file = LmdbFile.create(Replacement.begin({ path: bench.path, mode: 0o644 }, log), 2 ** 30);
    const change = (): void => {
      file.transact((entries) => {
        for (const { client, expiresAt } of renewed) entries.putKey(client, expiresAt);
        return 0;
      });
      for (const client of keys) file.transact((entries) => entries.removeKey(client));
    };
    file.transact((entries) => {
      for (const { client, expiresAt } of steady) entries.putKey(client, expiresAt);
      return 0;
    });
    await file.publish();
    const said = await slowLookup(bench.path, keys, async () => {
      for (let i = 0; i < 3; i += 1) change();
      await pause(50);
    });
    file.close();
    expect(said[0]).toBe('300');
    expect(said[1]).not.toBe('300');
  });
});

test('what postmap -i wrote is noticed before the next change, and goes', async () => {
  const bench = await opened({ live: [grant('192.0.2.1')] });
  await mustRun(['postmap', '-i', tableName(bench.path)], { input: '203.0.113.66 OK\n' });
  expect(await lookup(bench.path, '203.0.113.66')).toBe('OK');
  expect(await bench.put('192.0.2.2')).toBeUndefined();
  expect([...(await dump(bench.path)).keys()].sort()).toEqual(['192.0.2.1', '192.0.2.2']);
  expect(bench.heard('warn', 'map: building it anew')).toHaveLength(1);
});

test('postmap -i in the very moment of our own change is noticed by its transaction', async () => {
  const bench = await opened();
  for (let i = 0; i < 5; i += 1) {
    const foreign = run(['postmap', '-i', tableName(bench.path)], { input: `203.0.113.${i} OK\n` });
    for (let n = 0; n < 50; n += 1) {
      expect(await bench.put(`192.0.2.${n}`)).toBeUndefined();
      await pause(1);
    }
    await foreign;
    await bench.tickAndSettle();
  }
  const keys = [...(await dump(bench.path)).keys()];
  expect(keys.filter((key) => key.startsWith('203.'))).toEqual([]);
});

test('a degraded map that is built anew agrees with the ledger afterwards', async () => {
  const bench = await opened({ live: grants(30_000) });
  await mustRun(['sh', '-c', 'rm "$1" && mkdir "$1"', 'sh', bench.path]);
  expect(await bench.put('192.0.2.1')).toMatchObject({ code: 'MAP' });
  // Removed before the build; that the snapshot names it means that it was granted anew.
  expect(await bench.remove('10.7.0.0')).toMatchObject({ code: 'MAP' });
  bench.live.push(grant('10.7.0.0'));
  await mustRun(['rmdir', bench.path]);
  bench.map.tick();
  expect(await bench.remove('10.0.0.0', '10.99.3.0')).toMatchObject({ code: 'MAP' });
  expect(await bench.put('192.0.2.2')).toMatchObject({ code: 'MAP' });
  expect(await bench.apply({ put: [grant('192.0.2.3')], remove: [grant('192.0.2.2').client] })).toMatchObject(
    {
      code: 'MAP',
    },
  );
  await bench.built(1);
  await bench.apply({});
  const found = await dump(bench.path);
  const has = ['10.7.0.0', '10.0.0.0', '10.99.3.0', '192.0.2.2', '192.0.2.3'].map((key) => found.has(key));
  expect([...has, found.size]).toEqual([true, false, false, false, true, 30_000]);
});

/** Clocks by which the slices of a change are as long as this machine makes them, as long and as short as can be. */
const paces = {
  'its own': () => systemClock,
  'a fast machine’s': () => PATIENT,
  'a slow machine’s': () => {
    let now = 1_000;
    return { ...systemClock, mono: () => (now += 2) };
  },
} as const;

test.each(Object.entries(paces))(
  'a full disk, %s pace: a Fault at once, what is over goes all the same, and well again when there is room',
  async (_, clock) => {
    const first = grants(2_000);
    const bench = new MapBench((options) => new LmdbMap(options), { live: first, clock: clock() });
    // Only root may mount: the tests run as root.
    await mustRun(['mount', '-t', 'tmpfs', '-o', 'size=2m,mode=0755', 'none', bench.directory]);
    try {
      await bench.map.open();
      // What two changes replaced is room for a third.
      for (let i = 0; i < 2; i += 1) await bench.apply({ put: first.slice(0, 100) });
      await mustRun([
        'sh',
        '-c',
        'dd if=/dev/zero of="$1/ballast" bs=4k 2>/dev/null; true',
        'sh',
        bench.directory,
      ]);
      expect(await bench.apply({ put: grants(20_000) })).toMatchObject({ code: 'MAP', temporary: true });
      expect(bench.map.degraded).toMatch(/space.*: make room|: its file system is full/);
      // As many would not fit later either.
      bench.live.splice(0, bench.live.length, ...first);
      // Of what was new the slices that still found room, and no more than was asked for.
      const standing = [...(await dump(bench.path)).keys()];
      const asked = new Set(grants(20_000).map(({ client }) => client as string));
      expect(standing.filter((key) => !asked.has(key))).toEqual([]);
      expect(standing.length).toBeLessThan(asked.size);
      const stands = new Set(standing);
      expect(first.filter(({ client }) => !stands.has(client as string))).toEqual([]);

      // Neighbours in the file: a change of theirs takes few pages.
      const over = first
        .map(({ client }) => client as string)
        .sort()
        .slice(0, 50);
      const left = (n: number): string[] => standing.filter((key) => !over.slice(0, n).includes(key)).sort();
      const found = async (): Promise<string[]> => [...(await dump(bench.path)).keys()].sort();
      expect(await bench.remove(...over.slice(0, 25))).toMatchObject({ code: 'MAP' });
      await until(
        'what is over has gone',
        5_000,
        async () => (await found()).length === standing.length - 25,
      );
      expect(await found()).toEqual(left(25));
      bench.map.tick();
      expect(await bench.remove(...over.slice(25))).toMatchObject({ code: 'MAP' });
      await until('the build has failed, and what came meanwhile has gone', 5_000, async () => {
        return (await found()).length === standing.length - 50;
      });
      expect(await found()).toEqual(left(50));
      expect(bench.map.degraded).toMatch(/room|full/);
      expect(bench.heard('info', 'map: built anew')).toHaveLength(0);

      rmSync(`${bench.directory}/ballast`);
      bench.map.tick();
      await bench.built(1);
      expect(bench.map.degraded).toBeUndefined();
      expect(await bench.put('192.0.2.1')).toBeUndefined();
      expect((await dump(bench.path)).size).toBe(1_951);
      await bench.map.close();
    } finally {
      await mustRun(['umount', '-l', bench.directory]);
      rmSync(bench.directory, { recursive: true });
    }
  },
);

test('closing a map that cannot be opened does not wait for ever', async () => {
  const bench = new MapBench((options) => new LmdbMap(options), {
    snapshot: () => {
      throw new Error('no grants');
    },
  });
  benches.push(bench);
  const opening = bench.map.open();
  const change = bench.put('192.0.2.1');
  const closing = bench.map.close();
  await expect(opening).rejects.toMatchObject({ code: 'MAP', message: 'no grants' });
  await closing;
  expect(await change).toMatchObject({ code: 'MAP', message: 'no grants' });
});

/** What a descriptor of ours is open on; the one that listed them is gone. */
function fileOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

test('no descriptor and no mapping is left behind', async () => {
  const bench = await opened();
  for (let i = 1; i <= 5; i += 1) {
    rmSync(bench.path);
    bench.map.tick();
    await bench.built(i);
  }
  const open = (): string[] => readdirSync('/proc/self/fd').map(fileOf);
  // Ours for the lock, and liblmdb's two.
  await until('only the descriptors of one file are open', 5_000, () => {
    return open().filter((file) => file.startsWith(bench.directory)).length === 3;
  });
  const mapped = readFileSync('/proc/self/maps', 'utf8').split(bench.directory).length - 1;
  expect(mapped).toBe(1);
});

describe('who is denied in what may relay', () => {
  const EVER = 4_294_967_295_000;
  const pinned = (client: string): Permission => ({ client: client as Subject, expiresAt: EVER });
  const denial = (client: string): Denial => ({ client: client as Subject, isInside: true });
  const allowed = (client: string, ...around: string[]): Allowed => ({
    client: client as Subject,
    around: around.map(pinned),
  });
  const END = '4294967295';

  test('has keys that say so, in place and in a file that is built anew; and they go with the deny', async () => {
    const bench = await opened({ live: [pinned('2001:db8:a::/48'), pinned('192.0.2.0/25')] });
    const { ino } = statSync(bench.path);
    const before = await dump(bench.path);
    await bench.apply({ deny: [denial('2001:db8:a:b::6'), denial('192.0.2.7')] });
    const denied = new Map([...before, ['2001:db8:a:b::6', 'DUNNO'], ['192.0.2.7', 'DUNNO']]);
    expect(await dump(bench.path)).toEqual(new Map([...denied].sort()));
    // What is put again or is over changes nothing of that.
    await bench.apply({ put: [pinned('192.0.2.0/25')], remove: ['192.0.2.7' as ClientAddress] });
    expect(await lookup(bench.path, '192.0.2.7')).toBe('DUNNO');
    expect(statSync(bench.path).ino).toBe(ino);
    rmSync(bench.path);
    await bench.tickAndSettle();
    await bench.built(1);
    expect(await dump(bench.path)).toEqual(new Map([...denied].sort()));
    await bench.apply({
      allow: [allowed('2001:db8:a:b::6', '2001:db8:a::/48'), allowed('192.0.2.7', '192.0.2.0/25')],
    });
    expect(await dump(bench.path)).toEqual(before);
    expect(before.get('192.0.2.7')).toBe(END);
  });

  test('one whose `::` hides others has the file built anew, in which these have no key', async () => {
    const bench = await opened({ live: [grant('2001:db8::6:1'), grant('2001:db8::6:1:2:3')] });
    const { ino } = statSync(bench.path);
    // 2001:db8::6:1:1 is denied, and Postfix would find 2001:db8::6:1 for it, which is not.
    expect(
      await bench.apply({ deny: [{ client: '2001:db8:0:0:0:6::/96' as Subject, isInside: false }] }),
    ).toBeUndefined();
    expect(statSync(bench.path).ino).not.toBe(ino);
    expect(await dump(bench.path)).toEqual(
      new Map([
        ['2001:db8:0:0:0:6', 'DUNNO'],
        ['2001:db8::6', 'DUNNO'],
        ['2001:db8::6:1:2:3', VALUE],
      ]),
    );
    await bench.apply({ allow: [allowed('2001:db8:0:0:0:6::/96')] });
    expect([...(await dump(bench.path)).keys()]).toEqual(['2001:db8::6:1', '2001:db8::6:1:2:3']);
  });

  describe('on a full disk', () => {
    const NETWORKS = [pinned('203.0.113.0/24'), pinned('2001:db8:a::/48')];
    const DENIED = [denial('203.0.113.7'), denial('2001:db8:a::7')];
    const KEYS = ['203.0.113.7', '203.0.113', '2001:db8:a::7', '2001:db8:a:', '2001:db8:a'];

    /** A map that has just been built, with no room for another page. */
    async function filled(
      live: readonly Permission[],
      act: (bench: MapBench) => Promise<void>,
    ): Promise<void> {
      const bench = new MapBench((options) => new LmdbMap(options), { live, clock: PATIENT });
      await mustRun(['mount', '-t', 'tmpfs', '-o', 'size=8m,mode=0755', 'none', bench.directory]);
      try {
        await bench.map.open();
        const fill = 'dd if=/dev/zero of="$1/ballast" bs=4k 2>/dev/null; true';
        await mustRun(['sh', '-c', fill, 'sh', bench.directory]);
        expect(statfsSync(bench.directory).bfree).toBe(0);
        await act(bench);
      } finally {
        await bench.map.close();
        // Its descriptors are closed in the background.
        await mustRun(['umount', '-l', bench.directory]);
      }
    }

    test.each([0, 1, 20, 2_000])('with %i leases: denials and removals are in the map at once', async (n) => {
      await filled([...grants(n), ...NETWORKS], async (bench) => {
        const { ino } = statSync(bench.path);
        for (const one of DENIED) expect(await bench.apply({ deny: [one] })).toBeUndefined();
        let found = await dump(bench.path);
        expect(KEYS.map((key) => found.get(key))).toEqual(['DUNNO', END, 'DUNNO', undefined, END]);
        for (const { client } of grants(Math.min(n, 10)))
          expect(await bench.apply({ remove: [client] })).toBeUndefined();
        expect(await bench.apply({ remove: NETWORKS.map(({ client }) => client) })).toBeUndefined();
        found = await dump(bench.path);
        expect([...found.values()].filter((value) => value === END)).toEqual([]);
        expect(found.size).toBe(Math.max(0, n - 10) + DENIED.length);
        expect(statSync(bench.path).ino).toBe(ino);
      });
    });

    test('removals from more pages than are kept free go, in small steps', async () => {
      const live = grants(100_000);
      await filled(live, async (bench) => {
        const gone = live.filter((_, i) => i % 100 === 0).map(({ client }) => client);
        expect(await bench.apply({ remove: gone })).toMatchObject({ code: 'MAP' });
        bench.map.tick();
        await until('they are gone', 10_000, async () => (await dump(bench.path)).size === 99_000);
        expect(await lookup(bench.path, gone[0] ?? '')).toBeUndefined();
      });
    });

    test('with no room left in the file either: with those around, until there is room', async () => {
      const live = [...grants(2_000), ...NETWORKS];
      await filled(live, async (bench) => {
        expect(await bench.apply({ put: grants(80_000) })).toMatchObject({ code: 'MAP' });
        bench.live.splice(0, bench.live.length, ...live);
        expect(await lookup(bench.path, '203.0.113')).toBe(END);
        expect(await bench.apply({ deny: DENIED })).toMatchObject({ code: 'MAP' });
        bench.map.tick();
        await until('no key would let them relay', 10_000, async () => {
          const found = await dump(bench.path);
          return KEYS.every((key) => !found.has(key));
        });
        rmSync(`${bench.directory}/ballast`);
        bench.map.tick();
        await bench.built(1);
        const found = await dump(bench.path);
        expect(KEYS.map((key) => found.get(key))).toEqual(['DUNNO', END, 'DUNNO', undefined, END]);
      });
    });
  });
});
