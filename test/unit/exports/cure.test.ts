/** cureOf - each failure that has a cure names it, the others speak for themselves. */
import { cureOf } from '../../../src/exports/cure.js';

test.each([
  ['EACCES', /uid \d+\) write to the directory/],
  ['EPERM', /uid \d+\) write to the directory/],
  ['EROFS', /ReadWritePaths=/],
  ['ENOSPC', /make room/],
  ['EDQUOT', /make room/],
  ['EIO', /full/],
])('%s', (code, cure) => {
  expect(cureOf(code)).toMatch(cure);
  expect(cureOf(code)).toMatch(/^: /);
});

test.each([['EMFILE'], [undefined]])('%s has none', (code) => {
  expect(cureOf(code)).toBe('');
});
