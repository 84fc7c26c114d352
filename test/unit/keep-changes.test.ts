/** keep-changes - after a kill the stream goes on: no gap, no repeat; and when that cannot be, it is said. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { FOUND_STEP } from '../../src/core/revoker.js';
import type { Subject } from '../../src/core/subject.js';
import { at } from './core/world.js';
import { FRAME_BYTES, frameOf } from '../../src/store/change-log.js';
import { KeptWorld, LIFETIME, type KeptOptions } from './kept-world.js';

/** How many courses of things are tried. */
const SEEDS = Number(process.env['DRACD_KEPT_SEEDS'] ?? 12);
const C = (n: number): string => `10.1.${n >> 8}.${n & 255}`;
const subject = (text: string): Subject => text as Subject;

/** A world that has been watched for a while, with leases for the first clients. */
async function watched(clients = 3): Promise<KeptWorld> {
  const world = new KeptWorld();
  await world.start();
  world.list();
  for (let n = 0; n < clients; n += 1) {
    await world.add(C(n));
    world.pass(1_000);
  }
  await world.settle();
  return world;
}

async function again(world: KeptWorld, options: KeptOptions = {}): Promise<boolean> {
  await world.kill();
  await world.start(options);
  return world.watch();
}

/** The kinds and subjects told after a position. */
const after = (world: KeptWorld, position: number): string[] =>
  world.heard.changes
    .filter((change) => change.position > position)
    .map(({ kind, row }) => `${kind} ${row.subject}`);

async function allIsTold(world: KeptWorld): Promise<void> {
  await world.settle();
  expect(world.heard.faults).toEqual([]);
  expect(world.differences()).toEqual([]);
}

test('told only what is in the log; killed before, it is told after the restart, once', async () => {
  const world = await watched();
  const before = world.heard.position;
  expect(before).toBe(3);
  await world.add(C(0));
  await world.add(C(9));
  // Durable and acknowledged, and not yet written for those who watch.
  expect(world.heard.position).toBe(before);
  expect(await again(world)).toBe(true);
  await allIsTold(world);
  expect(after(world, before)).toEqual([`renewed ${C(0)}`, `granted ${C(9)}`]);
  expect(await again(world)).toBe(true);
  await allIsTold(world);
  expect(after(world, before)).toHaveLength(2);
});

test('leases that end while it is down are told, in the order in which they ended', async () => {
  const world = await watched(4);
  const before = world.heard.position;
  await world.kill();
  world.clock.advance(LIFETIME - 2_500);
  await world.start();
  expect(world.watch()).toBe(true);
  await world.settle();
  expect(after(world, before)).toEqual([`expired ${C(0)}`, `expired ${C(1)}`]);
  await allIsTold(world);
  world.pass(5_000);
  await allIsTold(world);
  expect(after(world, before)).toHaveLength(4);
});

test('leases that end while a start takes them over are told once', async () => {
  const world = await watched(4);
  const before = world.heard.position;
  await world.kill();
  world.clock.advance(LIFETIME - 5_000);
  await world.start({ restoringMs: 2_500 });
  expect(world.run.ledger.size).toBe(4);
  expect(world.watch()).toBe(true);
  world.pass(250);
  await allIsTold(world);
  expect(after(world, before).sort()).toEqual([`expired ${C(0)}`, `expired ${C(1)}`]);
});

test('a revocation that was cut short in the middle is told to the end', async () => {
  const world = await watched();
  await Promise.all(Array.from({ length: 2_500 }, (_, n) => world.add(C(n))));
  await world.settle();
  const before = world.heard.position;
  world.holdsMap = true;
  void world.revoke({ within: subject('10.1.0.0/16') });
  await world.settle();
  // One step has been taken, and is told.
  expect(after(world, before)).toHaveLength(FOUND_STEP);
  void world.add(C(0));
  void world.add(C(2_400));
  await world.settle();
  expect(after(world, before).slice(FOUND_STEP)).toEqual([`granted ${C(0)}`, `renewed ${C(2_400)}`]);
  world.holdsMap = false;
  expect(await again(world)).toBe(true);
  await allIsTold(world);
  // What was granted while it went on is not meant.
  expect(after(world, before + FOUND_STEP + 2)).toHaveLength(2_499 - FOUND_STEP);
  expect([...world.heard.known.keys()].sort()).toEqual([C(0), C(2_400)].sort());
});

test("operators' acts: stored and not told are told with who did it; not stored are not", async () => {
  const world = await watched();
  const before = world.heard.position;
  const by = { author: 'ann', reason: 'abuse' };
  await world.run.book.change({ come: world.entry('deny', C(0)) }, by);
  await world.run.book.change(
    { come: world.entry('pin', '203.0.113.0/24', { expiresAt: world.clock.wall() + 5_000 }) },
    by,
  );
  expect(await again(world)).toBe(true);
  await allIsTold(world);
  expect(after(world, before).sort()).toEqual([`denied ${C(0)}`, 'pinned 203.0.113.0/24', `revoked ${C(0)}`]);
  expect(world.heard.changes.find(({ kind }) => kind === 'pinned')).toMatchObject(by);
  const then = world.heard.position;
  // It ends while nobody is there.
  await world.kill();
  world.clock.advance(6_000);
  await world.start();
  expect(world.watch()).toBe(true);
  await allIsTold(world);
  expect(after(world, then)).toEqual(['unpinned 203.0.113.0/24']);
  const last = world.heard.position;
  world.files.trick = ({ name, file }) =>
    name === 'rename' && file.startsWith('entries') ? 'hold' : undefined;
  void world.run.book.change({ go: { kind: 'deny', subject: subject(C(0)) } }, by);
  expect(await again(world)).toBe(true);
  await allIsTold(world);
  expect(after(world, last)).toEqual([]);
});

test('what may not be granted any more is revoked', async () => {
  const world = await watched();
  const before = world.heard.position;
  expect(await again(world, { never: '10.1.0.1/32' })).toBe(true);
  await allIsTold(world);
  expect(after(world, before)).toEqual([`revoked ${C(1)}`]);
});

test('the log is begun with the first question and goes when nobody has asked for long', async () => {
  const world = new KeptWorld();
  await world.start();
  await world.add(C(0));
  await world.settle();
  expect(() => readFileSync(world.file)).toThrow('ENOENT');
  world.list();
  await world.settle();
  expect(readFileSync(world.file).length).toBeGreaterThan(0);
  await world.kill();
  await world.start();
  world.clock.advance(601_000);
  world.run.kept.tick();
  await world.settle();
  expect(() => readFileSync(world.file)).toThrow('ENOENT');
  expect(world.run.changes.listens).toBe(false);
});

test('what is forgotten is not in the log any more; who was there goes on after a restart', async () => {
  const world = await watched();
  await world.revoke({ within: subject(C(1)) });
  await world.run.changes.forget(at(C(1)));
  await world.add(C(5));
  await world.settle();
  expect(readFileSync(world.file, 'latin1')).not.toContain(C(1));
  expect(readFileSync(world.file, 'latin1')).toContain(C(5));
  const told: string[] = [];
  const late = world.run.changes.watch(0, ({ row }) => told.push(row.subject));
  await world.settle();
  late?.stop();
  expect(told).not.toContain(C(1));
  expect(told).toContain(C(5));
  const before = world.heard.position;
  await world.add(C(6));
  expect(await again(world)).toBe(true);
  await allIsTold(world);
  expect(after(world, before)).toEqual([`granted ${C(6)}`]);
  expect(world.run.changes.watch(before - 2, () => undefined)).toBeUndefined();
});

describe('the disk', () => {
  const isLog = (file: string): boolean => file.startsWith('changes.log');

  test('an ADD does not wait for the log, and watchers do', async () => {
    const world = await watched();
    const before = world.heard.position;
    world.files.trick = ({ file, name }) => (name === 'write' && isLog(file) ? 'hold' : undefined);
    expect(await world.add(C(5))).toBe('granted');
    await world.settle();
    expect(world.heard.position).toBe(before);
    world.files.release();
    await allIsTold(world);
    expect(after(world, before)).toEqual([`granted ${C(5)}`]);
  });

  test.each(['ENOSPC', 'EIO'])(
    '%s: the log goes, watchers are told, and a restart begins anew',
    async (error) => {
      const world = await watched();
      world.files.trick = ({ file, name }) =>
        name === 'write' && isLog(file) ? { error, written: 5 } : undefined;
      expect(await world.add(C(5))).toBe('granted');
      await allIsTold(world);
      expect(() => readFileSync(world.file)).toThrow('ENOENT');
      expect(world.said.filter(({ event }) => event.startsWith('changes: not kept'))).toHaveLength(1);
      expect(await again(world)).toBe(false);
    },
  );

  test('it is not told before the log is gone; with room again a new one begins', async () => {
    const world = await watched();
    const before = world.heard.position;
    world.files.trick = ({ file, name }) =>
      isLog(file) && (name === 'write' || name === 'unlink') ? { error: 'EIO' } : undefined;
    await world.add(C(5));
    await world.settle();
    expect(world.heard.position).toBe(before);
    world.files.trick = () => undefined;
    world.pass(1_000);
    await allIsTold(world);
    expect(after(world, before)).toEqual([`granted ${C(5)}`]);
    world.pass(61_000);
    await world.settle();
    const then = world.heard.position;
    await world.add(C(6));
    expect(await again(world)).toBe(true);
    await allIsTold(world);
    expect(after(world, then)).toEqual([`granted ${C(6)}`]);
  });

  test('a journal that could not be written is in doubt: a restart begins anew', async () => {
    const world = await watched();
    world.files.trick = ({ file, name }) =>
      name === 'write' && file.endsWith('.journal') ? { error: 'EIO' } : undefined;
    expect(await world.add(C(5))).toBe('failed');
    world.files.trick = () => undefined;
    world.pass(2_000);
    await world.settle();
    expect(await world.add(C(6))).toBe('granted');
    await allIsTold(world);
    expect(await again(world)).toBe(false);
  });
});

/** Numbers that a seed gives. */
function* dice(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

/** Something happens, and is not waited for. */
function happen(world: KeptWorld, roll: (below: number) => number, isWide: boolean): void {
  const { book } = world.run;
  const ignore = (): void => undefined;
  const client = isWide ? `2001:db8:1:${roll(9) + 1}::${roll(3) + 1}` : C(roll(40));
  const by = { author: 'ann', reason: String(roll(1_000_000)) };
  const net = `10.1.0.${roll(4) * 16}/28`;
  // A deny moves what leases cover, where they cover more than an address: then a restart begins anew.
  const what = isWide ? roll(82) : roll(100);
  const expiresAt = roll(2) === 0 ? undefined : world.clock.wall() + 1_000 + roll(40_000);
  const entry = (kind: 'deny' | 'pin' | 'grant', one: string) =>
    world.entry(kind, one, { ...by, expiresAt: kind === 'grant' ? world.clock.wall() + 5_000 : expiresAt });
  const go = (kind: 'deny' | 'pin' | 'grant', one: string) => ({ go: { kind, subject: subject(one) } });
  if (what < 70) void world.add(client);
  else if (what < 76) void world.revoke({ within: subject(roll(2) === 0 ? client : net) });
  else if (what < 77) void world.revoke({ all: true });
  else if (what < 78) void world.revoke({ reporter: subject('192.0.2.1') as never });
  else if (what < 82 && !isWide) book.change({ come: entry('deny', client) }, by).catch(ignore);
  else if (what < 86) book.change(go('deny', client), by).catch(ignore);
  else if (what < 90) book.change({ come: entry(roll(2) === 0 ? 'pin' : 'grant', net) }, by).catch(ignore);
  else if (what < 93) book.change(go(roll(2) === 0 ? 'pin' : 'grant', net), by).catch(ignore);
  else world.pass(roll(15_000));
}

test.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
  'killed at any moment, whatever happens: each change is told once (seed %i)',
  async (seed) => {
    const isWide = seed % 4 === 3;
    const options = isWide ? { ipv6Prefix: 64 } : {};
    const numbers = dice(seed + 1);
    const roll = (below: number): number => Math.floor(numbers.next().value * below);
    const world = new KeptWorld();
    await world.start(options);
    world.list();
    await world.settle();
    for (let round = 0; round < 12; round += 1) {
      for (let left = roll(60); left > 0; left -= 1) {
        happen(world, roll, isWide);
        for (let turns = roll(4); turns > 0; turns -= 1) await turn();
        if (roll(3) === 0) world.clock.advance(10);
        if (roll(20) === 0) await world.settle();
      }
      await world.kill();
      if (roll(3) === 0) world.clock.advance(roll(2 * LIFETIME));
      await world.start(options);
      expect([round, world.watch(), world.said.at(-1)]).toEqual([round, true, expect.anything()]);
      if (roll(2) === 0) await allIsTold(world);
    }
    await allIsTold(world);
    expect(world.heard.changes.length).toBeGreaterThan(50);
    for (const [client, sent] of world.sent) {
      const told = world.heard.leased(client);
      expect([client, told >= (world.acknowledged.get(client) ?? 0), told <= sent]).toEqual([
        client,
        true,
        true,
      ]);
    }
  },
  60_000,
);

describe('a new run of changes, and it is said why', () => {
  const reasons = (world: KeptWorld): unknown[] =>
    world.said
      .filter(({ event }) => event === 'changes: a new run of them begins')
      .map(({ fields }) => fields['reason']);

  test('the machine was booted since', async () => {
    const world = await watched();
    expect(await again(world, { boot: 'another' })).toBe(false);
    expect(reasons(world)).toEqual(['the machine was booted since']);
    await world.settle();
    await world.add(C(7));
    expect(await again(world, { boot: 'another' })).toBe(true);
    await allIsTold(world);
  });

  test('the clock was set since, back or ahead', async () => {
    for (const ms of [-3_000, 3_000, 3_600_000]) {
      const world = await watched();
      await world.kill();
      world.clock.wallMs += ms;
      await world.start();
      expect(world.watch()).toBe(false);
      expect(reasons(world)).toEqual(['the clock was set since']);
    }
  });

  test('the clock was set while it ran: until what was granted before is over', async () => {
    const world = await watched();
    world.clock.wallMs -= 3_000;
    world.pass(2_000);
    await world.settle();
    expect(await again(world)).toBe(false);
    expect(reasons(world)).toEqual(['it was being made certain when the last run ended']);
  });

  test('it is damaged; what is only torn was not told', async () => {
    const world = await watched();
    const bytes = readFileSync(world.file);
    await world.kill();
    writeFileSync(world.file, bytes.subarray(0, bytes.length - 3));
    await world.start();
    // This watcher was told what is torn here, which no kill can do: its position is to come.
    expect(world.watch()).toBe(true);
    await world.kill();
    const whole = readFileSync(world.file);
    whole.writeUInt8((whole[40] ?? 0) ^ 1, 40);
    writeFileSync(world.file, whole);
    await world.start();
    expect(world.watch()).toBe(false);
    expect(reasons(world)).toEqual(['it is damaged']);
  });

  describe('with wide leases, what lies beside one who is denied is exact', () => {
    const CLIENT = '2001:db8:1:1::1';
    const wide = { ipv6Prefix: 64 };

    /** Told of a client whose lease is exact for five seconds more, and in doubt no longer. */
    async function beside(): Promise<KeptWorld> {
      const world = new KeptWorld();
      await world.start(wide);
      const expiresAt = world.clock.wall() + 300_000;
      const entry = world.entry('deny', '2001:db8:1:1::99', { expiresAt });
      await world.run.book.change({ come: entry }, { author: 'ann', reason: 'r' });
      await world.kill();
      await world.start(wide);
      world.list();
      world.pass(295_000);
      await world.add(CLIENT);
      await world.settle();
      expect([...world.heard.known.keys()].sort()).toContain(CLIENT);
      expect(await again(world, wide)).toBe(true);
      await allIsTold(world);
      return world;
    }

    test('the denial ended while it was down', async () => {
      const world = await beside();
      await world.kill();
      world.clock.advance(6_000);
      await world.start(wide);
      expect(world.watch()).toBe(false);
      expect(reasons(world)).toEqual(['what a lease covers has changed']);
      expect([...world.heard.known.keys()]).toEqual(['2001:db8:1:1::/64']);
    });

    test('the denial ended while it started', async () => {
      const world = await beside();
      expect(await again(world, { ...wide, readingMs: 6_000 })).toBe(false);
      expect(reasons(world)).toEqual(['it cannot be said what happened since']);
      expect([...world.heard.known.keys()]).toEqual(['2001:db8:1:1::/64']);
    });
  });

  test('all was to be forgotten, or it is not there', async () => {
    const world = await watched();
    expect(await again(world, { forgetAll: true })).toBe(false);
    world.list();
    await world.settle();
    await world.kill();
    rmSync(world.file);
    await world.start();
    expect(world.watch()).toBe(false);
  });
});

describe('a log that someone has written to with care', () => {
  type Words = Record<string, unknown>;
  type Frames = { first: Words; lines: string[] }[];

  function framesIn(bytes: Buffer): Frames {
    const frames: Frames = [];
    for (let at = 0; at < bytes.length;) {
      const end = at + FRAME_BYTES + bytes.readUInt32BE(at);
      const [first = '', ...lines] = bytes.toString('utf8', at + FRAME_BYTES, end).split('\n');
      frames.push({ first: JSON.parse(first) as Words, lines });
      at = end;
    }
    return frames;
  }

  async function doctored(doctor: (frames: Frames) => void): Promise<KeptWorld> {
    const world = await watched();
    await world.kill();
    const frames = framesIn(readFileSync(world.file));
    doctor(frames);
    const text = frames.map(({ first, lines }) => frameOf([JSON.stringify(first), ...lines]));
    writeFileSync(world.file, Buffer.concat(text));
    await world.start();
    return world;
  }

  const head =
    (more: Words) =>
    ([frame]: Frames): void => {
      Object.assign(frame?.first['head'] as Words, more);
    };
  const last =
    (more: Words) =>
    (frames: Frames): void => {
      Object.assign(frames.at(-1)?.first ?? {}, more);
    };
  const mark =
    (more: Words) =>
    (frames: Frames): void => {
      Object.assign(frames.at(-1)?.first['mark'] as Words, more);
    };
  const line =
    (text: string) =>
    (frames: Frames): void => {
      frames.at(-1)?.lines.splice(-1, 1, text);
    };
  const act = (one: unknown) => last({ intents: [{ id: 7, acts: [one] }] });

  test('word by word as it was: it goes on', async () => {
    const world = await doctored(() => undefined);
    expect(world.watch()).toBe(true);
    await allIsTold(world);
  });

  test.each<[string, (frames: Frames) => void]>([
    ['no mark', last({ mark: undefined })],
    ...[null, 7, 'mark', [], {}].map((one): [string, (frames: Frames) => void] => [
      `the mark ${JSON.stringify(one)}`,
      last({ mark: one }),
    ]),
    ...['at', 'place', 'until', 'cuts', 'needs', 'base', 'resolved'].flatMap((word) =>
      [undefined, null, {}, 'x', [null]].map((one): [string, (frames: Frames) => void] => [
        `a mark with ${word} ${JSON.stringify(one)}`,
        mark({ [word]: one }),
      ]),
    ),
    ['a place beyond all', mark({ place: { segment: 1e300, offset: -1 } })],
    ['intents {}', last({ intents: {} })],
    ['intents [null]', last({ intents: [null] })],
    ['intents without acts', last({ intents: [{ id: 7 }] })],
    ['an act null', act(null)],
    ['an act without an entry', act({ kind: 'pinned', by: {} })],
    ['no head', ([frame]) => delete frame?.first['head']],
    ['a head without began', head({ began: undefined })],
    ['a head with began null', head({ began: null })],
    ['a head without an epoch', head({ epoch: undefined })],
    ['a head without a lifetime', head({ lifetimeMs: undefined })],
    ['a line that is none', line('x')],
    ['a row null', line('{"kind":"pinned","at":1,"row":null}')],
    ['a row {}', line('{"kind":"pinned","at":1,"row":{}}')],
    ['a row without a subject', line('{"kind":"pinned","at":1,"row":{"createdAt":1}}')],
    [
      'a row of no subject',
      line('{"kind":"pinned","at":1,"row":{"createdAt":1,"kind":"pin","subject":"x"}}'),
    ],
    ['a lease of no subject', line('g1 :::/9 :: 1 ::1')],
    ['positions from afar', (frames) => frames.forEach(({ first }) => (first['position'] = 1e300))],
  ])('%s: a new run begins, and goes on after the next start', async (_, doctor) => {
    const world = await doctored(doctor);
    expect(world.watch()).toBe(false);
    await world.settle();
    expect(world.heard.known.size).toBe(3);
    await world.add(C(7));
    world.pass(1_000);
    await world.revoke({ within: subject(C(0)) });
    await world.run.changes.forget(at(C(0)));
    await allIsTold(world);
    expect(await again(world)).toBe(true);
    await allIsTold(world);
    world.pass(LIFETIME);
    await allIsTold(world);
    expect(world.heard.known.size).toBe(0);
  });
});
