/** The live lmdb map beside other processes: readers that hold on, other writers, a full disk. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { LmdbMap } from '../../../src/exports/lmdb.js';
import { grant, grants, MapBench, VALUE } from '../../support/live-map.js';
import { dump, lookup, lookupAll, tableName } from '../../support/postmap.js';
import { mustRun, pause, run, until } from '../../support/processes.js';

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
  for (const bench of benches.splice(0)) {
    await bench.map.close();
    rmSync(bench.directory, { recursive: true, force: true });
  }
});

/** A process that takes the shared lock that Postfix's readers take, and sleeps with it. */
async function holdLock(file: string): Promise<ChildProcess> {
  const program = `
import fcntl, sys, time
f = open(sys.argv[1], 'rb')
fcntl.lockf(f, fcntl.LOCK_SH)
print('locked', flush=True)
time.sleep(60)`;
  const child = spawn('python3', ['-c', program, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

test('a map that is too small grows, in a build and in place', async () => {
  const bench = await opened({ live: grants(20_000) }, 2 ** 16);
  expect((await dump(bench.path)).size).toBe(20_000);
  expect(await bench.apply({ put: grants(60_000) })).toBeUndefined();
  expect((await dump(bench.path)).size).toBe(60_000);
  expect(bench.said).toEqual([]);
});

test('a reader with the lock is waited for', async () => {
  const bench = await opened();
  const { ino } = statSync(bench.path);
  const child = await holdLock(bench.path);
  let answered = false;
  const changes = [bench.put('192.0.2.1'), bench.put('192.0.2.2'), bench.remove('192.0.2.1')];
  void changes[0]?.then(() => (answered = true));
  await pause(100);
  expect(answered).toBe(false);
  child.kill('SIGKILL');
  expect(await Promise.all(changes)).toEqual([undefined, undefined, undefined]);
  expect(statSync(bench.path).ino).toBe(ino);
  expect([...(await dump(bench.path)).keys()]).toEqual(['192.0.2.2']);
  expect(bench.said).toEqual([]);
});

test('a reader that stopped with the lock loses the file after a second', async () => {
  const bench = await opened({ live: [grant('192.0.2.9')] });
  const { ino } = statSync(bench.path);
  const child = await holdLock(bench.path);
  child.kill('SIGSTOP');
  const begun = performance.now();
  expect(await Promise.all([bench.put('192.0.2.1'), bench.put('192.0.2.2')])).toEqual([undefined, undefined]);
  expect(performance.now() - begun).toBeGreaterThan(900);
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect(statSync(bench.path).ino).not.toBe(ino);
  expect((await dump(bench.path)).size).toBe(3);
  expect(bench.heard('warn', 'map: a reader does not give its lock back')).toHaveLength(1);
  expect(await bench.put('192.0.2.3')).toBeUndefined();
  child.kill('SIGKILL');
});

test('the lock is free between changes and after a build', async () => {
  const bench = await opened();
  await bench.put('192.0.2.1');
  const child = await holdLock(bench.path);
  child.kill('SIGKILL');
  expect(await lookup(bench.path, '192.0.2.1')).toBe(VALUE);
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

test('what is removed while a degraded map is built anew does not come back', async () => {
  const bench = await opened({ live: grants(30_000) });
  writeFileSync(`${bench.path}.aside`, '');
  await mustRun(['sh', '-c', 'rm "$1" && mkdir "$1"', 'sh', bench.path]);
  expect(await bench.put('192.0.2.1')).toMatchObject({ code: 'MAP' });
  await mustRun(['rmdir', bench.path]);
  bench.map.tick();
  await pause(5);
  expect(await bench.remove('10.0.0.0', '10.99.3.0')).toMatchObject({ code: 'MAP' });
  await bench.built(1);
  await bench.apply({});
  const found = await dump(bench.path);
  expect([found.has('10.0.0.0'), found.has('10.99.3.0'), found.size]).toEqual([false, false, 29_998]);
});

test('readers that hammer it while it changes see no wrong answer and no error', async () => {
  const steady = grants(2_000);
  const bench = await opened({ live: steady });
  const keys = steady.map(({ client }) => client).join('\n') + '\n';
  let stop = false;
  const reader = async (): Promise<number> => {
    let passes = 0;
    for (; !stop; passes += 1) {
      const ended = await lookupAll(bench.path, keys);
      expect([ended.code, ended.stderr, ended.found.size]).toEqual([0, '', steady.length]);
    }
    return passes;
  };
  const readers = [reader(), reader()];
  const end = performance.now() + 3_000;
  let changes = 0;
  for (; performance.now() < end; changes += 1) {
    const some = Array.from({ length: 64 }, (_, i) => grant(`172.16.${changes & 255}.${i}`));
    expect(await bench.apply({ put: some })).toBeUndefined();
    expect(await bench.apply({ remove: some.map(({ client }) => client) })).toBeUndefined();
    if (changes % 16 === 0) await pause(0);
  }
  stop = true;
  const passes = await Promise.all(readers);
  expect(Math.min(...passes)).toBeGreaterThan(2);
  expect(changes).toBeGreaterThan(50);
  expect(bench.said).toEqual([]);
});

// Only root may mount a file system that can be filled.
const asRoot = process.geteuid?.() === 0 ? test : test.skip;

asRoot(
  'a full disk: a Fault at once, the old content readable, and well again when there is space',
  async () => {
    const bench = new MapBench((options) => new LmdbMap(options), { live: grants(100) });
    await mustRun(['mount', '-t', 'tmpfs', '-o', 'size=2m,mode=0755', 'none', bench.directory]);
    try {
      await bench.map.open();
      await mustRun([
        'sh',
        '-c',
        'dd if=/dev/zero of="$1/ballast" bs=64k 2>/dev/null; true',
        'sh',
        bench.directory,
      ]);
      expect(await bench.apply({ put: grants(20_000) })).toMatchObject({ code: 'MAP', temporary: true });
      expect(bench.map.degraded).toMatch(/space/);
      bench.map.tick();
      await pause(50);
      expect(bench.map.degraded).toMatch(/space/);
      expect((await dump(bench.path)).size).toBeGreaterThanOrEqual(100);
      rmSync(`${bench.directory}/ballast`);
      bench.map.tick();
      await bench.built(1);
      expect(bench.map.degraded).toBeUndefined();
      expect(await bench.put('192.0.2.1')).toBeUndefined();
      expect((await dump(bench.path)).size).toBe(101);
      await bench.map.close();
    } finally {
      await mustRun(['umount', '-l', bench.directory]);
      rmSync(bench.directory, { recursive: true });
    }
  },
);

test('no descriptor and no mapping is left behind', async () => {
  const bench = await opened();
  for (let i = 1; i <= 5; i += 1) {
    rmSync(bench.path);
    bench.map.tick();
    await bench.built(i);
  }
  const listing = (): Promise<string> => mustRun(['ls', '-l', `/proc/${process.pid}/fd`]);
  // Ours for the lock, and liblmdb's two.
  await until('only the descriptors of one file are open', 2_000, async () => {
    return (await listing()).split(bench.directory).length - 1 <= 3;
  });
  const mapped = readFileSync(`/proc/${process.pid}/maps`, 'utf8').split(bench.directory).length - 1;
  expect(mapped).toBe(1);
});
