import { bytes, count, duration, timeOfDay } from '../../../src/http/words.js';

test.each([
  [-5, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [3_599_999, '59 min'],
  [7_800_000, '2 h 10 min'],
  [86_400_000, '1 d 0 h'],
  [363_600_000, '4 d 5 h'],
])('%d ms', (ms, words) => {
  expect(duration(ms)).toBe(words);
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 KiB'],
  [1_572_864, '1.5 MiB'],
  [157_286_400, '150 MiB'],
  [1e16, '9095 TiB'],
])('%d bytes', (n, words) => {
  expect(bytes(n)).toBe(words);
});

test('a count has its thousands apart', () => {
  expect(count(1_234_567)).toBe('1,234,567');
});

test('the time of day is UTC', () => {
  expect(timeOfDay(1_780_000_000_000)).toBe('20:26:40');
});
