/** explanation - whatever an administrator writes, SMTP can carry it */
import fc from 'fast-check';
import { MAX_TEXT, fill, placeholders, smtpText } from '../../../src/lookups/explanation.js';

test.each([
  ['plain text stays: 100% <as> {it} is', 'plain text stays: 100% <as> {it} is'],
  ['Für Sie: “Grüße” – größer, naïve façade…', 'Fur Sie: "Grusse" - grosser, naive facade...'],
  ['Łódź, Ærø, œuvre, İstanbul', 'Lodz, AEro, oeuvre, Istanbul'],
  ['e\u0301 and \u00e9', 'e and e'],
  ['日本 ☺ \u{1F600}', '?? ? ?'],
  ['two\r\nlines\tand   blanks ', 'two lines and blanks'],
  ['a\u00a0b\u2003c\u2028d\u0085e', 'a b c d e'],
  ['a\0b\x07c\x7fd\x1b[31me', 'a b c d [31me'],
  ['right\u202Eto\u200Bleft\uFEFF', 'right to left'],
  ['\ud800 lone', '? lone'],
  ['  ', ''],
])('%j', (text, expected) => {
  expect(smtpText(text)).toBe(expected);
});

test('any text becomes one line of printable ASCII of bounded length, and stays as it is then', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 1_000 }), (text) => {
      const safe = smtpText(text);
      expect(safe).toMatch(/^[\x20-\x7e]*$/);
      expect(safe.length).toBeLessThanOrEqual(MAX_TEXT);
      expect(smtpText(safe)).toBe(safe);
    }),
    { numRuns: 500 },
  );
});

test('what is too long is cut, and says so', () => {
  expect(MAX_TEXT).toBe(400);
  expect(smtpText('x'.repeat(400))).toBe('x'.repeat(400));
  expect(smtpText('x'.repeat(401))).toBe(`${'x'.repeat(397)}...`);
});

test('placeholders', () => {
  expect(placeholders('{client} in {minutes}, {client} {} { url } }{')).toEqual([
    'client',
    'minutes',
    '',
    ' url ',
  ]);
  expect(placeholders('none')).toEqual([]);
});

test('fill puts values in, and nothing into values', () => {
  expect(fill('{a}-{b}-{a}', { a: '{b}', b: '$1$&' })).toBe('{b}-$1$&-{b}');
  expect(fill('{c} {constructor} {__proto__} {toString}', { a: 'x' })).toBe(
    '{c} {constructor} {__proto__} {toString}',
  );
});
