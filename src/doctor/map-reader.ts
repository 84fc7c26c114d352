/**
 * map-reader - an exported file through the tool of the mail server that reads it
 *
 * Postfix's maps by `postmap -q`, where the answer DUNNO is no permission; a Berkeley DB of others by `db5.3_verify`, a cdb by `cdb -q`, a list by reading.
 */
import { open } from 'node:fs/promises';
import type { Examined, MapFile } from './check.js';
import type { Programs, Ran } from './programs.js';
import { postfixArguments } from './postconf.js';

export type Found =
  | { readonly kind: 'found'; readonly value: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface MapReader {
  /** What reads it, in messages. */
  readonly tool: string;
  lookup(key: string): Promise<Found>;
  /** Keys and values that it begins with. */
  some(): Promise<(readonly [string, string])[]>;
}

const LIST_BYTES = 64 * 1024;
/** What a map says of whom it does not let relay. */
const DENIED = 'DUNNO';
/** cdb(1): no such key. */
const CDB_ABSENT = 100;

const ABSENT: Found = { kind: 'absent' };
const failed = ({ complaint, status }: Ran): Found => ({
  kind: 'failed',
  reason: complaint === '' ? `exit status ${status ?? 'unknown'}` : complaint,
});

/** access(5): DUNNO is as good as no key. */
function answered(stdout: string): Found {
  const value = stdout.trim();
  return value === DENIED ? ABSENT : { kind: 'found', value };
}

function pairs(text: string): (readonly [string, string])[] {
  // The last line may be in pieces.
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => {
    const [key = '', value = ''] = line.split('\t');
    return [key, value] as const;
  });
}

function byPostmap(postmap: string, table: string, examined: Examined): MapReader {
  const { programs, postfix } = examined;
  const where = postfixArguments(postfix);
  return {
    tool: `postmap -q ${table}`,
    lookup: async (key) => {
      const ran = await programs.run(postmap, [...where, '-q', key, table]);
      if (ran.complaint !== '') return failed(ran);
      if (ran.status === 0) return answered(ran.stdout);
      return ran.status === 1 ? ABSENT : failed(ran);
    },
    some: async () => pairs((await programs.run(postmap, [...where, '-s', table])).stdout),
  };
}

function byVerify(verify: string, { path }: MapFile, programs: Programs): MapReader {
  return {
    tool: 'db5.3_verify',
    lookup: async () => {
      const ran = await programs.run(verify, ['-q', path]);
      return ran.status === 0 ? ABSENT : failed(ran);
    },
    some: () => Promise.resolve([]),
  };
}

function byCdb(cdb: string, { path }: MapFile, programs: Programs): MapReader {
  return {
    tool: 'cdb -q',
    lookup: async (key) => {
      const ran = await programs.run(cdb, ['-q', path, key]);
      if (ran.status === 0) return answered(ran.stdout);
      return ran.status === CDB_ABSENT ? ABSENT : failed(ran);
    },
    some: () => Promise.resolve([]),
  };
}

async function beginning(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LIST_BYTES), 0, LIST_BYTES, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The line of a client, through a list of any length. */
async function lineOf(path: string, client: string): Promise<string | undefined> {
  const file = await open(path, 'r');
  for await (const line of file.readLines({ encoding: 'latin1' }))
    if (line === client || line.startsWith(`${client}\t`)) return line;
  return undefined;
}

/** A line is one client, in printable characters. */
function byReading({ path }: MapFile): MapReader {
  return {
    tool: 'as text',
    lookup: async (key) => {
      if (!/^[\t\n\x20-\x7e]*$/.test(await beginning(path)))
        return { kind: 'failed', reason: 'it is no text' };
      const line = await lineOf(path, key);
      return line === undefined ? ABSENT : { kind: 'found', value: line };
    },
    some: async () => pairs(await beginning(path)),
  };
}

const NO_SUCH_TYPE = /unsupported dictionary type/;

/** What reads a map on this host; in words, why nothing does. */
export function readerOf(map: MapFile, examined: Examined): MapReader | string {
  const { programs } = examined;
  if (map.format === 'list') return byReading(map);
  const postmap = programs.find('postmap');
  if (map.table !== undefined && postmap !== undefined) {
    const reader = byPostmap(postmap, map.table, examined);
    return { ...reader, lookup: (key) => withPackage(reader, map, key) };
  }
  const [name, by] = map.format === 'bdb' ? (['db5.3_verify', byVerify] as const) : (['cdb', byCdb] as const);
  if (map.format === 'lmdb') return 'there is no postmap on this host';
  const tool = programs.find(name);
  return tool === undefined ? `there is no ${name} on this host` : by(tool, map, programs);
}

/** A Postfix without the map's type says so in words that name no package. */
async function withPackage(reader: MapReader, { format }: MapFile, key: string): Promise<Found> {
  const found = await reader.lookup(key);
  if (found.kind !== 'failed' || !NO_SUCH_TYPE.test(found.reason)) return found;
  return { kind: 'failed', reason: `${found.reason}; apt-get install postfix-${format}` };
}
