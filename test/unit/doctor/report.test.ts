/** Findings as people and programs read them. */
import { configFindings, findingText, summaryText, type Told } from '../../../src/doctor/report.js';

const told: Told = {
  check: 'maps',
  severity: 'error',
  what: 'it cannot be read',
  file: '/var/lib/dracd/relay.lmdb',
  key: 'exports[0]',
  value: 'x',
  cure: 'mend it',
};
const plain = { json: false, colours: false };

test('for people: what, where, cure', () => {
  expect(findingText(told, plain)).toBe(
    [
      'error    maps         it cannot be read',
      '                      /var/lib/dracd/relay.lmdb: exports[0] = x',
      '                      cure: mend it',
      '',
    ].join('\n'),
  );
  expect(findingText({ check: 'rpcbind', severity: 'ok', what: 'fine' }, plain)).toBe(
    'ok       rpcbind      fine\n',
  );
});

test('colours only where they were asked for', () => {
  expect(findingText(told, plain)).not.toContain('\u001b');
  expect(findingText(told, { json: false, colours: true })).toMatch(
    /^\u001b\[31merror {2}\u001b\[0m {2}maps/,
  );
  expect(findingText(told, { json: true, colours: true })).not.toContain('\u001b');
});

test('what others wrote cannot steer a terminal or begin a line', () => {
  const text = findingText({ ...told, value: 'a\n\u001b[2Jb\u0085c' }, plain);
  expect(text).toContain('a\\u000a\\u001b[2Jb\\u0085c');
  expect(text.split('\n')).toHaveLength(4);
  expect(findingText({ ...told, value: 'x'.repeat(100_000) }, plain).length).toBeLessThan(2_000);
});

test('for programs: one object a line, with all keys', () => {
  const text = findingText(
    { check: 'clock', severity: 'note', what: 'w', cure: '' },
    { json: true, colours: false },
  );
  expect(JSON.parse(text)).toEqual({
    check: 'clock',
    severity: 'note',
    what: 'w',
    file: null,
    key: null,
    value: null,
    cure: null,
  });
  expect(text.endsWith('}\n')).toBe(true);
});

test('the last line counts', () => {
  expect(summaryText(['ok', 'error', 'warning', 'warning'], plain)).toBe('\n1 error, 2 warnings, 0 notes\n');
  expect(summaryText(['error'], { json: true, colours: false })).toBe('');
});

test('each mistake of a configuration is a finding', () => {
  expect(configFindings('a: one\na: two').map(({ what, severity }) => [severity, what])).toEqual([
    ['error', 'a: one'],
    ['error', 'a: two'],
  ]);
});
