/**
 * files - the file system calls that make a store durable, and what they do as promises
 *
 * Tests hand in calls that fail. Errors: the system's.
 */
import fs from 'node:fs';

const NEW_FILE_MODE = 0o640;
const DIRECTORY_FLAGS = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY;

type Settled = (error: Error | null) => void;

/** The file system calls that make the journal durable; tests hand in failing ones. */
export interface Files {
  open(file: string, flags: number, done: (error: Error | null, fd: number) => void): void;
  /** pwrite: the first `length` bytes of `bytes` at `position`. */
  write(fd: number, chunk: FileChunk, done: (error: Error | null, written: number) => void): void;
  fdatasync(fd: number, done: Settled): void;
  fsync(fd: number, done: Settled): void;
  ftruncate(fd: number, length: number, done: Settled): void;
  close(fd: number, done: Settled): void;
  unlink(file: string, done: Settled): void;
  rename(from: string, to: string, done: Settled): void;
}

export interface FileChunk {
  readonly bytes: Buffer;
  readonly length: number;
  readonly position: number;
}

/** The real file system. */
export const nodeFiles: Files = {
  open: (file, flags, done) => {
    fs.open(file, flags, NEW_FILE_MODE, done);
  },
  write: (fd, chunk, done) => {
    fs.write(fd, chunk.bytes, 0, chunk.length, chunk.position, done);
  },
  fdatasync: (fd, done) => {
    fs.fdatasync(fd, done);
  },
  fsync: (fd, done) => {
    fs.fsync(fd, done);
  },
  ftruncate: (fd, length, done) => {
    fs.ftruncate(fd, length, done);
  },
  close: (fd, done) => {
    fs.close(fd, done);
  },
  unlink: (file, done) => {
    fs.unlink(file, done);
  },
  rename: (from, to, done) => {
    fs.rename(from, to, done);
  },
};

/** Turns one of the calls above into a promise: for all that is not the hot path. */
export function settle(start: (done: Settled) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** The system's code of an error, such as ENOENT; undefined for anything else. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

export function openFile(files: Files, file: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    files.open(file, flags, (error, fd) => {
      if (error === null) resolve(fd);
      else reject(error);
    });
  });
}

/** One write at a position. Rejects with the system's error; a short write is that of a full disk. */
export async function writeAll(
  files: Files,
  fd: number,
  { bytes, position }: Omit<FileChunk, 'length'>,
): Promise<void> {
  const { length } = bytes;
  const written = await new Promise<number>((resolve, reject) => {
    files.write(fd, { bytes, length, position }, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
  if (written !== length) throw shortWrite(written, length);
}

/** Removes a file, if there is one. Rejects with the system's error. */
export async function removeFile(files: Files, file: string): Promise<void> {
  try {
    await settle((done) => {
      files.unlink(file, done);
    });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Closes what has been synced, or is given up: an error says nothing more. */
export function closeQuietly(files: Files, fd: number): Promise<void> {
  return settle((done) => {
    files.close(fd, done);
  }).catch(() => undefined);
}

/** A file is written short when its room ends; what the rest would have met is the error of a full disk. */
export function shortWrite(written: number, wanted: number): Error {
  return Object.assign(new Error(`short write: ${written} of ${wanted} bytes`), { code: 'ENOSPC' });
}

/** Makes the names in a directory durable. */
export async function syncDirectory(files: Files, directory: string): Promise<void> {
  const fd = await openFile(files, directory, DIRECTORY_FLAGS);
  try {
    await settle((done) => {
      files.fsync(fd, done);
    });
  } finally {
    await settle((done) => {
      files.close(fd, done);
    });
  }
}

/** Cuts a file that nobody appends to any more. Rejects with the system's error. */
export async function cutFile(files: Files, file: string, length: number): Promise<void> {
  const fd = await openFile(files, file, fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW);
  try {
    await settle((done) => {
      files.ftruncate(fd, length, done);
    });
  } finally {
    await settle((done) => {
      files.close(fd, done);
    });
  }
}
