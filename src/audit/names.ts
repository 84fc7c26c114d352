/**
 * names - the files of the audit: FILE, which is written, and FILE.YYYY-MM-DD.N, which are complete
 *
 * The day is that of the first record in it, UTC; N counts from 1. Names sort into the order in which they were written as long as
 * the wall clock goes forward.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';

export const DAY_MS = 86_400_000;
/** What is being rewritten; left over when that was interrupted. */
export const NEW_SUFFIX = '.new';

export interface CompleteFile {
  readonly file: string;
  /** YYYY-MM-DD. */
  readonly day: string;
  readonly number: number;
}

export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

export function completeName(file: string, day: string, number: number): string {
  return `${file}.${day}.${number}`;
}

/** The complete files beside FILE, the oldest first; and names of what an interrupted rewriting has left. */
export async function listFiles(
  file: string,
): Promise<{ readonly complete: readonly CompleteFile[]; readonly leftOver: readonly string[] }> {
  const directory = path.dirname(file);
  const prefix = `${path.basename(file)}.`;
  const complete: CompleteFile[] = [];
  const leftOver: string[] = [];
  for (const name of await readdir(directory)) {
    if (!name.startsWith(prefix)) continue;
    const match = /^(\d{4}-\d\d-\d\d)\.([1-9]\d{0,8})(\.new)?$/.exec(name.slice(prefix.length));
    const [, day, number, isNew] = match ?? [];
    if (day === undefined || Number.isNaN(Date.parse(day))) continue;
    if (isNew !== undefined) leftOver.push(path.join(directory, name));
    else complete.push({ file: path.join(directory, name), day, number: Number(number) });
  }
  complete.sort((a, b) => (a.day === b.day ? a.number - b.number : a.day < b.day ? -1 : 1));
  return { complete, leftOver };
}
