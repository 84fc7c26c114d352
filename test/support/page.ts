/**
 * page - recipes as the documentation prints them, so that what tests run is what readers copy
 *
 * A page is a file of docs/ or the README; a section is what stands below one of its headings; a block is
 * one of the fenced texts there.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './processes.js';

export interface Block {
  /** What stands behind the opening fence: toml, sh, m4, or nothing. */
  readonly language: string;
  readonly text: string;
}

const read = (page: string): string => readFileSync(path.join(ROOT, page), 'utf8');

/** The text below a heading of any level, up to the next heading of that level or a higher one. */
export function section(page: string, heading: string): string {
  const lines = read(page).split('\n');
  const isHeading = headings(lines);
  const from = lines.findIndex((line, i) => isHeading(i) && line.replace(/^#+ /, '') === heading);
  if (from < 0) throw new Error(`${page} has no section "${heading}"`);
  const level = levelOf(lines[from] ?? '');
  const length = lines
    .slice(from + 1)
    .findIndex((line, i) => isHeading(from + 1 + i) && levelOf(line) <= level);
  return lines.slice(from + 1, length < 0 ? undefined : from + 1 + length).join('\n');
}

const levelOf = (line: string): number => /^#+/.exec(line)?.[0].length ?? 0;

/** Tells headings from the comments inside of fenced texts. */
function headings(lines: readonly string[]): (line: number) => boolean {
  let inside = false;
  const found = new Set<number>();
  for (const [i, line] of lines.entries()) {
    if (line.startsWith('```')) inside = !inside;
    else if (!inside && /^#+ /.test(line)) found.add(i);
  }
  return (line) => found.has(line);
}

/** The fenced texts of a section, in order. */
export const blocks = (page: string, heading: string): Block[] => blocksOf(section(page, heading));

const blocksOf = (markdown: string): Block[] =>
  [...markdown.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));

/** The README and the pages of docs/. */
export function pages(): string[] {
  const names = readdirSync(path.join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', ...names.sort().map((name) => `docs/${name}`)];
}

/** The fenced texts of a whole page. */
export const allBlocks = (page: string): Block[] => blocksOf(read(page));

/** The anchors that can be linked to in a page: those of its headings, as GitHub makes them. */
export function anchors(page: string): string[] {
  const lines = read(page).split('\n');
  const isHeading = headings(lines);
  return lines
    .filter((_, i) => isHeading(i))
    .map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
}

/** Where a page's links lead, as it writes them; those inside of fenced texts and of code are none. */
export function links(page: string): string[] {
  const prose = read(page)
    .replace(/^```[\s\S]*?^```$/gm, '')
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[()[\]]/g, ''));
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, to = '']) => to);
}

/** A text with names replaced; each must occur, or the page and the test have parted. */
export function withNames(text: string, names: Readonly<Record<string, string>>): string {
  return Object.entries(names).reduce((all, [name, instead]) => {
    if (!text.includes(name)) throw new Error(`the recipe names no ${name}:\n${text}`);
    // By a function, because Sendmail's `$&` and the like mean something in a text that replaces.
    return all.replaceAll(name, () => instead);
  }, text);
}
