/**
 * postmap - the live map as Postfix's own tool reads it
 *
 * Reads through `postmap -q` and `postmap -s` with a configuration directory of its own, so that it
 * needs none of the machine's Postfix. It says lmdb:PATH without the suffix, as main.cf does.
 */
import { copyFileSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { mustRun, newDirectory, run } from './processes.js';
import type { Ended } from './processes.js';

let configuration: string | undefined;

/** A directory with the least that postmap asks for. */
export function configurationDirectory(): string {
  if (configuration === undefined) {
    configuration = newDirectory('postmap');
    const main = path.join(configuration, 'main.cf');
    writeFileSync(main, 'compatibility_level = 3.6\n');
    // Postfix waits two seconds before it reads a file that has just been written.
    utimesSync(main, 1, 1);
    copyFileSync('/etc/postfix/dynamicmaps.cf', path.join(configuration, 'dynamicmaps.cf'));
  }
  return configuration;
}

/** "lmdb:/x/relay" of "/x/relay.lmdb". */
export function tableName(mapPath: string): string {
  return `lmdb:${mapPath.replace(/\.lmdb$/, '')}`;
}

function entries(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => [line.split('\t')[0] ?? '', line.split('\t')[1] ?? '']));
}

/** The value of one key, or undefined when the map does not hold it; an unreadable map is an error. */
export async function lookup(mapPath: string, key: string): Promise<string | undefined> {
  const ended = await run(['postmap', '-c', configurationDirectory(), '-q', key, tableName(mapPath)]);
  if (ended.code === 0) return ended.stdout.trim();
  if (ended.stderr !== '') throw new Error(`postmap -q: ${ended.stderr}`);
  return undefined;
}

/** `postmap -q -` once over all keys: what it printed, its exit status and its complaints. */
export async function lookupAll(
  mapPath: string,
  keys: string,
): Promise<Ended & { readonly found: Map<string, string> }> {
  const command = ['postmap', '-c', configurationDirectory(), '-q', '-', tableName(mapPath)];
  const ended = await run(command, { input: keys });
  return { ...ended, found: entries(ended.stdout) };
}

/** The whole map: `postmap -s`. */
export async function dump(mapPath: string): Promise<Map<string, string>> {
  return entries(await mustRun(['postmap', '-c', configurationDirectory(), '-s', tableName(mapPath)]));
}
