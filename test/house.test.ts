/** The rules of the house that a linter does not know. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { allowed } from '../src/config-schema.js';
import { formats } from '../src/exports/formats.js';
import { lookups } from '../src/lookups/lookups.js';

const root = path.resolve(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

function files(directory: string): string[] {
  return readdirSync(path.join(root, directory)).flatMap((name) => {
    const file = path.join(directory, name);
    return statSync(path.join(root, file)).isDirectory() ? files(file) : [file];
  });
}

/** What programs have written is read by programs. */
const GENERATED = path.join('src', 'admin', 'gen');
const sources = files('src').filter((file) => file.endsWith('.ts') && !file.startsWith(GENERATED));

test('this suite really runs as an ES module', () => {
  expect(typeof require).toBe('undefined');
});

test('there are sources', () => {
  expect(sources.length).toBeGreaterThan(20);
});

describe.each(sources)('%s', (file) => {
  const text = read(file);

  test('opens with a manual page', () => {
    expect(text.replace(/^#!.*\n/, '')).toMatch(/^\/\*\*/);
  });

  test('asks the clock for the time', () => {
    if (file === path.join('src', 'runtime', 'clock.ts')) return;
    expect(text).not.toMatch(
      /\bDate\.now\(|\bnew Date\(\)|\bset(?:Timeout|Interval|Immediate)\(|\bperformance\.now\(/,
    );
  });

  test('keeps argv and the environment to the programs', () => {
    if (/^src\/(?:main|ctl|dracauth|runtime\/notify)\.ts$/.test(file)) return;
    expect(text).not.toMatch(/\bprocess\.(?:env|argv)\b/);
  });

  test('has no left-overs', () => {
    expect(text).not.toMatch(/\b(?:TODO|FIXME|XXX)\b|@ts-ignore|@ts-expect-error|eslint-disable|\bas any\b/);
  });
});

test('no rooms without a subject', () => {
  const names = files('src').flatMap((file) => file.split(path.sep));
  for (const name of ['utils', 'util', 'helpers', 'common', 'misc', 'services', 'types.ts', 'index.ts'])
    expect(names).not.toContain(name);
});

test('the manual page names the file', () => {
  const wrong = sources.filter((file) => {
    const name = path.basename(file).replace(/(?:\.d)?\.ts$/, '');
    const title = /\/\*\*\s*\*?\s*([\w-]+)/.exec(read(file))?.[1];
    return name !== title && !(name === 'main' && title === 'dracd') && !file.endsWith('.d.ts');
  });
  expect(wrong).toEqual([]);
});

describe('the README', () => {
  const readme = read('README.md');

  test.each(Object.keys(allowed).filter((key) => key.includes('.') && !key.endsWith('*')))(
    'tells of %s',
    (key) => {
      const name = key.split('.').at(-1) ?? '';
      expect(readme).toMatch(new RegExp(`\\b${name}\\b`));
    },
  );

  test.each(Object.keys(formats))('tells of the export %s', (name) => {
    expect(readme).toContain(`format = "${name}"`);
  });

  test.each(Object.keys(lookups))('tells of the look-up %s', (name) => {
    expect(readme).toContain(`kind = "${name}"`);
  });
});
