/**
 * forget - takes all lines that name an address out of the complete files
 *
 * A file is rewritten beside, synced and renamed, and only when there is something to take out. A line names an address when its
 * text or its hash stands in it, also in a reason that an operator gave. What was truncated does not name it.
 *
 * Errors: the system's; the files that were not come to are as they were, and it may be done again.
 */
import fs from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { linesOf } from './lines.js';
import { listFiles, NEW_SUFFIX } from './names.js';

const FLAGS = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW;
const MODE = 0o640;

/** Tells lines that name one of these, which are addresses and hashes. */
export function namesAny(names: Iterable<string>): (line: string) => boolean {
  const each = [...names].map((name) => {
    const text = name.replace(/[.]/g, '\\.');
    // Not a piece of a longer address, and not a network that begins there.
    return { name, whole: new RegExp(`(?<![0-9a-f:]|[0-9]\\.)${text}(?![0-9a-f:]|\\.[0-9]|/[0-9])`) };
  });
  return (line) => each.some(({ name, whole }) => line.includes(name) && whole.test(line));
}

async function countIn(file: string, isMeant: (line: string) => boolean): Promise<number> {
  let count = 0;
  for await (const lines of linesOf(file)) for (const line of lines) if (isMeant(line)) count += 1;
  return count;
}

async function rewrite(file: string, isMeant: (line: string) => boolean): Promise<void> {
  const beside = `${file}${NEW_SUFFIX}`;
  await unlink(beside).catch(() => undefined);
  const handle = await open(beside, FLAGS, MODE);
  try {
    try {
      for await (const lines of linesOf(file)) {
        const kept = lines.filter((line) => !isMeant(line));
        if (kept.length > 0) await handle.writeFile(`${kept.join('\n')}\n`, 'latin1');
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await unlink(beside).catch(() => undefined);
    throw error;
  }
}

/** Takes them out of the complete files beside FILE; resolves with how many lines went. */
export async function forgetIn(file: string, names: Iterable<string>): Promise<number> {
  const isMeant = namesAny(names);
  let gone = 0;
  for (const one of (await listFiles(file)).complete) {
    const count = await countIn(one.file, isMeant);
    if (count > 0) await rewrite(one.file, isMeant);
    gone += count;
  }
  return gone;
}
