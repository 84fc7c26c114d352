/** The exit status that findings add up to. */
import { type Severity, statusOf } from '../../../src/doctor/finding.js';

test.each<[Severity[], number]>([
  [[], 0],
  [['ok', 'note'], 0],
  [['ok', 'warning', 'note'], 1],
  [['error', 'warning'], 2],
])('%j: %i', (severities, status) => {
  expect(statusOf(severities)).toBe(status);
});
