/** A check in its time: what it finds is told, whatever becomes of it. */
import type { Check, Examined } from '../../../src/doctor/check.js';
import { examine } from '../../../src/doctor/examine.js';
import { ok } from '../../../src/doctor/finding.js';
import { FakeClock } from '../../support/fake-clock.js';

const LIMIT_MS = 5_000;

async function run(check: Check, clock: FakeClock): Promise<string[]> {
  const told: string[] = [];
  // The checks of this file look at nothing.
  for await (const { severity, what, cure } of examine(
    check,
    { clock } as Partial<Examined> as Examined,
    LIMIT_MS,
  ))
    told.push(`${severity} ${what}; ${cure ?? ''}`);
  return told;
}

test('findings come in order', async () => {
  const check: Check = async function* () {
    yield ok('one');
    await Promise.resolve();
    yield ok('two');
  };
  expect(await run(check, new FakeClock())).toEqual(['ok one; ', 'ok two; ']);
});

test('a check that throws is a note after what it has found, and says what to do if that is known', async () => {
  const failing = (error: Error): Check =>
    async function* () {
      yield ok('one');
      await Promise.reject(error);
    };
  expect(await run(failing(new Error('broken')), new FakeClock())).toEqual([
    'ok one; ',
    'note it could not be examined: broken; ',
  ]);
  const denied = Object.assign(new Error('EACCES'), { code: 'EACCES' });
  expect((await run(failing(denied), new FakeClock()))[1]).toContain('sudo');
});

test('a check that hangs is a warning when its time is over, and no earlier', async () => {
  const clock = new FakeClock();
  const check: Check = async function* () {
    yield ok('one');
    await new Promise(() => undefined);
  };
  let told: string[] | undefined;
  const running = run(check, clock).then((all) => (told = all));
  clock.advance(LIMIT_MS - 1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toBeUndefined();
  clock.advance(1);
  await running;
  expect(told).toEqual([
    'ok one; ',
    expect.stringMatching(/^warning it did not end within 5 s; .*--timeout/),
  ]);
});
