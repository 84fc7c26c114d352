/** dracctl - the built program, run against the door's stand-in; for the tests of this directory */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { parseNetwork } from '../../../src/core/network.js';
import { subjectOf } from '../../../src/core/subject.js';
import type { ReportCount, Row, Stats } from '../../../src/admin/operations.js';
import { MemoryOperations } from '../../support/operations.js';
import { childEnvironment, type Ended, ROOT, run, type RunOptions, until } from '../../support/processes.js';
import { open, type Opened } from '../admin/doors.js';

export const CTL = path.join(ROOT, 'dist/ctl.js');
const HOUR_MS = 3_600_000;

/** A stand-in that counts as a daemon does. */
export class CountingOperations extends MemoryOperations {
  counts: Record<string, number> = {};
  reported: ReportCount[] = [];
  trouble = '';
  asked = 0;

  override stats(): Stats & Record<string, number | string | boolean> {
    this.asked += 1;
    const kinds = [...this.entries.values()].map(({ kind }) => kind);
    const count = (kind: Row['kind']): number => kinds.filter((one) => one === kind).length;
    return {
      version: '9.8.7',
      leases: count('grant'),
      leasesMax: 1_000_000,
      pins: count('pin'),
      denies: count('deny'),
      journalDegraded: this.trouble,
      ...Object.fromEntries(Object.entries(this.counts).map(([name, n]) => [`counted.${name}`, n])),
    };
  }

  override reports(): readonly ReportCount[] {
    return this.reported;
  }

  /** Puts a row there, as if it had been made some time ago. */
  put(kind: Row['kind'], subject: string, more: Partial<Row> = {}): void {
    const parsed = parseNetwork(subject);
    if (parsed === undefined) throw new RangeError(subject);
    const expiresAt = kind === 'grant' ? Math.floor(Date.now() / 1_000) * 1_000 + HOUR_MS : undefined;
    this.entries.set(`${kind} ${subject}`, { kind, subject: subjectOf(parsed), expiresAt, ...more });
  }
}

export interface Standing extends Omit<Opened, 'operations'> {
  readonly operations: CountingOperations;
  /** Runs dracctl against it to its end. */
  readonly ctl: (words: readonly string[], options?: RunOptions) => Promise<Ended>;
}

export async function stand(operations = new CountingOperations(), at?: string): Promise<Standing> {
  const opened = await open({ operations, ...(at === undefined ? {} : { at }) });
  const ctl = (words: readonly string[], options: RunOptions = {}): Promise<Ended> =>
    run([process.execPath, CTL, ...words], {
      limitMs: 60_000,
      ...options,
      env: { DRACCTL_SERVER: opened.place, ...options.env },
    });
  return { ...opened, operations, ctl };
}

/** A dracctl that goes on until it is told to end. */
export interface Running {
  stdout(): string;
  stderr(): string;
  lines(): string[];
  /** Sends it a signal and waits for its end. */
  end(signal?: NodeJS.Signals): Promise<number | string | null>;
  readonly ended: Promise<number | string | null>;
}

export function start(server: string, words: readonly string[]): Running {
  const child = spawn(process.execPath, [CTL, '--server', server, ...words], {
    env: childEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 100_000,
    killSignal: 'SIGKILL',
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = new Promise<number | string | null>((resolve) => {
    child.on('close', (code, signal) => {
      resolve(code ?? signal);
    });
  });
  return {
    stdout: () => out,
    stderr: () => err,
    lines: () => out.split('\n').slice(0, -1),
    end: (signal = 'SIGINT') => {
      child.kill(signal);
      return ended;
    },
    ended,
  };
}

/** Waits until a running dracctl is being told of changes. */
export async function watched({ operations }: Standing, how = 1): Promise<void> {
  await until('it watches', 60_000, () => operations.watchers >= how);
}
