/**
 * page - recipes as the documentation prints them, so that what tests run is what readers copy
 *
 * A page is a file of docs/ or the README; a section is what stands below one of its headings; a block is
 * one of the fenced texts there.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './processes.js';

export interface Block {
  /** What stands behind the opening fence: toml, sh, m4, or nothing. */
  readonly language: string;
  readonly text: string;
}

/** The text below a heading of any level, up to the next heading of that level or a higher one. */
export function section(page: string, heading: string): string {
  const lines = readFileSync(path.join(ROOT, page), 'utf8').split('\n');
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
export function blocks(page: string, heading: string): Block[] {
  return [...section(page, heading).matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', text = '']) => ({
      language,
      text,
    }),
  );
}

/** A text with names replaced; each must occur, or the page and the test have parted. */
export function withNames(text: string, names: Readonly<Record<string, string>>): string {
  return Object.entries(names).reduce((all, [name, instead]) => {
    if (!text.includes(name)) throw new Error(`the recipe names no ${name}:\n${text}`);
    // By a function, because Sendmail's `$&` and the like mean something in a text that replaces.
    return all.replaceAll(name, () => instead);
  }, text);
}
