/** shares - nobody has more than half, viewers no more than three quarters, and what is given back is there again */
import type { Caller } from '../../../src/admin/caller.js';
import { Shares } from '../../../src/admin/shares.js';

const operator = (author: string): Caller => ({ role: 'operator', author });
const viewer = (author: string): Caller => ({ role: 'viewer', author });

/** Takes as many as it gets; answers what gives them back, and what the last refusal said. */
function takeAll(shares: Shares, caller: Caller): { given: (() => void)[]; words: string } {
  const given: (() => void)[] = [];
  for (;;) {
    try {
      given.push(shares.take(caller));
    } catch (thrown) {
      return { given, words: String(thrown) };
    }
  }
}

test('one caller has half, and is told so', () => {
  const shares = new Shares('lists', 16);
  const { given, words } = takeAll(shares, operator('ann'));
  expect(given).toHaveLength(8);
  expect(words).toBe(
    'Refusal: ann has 8 of the 16 lists at once, and nobody may have more: end one, or try again when one has ended',
  );
  expect(takeAll(shares, operator('bob')).given).toHaveLength(8);
  expect(takeAll(shares, operator('eve'))).toEqual({
    given: [],
    words: 'Refusal: there are 16 of the 16 lists at once already: end one, or try again when one has ended',
  });
});

test('viewers leave a quarter to operators', () => {
  const shares = new Shares('watches', 128);
  expect(takeAll(shares, viewer('desk')).given).toHaveLength(64);
  const others = takeAll(shares, viewer('robot'));
  expect(others.given).toHaveLength(32);
  expect(others.words).toContain(
    'viewers have 96 of the 128 watches at once, and the others are for operators',
  );
  expect(takeAll(shares, operator('ann')).given).toHaveLength(32);
  expect(shares.size).toBe(128);
});

test('what is given back twice is given back once, and nobody is remembered who has nothing', () => {
  const shares = new Shares('lists', 4);
  const desk = takeAll(shares, viewer('desk')).given;
  const ann = takeAll(shares, operator('ann')).given;
  expect([desk.length, ann.length, shares.size]).toEqual([2, 2, 4]);
  for (const giveBack of [...desk, ...desk]) giveBack();
  expect(shares.size).toBe(2);
  expect(takeAll(shares, viewer('desk')).given).toHaveLength(2);
  for (const giveBack of ann) giveBack();
  expect(takeAll(shares, viewer('robot')).given).toHaveLength(1);
});
