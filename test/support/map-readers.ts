/**
 * map-readers - every exported file as the programs read it that it is written for, or their authors' tools
 *
 * A file that such a program cannot read, or complains of, is an error and not an empty map.
 */
import { readFileSync } from 'node:fs';
import type { FormatName } from '../../src/exports/formats.js';
import { configurationDirectory } from './postmap.js';
import { mustRun, run } from './processes.js';

export interface MapReader {
  /** What the file's name ends with: Postfix's tables are named without it. */
  readonly suffix: string;
  lookup(file: string, key: string): Promise<string | undefined>;
  dump(file: string): Promise<Map<string, string>>;
}

/** "btree:/x/relay" of btree and "/x/relay.db". */
export function postfixTable(type: string, file: string): string {
  return `${type}:${file.replace(/\.[^./]*$/, '')}`;
}

/** `postmap -q`: the value of one key, or undefined. */
export async function postmapQuery(table: string, key: string): Promise<string | undefined> {
  const ended = await run(['postmap', '-c', configurationDirectory(), '-q', key, table]);
  if (ended.stderr !== '') throw new Error(`postmap -q: ${ended.stderr}`);
  return ended.code === 0 ? ended.stdout.trim() : undefined;
}

/** `postmap -q -`: all keys through one opened table. */
export async function postmapAll(table: string, keys: readonly string[]): Promise<Map<string, string>> {
  const command = ['postmap', '-c', configurationDirectory(), '-q', '-', table];
  const ended = await run(command, { input: keys.map((key) => `${key}\n`).join('') });
  if (ended.stderr !== '') throw new Error(`postmap -q -: ${ended.stderr}`);
  return pairs(ended.stdout);
}

/** `postmap -s`: the whole table. */
export async function postmapDump(table: string): Promise<Map<string, string>> {
  return pairs(await mustRun(['postmap', '-c', configurationDirectory(), '-s', table]));
}

function pairs(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => [line.split('\t')[0] ?? '', line.split('\t')[1] ?? '']));
}

/** `db5.3_verify`: an error unless it has no complaint. */
export async function verifyBdb(file: string): Promise<void> {
  await mustRun(['db5.3_verify', '-q', file]);
}

/** Keys and values of a Berkeley DB file as they are, NULs included, in their order; `db5.3_dump`. */
export async function dumpBdb(file: string): Promise<[string, string][]> {
  const lines = (await mustRun(['db5.3_dump', file])).split('\n');
  const data = lines.filter((line) => line.startsWith(' '));
  const text = (line = ''): string => Buffer.from(line.slice(1), 'hex').toString('latin1');
  return Array.from({ length: data.length / 2 }, (_, i) => [text(data[2 * i]), text(data[2 * i + 1])]);
}

/** Keys and values of a cdb as they are, in their order; `cdb -d`. */
export async function dumpCdb(file: string): Promise<[string, string][]> {
  const text = await mustRun(['cdb', '-d', file]);
  const all: [string, string][] = [];
  for (let at = 0; text[at] === '+';) {
    const head = /^\+(\d+),(\d+):/.exec(text.slice(at, at + 30)) ?? [];
    const key = at + (head[0]?.length ?? 0);
    const value = key + Number(head[1]) + 2;
    const end = value + Number(head[2]);
    all.push([text.slice(key, value - 2), text.slice(value, end)]);
    at = end + 1;
  }
  return all;
}

/** What a list says: key and value, separated by a tab, or a key alone. */
function lines(file: string): Map<string, string> {
  const text = readFileSync(file, 'latin1');
  if (text !== '' && !text.endsWith('\n')) throw new Error(`the last line of ${file} has no end`);
  return pairs(text);
}

/** The tool that finds the rule which tcpserver would follow for an address. */
export async function tcpRule(file: string, address: string): Promise<string> {
  return mustRun(['tcprulescheck', file], { env: { TCPREMOTEIP: address } });
}

export const mapReaders: Readonly<Record<FormatName, MapReader>> = {
  lmdb: {
    suffix: '.lmdb',
    lookup: (file, key) => postmapQuery(postfixTable('lmdb', file), key),
    dump: (file) => postmapDump(postfixTable('lmdb', file)),
  },
  bdb: {
    suffix: '.db',
    lookup: (file, key) => postmapQuery(postfixTable('btree', file), key),
    dump: async (file) => {
      await verifyBdb(file);
      return postmapDump(postfixTable('btree', file));
    },
  },
  cdb: {
    suffix: '.cdb',
    lookup: (file, key) => postmapQuery(postfixTable('cdb', file), key),
    dump: async (file) => new Map(await dumpCdb(file)),
  },
  tcprules: {
    suffix: '.cdb',
    lookup: async (file, key) => {
      const { code, stdout, stderr } = await run(['cdb', '-q', file, key]);
      if (code !== 0 && code !== 100) throw new Error(`cdb -q: ${String(code)} ${stderr}`);
      return code === 0 ? stdout : undefined;
    },
    dump: async (file) => new Map(await dumpCdb(file)),
  },
  list: {
    suffix: '.list',
    lookup: (file, key) => Promise.resolve(lines(file).get(key)),
    dump: (file) => Promise.resolve(lines(file)),
  },
};
