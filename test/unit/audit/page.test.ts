/** docs/audit.md - its example records are such as dracd writes, one of every kind at least, with the keys that its table tells of */
import { KINDS, LineMaker, recordIn } from '../../../src/audit/record.js';
import { blocks, section } from '../../support/page.js';

const PAGE = 'docs/audit.md';
const lines = (blocks(PAGE, 'What is recorded').find(({ language }) => language === 'json')?.text ?? '')
  .trimEnd()
  .split('\n');

test('there is one of every kind', () => {
  const kinds = lines.map((line) => recordIn(line)?.kind);
  expect([...new Set(kinds)].sort()).toEqual([...KINDS].sort());
});

test.each(lines)('%s', (line) => {
  const record = recordIn(line);
  if (record === undefined) throw new Error('it is no record');
  // Read, and written again by what writes them: nothing is lost, and nothing stands otherwise.
  expect(new LineMaker().line(record)).toBe(`${line}\n`);
});

test('the table tells of every kind, and of the keys that the examples have', () => {
  const rows = [
    ...section(PAGE, 'What is recorded').matchAll(/^\| (?!`kind`)((?:`\w+`(?:, )?)+) \| (.*) \|$/gm),
  ].map(([, names = '', told = '']) => ({
    kinds: [...names.matchAll(/`(\w+)`/g)].map(([, kind]) => kind),
    told: [...told.matchAll(/`(\w+)`/g)].map(([, key]) => key),
  }));
  expect(rows.flatMap(({ kinds }) => kinds).sort()).toEqual([...KINDS].sort());
  for (const line of lines) {
    const { kind, at, subject, ...keys } = JSON.parse(line) as Record<string, unknown>;
    const row = rows.find(({ kinds }) => kinds.includes(String(kind)));
    expect(at).toBeDefined();
    expect(subject === undefined).toBe(['head', 'start', 'stop', 'gap'].includes(String(kind)));
    expect(Object.keys(keys).filter((key) => row?.told.includes(key) !== true)).toEqual([]);
  }
});
