/**
 * machine - where the numbers come from: processor, kernel, file system, and how long an fdatasync takes
 *
 * The benchmark works on a real disk: a directory in memory would make every durable server look fast.
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync, readFileSync, statfsSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, tmpdir } from 'node:os';
import path from 'node:path';
import { percentile } from './statistics.mjs';

/** File systems that keep their files in memory (statfs's f_type). */
const IN_MEMORY = [0x0102_1994, 0x8584_58f6];
const PROBE_BYTES = 4096;
const PROBE_PAGES = 256;
const PROBE_COUNT = 500;
const PROBE_LIMIT_MS = 2_000;

/** @param {string} directory */
function isInMemory(directory) {
  return IN_MEMORY.includes(statfsSync(directory).type);
}

/** The first directory for temporary files that lies on a disk; the usual one when none does. */
export function diskDirectory() {
  const candidates = [tmpdir(), '/var/tmp', process.cwd()];
  return candidates.find((directory) => !isInMemory(directory)) ?? tmpdir();
}

/** The type and the device of the file system a directory lies on. @param {string} directory */
function fileSystemOf(directory) {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [head = '', tail = ''] = line.split(' - ');
      return { point: head.split(' ')[4] ?? '', what: tail.split(' ').slice(0, 2).join(' on ') };
    })
    .filter(({ point }) => point === '/' || directory === point || directory.startsWith(`${point}/`));
  // Of two mounts on one point the later one is seen.
  const best = mounts.reduce((a, b) => (b.point.length >= a.point.length ? b : a), {
    point: '',
    what: 'unknown',
  });
  return `${best.what}${isInMemory(directory) ? ' (IN MEMORY: nothing here is durable)' : ''}`;
}

/** Microseconds of a 4 KiB write and its fdatasync, in a file that does not grow. @param {string} directory */
export function probeDisk(directory) {
  const page = Buffer.alloc(PROBE_BYTES, 1);
  const fd = openSync(path.join(directory, 'fdatasync-probe'), 'w');
  const times = [];
  try {
    for (let i = 0; i < PROBE_PAGES; i += 1) writeSync(fd, page, 0, PROBE_BYTES, i * PROBE_BYTES);
    fsyncSync(fd);
    const end = performance.now() + PROBE_LIMIT_MS;
    for (let i = 0; i < PROBE_COUNT && performance.now() < end; i += 1) {
      const from = performance.now();
      writeSync(fd, page, 0, PROBE_BYTES, (i % PROBE_PAGES) * PROBE_BYTES);
      fdatasyncSync(fd);
      times.push((performance.now() - from) * 1_000);
    }
  } finally {
    closeSync(fd);
  }
  return { medianUs: Math.round(percentile(times, 0.5)), p99Us: Math.round(percentile(times, 0.99)) };
}

/** @param {string} directory where the servers keep their files */
export function describeMachine(directory) {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    kernel: release(),
    node: process.versions.node,
    fileSystem: fileSystemOf(directory),
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}
