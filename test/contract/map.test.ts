/** What every exported file promises, live or snapshot; read by the programs that will read it. */
import {
  chmodSync,
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
import type { LiveMapOptions } from '../../src/exports/format.js';
import { formats, type FormatName } from '../../src/exports/formats.js';
import { ExportBench, type ExportBenchOptions } from '../support/export-bench.js';
import { EXPIRES_AT, grant, VALUE } from '../support/live-map.js';
import { mustRun } from '../support/processes.js';

/** How each format is opened here, and what it says of a client. */
const variants: Record<FormatName, { options: Partial<LiveMapOptions>; value: (ends: string) => string }> = {
  lmdb: { options: {}, value: (ends) => ends },
  bdb: { options: { intervalMs: 20 }, value: (ends) => ends },
  cdb: { options: { intervalMs: 20 }, value: (ends) => ends },
  tcprules: { options: { intervalMs: 20 }, value: () => '+RELAYCLIENT=\0' },
  list: { options: { intervalMs: 20, dialects: ['postfix'] }, value: (ends) => ends },
};

afterEach(() => ExportBench.closeAll());

describe.each(Object.keys(formats) as FormatName[])('%s', (format) => {
  const { options, value } = variants[format];
  const opened = (more: ExportBenchOptions = {}): Promise<ExportBench> =>
    ExportBench.open(format, { ...options, ...more });

  test('without a grant it is valid, and permits nobody', async () => {
    const bench = await opened();
    await bench.holds();
    expect(await bench.lookup('192.0.2.1')).toBeUndefined();
  });

  test('begins with the live grants and follows changes', async () => {
    const bench = await opened({ clients: ['192.0.2.1', '192.0.2.3'] });
    expect(await bench.lookup('192.0.2.1')).toBe(value(VALUE));
    expect(await bench.lookup('192.0.2.3')).toBe(value(VALUE));
    expect(await bench.grant('192.0.2.2')).toBeUndefined();
    await bench.holds('192.0.2.1', '192.0.2.2', '192.0.2.3');
    expect(await bench.lookup('192.0.2.2')).toBe(value(VALUE));
    expect(await bench.revoke('192.0.2.1')).toBeUndefined();
    await bench.holds('192.0.2.2', '192.0.2.3');
    expect(await bench.lookup('192.0.2.1')).toBeUndefined();
  });

  test('a client that the snapshot names twice has its later end', async () => {
    const twice = [grant('192.0.2.1'), grant('192.0.2.1', EXPIRES_AT + 60_000)];
    const bench = await opened({ snapshot: () => twice });
    await bench.holds('192.0.2.1');
    expect(await bench.lookup('192.0.2.1')).toBe(value('1790000061'));
  });

  test('has its mode whatever the umask, and its group; later files too', async () => {
    const umask = process.umask(0o077);
    try {
      const bench = await opened({ mode: 0o640, group: process.geteuid?.() === 0 ? 'daemon' : undefined });
      await bench.grant('192.0.2.1');
      await bench.holds('192.0.2.1');
      expect(statSync(bench.path).mode & 0o7777).toBe(0o640);
      if (process.geteuid?.() === 0) expect(statSync(bench.path).gid).toBe(1);
    } finally {
      process.umask(umask);
    }
  });

  test('leaves nothing but itself in its directory, by one name', async () => {
    const bench = await opened({ clients: ['192.0.2.1'] });
    await bench.grant('192.0.2.2');
    await bench.holds('192.0.2.1', '192.0.2.2');
    await bench.map.close();
    expect(readdirSync(bench.directory)).toEqual([path.basename(bench.path)]);
    expect(statSync(bench.path).nlink).toBe(1);
  });

  test('closing finishes what was begun; closed, it stays where it is and takes no change', async () => {
    const bench = await opened();
    const last = bench.grant('192.0.2.1');
    await bench.map.close();
    await bench.map.close();
    expect(await last).toBeUndefined();
    expect(await bench.grant('192.0.2.2')).toMatchObject({ code: 'MAP' });
    expect(await bench.clients()).toEqual(['192.0.2.1']);
  });

  test('closed, it can be opened again', async () => {
    const bench = await opened();
    await bench.map.close();
    bench.live.set('192.0.2.7', grant('192.0.2.7'));
    await bench.map.open();
    expect(await bench.clients()).toEqual(['192.0.2.7']);
  });

  describe('damage', () => {
    const damages: Record<string, (file: string, elsewhere: string) => void> = {
      deleted: unlinkSync,
      'moved away': renameSync,
      'its directory removed': (file) => {
        rmSync(path.dirname(file), { recursive: true });
      },
      'overwritten with garbage of its own size': (file) => {
        writeFileSync(file, Buffer.alloc(statSync(file).size, 0xa5));
      },
      'overwritten with its times set back': (file) => {
        const { size, atime, mtime } = statSync(file);
        writeFileSync(file, Buffer.alloc(size, 0));
        utimesSync(file, atime, mtime);
      },
      emptied: (file) => {
        truncateSync(file, 0);
      },
      'replaced by another file': (file, elsewhere) => {
        writeFileSync(elsewhere, 'another');
        renameSync(elsewhere, file);
      },
      'replaced by a symbolic link': (file, elsewhere) => {
        writeFileSync(elsewhere, 'precious');
        unlinkSync(file);
        symlinkSync(elsewhere, file);
      },
      'replaced by a hard link': (file, elsewhere) => {
        writeFileSync(elsewhere, 'precious');
        unlinkSync(file);
        linkSync(elsewhere, file);
      },
    };

    test.each(Object.entries(damages))('%s: a tick notices and mends it, loudly, once', async (_, harm) => {
      const bench = await opened({ clients: ['192.0.2.1'] });
      const elsewhere = path.join(bench.directory, 'elsewhere');
      harm(bench.path, elsewhere);
      bench.map.tick();
      expect(bench.heard('warn', 'map: building it anew')).toHaveLength(1);
      await bench.ticksUntil('it is built anew', () => bench.heard('info', 'map: built anew').length > 0);
      expect(lstatSync(bench.path).isFile()).toBe(true);
      expect(await bench.clients()).toEqual(['192.0.2.1']);
      if (existsSync(elsewhere) && statSync(elsewhere).size < 20)
        expect(readFileSync(elsewhere, 'utf8')).toBe('precious');
      for (let i = 0; i < 3; i += 1) bench.map.tick();
      expect(bench.heard('warn', 'map: building it anew')).toHaveLength(1);
    });

    test('a mode that others changed is put right', async () => {
      const bench = await opened({ clients: ['192.0.2.1'] });
      chmodSync(bench.path, 0o666);
      await bench.ticksUntil('its mode is right', () => (statSync(bench.path).mode & 0o7777) === 0o644);
      expect(await bench.clients()).toEqual(['192.0.2.1']);
      expect(bench.said.some(({ level }) => level === 'warn')).toBe(true);
    });

    test('a directory in its place: degraded until it is gone, told once', async () => {
      const bench = await opened({ clients: ['192.0.2.1'] });
      unlinkSync(bench.path);
      mkdirSync(bench.path);
      await bench.ticksUntil('it is degraded', () => bench.map.degraded?.includes(bench.path) === true);
      for (let i = 0; i < 20; i += 1) bench.map.tick();
      rmdirSync(bench.path);
      await bench.ticksUntil('it is well again', () => bench.map.degraded === undefined);
      expect(await bench.grant('192.0.2.2')).toBeUndefined();
      await bench.holds('192.0.2.1', '192.0.2.2');
      expect(bench.said.filter(({ level }) => level === 'error')).toHaveLength(1);
    });

    test('a FIFO in its place is replaced: a reader would hang on it', async () => {
      const bench = await opened({ clients: ['192.0.2.1'] });
      unlinkSync(bench.path);
      await mustRun(['mkfifo', bench.path]);
      await bench.ticksUntil('it is a file', () => lstatSync(bench.path).isFile());
      await bench.holds('192.0.2.1');
    });
  });

  describe('opening', () => {
    test.each([
      ['a directory', 'mkdir'],
      ['a FIFO', 'mkfifo'],
    ])('refuses %s in its place', async (what, command) => {
      const bench = new ExportBench(format, options);
      await mustRun([command, bench.path]);
      await expect(bench.map.open()).rejects.toMatchObject({
        code: 'MAP',
        message: expect.stringContaining(`${bench.path} is ${what}`) as string,
      });
      expect(readdirSync(bench.directory)).toEqual([path.basename(bench.path)]);
      expect(await bench.grant('192.0.2.1')).toMatchObject({ code: 'MAP' });
    });

    test('replaces a symbolic link and leaves its target alone', async () => {
      const bench = new ExportBench(format, options);
      const target = path.join(bench.directory, 'target');
      writeFileSync(target, 'precious');
      symlinkSync(target, bench.path);
      await bench.map.open();
      expect(lstatSync(bench.path).isFile()).toBe(true);
      expect(readFileSync(target, 'utf8')).toBe('precious');
    });

    test('removes what a build that died has left, whatever it is, and follows nothing', async () => {
      const bench = new ExportBench(format, options);
      const target = path.join(bench.directory, 'target');
      writeFileSync(target, 'precious');
      const leftover = (digit: string): string =>
        path.join(bench.directory, `.${path.basename(bench.path)}.${digit.repeat(16)}.building`);
      writeFileSync(leftover('1'), 'half a map');
      symlinkSync(target, leftover('2'));
      await mustRun(['mkfifo', leftover('3')]);
      mkdirSync(leftover('4'));
      await bench.map.open();
      await bench.grant('192.0.2.1');
      await bench.holds('192.0.2.1');
      expect(readFileSync(target, 'utf8')).toBe('precious');
      expect(readdirSync(bench.directory).sort()).toEqual(
        [path.basename(leftover('4')), path.basename(bench.path), 'target'].sort(),
      );
      expect(bench.heard('warn', 'map: leftover of an unfinished build cannot be removed')).toHaveLength(1);
    });

    test('names a group that does not exist', async () => {
      await expect(opened({ group: 'no-such-group' })).rejects.toMatchObject({
        code: 'MAP',
        message: expect.stringContaining('no-such-group') as string,
      });
    });

    test('makes its directory, and warns of one that others may write to', async () => {
      const bench = await opened();
      chmodSync(bench.directory, 0o777);
      const deep = path.join(bench.directory, 'a/b/relay.map');
      const second = await opened({ path: deep });
      expect(existsSync(deep)).toBe(true);
      expect(second.said.filter(({ level }) => level === 'warn')).toEqual([]);
      const third = await opened({ path: path.join(bench.directory, 'third.map') });
      expect(third.said.filter(({ level }) => level === 'warn')).toHaveLength(1);
    });

    test('a directory in which it cannot write is a Fault that says what to do', async () => {
      // Not even root may write there.
      const bench = new ExportBench(format, { ...options, path: '/proc/self/relay.map' });
      await expect(bench.map.open()).rejects.toMatchObject({
        code: 'MAP',
        message: expect.stringContaining('/proc/self/relay.map') as string,
      });
    });
  });
});
