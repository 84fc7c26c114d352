/**
 * config - reads and checks the configuration
 *
 * TOML (smol-toml), checked as a whole (zod): every mistake is reported at once, each with file, key,
 * value and what is allowed. Without a file the defaults hold: loopback listeners, loopback reporters
 * and the original's dracd.allow, grants of 30 minutes, state and the admin socket under the directories given.
 *
 * Errors: Fault CONFIG, whose message is ready to be shown.
 */
import { parse, TomlError, type TomlTable } from 'smol-toml';
import type { z } from 'zod';
import { conflicts } from './config-conflicts.js';
import { allowed, type Config, configSchema } from './config-schema.js';
import { Fault, reasonOf } from './core/fault.js';
import { readSmallFile } from './runtime/read-file.js';

export type { Config } from './config-schema.js';

/** What holds where the text says nothing. */
export interface Defaults {
  /** Where state goes when the text names no path. */
  readonly stateDirectory: string;
  /** Where sockets go; default: where state goes. */
  readonly runtimeDirectory?: string | undefined;
  /** Gives what the text does not say, before all is checked. */
  readonly supply?: ((root: TomlTable) => TomlTable) | undefined;
}

/** A larger configuration file than this, bytes, is not one. */
export const MAX_CONFIG_BYTES = 8 * 1024 * 1024;

/** `exports.0.mode` as the table of keys writes it: `exports.*.mode`. */
function keyPattern(path: readonly PropertyKey[]): string {
  return path.map((part) => (typeof part === 'number' ? '*' : String(part))).join('.');
}

function keyName(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`))
    .join('');
}

function valueAt(root: unknown, path: readonly PropertyKey[]): string {
  let value = root;
  for (const part of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[part];
  const text = value === undefined ? 'not given' : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

function knownKeysUnder(pattern: string): string {
  const prefix = pattern === '' ? '' : `${pattern}.`;
  const keys = Object.keys(allowed).filter(
    (key) => key.startsWith(prefix) && /^[a-z0-9_]+$/.test(key.slice(prefix.length)),
  );
  return keys.map((key) => key.slice(prefix.length)).join(', ');
}

function describe(issue: z.core.$ZodIssue, root: unknown): string[] {
  const pattern = keyPattern(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return `key ${keyName(path)} = ${valueAt(root, path)}: no such key; known here: ${knownKeysUnder(pattern)}`;
    });
  }
  return [
    `key ${keyName(issue.path)} = ${valueAt(root, issue.path)}: must be ${allowed[pattern] ?? issue.message}`,
  ];
}

/**
 * Checks the text of a configuration. `file` is only named in messages; `defaults` may be one directory for all that
 * the text names no path for.
 */
export function parseConfig(text: string, file: string, defaults: string | Defaults): Config {
  const { stateDirectory, runtimeDirectory, supply }: Defaults =
    typeof defaults === 'string' ? { stateDirectory: defaults } : defaults;
  const directories = { state: stateDirectory, runtime: runtimeDirectory ?? stateDirectory };
  let root: TomlTable;
  try {
    root = parse(text);
    root = supply?.(root) ?? root;
  } catch (error) {
    const where = error instanceof TomlError ? `:${error.line}:${error.column}` : '';
    throw new Fault('CONFIG', `${file}${where}: not TOML: ${reasonOf(error).split('\n', 1)[0] ?? ''}`, error);
  }
  const result = configSchema(directories).safeParse(root);
  const mistakes = result.success
    ? conflicts(result.data).map(
        ({ path, problem }) => `key ${keyName(path)} = ${valueAt(root, path)}: ${problem}`,
      )
    : result.error.issues.flatMap((issue) => describe(issue, root));
  if (result.success && mistakes.length === 0) return result.data;
  throw new Fault('CONFIG', mistakes.map((mistake) => `${file}: ${mistake}`).join('\n'));
}

/** Reads a configuration file. */
export function readConfig(file: string, defaults: string | Defaults): Config {
  let text: string;
  try {
    text = readSmallFile(file, MAX_CONFIG_BYTES);
  } catch (error) {
    throw new Fault('CONFIG', `${file}: cannot be read: ${reasonOf(error)}`, error);
  }
  return parseConfig(text, file, defaults);
}
