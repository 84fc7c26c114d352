/** What every map promises that is changed in place; read by the programs that will read it. */
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { Fault } from '../../src/core/fault.js';
import type { ContainerName } from '../../src/exports/containers.js';
import { formats, type FormatName } from '../../src/exports/formats.js';
import { EXPIRES_AT, grant, grants, MapBench, VALUE } from '../support/live-map.js';
import { dump, lookup, lookupAll } from '../support/postmap.js';
import { mustRun, pause, until } from '../support/processes.js';

/** What each format is read with; an unreadable map is an error. */
interface Reader {
  lookup(mapPath: string, key: string): Promise<string | undefined>;
  /** All keys, one a line, through one opened map. */
  lookupAll(mapPath: string, keys: string): Promise<{ found: Map<string, string>; stderr: string }>;
  dump(mapPath: string): Promise<Map<string, string>>;
}

/** What is published as a whole has less to promise: see map.test.ts and the publisher's tests. */
type LiveName = Exclude<FormatName, ContainerName>;
const readers: Record<LiveName, Reader> = { lmdb: { lookup, lookupAll, dump } };

describe.each(Object.keys(readers) as LiveName[])('%s', (format) => {
  const read = readers[format];
  const open: MapBench[] = [];

  async function opened(options: ConstructorParameters<typeof MapBench>[1] = {}): Promise<MapBench> {
    const bench = new MapBench((all) => formats[format].create(all), options);
    open.push(bench);
    await bench.map.open();
    return bench;
  }

  afterEach(async () => {
    for (const bench of open.splice(0)) {
      await bench.map.close();
      rmSync(bench.directory, { recursive: true, force: true });
    }
  });

  test('without a grant it is empty and valid', async () => {
    const { path: file } = await opened();
    expect(await read.dump(file)).toEqual(new Map());
    expect(await read.lookup(file, '192.0.2.1')).toBeUndefined();
  });

  test('begins with the live grants and follows changes at once', async () => {
    const bench = await opened({ live: [grant('192.0.2.1'), grant('2001:db8::6')] });
    expect(await read.lookup(bench.path, '192.0.2.1')).toBe(VALUE);
    expect(await read.lookup(bench.path, '2001:db8::6')).toBe(VALUE);
    expect(await bench.put('192.0.2.2')).toBeUndefined();
    expect(await read.lookup(bench.path, '192.0.2.2')).toBe(VALUE);
    expect(await bench.remove('192.0.2.1', '203.0.113.9')).toBeUndefined();
    expect(await read.lookup(bench.path, '192.0.2.1')).toBeUndefined();
    expect(await read.dump(bench.path)).toEqual(
      new Map([
        ['192.0.2.2', VALUE],
        ['2001:db8::6', VALUE],
      ]),
    );
  });

  describe('renewed', () => {
    const renewed = (bench: MapBench): Promise<Fault | undefined> =>
      new Promise((resolve) => {
        bench.map.renew(resolve);
      });

    test('it shows the snapshot and nothing else, in a new file, quietly', async () => {
      const bench = await opened({ live: [grant('192.0.2.1'), grant('192.0.2.2')] });
      const { ino } = statSync(bench.path);
      bench.live.splice(0, 1);
      bench.live.push(grant('192.0.2.3'));
      expect(await renewed(bench)).toBeUndefined();
      expect([...(await read.dump(bench.path)).keys()].sort()).toEqual(['192.0.2.2', '192.0.2.3']);
      expect(statSync(bench.path).ino).not.toBe(ino);
      expect(bench.said.filter(({ level }) => level !== 'debug')).toEqual([]);
    });

    test('while it is being built, what changes is not lost, and who asks again waits for another', async () => {
      const bench = await opened({ live: grants(20_000) });
      const first = renewed(bench);
      const change = bench.put('192.0.2.1');
      bench.live.splice(0, 10_000);
      const second = renewed(bench);
      expect(await Promise.all([first, change, second])).toEqual([undefined, undefined, undefined]);
      expect((await read.dump(bench.path)).size).toBe(10_001);
      expect(await read.lookup(bench.path, '192.0.2.1')).toBe(VALUE);
    });

    test('in the midst of changes it is not put off for ever', async () => {
      const bench = await opened();
      const state = { isOver: false };
      const renewal = renewed(bench).then(() => (state.isOver = true));
      for (let i = 0; !state.isOver && i < 1_000_000; i += 1) {
        bench.map.apply({ put: [grant(`10.0.0.${i & 255}`)], remove: [] }, () => undefined);
        if (i % 10 === 0) await pause(0);
      }
      expect(state.isOver).toBe(true);
      await renewal;
    });

    test('that cannot be is a Fault, once; closed, too', async () => {
      const bench = await opened({ live: [grant('192.0.2.1')] });
      unlinkSync(bench.path);
      mkdirSync(bench.path);
      expect(await renewed(bench)).toMatchObject({ code: 'MAP' });
      expect(bench.map.degraded).toContain(bench.path);
      rmdirSync(bench.path);
      expect(await renewed(bench)).toBeUndefined();
      expect(bench.map.degraded).toBeUndefined();
      const last = renewed(bench);
      const again = renewed(bench);
      await bench.map.close();
      expect([await last, (await again)?.code]).toEqual([undefined, 'MAP']);
      expect(await renewed(bench)).toMatchObject({ code: 'MAP' });
    });
  });

  test('a renewal replaces the end of a grant', async () => {
    const bench = await opened({ live: [grant('192.0.2.1')] });
    await bench.apply({ put: [grant('192.0.2.1', EXPIRES_AT + 60_000)] });
    expect(await read.dump(bench.path)).toEqual(new Map([['192.0.2.1', '1790000061']]));
  });

  test('a client that the snapshot names twice has its later end', async () => {
    const bench = await opened({ live: [grant('192.0.2.1'), grant('192.0.2.1', EXPIRES_AT + 60_000)] });
    expect(await read.dump(bench.path)).toEqual(new Map([['192.0.2.1', '1790000061']]));
  });

  test('changes that overlap are made in their order, large ones too', async () => {
    const bench = await opened();
    const many = grants(5_000);
    const faults = await Promise.all([
      bench.put('192.0.2.1'),
      bench.apply({ put: many }),
      bench.remove('192.0.2.1'),
      bench.apply({ remove: many.slice(10).map(({ client }) => client) }),
      bench.put('192.0.2.2'),
    ]);
    expect(faults).toEqual(new Array(5).fill(undefined));
    const expected = [...many.slice(0, 10).map(({ client }) => client), '192.0.2.2'].sort();
    expect([...(await read.dump(bench.path)).keys()].sort()).toEqual(expected);
  });

  test('has its mode whatever the umask, and its group', async () => {
    const umask = process.umask(0o077);
    try {
      const bench = await opened({ mode: 0o640, group: process.geteuid?.() === 0 ? 'daemon' : undefined });
      expect(statSync(bench.path).mode & 0o7777).toBe(0o640);
      if (process.geteuid?.() === 0) expect(statSync(bench.path).gid).toBe(1);
    } finally {
      process.umask(umask);
    }
  });

  test('leaves nothing but the map in its directory', async () => {
    const bench = await opened({ live: grants(100) });
    await bench.put('192.0.2.1');
    expect(readdirSync(bench.directory)).toEqual([path.basename(bench.path)]);
  });

  test('closed, it stays where it is and takes no change', async () => {
    const bench = await opened();
    const last = bench.put('192.0.2.1');
    await bench.map.close();
    await bench.map.close();
    expect(await last).toBeUndefined();
    expect(await bench.put('192.0.2.2')).toMatchObject({ code: 'MAP' });
    expect(await read.dump(bench.path)).toEqual(new Map([['192.0.2.1', VALUE]]));
  });

  test('closing answers what is under way', async () => {
    const bench = await opened();
    const changes = [bench.apply({ put: grants(5_000) }), bench.put('192.0.2.1')];
    await bench.map.close();
    expect(await Promise.all(changes)).toEqual([undefined, undefined]);
    expect((await read.dump(bench.path)).size).toBe(5_001);
  });

  test('readers that hammer it while it changes and is built anew: no wrong answer, no error', async () => {
    const steady = grants(5_000);
    const never = steady.map(({ client }) => client.replace(/^10/, '11'));
    const keys = [...never, ...steady.map(({ client }) => client)].join('\n') + '\n';
    const bench = await opened({ live: steady });
    const counts = { passes: 0, openings: 0, changes: 0 };
    let over = false;
    const passes = async (): Promise<void> => {
      for (; !over; counts.passes += 1) {
        const { found, stderr } = await read.lookupAll(bench.path, keys);
        expect([stderr, found.size, never.filter((key) => found.has(key))]).toEqual(['', steady.length, []]);
      }
    };
    const openings = async (): Promise<void> => {
      for (; !over; counts.openings += 1)
        expect(await read.lookup(bench.path, steady[counts.openings]?.client ?? '')).toBe(VALUE);
    };
    const hammering = Promise.all([passes(), passes(), openings()]).finally(() => (over = true));
    hammering.catch(() => undefined);
    const anew = (): number => bench.heard('info', 'map: built anew').length;
    for (; !over; counts.changes += 1) {
      const some = Array.from({ length: 64 }, (_, i) => grant(`172.16.${counts.changes & 255}.${i}`));
      expect(await bench.apply({ put: some })).toBeUndefined();
      expect(await bench.apply({ remove: some.map(({ client }) => client) })).toBeUndefined();
      if (counts.changes % 50 === 49) {
        // A sound file that looks as if someone had written to it: built anew without a moment's gap.
        utimesSync(bench.path, counts.changes, counts.changes);
        bench.map.tick();
      }
      await pause(0);
      over ||= counts.passes >= 20 && counts.openings >= 20 && anew() >= 3;
    }
    await hammering;
    expect(counts.changes).toBeGreaterThan(100);
    expect(bench.map.degraded).toBeUndefined();
    expect((await read.dump(bench.path)).size).toBe(steady.length);
  });

  describe('damage', () => {
    const damages: [string, (file: string, elsewhere: string) => void][] = [
      [
        'deleted',
        (file) => {
          unlinkSync(file);
        },
      ],
      [
        'moved away',
        (file, elsewhere) => {
          renameSync(file, elsewhere);
        },
      ],
      [
        'its directory removed',
        (file) => {
          rmSync(path.dirname(file), { recursive: true });
        },
      ],
      [
        'overwritten with garbage',
        (file) => {
          writeFileSync(file, Buffer.alloc(70_000, 0xa5));
        },
      ],
      [
        'overwritten with garbage of its own size',
        (file) => {
          writeFileSync(file, Buffer.alloc(statSync(file).size, 0xa5));
        },
      ],
      [
        'overwritten with its times set back',
        (file) => {
          const { size, atime, mtime } = statSync(file);
          writeFileSync(file, Buffer.alloc(size, 0));
          utimesSync(file, atime, mtime);
        },
      ],
      [
        'emptied',
        (file) => {
          truncateSync(file, 0);
        },
      ],
      [
        'cut',
        (file) => {
          truncateSync(file, 4096);
        },
      ],
      [
        'replaced by another file',
        (file, elsewhere) => {
          writeFileSync(elsewhere, 'another');
          renameSync(elsewhere, file);
        },
      ],
      [
        'replaced by a symbolic link',
        (file, elsewhere) => {
          writeFileSync(elsewhere, 'precious');
          unlinkSync(file);
          symlinkSync(elsewhere, file);
        },
      ],
      [
        'replaced by a hard link',
        (file, elsewhere) => {
          writeFileSync(elsewhere, 'precious');
          unlinkSync(file);
          linkSync(elsewhere, file);
        },
      ],
    ];

    test.each(damages)('%s: a tick notices and mends it, loudly', async (_, harm) => {
      const bench = await opened({ live: [grant('192.0.2.1')] });
      const elsewhere = path.join(bench.directory, 'elsewhere');
      await bench.put('192.0.2.2');
      bench.live.push(grant('192.0.2.2'));
      harm(bench.path, elsewhere);
      bench.map.tick();
      const during = bench.put('192.0.2.3');
      await bench.built(1);
      expect(await during).toBeUndefined();
      expect(lstatSync(bench.path).isFile()).toBe(true);
      expect([...(await read.dump(bench.path)).keys()].sort()).toEqual([
        '192.0.2.1',
        '192.0.2.2',
        '192.0.2.3',
      ]);
      expect(bench.heard('warn', 'map: building it anew')).toHaveLength(1);
      if (existsSync(elsewhere) && statSync(elsewhere).size < 100) {
        expect(readFileSync(elsewhere, 'utf8')).toMatch(/precious/);
      }
      await bench.tickAndSettle();
      expect(bench.heard('warn', 'map: building it anew')).toHaveLength(1);
    });

    test.each(damages)('%s: a change before the tick is not lost', async (_, harm) => {
      const bench = await opened({ live: [grant('192.0.2.1')] });
      harm(bench.path, path.join(bench.directory, 'elsewhere'));
      expect(await bench.put('192.0.2.3')).toBeUndefined();
      expect([...(await read.dump(bench.path)).keys()].sort()).toEqual(['192.0.2.1', '192.0.2.3']);
    });

    test('a FIFO in its place is replaced: a reader would hang on it', async () => {
      const bench = await opened({ live: [grant('192.0.2.1')] });
      unlinkSync(bench.path);
      await mustRun(['mkfifo', bench.path]);
      await bench.tickAndSettle();
      expect(await read.lookup(bench.path, '192.0.2.1')).toBe(VALUE);
    });

    test('a change of mode or owner is mended without a new file', async () => {
      const bench = await opened();
      const { ino } = statSync(bench.path);
      chmodSync(bench.path, 0o000);
      if (process.geteuid?.() === 0) chownSync(bench.path, 1, 1);
      expect(await bench.put('192.0.2.1')).toBeUndefined();
      await bench.tickAndSettle();
      const stat = statSync(bench.path);
      expect([stat.ino, stat.mode & 0o7777, stat.uid]).toEqual([ino, 0o644, process.geteuid?.()]);
      expect(bench.heard('warn', 'map: mode or owner mended')).toHaveLength(1);
      await bench.tickAndSettle();
      expect(bench.said).toHaveLength(1);
      expect(await read.lookup(bench.path, '192.0.2.1')).toBe(VALUE);
    });

    test('a directory in its place: degraded until it is gone', async () => {
      const bench = await opened({ live: [grant('192.0.2.1')] });
      unlinkSync(bench.path);
      mkdirSync(bench.path);
      expect(await bench.put('192.0.2.2')).toMatchObject({ code: 'MAP', temporary: true });
      expect(bench.map.degraded).toContain(bench.path);
      expect(await bench.put('192.0.2.2')).toMatchObject({ code: 'MAP' });
      // Not tried at each change, but at each tick, and quietly.
      for (let i = 0; i < 3; i += 1)
        expect(await bench.remove('192.0.2.9')).toMatchObject({ code: 'MAP', temporary: true });
      expect(bench.heard('warn', 'map: building it anew')).toHaveLength(1);
      bench.map.tick();
      expect(await bench.put('192.0.2.2')).toMatchObject({ code: 'MAP' });
      rmdirSync(bench.path);
      await until('the map is well again', 5_000, () => {
        bench.map.tick();
        return bench.map.degraded === undefined;
      });
      expect(bench.map.degraded).toBeUndefined();
      expect(await bench.put('192.0.2.2')).toBeUndefined();
      expect((await read.dump(bench.path)).size).toBe(2);
      expect(bench.heard('error', 'map: cannot be changed, trying again every second')).toHaveLength(1);
    });
  });

  describe('opening', () => {
    test.each([
      [
        'a directory',
        async (file: string) => {
          await mustRun(['mkdir', file]);
        },
      ],
      [
        'a FIFO',
        async (file: string) => {
          await mustRun(['mkfifo', file]);
        },
      ],
    ])('refuses %s in its place', async (what, plant) => {
      const bench = new MapBench((options) => formats[format].create(options));
      await plant(bench.path);
      await expect(bench.map.open()).rejects.toMatchObject({
        code: 'MAP',
        message: expect.stringContaining(`${bench.path} is ${what}`) as string,
      });
      expect(readdirSync(bench.directory)).toEqual([path.basename(bench.path)]);
      expect(await bench.put('192.0.2.1')).toMatchObject({ code: 'MAP' });
      rmSync(bench.directory, { recursive: true });
    });

    test('replaces a symbolic link and leaves its target alone', async () => {
      const bench = new MapBench((options) => formats[format].create(options));
      const target = path.join(bench.directory, 'target');
      writeFileSync(target, 'precious');
      symlinkSync(target, bench.path);
      await bench.map.open();
      expect(lstatSync(bench.path).isFile()).toBe(true);
      expect(readFileSync(target, 'utf8')).toBe('precious');
      await bench.map.close();
      rmSync(bench.directory, { recursive: true });
    });

    test('names a group that does not exist', async () => {
      await expect(opened({ group: 'no-such-group' })).rejects.toMatchObject({
        code: 'MAP',
        message: expect.stringContaining('no-such-group') as string,
      });
    });

    test('makes its directory, and warns of one that others may write to', async () => {
      const bench = await opened();
      chmodSync(bench.directory, 0o775);
      const deep = path.join(bench.directory, 'a/b/relay.lmdb');
      const second = await opened({ path: deep });
      expect(existsSync(deep)).toBe(true);
      expect(second.said.filter(({ level }) => level === 'warn')).toEqual([]);
      const third = await opened({ path: path.join(bench.directory, 'third.lmdb') });
      expect(third.said.filter(({ level }) => level === 'warn')).toHaveLength(1);
    });
  });
});
