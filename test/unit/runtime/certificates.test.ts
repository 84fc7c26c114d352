/** certificates - several in one file: a chain serves as long as its weakest, authorities as long as any of them */
import { readFileSync } from 'node:fs';
import { certificatesIn, endInWords, endOf, SOON_MS } from '../../../src/runtime/certificates.js';
import { Authority } from '../../support/certificates.js';
import { newDirectory } from '../../support/processes.js';

const DAY_MS = 86_400_000;

test('of several, the first that is over or the last', async () => {
  const ca = await Authority.make(newDirectory('pem'), 'ca');
  const files = await Promise.all(
    [5, 30, -1].map((days) => ca.sign(`for${days}`, { use: 'serverAuth', days })),
  );
  const text = files
    .map(({ cert, key }) => readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'))
    .join('junk\n');
  const found = certificatesIn(text.replaceAll('\n', '\r\n'));
  expect(found).toHaveLength(3);
  const days = (ms: number): number => Math.round((ms - Date.now()) / DAY_MS);
  expect([days(endOf(found, 'chain')), days(endOf(found, 'authorities'))]).toEqual([-1, 30]);
});

test('what is said, and when', () => {
  expect(endInWords(SOON_MS)).toBeUndefined();
  expect(
    [SOON_MS - 1, 2 * DAY_MS, 2 * DAY_MS - 1, DAY_MS, DAY_MS - 1, 1, 0, -DAY_MS].map((ms) => endInWords(ms)),
  ).toEqual([
    'is over in 13 days',
    'is over in 2 days',
    'is over in 1 day',
    'is over in 1 day',
    'is over within a day',
    'is over within a day',
    'is over',
    'is over',
  ]);
});
