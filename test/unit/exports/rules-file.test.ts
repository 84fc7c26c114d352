/** The administrator's rules as a file that changes. */
import { appendFileSync, mkdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { RulesFile } from '../../../src/exports/rules-file.js';
import { MAX_RULES_BYTES } from '../../../src/exports/static-rules.js';
import { mustRun, newDirectory } from '../../support/processes.js';

const file = path.join(newDirectory('rules'), 'tcp.smtp');

afterEach(() => {
  rmSync(file, { recursive: true, force: true });
});

test('is read as it is, whatever its bytes', () => {
  writeFileSync(file, Buffer.from('# \xe4\n:allow\n', 'latin1'));
  const rules = new RulesFile(file);
  expect(rules.text).toBe('');
  rules.load();
  expect(rules.text).toBe('# \xe4\n:allow\n');
  expect(rules.hasChanged()).toBe(false);
});

test('is noticed when written to, replaced, taken away and brought back', () => {
  writeFileSync(file, ':allow\n');
  const rules = new RulesFile(file);
  rules.load();
  appendFileSync(file, '10.:deny\n');
  expect(rules.hasChanged()).toBe(true);
  rules.load();
  expect(rules.hasChanged()).toBe(false);
  writeFileSync(`${file}.new`, ':allow\n11.:deny\n');
  renameSync(`${file}.new`, file);
  expect(rules.hasChanged()).toBe(true);
  rules.load();
  expect(rules.text).toContain('11.:deny');
  unlinkSync(file);
  expect(rules.hasChanged()).toBe(true);
  expect(() => {
    rules.load();
  }).toThrow(/there is no such file/);
  expect(rules.hasChanged()).toBe(false);
  expect(rules.text).toContain('11.:deny');
  writeFileSync(file, ':allow\n');
  expect(rules.hasChanged()).toBe(true);
});

test('a mistake leaves what was understood last, and is not read again until the file changes', () => {
  writeFileSync(file, ':allow\n');
  const rules = new RulesFile(file);
  rules.load();
  writeFileSync(file, ':allow\nperhaps:perhaps\n');
  expect(() => {
    rules.load();
  }).toThrow(
    expect.objectContaining({
      code: 'CONFIG',
      message: expect.stringContaining(`${file}:2`) as string,
    }) as Error,
  );
  expect([rules.text, rules.hasChanged()]).toEqual([':allow\n', false]);
});

test.each<[string, () => unknown, RegExp]>([
  ['a directory', () => mkdirSync(file), /no regular file/],
  ['a FIFO', () => mustRun(['mkfifo', file]), /no regular file/],
  [
    'a file that is too large',
    () => {
      writeFileSync(file, '#'.repeat(MAX_RULES_BYTES + 1));
    },
    /more than 1048576 bytes/,
  ],
])('%s is no file of rules', async (_, plant, message) => {
  await plant();
  expect(() => {
    new RulesFile(file).load();
  }).toThrow(message);
});
