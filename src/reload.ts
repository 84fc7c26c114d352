/**
 * reload - which keys two configurations differ in, and which of these can change while the daemon runs
 */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.js';
import type { Reloaded } from './operations.js';

/** Keys that take effect with a reload. */
const RELOADABLE = ['reporters.allow', 'reporters.allow_file', 'reporters.names', 'log.level', 'admin.tls'];

/** Lists of tables. */
const LISTS = ['exports', 'lookups'];

const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** The keys of a section that differ, as the configuration writes them. */
function differing(name: string, one: unknown, other: unknown): string[] {
  if (isDeepStrictEqual(one, other)) return [];
  if (isTable(one) && isTable(other))
    return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((key) =>
      isDeepStrictEqual(one[key], other[key]) ? [] : [`${name}.${key}`],
    );
  // Of a list of tables, which of them.
  if (LISTS.includes(name) && Array.isArray(one) && Array.isArray(other) && one.length === other.length)
    return one.flatMap((table, index) =>
      isDeepStrictEqual(table, other[index]) ? [] : [`${name}[${index}]`],
    );
  return [name];
}

/** What differs between the configuration in use and another. */
export function compareConfigs(running: Config, next: Config): Reloaded {
  const sections = new Set([...Object.keys(running), ...Object.keys(next)] as (keyof Config)[]);
  const keys = [...sections].flatMap((section) => differing(section, running[section], next[section]));
  return {
    changed: keys.filter((key) => RELOADABLE.includes(key)),
    needsRestart: keys.filter((key) => !RELOADABLE.includes(key)),
  };
}
