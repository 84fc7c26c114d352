/**
 * own-process - what the kernel and Node tell of this process
 *
 * Total: what cannot be read is NaN, which Prometheus takes for "not known".
 */
import { readdir, readFile } from 'node:fs/promises';

export interface OwnProcess {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly openDescriptors: number;
  readonly maxDescriptors: number;
}

const LIMIT = /^Max open files\s+(\d+)/m;

export async function ownProcess(): Promise<OwnProcess> {
  const { user, system } = process.cpuUsage();
  const { heapUsed, rss } = process.memoryUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: rss,
    heapBytes: heapUsed,
    openDescriptors: await readdir('/proc/self/fd').then(
      ({ length }) => length,
      () => NaN,
    ),
    maxDescriptors: await readFile('/proc/self/limits', 'latin1').then(
      (text) => Number(LIMIT.exec(text)?.[1] ?? NaN),
      () => NaN,
    ),
  };
}
