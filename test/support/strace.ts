/**
 * strace - what the daemon asked of the kernel, and in which order
 *
 * Reads `strace -f -xx -o FILE`: one system call a record, with the line numbers at which it began and
 * ended. Calls of different threads that overlap are put together again.
 */
import { readFileSync } from 'node:fs';

export interface SystemCall {
  readonly name: string;
  /** Everything between the brackets, strings as \x hex. */
  readonly argument: string;
  readonly result: number;
  readonly injected: boolean;
  /** Line numbers. */
  readonly began: number;
  readonly ended: number;
}

/** The calls of a trace, in the order in which they ended. */
export function readTrace(file: string): SystemCall[] {
  const open = new Map<string, { name: string; text: string; began: number }>();
  const calls: SystemCall[] = [];
  const finish = (call: { name: string; text: string; began: number }, ended: number): void => {
    const parts = /^(.*)\)\s*= (-?\d+)/s.exec(call.text);
    if (parts === null) return;
    calls.push({
      name: call.name,
      argument: parts[1] ?? '',
      result: Number(parts[2]),
      injected: call.text.includes('(INJECTED)'),
      began: call.began,
      ended,
    });
  };
  for (const [at, line] of readFileSync(file, 'latin1').split('\n').entries()) {
    const begin = /^(\d+)\s+(\w+)\((.*)$/.exec(line);
    const resume = /^(\d+)\s+<\.\.\. (\w+) resumed>(.*)$/.exec(line);
    if (begin !== null) {
      const call = { name: begin[2] ?? '', text: begin[3] ?? '', began: at };
      if (call.text.endsWith('<unfinished ...>')) {
        open.set(begin[1] ?? '', { ...call, text: call.text.replace(/ *<unfinished \.\.\.>$/, '') });
      } else finish(call, at);
    } else if (resume !== null) {
      const call = open.get(resume[1] ?? '');
      open.delete(resume[1] ?? '');
      if (call !== undefined) finish({ ...call, text: call.text + (resume[3] ?? '') }, at);
    }
  }
  return calls;
}

/** Bytes as strace -xx writes them. */
export function traced(bytes: Uint8Array): string {
  return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}
