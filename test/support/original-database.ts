/**
 * original-database - databases as the original rpc.dracd writes them: by Berkeley DB itself, in place
 *
 * The program is built when a test asks (original-database.c).
 */
import path from 'node:path';
import { ROOT, mustRun, newDirectory } from './processes.js';

/** How the original was built. */
export interface Build {
  /** REQ_HASH is "hash". */
  readonly method?: 'btree' | 'hash';
  /** CIDR_KEY */
  readonly cidr?: boolean;
  /** TERM_KD */
  readonly term?: boolean;
}

/** The original's wordings of a btree. */
export const builds: readonly Build[] = [{}, { cidr: true }, { term: true }, { cidr: true, term: true }];

/** "CIDR_KEY TERM_KD", for the names of tests. */
export function nameOf({ method, cidr = false, term = false }: Build): string {
  const names = [method === 'hash' ? 'REQ_HASH' : '', cidr ? 'CIDR_KEY' : '', term ? 'TERM_KD' : ''];
  return names.filter((name) => name !== '').join(' ') || 'no build option';
}

/** The words of a key and its data in such a database. */
export function worded(
  { cidr = false, term = false }: Build,
  client: string,
  second: number,
): [string, string] {
  const end = term ? '\0' : '';
  return [`${client}${cidr ? (client.includes(':') ? '/128' : '/32') : ''}${end}`, `${second}${end}`];
}

export class OriginalDatabase {
  readonly program: string;

  private constructor(program: string) {
    this.program = program;
  }

  static async build(): Promise<OriginalDatabase> {
    const program = path.join(newDirectory('original'), 'original-database');
    const source = path.join(ROOT, 'test/support/original-database.c');
    await mustRun(['gcc', '-O1', '-o', program, source, '-ldb-5.3']);
    return new OriginalDatabase(program);
  }

  #command(file: string, { method = 'btree', cidr = false, term = false }: Build): string[] {
    return [this.program, file, method, ...(cidr ? ['cidr'] : []), ...(term ? ['term'] : [])];
  }

  /**
   * Enters clients, each until its second, and then removes what ended before `sweep`. `bulk`: with one sync at the
   * end, where many are only to be there.
   */
  async enter(
    file: string,
    clients: Readonly<Record<string, number>>,
    { sweep, bulk = false, ...build }: Build & { readonly sweep?: number; readonly bulk?: boolean } = {},
  ): Promise<void> {
    const puts = Object.entries(clients).map(([client, second]) => `put ${client} ${second}\n`);
    const input = (bulk ? 'bulk\n' : '') + puts.join('') + (sweep === undefined ? '' : `sweep ${sweep}\n`);
    await mustRun(this.#command(file, build), { input });
  }
}
