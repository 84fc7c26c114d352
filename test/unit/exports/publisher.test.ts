/** When a snapshot is published, and what becomes of failures. Time is moved by hand. */
import { existsSync, lstatSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Grant } from '../../../src/core/grant.js';
import { Publisher } from '../../../src/exports/publisher.js';
import { ExportBench } from '../../support/export-bench.js';
import { FakeClock } from '../../support/fake-clock.js';
import { grant, grants } from '../../support/live-map.js';
import { tcpRule } from '../../support/map-readers.js';
import { mustRun, newDirectory, run, until } from '../../support/processes.js';

const FAILED = 'map: cannot be published, trying again every second';

afterEach(() => ExportBench.closeAll());

/** A list under a clock that a test moves; published once at its opening. */
async function opened(
  options: Parameters<typeof ExportBench.open>[1] = {},
): Promise<{ bench: ExportBench; clock: FakeClock }> {
  const clock = new FakeClock({ soon: 'microtask' });
  const bench = await ExportBench.open('list', { clock, intervalMs: 1_000, ...options });
  return { bench, clock };
}

const publications = (bench: ExportBench, n: number): Promise<void> =>
  until(`${n} publications`, 5_000, () => bench.published >= n);

const text = (bench: ExportBench): string => readFileSync(bench.path, 'utf8');

test('many changes in an interval are one publication, when the interval is over', async () => {
  const { bench, clock } = await opened();
  for (let i = 1; i <= 50; i += 1) expect(await bench.grant(`192.0.2.${i}`)).toBeUndefined();
  clock.advance(999);
  await bench.grant('192.0.2.51');
  expect([bench.published, text(bench)]).toEqual([0, '']);
  clock.advance(1);
  await publications(bench, 1);
  expect(text(bench).split('\n')).toHaveLength(52);
  clock.advance(5_000);
  bench.map.tick();
  expect(bench.published).toBe(1);
});

test('renewed, it answers at once and is published within its interval', async () => {
  const { bench, clock } = await opened();
  const told: unknown[] = [];
  bench.live.set('192.0.2.1', grant('192.0.2.1'));
  const since = clock.mono();
  bench.map.renew((fault) => told.push(fault));
  expect([told, bench.published]).toEqual([[undefined], 0]);
  expect(bench.map.freshness.behindSince).toBe(since);
  clock.advance(1_000);
  await publications(bench, 1);
  expect(text(bench)).toBe('192.0.2.1\n');
  await until('it is no longer behind', 5_000, () => bench.map.freshness.behindSince === undefined);
  await bench.map.close();
  bench.map.renew((fault) => told.push(fault));
  expect(told[1]).toMatchObject({ code: 'MAP' });
});

test('after a quiet time a change is published at once', async () => {
  const { bench, clock } = await opened();
  clock.advance(1_000);
  await bench.grant('192.0.2.1');
  clock.advance(0);
  await publications(bench, 1);
  expect(text(bench)).toBe('192.0.2.1\n');
});

test('a change during a publication is in the next', async () => {
  const { bench, clock } = await opened();
  clock.advance(1_000);
  await bench.grant('192.0.2.1');
  clock.advance(0);
  await bench.grant('192.0.2.2');
  await publications(bench, 1);
  clock.advance(1_000);
  await publications(bench, 2);
  expect(text(bench)).toBe('192.0.2.1\n192.0.2.2\n');
});

test('what changes nothing publishes nothing', async () => {
  const { bench, clock } = await opened();
  bench.map.apply({ put: [], remove: [] }, () => undefined);
  clock.advance(5_000);
  bench.map.tick();
  expect(bench.said).toEqual([]);
});

test('closing publishes what is still to be published, without waiting for the interval', async () => {
  const { bench } = await opened();
  await bench.grant('192.0.2.1');
  await bench.map.close();
  expect(text(bench)).toBe('192.0.2.1\n');
});

test('open twice is a bug', async () => {
  const { bench } = await opened();
  await expect(bench.map.open()).rejects.toThrow(/open already/);
});

describe('failure', () => {
  test('is told once; the old file stays; every tick tries again; no change waits or fails', async () => {
    const { bench, clock } = await opened({ clients: ['192.0.2.1'] });
    const moved = `${bench.directory}.moved`;
    renameSync(bench.directory, moved);
    writeFileSync(bench.directory, 'in the way');
    expect(await bench.grant('192.0.2.2')).toBeUndefined();
    clock.advance(1_000);
    await until('it has failed', 5_000, () => bench.map.degraded !== undefined);
    for (let i = 0; i < 5; i += 1) {
      expect(await bench.grant(`192.0.2.${i + 3}`)).toBeUndefined();
      bench.map.tick();
      await until('it has failed again', 5_000, () => bench.map.degraded !== undefined);
    }
    expect(readFileSync(path.join(moved, 'relay.list'), 'utf8')).toBe('192.0.2.1\n');
    rmSync(bench.directory);
    renameSync(moved, bench.directory);
    await bench.ticksUntil('it is well', () => bench.map.degraded === undefined);
    expect(text(bench).split('\n')).toHaveLength(8);
    expect(bench.heard('error', FAILED)).toHaveLength(1);
    expect(bench.heard('info', 'map: built anew')).toHaveLength(1);
  });

  test('a full disk: the file that is there stays whole, until there is room', async () => {
    const directory = newDirectory('full');
    await mustRun(['mount', '-t', 'tmpfs', '-o', 'size=2m,mode=0755', 'none', directory]);
    try {
      const many = grants(100_000);
      const few = many.slice(0, 100);
      let live: readonly Grant[] = few;
      const file = path.join(directory, 'relay.list');
      const { bench, clock } = await opened({ path: file, snapshot: () => live });
      const before = readFileSync(file);
      live = many;
      await bench.grant('192.0.2.1');
      writeFileSync(path.join(directory, 'ballast'), Buffer.alloc(1_500_000));
      clock.advance(1_000);
      await until('it has failed', 5_000, () => bench.map.degraded !== undefined);
      expect(bench.map.degraded).toMatch(/ENOSPC.*make room/);
      expect(readFileSync(file).equals(before)).toBe(true);
      rmSync(path.join(directory, 'ballast'));
      await bench.ticksUntil('it is well', () => bench.map.degraded === undefined);
      expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(100_001);
      await bench.map.close();
    } finally {
      await run(['umount', directory]);
    }
  });

  test('at the opening is a Fault, and nothing is left behind', async () => {
    const clock = new FakeClock({ soon: 'microtask' });
    const bench = new ExportBench('list', { clock, snapshot: () => [grant('x'.repeat(99))] });
    await expect(bench.map.open()).rejects.toMatchObject({ code: 'MAP' });
    expect([existsSync(bench.path), clock.pendingTimers]).toEqual([false, 0]);
  });

  test('a publication that does not end is told of once', async () => {
    const clock = new FakeClock();
    let slow = false;
    function* snapshot(): Generator<Grant> {
      for (const one of grants(200)) {
        if (slow) clock.monoMs += 1;
        yield one;
      }
    }
    const bench = await ExportBench.open('list', { clock, intervalMs: 1_000, snapshot });
    slow = true;
    clock.advance(1_000);
    await bench.grant('192.0.2.1');
    clock.advance(0);
    await until('it waits for its next step', 5_000, () => clock.pendingSoon > 0);
    clock.monoMs += 29_000;
    bench.map.tick();
    expect(bench.said).toEqual([]);
    clock.monoMs += 1_000;
    bench.map.tick();
    bench.map.tick();
    expect(bench.heard('error', 'map: publishing takes long; is its disk at work?')).toHaveLength(1);
    await until('it is published', 5_000, () => {
      clock.runSoon();
      return bench.published > 0;
    });
  });
});

test('clients without words are left out, and told of once', async () => {
  const clock = new FakeClock({ soon: 'microtask' });
  const bench = await ExportBench.open('tcprules', { clock, clients: ['2001:db8::6', '192.0.2.1'] });
  await bench.grant('2001:db8::7');
  clock.advance(1_000);
  await publications(bench, 1);
  expect(await bench.clients()).toEqual(['192.0.2.1']);
  expect(bench.said.filter(({ level }) => level === 'warn').map(({ fields }) => fields)).toEqual([
    { path: bench.path, clients: 1, such: ['2001:db8::6'] },
  ]);
});

describe('rules', () => {
  const rules = path.join(newDirectory('rules'), 'tcp.smtp');

  test('are followed; a mistake in them is told of, and changes nothing', async () => {
    writeFileSync(rules, '10.:deny\n');
    const clock = new FakeClock({ soon: 'microtask' });
    const bench = await ExportBench.open('tcprules', { clock, rules, clients: ['192.0.2.1'] });
    expect(await tcpRule(bench.path, '10.1.1.1')).toMatch(/deny/);
    writeFileSync(rules, '10.:allow\n11.:deny\n');
    bench.map.tick();
    clock.advance(1_000);
    await publications(bench, 1);
    expect(await tcpRule(bench.path, '10.1.1.1')).toMatch(/allow/);
    expect(await tcpRule(bench.path, '11.1.1.1')).toMatch(/deny/);

    writeFileSync(rules, 'this: is no rule\n');
    bench.map.tick();
    bench.map.tick();
    expect(bench.heard('error', 'map: rules kept as they were')).toHaveLength(1);
    await bench.revoke('192.0.2.1');
    clock.advance(1_000);
    await publications(bench, 2);
    expect(await bench.clients()).toEqual(['10.', '11.']);
  });

  test('that are wrong or missing at the opening are a Fault', async () => {
    rmSync(rules, { force: true });
    const bench = new ExportBench('tcprules', { rules });
    await expect(bench.map.open()).rejects.toMatchObject({ code: 'CONFIG' });
    writeFileSync(rules, 'this: is no rule\n');
    await expect(bench.map.open()).rejects.toMatchObject({ code: 'CONFIG' });
    expect(existsSync(bench.path)).toBe(false);
  });
});

describe('command', () => {
  test('runs after each publication, with the list to read', async () => {
    const copy = path.join(newDirectory('copy'), 'list');
    const bench = await ExportBench.open('list', {
      clients: ['192.0.2.1'],
      intervalMs: 20,
      command: ['sh', '-c', `cat > ${copy}.new && mv ${copy}.new ${copy}`],
      commandStdin: 'list',
    });
    const copied = (): string => (existsSync(copy) ? readFileSync(copy, 'utf8') : '');
    await until('the first list is read', 5_000, () => copied() === '192.0.2.1\n');
    await bench.grant('192.0.2.2');
    await until('the second list is read', 5_000, () => copied() === '192.0.2.1\n192.0.2.2\n');
  });

  test('its failure is no failure of the map', async () => {
    const bench = await ExportBench.open('list', { intervalMs: 20, command: ['false'] });
    await until(
      'it has failed',
      5_000,
      () => bench.heard('error', 'command: failed, trying again').length > 0,
    );
    expect(bench.map.degraded).toBeUndefined();
    await bench.grant('192.0.2.1');
    await bench.holds('192.0.2.1');
    expect(lstatSync(bench.path).isFile()).toBe(true);
  });

  test('closing waits for it', async () => {
    const flag = path.join(newDirectory('flag'), 'done');
    const bench = await ExportBench.open('list', { command: ['sh', '-c', `sleep 0.3; echo done > ${flag}`] });
    await bench.map.close();
    expect(statSync(flag).size).toBeGreaterThan(0);
  });
});

test('a relative path is one of the directory it was started in', async () => {
  const directory = newDirectory('relative');
  const file = path.relative(process.cwd(), path.join(directory, 'relay.list'));
  const bench = new ExportBench('list', { path: file });
  expect(bench.map).toBeInstanceOf(Publisher);
  await bench.map.open();
  expect(existsSync(path.join(directory, 'relay.list'))).toBe(true);
});
