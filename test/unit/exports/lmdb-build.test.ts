/** buildLmdbFile - the whole snapshot, in steps, beside the old file; and what is left when it fails. */
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { addressToNumber } from '../../../src/core/address.js';
import type { Grant } from '../../../src/core/grant.js';
import type { LeanPermission } from '../../../src/core/subject.js';
import { DeniedKeys } from '../../../src/exports/denied-keys.js';
import type { LiveMapOptions } from '../../../src/exports/format.js';
import { buildLmdbFile } from '../../../src/exports/lmdb-build.js';
import type { LmdbFile } from '../../../src/exports/lmdb-file.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { EXPIRES_AT, grant, grants, LockHolder, recordingLog, type Said } from '../../support/live-map.js';
import { dump } from '../../support/postmap.js';
import { newDirectory, until } from '../../support/processes.js';

const MAP_BYTES = 2 ** 30;

let directory: string;
let file: string;
let said: Said[];
const built: LmdbFile[] = [];

beforeEach(() => {
  directory = newDirectory('lmdb-build');
  file = path.join(directory, 'relay.lmdb');
});

afterEach(async () => {
  for (const one of built.splice(0)) one.close();
  await LockHolder.releaseAll();
  rmSync(directory, { recursive: true, force: true });
});

/** Builds; `between` is called after each step, and waited for. */
async function build(
  snapshot: () => Iterable<Grant>,
  between: (step: number) => unknown = () => undefined,
  { mapBytes = MAP_BYTES, lean }: { mapBytes?: number } & Pick<LiveMapOptions, 'lean'> = {},
): Promise<{ entries: number; steps: number }> {
  const recording = recordingLog();
  said = recording.said;
  let steps = 0;
  const soon = (fn: () => void): void => {
    systemClock.soon(() => {
      steps += 1;
      void Promise.resolve(between(steps)).then(fn);
    });
  };
  const clock = { ...systemClock, soon };
  const options: LiveMapOptions = { path: file, mode: 0o644, clock, log: recording.log, snapshot, lean };
  const { file: map, entries } = await buildLmdbFile(options, { denied: new DeniedKeys(), mapBytes });
  built.push(map);
  return { entries, steps };
}

test('holds every grant, and lets other work go on', async () => {
  const many = grants(25_000);
  const { entries, steps } = await build(() => many);
  expect(entries).toBe(25_000);
  expect(steps).toBeGreaterThan(25);
  expect(await dump(file)).toEqual(new Map(many.map(({ client }) => [client, '1790000001'])));
  expect(readdirSync(directory)).toEqual(['relay.lmdb']);
  expect(said).toEqual([]);
});

test('its pages are full: out of order the same grants take much more room', async () => {
  const many = grants(20_000);
  await build(() => many);
  const { size } = statSync(file);
  await build(() => []);
  // With the pages that every new file keeps free, which are taken first.
  const empty = statSync(file).size;
  built
    .at(-1)
    ?.transact((entries) =>
      many.reduce((status, one) => status || entries.putKey(one.client, EXPIRES_AT), 0),
    );
  expect(size - empty).toBeLessThan(statSync(file).size * 0.75);
});

test('keys that are not in their place are put nevertheless', async () => {
  const odd = ['zebra', 'Ape', 'ape', '10.0.0.1', '~', 'Bee'].map((client) => grant(client));
  await build(() => [...odd, ...odd]);
  expect([...(await dump(file)).keys()].sort()).toEqual(odd.map(({ client }) => client as string).sort());
});

test('a map that is too small at first grows on the way', async () => {
  await build(() => grants(20_000), undefined, { mapBytes: 2 ** 16 });
  expect((await dump(file)).size).toBe(20_000);
});

test('clients that are numbers, in an object that says something else with each step', async () => {
  const many = [...grants(5_000), grant('2001:db8::1'), grant('255.255.255.255'), grant('1.2.3.4')];
  const snapshot = (): Iterable<Grant> => [];
  const lean = function* (): Generator<LeanPermission> {
    const permission = { client: 0 as LeanPermission['client'], expiresAt: 0 };
    for (const [i, { client }] of many.entries()) {
      permission.client = addressToNumber(client) ?? client;
      permission.expiresAt = EXPIRES_AT + 60_000 * (i % 3);
      yield permission;
    }
  };
  await build(snapshot, undefined, { lean });
  expect(await dump(file)).toEqual(
    new Map(many.map(({ client }, i) => [client, String(1_790_000_001 + 60 * (i % 3))])),
  );
});

test('until it is published readers find the old file, and nobody else gets hold of the new one', async () => {
  writeFileSync(file, 'old');
  const seen = new Set<string>();
  await build(
    () => grants(10_000),
    async (step) => {
      seen.add(readFileSync(file, 'utf8'));
      const beside = readdirSync(directory).filter((name) => name !== 'relay.lmdb');
      seen.add(`${beside.length} beside`);
      if (step > 1) return;
      const reader = await LockHolder.take(path.join(directory, beside[0] ?? ''), 'shared');
      seen.add(reader.locked ? 'open to a reader' : 'locked');
      await reader.release();
    },
  );
  expect(seen).toEqual(new Set(['old', '1 beside', 'locked']));
  expect((await dump(file)).size).toBe(10_000);
});

describe('a build that fails leaves nothing', () => {
  function open(): number {
    return readdirSync('/proc/self/fd').length;
  }

  test('when the snapshot throws', async () => {
    const snapshot = function* (): Generator<Grant> {
      yield* grants(5_000);
      throw new Error('a bug');
    };
    const before = open();
    await expect(build(snapshot)).rejects.toThrow('a bug');
    expect(readdirSync(directory)).toEqual([]);
    // The last descriptor is closed in the background: the next turn of the thread pool.
    await until('it is closed', 5_000, () => open() <= before);
  });

  test('when a grant cannot be a key', async () => {
    await expect(build(() => [grant('192.0.2.1'), grant('k'.repeat(600))])).rejects.toThrow(RangeError);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('when its file is taken away, and the old one stays', async () => {
    writeFileSync(file, 'old');
    const failing = build(
      () => grants(5_000),
      () => {
        for (const name of readdirSync(directory))
          if (name !== 'relay.lmdb') rmSync(path.join(directory, name));
      },
    );
    await expect(failing).rejects.toMatchObject({
      code: 'MAP',
      message: expect.stringContaining(`map ${file} cannot be put in place`) as string,
    });
    expect(readFileSync(file, 'utf8')).toBe('old');
    expect(readdirSync(directory)).toEqual(['relay.lmdb']);
  });

  test('when the directory goes', async () => {
    const failing = build(
      () => grants(5_000),
      () => {
        rmSync(directory, { recursive: true, force: true });
      },
    );
    await expect(failing).rejects.toMatchObject({ code: 'MAP' });
    expect(existsSync(directory)).toBe(false);
  });
});
