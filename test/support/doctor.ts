/**
 * doctor - `dracctl doctor` as a test runs it, and what it has found as data
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { configurationText } from './daemon.js';
import type { Namespace } from './namespace.js';
import { ROOT, newDirectory, run } from './processes.js';

export const CTL = path.join(ROOT, 'dist/ctl.js');
/** For machines that are busy; a check that hangs would still end. */
const TIMEOUT = ['--timeout', '90s'];

/** A line of --json. */
export interface Found {
  readonly check: string;
  readonly severity: string;
  readonly what: string;
  readonly file: string | null;
  readonly key: string | null;
  readonly value: string | null;
  readonly cure: string | null;
}

export interface Examined {
  readonly code: number | null;
  readonly found: readonly Found[];
}

/** Runs it to its end; `command` stands for dracctl where it is to run elsewhere. */
export async function doctor(args: readonly string[], command: readonly string[] = []): Promise<Examined> {
  const program = command.length === 0 ? [process.execPath, CTL] : command;
  const ended = await run([...program, 'doctor', '--json', ...TIMEOUT, ...args], { limitMs: 120_000 });
  if (ended.stderr !== '') throw new Error(ended.stderr);
  const found = ended.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Found);
  return { code: ended.code, found };
}

/** dracctl inside of a namespace. */
export const within = (inside: Namespace): string[] => [...inside.prefix, process.execPath, CTL];

/** What wants something done. */
export const troubles = (found: readonly Found[]): Found[] =>
  found.filter(({ severity }) => severity === 'warning' || severity === 'error');

/** A configuration of a daemon that is not started. */
export function configured(options: Parameters<typeof configurationText>[1] = {}): {
  readonly directory: string;
  readonly file: string;
} {
  const directory = newDirectory('doctor');
  const file = path.join(directory, 'dracd.toml');
  writeFileSync(file, configurationText(directory, options));
  return { directory, file };
}
