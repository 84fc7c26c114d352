/** ended - remembered for the past and no longer, in bounded memory */
import fc from 'fast-check';
import { parseAddress, type ClientAddress } from '../../../src/core/address.js';
import { ENDED_MAX, Ended } from '../../../src/core/ended.js';

const at = (text: string): ClientAddress => parseAddress(text) as ClientAddress;
const numbered = (n: number): ClientAddress => at(`10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`);
const PAST = 3_600_000;
const A = at('192.0.2.1');
const B = at('2001:db8::1');

test('knows when a grant ended, for exactly the past', () => {
  const ended = new Ended({ pastMs: PAST });
  ended.remember(A, 1_000);
  ended.remember(B, 2_000.5);
  expect(ended.of(A, 1_000)).toBe(1_000);
  expect(ended.of(B, 2_001)).toBe(2_000.5);
  expect(ended.of(A, 1_000 + PAST)).toBe(1_000);
  expect(ended.of(A, 1_000 + PAST + 1)).toBeUndefined();
  expect(ended.of(at('192.0.2.2'), 2_000)).toBeUndefined();
});

test('the last of several ends counts', () => {
  const ended = new Ended({ pastMs: PAST });
  for (let time = 0; time <= 10 * PAST; time += PAST / 3) {
    ended.remember(A, time);
    expect(ended.of(A, time + 1)).toBe(time);
  }
});

test('erase: as if it had never been, whenever it was; others stay', () => {
  const ended = new Ended({ pastMs: PAST });
  ended.remember(A, 0);
  ended.remember(B, 0);
  ended.remember(A, PAST / 2);
  ended.erase(A);
  expect(ended.of(A, PAST / 2)).toBeUndefined();
  expect(ended.of(B, PAST / 2)).toBe(0);
  expect(ended.size).toBe(1);
});

test('a past of 0 keeps nothing', () => {
  const ended = new Ended({ pastMs: 0 });
  ended.remember(A, 1_000);
  expect(ended.size).toBe(0);
  expect(ended.of(A, 1_000)).toBeUndefined();
});

test('forget lets go of what is over, in a while, and of nothing else', () => {
  const ended = new Ended({ pastMs: PAST });
  ended.remember(A, 0);
  ended.remember(B, PAST / 2);
  ended.forget(PAST);
  expect(ended.of(A, PAST)).toBe(0);
  ended.forget(PAST + 1);
  expect(ended.size).toBe(1);
  expect(ended.of(B, PAST + 1)).toBe(PAST / 2);
  ended.forget(PAST * 2);
  expect(ended.size).toBe(0);
});

test('holds at most its number, and the latest of them', () => {
  const ended = new Ended({ pastMs: PAST, max: 800 });
  for (let n = 0; n < 5_000; n += 1) {
    ended.remember(numbered(n), n);
    expect(ended.size).toBeLessThanOrEqual(800);
  }
  for (let n = 4_300; n < 5_000; n += 1) expect(ended.of(numbered(n), 5_000)).toBe(n);
  expect(ended.of(numbered(0), 5_000)).toBeUndefined();
});

test('by itself it holds 131,072', () => {
  const ended = new Ended({ pastMs: PAST });
  for (let n = 0; n < 2 * ENDED_MAX; n += 1) ended.remember(numbered(n), n / 1_000);
  expect(ENDED_MAX).toBe(131_072);
  expect(ended.size).toBeLessThanOrEqual(ENDED_MAX);
  expect(ended.size).toBeGreaterThan((ENDED_MAX * 3) / 4);
});

test('is a map of last ends, as long as its number is not reached', () => {
  const step = fc.record({ client: fc.nat(9), later: fc.nat(PAST), forget: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ended = new Ended({ pastMs: PAST });
      const model = new Map<ClientAddress, number>();
      let now = 0;
      for (const { client, later, forget } of steps) {
        now += later;
        ended.remember(numbered(client), now);
        model.set(numbered(client), now);
        if (forget) ended.forget(now);
        for (const [one, time] of model)
          expect(ended.of(one, now)).toBe(now - time <= PAST ? time : undefined);
      }
    }),
  );
});
