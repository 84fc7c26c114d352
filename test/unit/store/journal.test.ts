/** journal - what was committed comes back; a failure is told, final and survived; nothing is deleted early. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { setImmediate as turn } from 'node:timers/promises';
import { Fault } from '../../../src/core/fault.js';
import type { Grant } from '../../../src/core/grant.js';
import { Journal } from '../../../src/store/journal.js';
import type { Files } from '../../../src/store/files.js';
import { damagedName, segmentName } from '../../../src/store/segment.js';
import { FakeClock } from '../../support/fake-clock.js';
import { JournalBench, encoded, grantOf, segmentBytes, sorted } from './journal-bench.js';
import type { FileCall, Trick } from './watched-files.js';

const LIFETIME = 1_800_000;
const MARGIN = 60_000;
const MIB = 1_048_576;

let bench: JournalBench;

beforeEach(() => {
  bench = new JournalBench(LIFETIME);
});

afterEach(async () => {
  await bench.remove();
});

/** The call with this name fails so, others are made. */
const fails =
  (name: keyof Files, trick: Trick) =>
  (call: FileCall): Trick | undefined =>
    call.name === name ? trick : undefined;

const leases = (n: number, network = 10): Grant[] =>
  Array.from({ length: n }, (_, i) => bench.lease(`${network}.${i >> 16}.${(i >> 8) & 255}.${i & 255}`));

describe('commit', () => {
  test('then reopen gives all back', async () => {
    expect(await bench.open()).toEqual([]);
    const groups = [leases(1, 10), leases(300, 11), [bench.lease('2001:db8::1', '2001:db8::53')]];
    for (const group of groups) expect(await bench.commit(...group)).toBeUndefined();
    expect(await bench.reopen()).toEqual(sorted(groups.flat()));
    expect(await bench.commit(bench.lease('10.8.0.1'))).toBeUndefined();
    expect(await bench.reopen()).toEqual(sorted([...groups.flat(), bench.lease('10.8.0.1')]));
    expect(bench.said).toEqual([]);
  });

  test('gives back after a kill what it had called back for', async () => {
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    expect(await bench.commit(bench.lease('10.0.0.2'))).toBeUndefined();
    await bench.crash();
    expect(await bench.open()).toEqual([bench.lease('10.0.0.1'), bench.lease('10.0.0.2')]);
  });

  test('calls back once, and not before it returns', async () => {
    await bench.open();
    const calls: (Fault | undefined)[][] = [];
    const grants = [[bench.lease('10.0.0.1')], [], [bench.lease('10.0.0.2')]];
    for (const group of grants) {
      const mine: (Fault | undefined)[] = [];
      calls.push(mine);
      bench.journal.commit(group, (fault) => mine.push(fault));
      expect(mine).toEqual([]);
      await bench.files.settled();
    }
    await bench.close();
    expect(calls).toEqual([[undefined], [undefined], [undefined]]);
  });

  test('of nothing touches no file', async () => {
    await bench.open();
    const before = bench.files.calls.length;
    expect(await bench.commit()).toBeUndefined();
    expect(bench.files.calls).toHaveLength(before);
  });

  test('is one at a time; the callback may make the next', async () => {
    await bench.open();
    const order: string[] = [];
    const last = new Promise<void>((resolve) => {
      const next = (i: number): void => {
        if (i === 5) {
          resolve();
          return;
        }
        bench.journal.commit([bench.lease(`10.0.0.${i}`)], () => {
          order.push(`done ${i}`);
          next(i + 1);
        });
        expect(() => {
          bench.journal.commit([bench.lease('10.9.9.9')], () => order.push('never'));
        }).toThrow('a commit is in flight');
      };
      next(0);
    });
    await last;
    expect(order).toEqual([0, 1, 2, 3, 4].map((i) => `done ${i}`));
    // On the disk in the same order.
    const groups = [0, 1, 2, 3, 4].map((i) => [bench.lease(`10.0.0.${i}`)]);
    const written = segmentBytes(...groups);
    expect(bench.bytes(segmentName(1)).subarray(0, written.length).equals(written)).toBe(true);
  });

  test('of what cannot be written leaves the journal usable', async () => {
    await bench.open();
    expect(() => {
      bench.journal.commit([bench.lease('not:an:address')], () => undefined);
    }).toThrow('not a canonical address');
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    expect(await bench.reopen()).toEqual([bench.lease('10.0.0.1')]);
  });

  test('is refused after close', async () => {
    await bench.open();
    const { journal } = bench;
    await bench.close();
    const before = bench.files.calls.length;
    const fault = await new Promise<Fault | undefined>((resolve) => {
      journal.commit([bench.lease('10.0.0.1')], resolve);
    });
    expect(fault).toMatchObject({ code: 'STORE', message: 'journal: closed' });
    journal.tick();
    await bench.files.settled();
    expect(bench.files.calls).toHaveLength(before);
    expect(await bench.open()).toEqual([]);
  });
});

/**
 * What is wrong with the order of what happened, where "done" is a commit's callback: every commit is
 * written, then synced; before the first one its file and then the directory were synced.
 */
function disorder(events: readonly string[]): string[] {
  const wrong: string[] = [];
  const first = events.find((event) => /^write .*journal returned$/.test(event))?.split(' ')[1] ?? '';
  const at = (event: string): number => events.indexOf(event);
  const done = at('done');
  for (const sync of [`fsync ${first} returned`, 'fsync journal returned'])
    if (at(sync) < 0 || at(sync) > done) wrong.push(`no ${sync} before the first commit`);
  const listed = at('fsync journal');
  if (listed >= 0 && listed < at(`open ${first} returned`))
    wrong.push('the directory was synced before the file was in it');
  let from = events.indexOf('commit');
  for (; from >= 0; from = events.indexOf('commit', from + 1)) {
    const until = events.indexOf('done', from);
    const during = events.slice(from, until);
    const expected = [
      `write ${first}`,
      `write ${first} returned`,
      `fdatasync ${first}`,
      `fdatasync ${first} returned`,
    ];
    if (during.slice(1).join() !== expected.join()) wrong.push(`a commit did: ${during.slice(1).join(', ')}`);
  }
  return wrong;
}

describe('durability', () => {
  /** What happened, below a layer of the file system that a test may have changed. */
  async function history(above: Partial<Files> = {}): Promise<string[]> {
    const below = bench.files;
    const files: Files = {
      open: (...all) => below.open(...all),
      write: (...all) => below.write(...all),
      fdatasync: (...all) => below.fdatasync(...all),
      fsync: (...all) => below.fsync(...all),
      ftruncate: (...all) => below.ftruncate(...all),
      close: (...all) => below.close(...all),
      unlink: (...all) => below.unlink(...all),
      rename: (...all) => below.rename(...all),
      ...above,
    };
    await bench.open({ files });
    for (let i = 0; i < 3; i += 1) {
      below.events.push('commit');
      expect(await bench.commit(bench.lease(`10.0.0.${i}`))).toBeUndefined();
      below.events.push('done');
    }
    return [...below.events];
  }
  const pretend = (_: number, done: (error: Error | null) => void): void => {
    setImmediate(done, null);
  };

  test('disk: write, fdatasync, done; the file and its name before the first commit', async () => {
    expect(disorder(await history())).toEqual([]);
  });

  test('the check bites: an fdatasync that is skipped', async () => {
    const name = segmentName(1);
    const did = `a commit did: write ${name}, write ${name} returned`;
    expect(disorder(await history({ fdatasync: pretend }))).toEqual([did, did, did]);
  });

  test('the check bites: an fsync that is skipped', async () => {
    expect(disorder(await history({ fsync: pretend }))).toEqual([
      `no fsync ${segmentName(1)} returned before the first commit`,
      'no fsync journal returned before the first commit',
    ]);
  });

  test('memory: nothing is synced, and it is all there after a kill of the daemon', async () => {
    await bench.open({ durability: 'memory' });
    for (let i = 0; i < 3; i += 1) expect(await bench.commit(bench.lease(`10.0.0.${i}`))).toBeUndefined();
    await bench.tick(LIFETIME / 4);
    expect(bench.names()).toHaveLength(2);
    await bench.crash();
    expect(bench.files.count('fsync') + bench.files.count('fdatasync')).toBe(0);
    expect(await bench.open({ durability: 'memory' })).toHaveLength(3);
  });
});

describe('a failed write', () => {
  const kept = '10.0.0.1';

  describe.each<[string, keyof Files, Trick, string]>([
    ['an error', 'write', { error: 'EIO' }, 'EIO'],
    ['an error after a part', 'write', { error: 'EIO', written: 13 }, 'EIO'],
    ['an error after all of it', 'write', { error: 'EIO', written: 25 }, 'EIO'],
    ['a short write', 'write', { short: 13 }, 'short write: 13 of 25 bytes'],
    ['a full disk', 'write', { error: 'ENOSPC' }, 'ENOSPC'],
    ['an error of fdatasync', 'fdatasync', { error: 'EIO' }, 'EIO'],
  ])('%s', (...[, name, trick, reason]) => {
    test('fails that group alone and degrades the journal until tick has a new segment', async () => {
      const { files } = bench;
      await bench.open();
      const granted = bench.lease(kept);
      expect(await bench.commit(granted)).toBeUndefined();
      files.trick = fails(name, trick);
      const fault = await bench.commit(bench.lease('10.0.0.2'));
      expect(fault).toMatchObject({ code: 'STORE', temporary: true });
      expect(fault?.message).toContain(reason);
      expect(bench.journal.degraded).toContain(reason);
      expect(bench.heard(/^journal: write failed/)).toMatchObject([{ level: 'error' }]);
      await files.settled();

      // The disk works again, but nobody touches it until tick.
      files.trick = () => undefined;
      const before = files.calls.length;
      for (let i = 0; i < 3; i += 1) {
        const refusal = await bench.commit(bench.lease('10.0.0.3'));
        expect(refusal).toMatchObject({ code: 'STORE' });
        expect(refusal?.message).toContain(reason);
      }
      expect(files.calls).toHaveLength(before);

      await bench.tick();
      expect(bench.journal.degraded).toBeUndefined();
      expect(bench.heard('journal: writing again')).toHaveLength(1);
      expect(await bench.commit(bench.lease('10.0.0.4'))).toBeUndefined();

      // The failed segment: never written or synced again, only cut and closed.
      expect(files.calls.slice(before).filter((call) => call.file === segmentName(1))).toEqual([]);
      const after = files.calls.slice(0, before).filter((call) => call.file === segmentName(1));
      const failed = after.map((call) => call.name).lastIndexOf(name);
      expect(after.slice(failed + 1).map((call) => call.name)).toEqual(['ftruncate', 'close']);
      expect(bench.bytes(segmentName(1)).equals(segmentBytes([granted]))).toBe(true);
      expect(await bench.reopen()).toEqual([granted, bench.lease('10.0.0.4')]);
    });

    test('and a kill at once: what was acknowledged is there', async () => {
      const { files } = bench;
      await bench.open();
      expect(await bench.commit(bench.lease(kept))).toBeUndefined();
      // The remains of the failed write stay, too.
      files.trick = (call) =>
        call.name === name ? trick : call.name === 'ftruncate' ? { error: 'EIO' } : undefined;
      expect(await bench.commit(bench.lease('10.0.0.2'))).toBeInstanceOf(Fault);
      await bench.crash();
      files.trick = () => undefined;
      const grants = await bench.open();
      expect(grants[0]).toEqual(bench.lease(kept));
      // Nobody was told of the second: it may be there or not.
      expect([[], [bench.lease('10.0.0.2')]]).toContainEqual(grants.slice(1));
    });
  });

  test('is tried anew once a second at most, and told once', async () => {
    const { files } = bench;
    await bench.open();
    const granted = bench.lease(kept);
    expect(await bench.commit(granted)).toBeUndefined();
    files.trick = ({ name }) => (name === 'write' || name === 'open' ? { error: 'EIO' } : undefined);
    expect(await bench.commit(bench.lease('10.0.0.2'))).toBeInstanceOf(Fault);
    const opens = (): number => files.count('open');
    await bench.tick(0);
    const first = opens();
    for (let i = 0; i < 9; i += 1) await bench.tick(100);
    expect(opens()).toBe(first);
    await bench.tick(100);
    expect(opens()).toBe(first + 1);
    for (let i = 0; i < 5; i += 1) await bench.tick();
    expect(opens()).toBe(first + 6);
    expect(bench.heard('journal: cannot begin a segment')).toHaveLength(1);
    expect(bench.journal.degraded).toBe('cannot begin a segment: EIO: made by a test, open');
    files.trick = () => undefined;
    await bench.tick();
    expect(bench.journal.degraded).toBeUndefined();
    expect(await bench.commit(bench.lease('10.0.0.3'))).toBeUndefined();
    expect(await bench.reopen()).toEqual([granted, bench.lease('10.0.0.3')]);
  });

  test('of the first group leaves no segment behind', async () => {
    await bench.open();
    bench.files.trick = fails('fdatasync', { error: 'EIO' });
    expect(await bench.commit(bench.lease(kept))).toBeInstanceOf(Fault);
    await bench.files.settled();
    expect(bench.names()).toEqual([]);
    bench.files.trick = () => undefined;
    expect(await bench.reopen()).toEqual([]);
  });

  test('the group after it learns the reason asynchronously', async () => {
    await bench.open();
    bench.files.trick = fails('write', { error: 'EIO' });
    const told: string[] = [];
    await new Promise<void>((resolve) => {
      bench.journal.commit([bench.lease(kept)], () => {
        bench.journal.commit([bench.lease('10.0.0.2')], (fault) => {
          told.push(String(fault?.code));
          resolve();
        });
        expect(told).toEqual([]);
      });
    });
    expect(told).toEqual(['STORE']);
  });
});

describe('a start on a full disk', () => {
  test.each<[string, keyof Files, Trick]>([
    ['the name does not fit', 'open', { error: 'ENOSPC' }],
    ['the first write does not fit', 'write', { error: 'ENOSPC' }],
    ['the first write fits in part', 'write', { short: 614_400 }],
    ['over quota', 'write', { error: 'EDQUOT' }],
    ['fsync has no room', 'fsync', { error: 'ENOSPC' }],
  ])('%s: gives the grants back, starts degraded, recovers', async (_, name, trick) => {
    const granted = bench.lease('10.0.0.1');
    await bench.open();
    expect(await bench.commit(granted)).toBeUndefined();
    await bench.close();
    bench.files.trick = fails(name, trick);
    expect(await bench.open()).toEqual([granted]);
    expect(bench.journal.degraded).toContain('cannot begin a segment');
    expect(bench.heard(/^journal: starts without room/)).toMatchObject([{ level: 'error' }]);
    expect(await bench.commit(bench.lease('10.0.0.2'))).toMatchObject({ code: 'STORE' });
    await bench.tick();
    expect(bench.journal.degraded).toContain('cannot begin a segment');
    expect(bench.names()).toEqual([segmentName(1)]);
    bench.files.trick = () => undefined;
    await bench.tick();
    expect(bench.journal.degraded).toBeUndefined();
    expect(await bench.commit(bench.lease('10.0.0.3'))).toBeUndefined();
    expect(await bench.reopen()).toEqual([granted, bench.lease('10.0.0.3')]);
  });

  test('another error stops it, and gives the directory back', async () => {
    bench.files.trick = fails('open', { error: 'EROFS' });
    await expect(bench.open()).rejects.toMatchObject({
      code: 'STORE',
      message: `cannot write in the journal directory ${bench.directory}: EROFS: made by a test, open`,
    });
    bench.files.trick = () => undefined;
    expect(await bench.open()).toEqual([]);
  });
});

describe('rotation', () => {
  test('a segment is in use for a quarter of a lease from its first group', async () => {
    await bench.open();
    await bench.tick(LIFETIME);
    await bench.tick(LIFETIME);
    // Nothing was committed: nothing is rotated.
    expect(bench.names()).toEqual([segmentName(1)]);
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    await bench.tick(LIFETIME / 4 - 1);
    expect(bench.names()).toEqual([segmentName(1)]);
    await bench.tick(1);
    expect(bench.names()).toEqual([segmentName(1), segmentName(2)]);
    // The old one has lost its unused room.
    expect(bench.bytes(segmentName(1))).toHaveLength(segmentBytes([bench.lease('10.0.0.1')]).length);
    expect(await bench.commit(bench.lease('10.0.0.2'))).toBeUndefined();
    expect(bench.bytes(segmentName(2)).includes(encoded([bench.lease('10.0.0.2')]))).toBe(true);
    expect(await bench.reopen()).toHaveLength(2);
  });

  test('a segment that was deleted under us is told of once, and what comes then is kept', async () => {
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    rmSync(path.join(bench.directory, segmentName(1)));
    await bench.tick();
    await bench.tick();
    expect(bench.heard(/segment in use was deleted/)).toHaveLength(1);
    expect(bench.names()).toEqual([segmentName(2)]);
    expect(await bench.commit(bench.lease('10.0.0.2'))).toBeUndefined();
    expect(await bench.reopen()).toEqual([bench.lease('10.0.0.2')]);
  });

  test('never more often than every ten seconds', async () => {
    await bench.remove();
    bench = new JournalBench(1_000);
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    await bench.tick(9_999);
    expect(bench.names()).toHaveLength(1);
    await bench.tick(1);
    expect(bench.names()).toHaveLength(2);
  });

  test('by size', async () => {
    const full = segmentBytes(leases(100), leases(100), leases(100)).length;
    for (const segmentBytes of [full, full + 1]) {
      await bench.reopen({ segmentBytes, forgetAll: true });
      for (let i = 0; i < 3; i += 1) expect(await bench.commit(...leases(100))).toBeUndefined();
      await bench.tick();
      expect(bench.names()).toHaveLength(segmentBytes === full ? 2 : 1);
    }
  });

  test('waits for the commit in flight; the next one goes into the new segment', async () => {
    const { files } = bench;
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    files.trick = fails('fdatasync', 'hold');
    const slow = bench.commit(bench.lease('10.0.0.2'));
    await bench.tick(LIFETIME / 4);
    await bench.tick();
    expect(bench.names()).toEqual([segmentName(1), segmentName(2)]);
    expect(files.count('close', segmentName(1))).toBe(0);
    files.release();
    expect(await slow).toBeUndefined();
    const before = files.calls.length;
    expect(await bench.commit(bench.lease('10.0.0.3'))).toBeUndefined();
    await files.settled();
    expect(files.calls.slice(before).filter(({ name }) => name === 'write')).toMatchObject([
      { file: segmentName(2) },
    ]);
    expect(files.count('close', segmentName(1))).toBe(1);
    expect(await bench.reopen()).toHaveLength(3);
  });

  test('that fails goes on in the old segment, told once, and is tried again', async () => {
    const { files } = bench;
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    files.trick = fails('open', { error: 'ENOSPC' });
    for (let i = 0; i < 3; i += 1) {
      await bench.tick(LIFETIME / 4);
      expect(bench.journal.degraded).toBeUndefined();
      expect(await bench.commit(bench.lease(`10.0.1.${i}`))).toBeUndefined();
    }
    expect(bench.heard('journal: cannot begin a segment')).toMatchObject([{ level: 'warn' }]);
    files.trick = () => undefined;
    await bench.tick();
    expect(bench.names()).toHaveLength(2);
    expect(bench.heard('journal: writing again')).toEqual([]);
  });

  test('that waited for a commit which then failed takes over at the next tick', async () => {
    const { files } = bench;
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    files.trick = fails('fdatasync', 'hold');
    const slow = bench.commit(bench.lease('10.0.0.2'));
    await bench.tick(LIFETIME / 4);
    files.release(fails('fdatasync', { error: 'EIO' }));
    expect(await slow).toBeInstanceOf(Fault);
    expect(bench.journal.degraded).toContain('EIO');
    files.trick = () => undefined;
    await bench.tick();
    expect(bench.journal.degraded).toBeUndefined();
    expect(await bench.commit(bench.lease('10.0.0.3'))).toBeUndefined();
    expect(bench.names()).toEqual([segmentName(1), segmentName(2)]);
    expect(await bench.reopen()).toHaveLength(2);
  });

  test('begun before a failure ends the failure', async () => {
    const { files } = bench;
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    files.trick = ({ name }) => (name === 'open' ? 'hold' : name === 'write' ? { error: 'EIO' } : undefined);
    await bench.tick(LIFETIME / 4);
    expect(await bench.commit(bench.lease('10.0.0.2'))).toBeInstanceOf(Fault);
    files.release();
    await files.settled();
    expect(bench.journal.degraded).toBeUndefined();
    expect(await bench.commit(bench.lease('10.0.0.3'))).toBeUndefined();
    expect(await bench.reopen()).toHaveLength(2);
  });
});

describe('deletion', () => {
  /** A first segment with one grant of a whole lease, sealed now. */
  async function sealed(): Promise<void> {
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    await bench.tick(LIFETIME / 4);
    expect(bench.names()).toEqual([segmentName(1), segmentName(2)]);
  }

  test('only when nothing in it can be alive', async () => {
    await sealed();
    await bench.tick(LIFETIME);
    expect(bench.names()).toEqual([segmentName(1), segmentName(2)]);
    await bench.tick(MARGIN);
    expect(bench.names()).toEqual([segmentName(2)]);
    expect(bench.files.count('unlink')).toBe(1);
  });

  test('of what was recovered, too', async () => {
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    bench.clock.advance(LIFETIME / 2);
    expect(await bench.reopen()).toHaveLength(1);
    await bench.tick(LIFETIME / 2 + MARGIN - 1);
    expect(bench.names()).toEqual([segmentName(1), segmentName(2)]);
    await bench.tick(1);
    expect(bench.names()).toEqual([segmentName(2)]);
  });

  test('counts the latest end of a segment, not the last', async () => {
    await bench.open();
    const now = bench.clock.wall();
    expect(
      await bench.commit(grantOf('10.0.0.1', now + LIFETIME), grantOf('10.0.0.2', now + 5)),
    ).toBeUndefined();
    expect(await bench.commit(grantOf('10.0.0.3', now + 5))).toBeUndefined();
    await bench.reopen();
    await bench.tick(LIFETIME - 1);
    expect(await bench.reopen()).toEqual([grantOf('10.0.0.1', now + LIFETIME)]);
  });

  test.each([3_600_000, 10 * 365 * 86_400_000])(
    'nothing early when the wall clock jumps ahead by %i ms and returns, before or after the rotation',
    async (jump) => {
      await bench.open();
      const granted = bench.lease('10.0.0.1');
      expect(await bench.commit(granted)).toBeUndefined();
      // Ahead while the segment is sealed.
      bench.clock.wallMs += jump;
      await bench.tick(LIFETIME / 4);
      await bench.tick();
      bench.clock.wallMs -= jump;
      expect(bench.names()).toContain(segmentName(1));
      // And once more while it waits.
      bench.clock.wallMs += jump;
      await bench.tick();
      await bench.tick();
      bench.clock.wallMs -= jump;
      expect(await bench.reopen()).toEqual([granted]);
    },
  );

  test('and not never, when the wall clock jumps back', async () => {
    await sealed();
    bench.clock.wallMs -= 10 * 365 * 86_400_000;
    await bench.tick(LIFETIME + MARGIN);
    expect(bench.names()).toEqual([segmentName(2)]);
    // A start with a clock that is far behind: nothing lives longer than a lease from now.
    expect(
      await bench.commit(grantOf('10.0.0.2', bench.clock.wall() + 20 * 365 * 86_400_000)),
    ).toBeUndefined();
    expect(await bench.reopen()).toEqual([bench.lease('10.0.0.2')]);
    await bench.tick(LIFETIME + MARGIN - 1);
    expect(bench.names()).toEqual([segmentName(2), segmentName(3)]);
    await bench.tick(1);
    expect(bench.names()).toEqual([segmentName(3)]);
  });

  test('that fails is told and tried again; a file that is gone is no error', async () => {
    await sealed();
    bench.files.trick = fails('unlink', { error: 'EIO' });
    await bench.tick(LIFETIME + MARGIN);
    expect(bench.heard('journal: cannot remove a segment')).toHaveLength(1);
    await bench.tick(MARGIN - 1);
    expect(bench.files.count('unlink')).toBe(1);
    bench.files.trick = () => undefined;
    rmSync(path.join(bench.directory, segmentName(1)));
    await bench.tick(1);
    expect(bench.files.count('unlink')).toBe(2);
    await bench.tick(MARGIN);
    expect(bench.files.count('unlink')).toBe(2);
    expect(bench.heard('journal: cannot remove a segment')).toHaveLength(1);
  });

  test('a damaged segment is put aside instead, once its grants are over', async () => {
    await bench.open();
    const granted = bench.lease('10.0.0.1');
    await bench.close();
    const damaged = Buffer.concat([segmentBytes([granted]), Buffer.alloc(9, 'x'), encoded([granted])]);
    writeFileSync(path.join(bench.directory, segmentName(5)), damaged);
    expect(await bench.open()).toEqual([granted]);
    await bench.tick(LIFETIME + MARGIN - 1);
    expect(bench.names()).toContain(segmentName(5));
    await bench.tick(1);
    expect(bench.names()).toEqual([damagedName(segmentName(5)), segmentName(6)]);
    expect(bench.bytes(damagedName(segmentName(5))).equals(damaged)).toBe(true);
    // Its number is not given away again.
    await bench.close();
    rmSync(path.join(bench.directory, segmentName(6)), { force: true });
    expect(await bench.open()).toEqual([]);
    expect(bench.names()).toEqual([damagedName(segmentName(5)), segmentName(6)]);
  });
});

describe('a start', () => {
  test('tidies: a torn end is cut, segments without a frame are removed', async () => {
    const granted = [bench.lease('10.0.0.1')];
    const whole = segmentBytes(granted);
    mkdirSync(bench.directory, { mode: 0o750 });
    const put = (number: number, bytes: Uint8Array): void => {
      writeFileSync(path.join(bench.directory, segmentName(number)), bytes);
    };
    put(1, segmentBytes());
    put(2, Buffer.alloc(0));
    put(3, Buffer.concat([whole, encoded([bench.lease('10.0.0.2')]).subarray(0, 20), Buffer.alloc(MIB)]));
    expect(await bench.open()).toEqual(granted);
    expect(bench.names()).toEqual([segmentName(3), segmentName(4)]);
    expect(bench.bytes(segmentName(3)).equals(whole)).toBe(true);
    expect(bench.heard('journal: an interrupted write was dropped')).toMatchObject([{ level: 'info' }]);
  });

  test('that cannot tidy goes on', async () => {
    const granted = [bench.lease('10.0.0.1')];
    mkdirSync(bench.directory, { mode: 0o750 });
    writeFileSync(path.join(bench.directory, segmentName(1)), segmentBytes());
    writeFileSync(
      path.join(bench.directory, segmentName(2)),
      Buffer.concat([segmentBytes(granted), Buffer.of(1)]),
    );
    bench.files.trick = ({ name }) =>
      name === 'unlink' || name === 'ftruncate' ? { error: 'EIO' } : undefined;
    expect(await bench.open()).toEqual(granted);
    expect(bench.heard('journal: cannot tidy a segment')).toHaveLength(2);
    expect(await bench.commit(bench.lease('10.0.0.2'))).toBeUndefined();
    bench.files.trick = () => undefined;
    expect(await bench.reopen()).toHaveLength(2);
  });

  test('refuses a newer format, changes nothing and gives the directory back', async () => {
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    await bench.close();
    const newer = bench.bytes(segmentName(1));
    // Version 3 with the checksum that belongs to it.
    Buffer.from('64726163646a6e6c00000003', 'hex').copy(newer);

    newer.writeUInt32BE(crc32(newer.subarray(0, 12)), 12);
    writeFileSync(path.join(bench.directory, segmentName(1)), newer);
    for (let i = 0; i < 2; i += 1) {
      await expect(bench.open()).rejects.toMatchObject({ code: 'STORE' });
      expect(bench.names()).toEqual([segmentName(1)]);
      expect(bench.bytes(segmentName(1)).equals(newer)).toBe(true);
    }
  });

  test('forgetAll removes what earlier runs have left', async () => {
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    await bench.reopen();
    expect(await bench.commit(bench.lease('10.0.0.2'))).toBeUndefined();
    bench.files.events.length = 0;
    expect(await bench.reopen({ forgetAll: true })).toEqual([]);
    // For good: the names are gone from the disk before the start is over.
    const { events } = bench.files;
    expect(events.lastIndexOf('fsync journal returned')).toBeGreaterThan(
      events.indexOf(`unlink ${segmentName(2)} returned`),
    );
    expect(bench.names()).toEqual([segmentName(3)]);
    expect(await bench.commit(bench.lease('10.0.0.3'))).toBeUndefined();
    expect(await bench.reopen()).toEqual([bench.lease('10.0.0.3')]);
  });

  test('forgetAll that cannot forget is a Fault', async () => {
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    await bench.close();
    bench.files.trick = fails('unlink', { error: 'EPERM' });
    await expect(bench.open({ forgetAll: true })).rejects.toMatchObject({
      code: 'STORE',
      message: `cannot remove the journal segment ${path.join(bench.directory, segmentName(1))}: EPERM: made by a test, unlink`,
    });
  });
});

describe('the lock', () => {
  const second = (clock: FakeClock): Promise<{ journal: Journal; grants: Iterable<Grant> }> => {
    const { directory, lifetimeMs, log } = bench;
    return Journal.open({ directory, lifetimeMs, log, durability: 'disk', clock });
  };

  test('a second journal learns within a second that the directory is LOCKED, and has changed nothing', async () => {
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    const before = bench.names();
    const clock = new FakeClock();
    let result: unknown;
    second(clock).then(
      () => (result = 'opened'),
      (error: unknown) => (result = error),
    );
    for (let waited = 0; waited < 1_000 && result === undefined; waited += 50) {
      await turn();
      clock.advance(50);
    }
    expect(result).toMatchObject({
      code: 'LOCKED',
      message: `another dracd uses the journal directory ${bench.directory}`,
    });
    expect(clock.pendingTimers).toBe(0);
    expect(bench.names()).toEqual(before);
    // The attempt did not drop the first one's lock.
    expect(await bench.commit(bench.lease('10.0.0.2'))).toBeUndefined();
    expect(() => bench.read()).toThrow(expect.objectContaining({ code: 'LOCKED' }) as Error);
  });

  test('is given back at close, also by a start that failed', async () => {
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    await bench.close();
    bench.files.trick = fails('open', { error: 'EACCES' });
    await expect(bench.open()).rejects.toMatchObject({ code: 'STORE' });
    const { journal, grants } = await second(new FakeClock());
    expect([...grants]).toEqual([bench.lease('10.0.0.1')]);
    await journal.close();
  });
});

describe('close', () => {
  test('waits for the commit in flight, and closes once', async () => {
    await bench.open();
    bench.files.trick = fails('fdatasync', 'hold');
    const order: string[] = [];
    const slow = bench
      .commit(bench.lease('10.0.0.1'))
      .then((fault) => order.push(`committed ${String(fault)}`));
    const { journal } = bench;
    const closing = [journal.close(), journal.close()].map((one) => one.then(() => order.push('closed')));
    // A commit from now on is refused, and does not wait for the one before it.
    await bench.files.settled();
    expect(order).toEqual([]);
    expect(bench.files.count('close', segmentName(1))).toBe(0);
    expect(() => bench.read()).toThrow(expect.objectContaining({ code: 'LOCKED' }) as Error);
    bench.files.release();
    await Promise.all([slow, ...closing]);
    expect(order).toEqual(['committed undefined', 'closed', 'closed']);
    expect(bench.files.count('close', segmentName(1))).toBe(1);
    expect(await bench.reopen()).toEqual([bench.lease('10.0.0.1')]);
  });

  test('what the last callback commits is refused, and close does not hang', async () => {
    await bench.open();
    const told: (string | undefined)[] = [];
    bench.journal.commit([bench.lease('10.0.0.1')], (fault) => {
      told.push(fault?.code);
      bench.journal.commit([bench.lease('10.0.0.2')], (next) => told.push(next?.code));
    });
    await bench.journal.close();
    expect(told).toEqual([undefined, 'STORE']);
    expect(await bench.reopen()).toEqual([bench.lease('10.0.0.1')]);
  });

  test('waits for a segment being made, and leaves no empty one', async () => {
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    bench.files.trick = fails('fsync', 'hold');
    await bench.tick(LIFETIME / 4);
    const closing = bench.close();
    await bench.files.settled();
    bench.files.release();
    await closing;
    expect(bench.names()).toEqual([segmentName(1)]);
    expect(bench.files.count('open')).toBe(bench.files.count('close'));
  });

  test('of an unused journal leaves the lock file alone', async () => {
    await bench.open();
    await bench.close();
    expect(readdirSync(bench.directory)).toEqual(['lock']);
  });
});

describe('revoke', () => {
  test('then reopen gives back what was not revoked, and what was granted later', async () => {
    await bench.open();
    expect(await bench.commit(...leases(10))).toBeUndefined();
    expect(await bench.revoke('10.0.0.0/29', '10.0.0.9')).toBeUndefined();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    await bench.crash();
    expect(await bench.open()).toEqual([bench.lease('10.0.0.1'), bench.lease('10.0.0.8')]);
  });

  test('is refused like a commit while the disk fails, and calls back once', async () => {
    await bench.open();
    bench.files.trick = fails('fdatasync', { error: 'EIO' });
    expect(await bench.revoke('10.0.0.0/8')).toMatchObject({ code: 'STORE' });
    expect(await bench.revoke('10.0.0.0/8')).toMatchObject({ code: 'STORE' });
    bench.files.release();
    await bench.tick();
    await bench.tick();
    expect(await bench.revoke('10.0.0.0/8')).toBeUndefined();
  });

  test('outlasts the grants that it took away, whatever their ends: segments go in order', async () => {
    await bench.open();
    // An earlier run with a longer lease.
    expect(await bench.commit(grantOf('10.0.0.1', bench.clock.wall() + LIFETIME))).toBeUndefined();
    await bench.reopen();
    expect(await bench.revoke('10.0.0.1')).toBeUndefined();
    expect(await bench.reopen()).toEqual([]);
    // The segment of the revocation holds nothing that lives, but the one before it does.
    await bench.tick(MARGIN + 1_000);
    expect(bench.names()).toContain(segmentName(2));
    expect(await bench.reopen()).toEqual([]);
    await bench.tick(LIFETIME + MARGIN);
    expect(bench.names()).not.toContain(segmentName(1));
    expect(bench.names()).not.toContain(segmentName(2));
  });

  test('a segment that cannot be removed keeps those after it', async () => {
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    await bench.reopen();
    expect(await bench.revoke('10.0.0.1')).toBeUndefined();
    await bench.reopen();
    bench.files.trick = (call) =>
      call.name === 'unlink' && call.file === segmentName(1) ? { error: 'EACCES' } : undefined;
    await bench.tick(LIFETIME + MARGIN);
    expect(bench.names()).toEqual(expect.arrayContaining([segmentName(1), segmentName(2)]));
    bench.files.release();
    await bench.tick(MARGIN);
    expect(bench.names()).not.toContain(segmentName(2));
  });
});

test('rotate begins a new segment, and loses nothing', async () => {
  await bench.open();
  expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
  bench.journal.rotate();
  await bench.tick(0);
  expect(await bench.commit(bench.lease('10.0.0.2'))).toBeUndefined();
  expect(bench.names()).toEqual([segmentName(1), segmentName(2)]);
  expect(bench.journal.usage.segments).toBe(2);
  await bench.tick();
  expect(bench.names()).toHaveLength(2);
  expect(await bench.reopen()).toHaveLength(2);
});

describe('readJournal', () => {
  test('no directory: no grants, and none is made', () => {
    const { grants, release } = bench.read();
    release();
    expect(grants).toEqual([]);
    expect(existsSync(bench.directory)).toBe(false);
  });

  test('gives what open would give, changes no segment, and holds the lock until release', async () => {
    await bench.open();
    expect(await bench.commit(bench.lease('10.0.0.1'))).toBeUndefined();
    expect(() => bench.read()).toThrow(expect.objectContaining({ code: 'LOCKED' }) as Error);
    await bench.close();
    const name = path.join(bench.directory, segmentName(1));
    writeFileSync(name, Buffer.concat([readFileSync(name), Buffer.of(1, 2, 3)]));
    writeFileSync(path.join(bench.directory, segmentName(2)), '');
    const before = bench.names().map((one) => bench.bytes(one));
    const { grants, release } = bench.read();
    expect([...grants]).toEqual([bench.lease('10.0.0.1')]);
    expect(bench.names().map((one) => bench.bytes(one))).toEqual(before);
    expect(() => bench.read()).toThrow(expect.objectContaining({ code: 'LOCKED' }) as Error);
    release();
    expect(await bench.open()).toEqual([...grants]);
  });

  test('a directory that cannot be trusted is a Fault, and one that cannot be read gives the lock back', () => {
    writeFileSync(bench.directory, '');
    expect(() => bench.read()).toThrow(expect.objectContaining({ code: 'STORE' }) as Error);
    rmSync(bench.directory);
    mkdirSync(bench.directory, { mode: 0o750 });
    const newer = path.join(bench.directory, segmentName(1));
    writeFileSync(newer, Buffer.from('64726163646a6e6c000000032156b033', 'hex'));
    for (let i = 0; i < 2; i += 1) {
      expect(() => bench.read()).toThrow('run the newer dracd');
    }
  });
});
