/** The publishing thread: started for work, answers or fails, and goes. It is the built one that runs. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Grant } from '../../../src/core/grant.js';
import { IDLE_MS, PublishThread } from '../../../src/exports/publish-thread.js';
import type { Job } from '../../../src/exports/publish-worker.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { FakeClock } from '../../support/fake-clock.js';
import { grant, grants } from '../../support/live-map.js';
import { newDirectory, until } from '../../support/processes.js';

const file = path.join(newDirectory('thread'), 'relay');
const clock = new FakeClock({ soon: 'microtask' });
let thread: PublishThread;
let fd: number;

beforeEach(() => {
  thread = new PublishThread(clock);
  fd = openSync(file, 'w+');
});

afterEach(async () => {
  await thread.end();
  closeSync(fd);
  expect(clock.pendingTimers).toBe(0);
});

function job(container: Job['container'] = 'list', target = fd): Omit<Job, 'id'> {
  return { fd: target, container, wording: { dialects: ['exim'], cidrKey: false, termKd: false } };
}

test('writes what it is given, and says how much', async () => {
  const written = await thread.write(job(), [grant('192.0.2.2'), grant('192.0.2.1')]);
  expect(readFileSync(file, 'utf8')).toBe('192.0.2.1\n192.0.2.2\n');
  expect(written).toEqual({ grants: 2, bytes: 20, unsaid: 0, examples: [] });
});

test('counts those for whom there are no words, and names some', async () => {
  const all = Array.from({ length: 5 }, (_, i) => grant(`2001:db8::${i + 1}`));
  const written = await thread.write(job('tcprules'), [...all, grant('192.0.2.1')]);
  expect(written).toMatchObject({
    grants: 6,
    unsaid: 5,
    examples: ['2001:db8::1', '2001:db8::2', '2001:db8::3'],
  });
});

test('other work goes on while many grants are packed', async () => {
  const real = new PublishThread(systemClock);
  let over = false;
  let turns = 0;
  const count = (): void => {
    turns += 1;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  const all = grants(300_000);
  let seen = 0;
  let before = 0;
  function* snapshot(): Generator<Grant> {
    before = turns;
    for (const one of all) yield one;
    seen = turns - before;
  }
  const { grants: written } = await real.write(job(), snapshot());
  over = true;
  await real.end();
  expect(written).toBe(300_000);
  expect(seen).toBeGreaterThan(5);
});

test('a failure is told with its code, and the next job is done', async () => {
  const full = openSync('/dev/full', 'w');
  await expect(thread.write(job('bdb', full), [grant('192.0.2.1')])).rejects.toMatchObject({
    code: 'ENOSPC',
  });
  closeSync(full);
  expect(await thread.write(job(), [grant('192.0.2.1')])).toMatchObject({ grants: 1 });
});

test('a job that fails at its beginning is not packed to its end', async () => {
  const slow = new FakeClock({ soon: 'microtask' });
  const second = new PublishThread(slow);
  let taken = 0;
  function* endless(): Generator<Grant> {
    for (;;) {
      taken += 1;
      slow.monoMs += 1;
      yield grant('192.0.2.1');
    }
  }
  // The microtasks of the packing must not keep the thread's answer out.
  slow.soon = (fn) => void setImmediate(fn);
  const wording = { dialects: [], cidrKey: false, termKd: false, rules: 'no: rule' };
  await expect(second.write({ fd, container: 'tcprules', wording }, endless())).rejects.toMatchObject({
    code: 'CONFIG',
  });
  expect(taken).toBeGreaterThan(0);
  await second.end();
});

test('a snapshot that throws fails the job alone', async () => {
  function* broken(): Generator<Grant> {
    yield grant('192.0.2.1');
    throw new Error('broken');
  }
  await expect(thread.write(job(), broken())).rejects.toThrow('broken');
  await thread.write(job(), [grant('192.0.2.9')]);
  expect(readFileSync(file, 'utf8')).toBe('192.0.2.9\n');
});

test('one job at a time', async () => {
  const first = thread.write(job(), grants(1_000));
  await expect(thread.write(job(), [])).rejects.toThrow(/at work/);
  expect(await first).toMatchObject({ grants: 1_000 });
});

test('is there from the first job on, and is ended when it had nothing to do for a while', async () => {
  expect(thread.runs).toBe(false);
  await thread.write(job(), []);
  expect(thread.runs).toBe(true);
  clock.advance(IDLE_MS - 1);
  await thread.write(job(), []);
  clock.advance(IDLE_MS - 1);
  expect(thread.runs).toBe(true);
  clock.advance(1);
  await until('it has gone', 5_000, () => !thread.runs);
  expect(await thread.write(job(), [grant('192.0.2.1')])).toMatchObject({ grants: 1 });
});

test('ended in the middle of a job: the job fails, and the next one starts another thread', async () => {
  const late = thread.write(job(), grants(50_000));
  const failed = expect(late).rejects.toThrow(/was ended/);
  await thread.end();
  await failed;
  expect(await thread.write(job(), [grant('192.0.2.1')])).toMatchObject({ grants: 1 });
});
