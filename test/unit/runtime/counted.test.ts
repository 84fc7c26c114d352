/** counted - the noun agrees with the number */
import { counted } from '../../../src/runtime/counted.js';

test.each([
  [counted(0, 'row'), '0 rows'],
  [counted(1, 'row'), '1 row'],
  [counted(2, 'row'), '2 rows'],
  [counted(1, 'entry', 'entries'), '1 entry'],
  [counted(0, 'entry', 'entries'), '0 entries'],
])('%s', (text, wanted) => {
  expect(text).toBe(wanted);
});
