/** The rules of the house that a linter does not know. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { allowed } from '../src/config-schema.js';
import { faultCodes } from '../src/core/fault.js';
import { formats } from '../src/exports/formats.js';
import { lookups } from '../src/lookups/lookups.js';
import { anchors, links, pages, section } from './support/page.js';

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

describe('the documentation', () => {
  // Where an administrator looks for a key.
  const told = read('README.md') + read('docs/configuration.md');

  test.each(Object.keys(allowed).filter((key) => key.includes('.') && !key.endsWith('*')))(
    'tells of %s',
    (key) => {
      const name = key.split('.').at(-1) ?? '';
      expect(told).toMatch(new RegExp(`\\b${name}\\b`));
    },
  );

  test.each(Object.keys(faultCodes))('tells of the fault %s', (code) => {
    expect(section('docs/operations.md', 'For programs')).toContain(`\`${code}\``);
  });

  test.each(Object.keys(formats))('tells of the export %s', (name) => {
    expect(told).toContain(`format = "${name}"`);
  });

  test.each(Object.keys(lookups))('tells of the look-up %s', (name) => {
    expect(told).toContain(`kind = "${name}"`);
  });
});

/** Whether a relative link of a page leads to a file, and to a heading in it. */
function leads(page: string, to: string): boolean {
  const [file = '', anchor] = to.split('#');
  const target = file === '' ? page : path.join(path.dirname(page), file);
  return existsSync(path.join(root, target)) && (anchor === undefined || anchors(target).includes(anchor));
}

test.each([...pages(), 'CONTRIBUTING.md', 'CHANGELOG.md'])('the links of %s lead somewhere', (page) => {
  const inside = links(page).filter((to) => !/^[a-z]+:/.test(to));
  expect(inside.filter((to) => !leads(page, to))).toEqual([]);
});

test('a link that leads nowhere would be found', () => {
  expect(links('README.md').length).toBeGreaterThan(20);
  expect(['docs/doctor.md', '#postfix', 'docs/audit.md#files'].map((to) => leads('README.md', to))).toEqual([
    true,
    true,
    true,
  ]);
  for (const to of ['docs/nothing.md', '#nothing', 'docs/audit.md#nothing'])
    expect(leads('README.md', to)).toBe(false);
});

test('every page is linked to from the README', () => {
  const missing = pages().filter((page) => page !== 'README.md' && !links('README.md').includes(page));
  expect(missing).toEqual([]);
});
