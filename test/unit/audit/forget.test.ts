/** forget - which lines name an address, and that all others stay as they are. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { forgetIn, namesAny } from '../../../src/audit/forget.js';
import { newDirectory } from '../../support/processes.js';

test.each([
  [
    '192.0.2.7',
    ['"192.0.2.7"', 'say "192.0.2.7".', '192.0.2.7.', '(192.0.2.7)', '192.0.2.7'],
    ['192.0.2.77', '1192.0.2.7', '1.192.0.2.7', '192.0.2.7.1', '192.0.2.7/31', '192x0.2.7', '"h:192.0.2.70"'],
  ],
  [
    '2001:db8::7',
    ['"2001:db8::7"', ' 2001:db8::7, '],
    ['2001:db8::77', '2001:db8::7:1', '1:2001:db8::7', '2001:db8::7/64', '2001:db8::'],
  ],
  ['h:00ff', ['"h:00ff"'], ['h:00ffa', 'ah:00ff']],
])('lines that name %s', (name, yes, no) => {
  const names = namesAny([name]);
  for (const line of yes) expect([line, names(line)]).toEqual([line, true]);
  for (const line of no) expect([line, names(line)]).toEqual([line, false]);
});

test('complete files without the lines, all else byte for byte, and files without such lines untouched', async () => {
  const directory = newDirectory('forget');
  const file = path.join(directory, 'audit.jsonl');
  const other = Array.from({ length: 20_000 }, (_, i) => `{"subject":"10.0.${i >> 8}.${i & 255}"}`);
  const mine = '{"subject":"192.0.2.7"}';
  const foreign = 'caf\xe9 \x00 torn {"subject":"192.0.2.';
  const [first, second] = [`${file}.2026-05-01.1`, `${file}.2026-05-01.2`];
  writeFileSync(first, `${mine}\n${other.join(`\n${mine}\n`)}\n${foreign}\n`, 'latin1');
  writeFileSync(second, `${other.join('\n')}\n${mine.slice(0, -1)}x`);
  writeFileSync(file, `${mine}\n`);
  const third = `${file}.2026-05-02.1`;
  writeFileSync(third, 'nothing\n');
  const before = statSync(third).ino;
  expect(await forgetIn(file, ['192.0.2.7'])).toBe(20_000 + 1);
  expect(readFileSync(first, 'latin1')).toBe(`${other.join('\n')}\n${foreign}\n`);
  expect(readFileSync(second, 'latin1')).toBe(`${other.join('\n')}\n`);
  expect(statSync(first).mode & 0o777).toBe(0o640);
  expect(statSync(third).ino).toBe(before);
  expect(readFileSync(file, 'utf8')).toBe(`${mine}\n`);
  expect(readdirSync(directory)).toHaveLength(4);
  expect(await forgetIn(file, ['192.0.2.7'])).toBe(0);
});
