/**
 * entries-file - where operators' entries survive a restart: entries.json in the store's directory
 *
 * Promise: when save resolves, the entries given are what load gives back, and nothing else. The file is written
 * beside, synced and renamed, so that there is the old one or the new one, whole.
 *
 *   {"format":"dracd entries","version":1,"entries":[
 *   {"kind":"deny","subject":"192.0.2.7","reason":"...","author":"...","createdAt":1790000000000},
 *   ...
 *   ],
 *   "crc32":"89abcdef"}
 *
 * The checksum is of all before its line: a bit that flipped in an address would deny somebody else.
 *
 * Errors: Fault STORE. A file that cannot be read or believed stops the start: what operators denied would relay.
 *
 * Limits: one save at a time. The file is handed to the disk in steps, between which other work goes on.
 */
import fs from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { Fault, reasonOf } from '../core/fault.js';
import { parseNetwork } from '../core/network.js';
import {
  DENY_ROOM,
  idOf,
  MAX_ENTRIES,
  MAX_NAME,
  MAX_REASON,
  type OperatorEntry,
} from '../core/operator-entry.js';
import { type Subject, subjectOf } from '../core/subject.js';
import {
  closeQuietly,
  codeOf,
  type Files,
  nodeFiles,
  openFile,
  removeFile,
  settle,
  syncDirectory,
  writeAll,
} from './files.js';

export const ENTRIES_NAME = 'entries.json';
/** What is being written; left over when that was interrupted. */
export const NEW_ENTRIES_NAME = 'entries.json.new';

const HEAD = '{"format":"dracd entries","version":1,"entries":[\n';
const TAIL = /^\],\n"crc32":"([0-9a-f]{8})"\}\n$/;
const TAIL_LENGTH = '],\n"crc32":"89abcdef"}\n'.length;
/** How many entries there can be. */
const MOST = DENY_ROOM * MAX_ENTRIES;
/** A file of so many entries with the longest texts, every character escaped, is smaller. */
const MAX_BYTES = 256 * 1024 * 1024;
const LINES_AT_ONCE = 500;
const READ_FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
const WRITE_FLAGS =
  fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW;

const KEYS = ['kind', 'subject', 'reason', 'author', 'user', 'createdAt', 'expiresAt'];
const KINDS: readonly unknown[] = ['grant', 'pin', 'deny'];

const isText = (value: unknown, most: number): value is string =>
  typeof value === 'string' && value.length <= most;
const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isSubject(value: unknown): value is Subject {
  const network = typeof value === 'string' ? parseNetwork(value) : undefined;
  return network !== undefined && !network.hostBits && subjectOf(network) === value;
}

/** The entry that a value is; undefined when it is none. */
function entryIn(value: unknown): OperatorEntry | undefined {
  if (typeof value !== 'object' || value === null || Object.keys(value).some((key) => !KEYS.includes(key)))
    return undefined;
  const { kind, subject, reason, author, user, createdAt, expiresAt } = value as Record<string, unknown>;
  const isSound =
    KINDS.includes(kind) &&
    isSubject(subject) &&
    isText(reason, MAX_REASON) &&
    isText(author, MAX_NAME) &&
    (user === undefined || isText(user, MAX_NAME)) &&
    isTime(createdAt) &&
    (expiresAt === undefined ? kind !== 'grant' : isTime(expiresAt));
  return isSound ? (value as OperatorEntry) : undefined;
}

/** In words, what is wrong; the entries otherwise. */
function parse(bytes: Buffer): string | OperatorEntry[] {
  const text = bytes.toString('utf8');
  const end = text.length - TAIL_LENGTH;
  const body = text.slice(0, end);
  const checksum = TAIL.exec(text.slice(end))?.[1];
  if (!text.startsWith(HEAD)) return 'it does not begin as such a file does';
  if (checksum === undefined) return 'its end is missing';
  if (crc32(`${body}],\n`) !== parseInt(checksum, 16)) return 'its checksum is wrong';
  let values: unknown;
  try {
    values = JSON.parse(`[${body.slice(HEAD.length)}]`);
  } catch (error) {
    return reasonOf(error);
  }
  const entries = (values as unknown[]).map(entryIn);
  const sound = entries.filter((entry) => entry !== undefined);
  const bad = entries.indexOf(undefined);
  if (bad >= 0) return `entry ${bad + 1} is none`;
  if (sound.length > MOST) return `it has more than ${MOST} entries`;
  return new Set(sound.map(idOf)).size === sound.length
    ? sound
    : 'it has two entries of one kind for one subject';
}

function readAll(file: string): Buffer | undefined {
  let fd: number;
  try {
    fd = fs.openSync(file, READ_FLAGS);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const stats = fs.fstatSync(fd);
    if (!stats.isFile()) throw new Error('it is not a file');
    if (stats.size > MAX_BYTES) throw new Error('it is too large');
    return fs.readFileSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** The entries in a store's directory; none when there is no file. Throws Fault STORE. */
export function loadEntries(directory: string): OperatorEntry[] {
  const file = path.join(directory, ENTRIES_NAME);
  let wrong: string;
  try {
    const bytes = readAll(file);
    const parsed = bytes === undefined ? [] : parse(bytes);
    if (typeof parsed !== 'string') return parsed;
    wrong = parsed;
  } catch (error) {
    wrong = reasonOf(error);
  }
  throw new Fault(
    'STORE',
    `${file} cannot be used: ${wrong}. It holds who operators have pinned and denied. ` +
      'Put back a copy, or move it away and pin and deny anew',
  );
}

export class EntriesFile {
  readonly #directory: string;
  readonly #files: Files;
  readonly #lines = new WeakMap<OperatorEntry, string>();

  constructor(directory: string, files: Files = nodeFiles) {
    this.#directory = directory;
    this.#files = files;
  }

  /** Makes these the entries. Rejects with Fault STORE; what was there before then still is, as a rule. */
  async save(entries: Iterable<OperatorEntry>): Promise<void> {
    const file = path.join(this.#directory, ENTRIES_NAME);
    try {
      await this.#write([...entries]);
      await settle((done) => {
        this.#files.rename(path.join(this.#directory, NEW_ENTRIES_NAME), file, done);
      });
      await syncDirectory(this.#files, this.#directory);
    } catch (error) {
      throw new Fault('STORE', `cannot write ${file}: ${reasonOf(error)}`, error);
    }
  }

  async #write(entries: readonly OperatorEntry[]): Promise<void> {
    const file = path.join(this.#directory, NEW_ENTRIES_NAME);
    await removeFile(this.#files, file);
    const fd = await openFile(this.#files, file, WRITE_FLAGS);
    try {
      let position = 0;
      let checksum = 0;
      const write = async (text: string): Promise<void> => {
        const bytes = Buffer.from(text);
        await writeAll(this.#files, fd, { bytes, position });
        position += bytes.length;
      };
      for (const part of this.#parts(entries)) {
        checksum = crc32(part, checksum);
        await write(part);
      }
      await write(`"crc32":"${checksum.toString(16).padStart(8, '0')}"}\n`);
      await settle((done) => {
        this.#files.fsync(fd, done);
      });
    } catch (error) {
      await closeQuietly(this.#files, fd);
      await removeFile(this.#files, file).catch(() => undefined);
      throw error;
    }
    await closeQuietly(this.#files, fd);
  }

  /** All but the line with the checksum. */
  *#parts(entries: readonly OperatorEntry[]): Generator<string> {
    yield HEAD;
    for (let from = 0; from < entries.length; from += LINES_AT_ONCE) {
      const lines = entries.slice(from, from + LINES_AT_ONCE).map((entry) => this.#line(entry));
      const isLast = from + LINES_AT_ONCE >= entries.length;
      yield `${lines.join(',\n')}${isLast ? '' : ','}\n`;
    }
    yield '],\n';
  }

  #line(entry: OperatorEntry): string {
    let line = this.#lines.get(entry);
    if (line === undefined) {
      const { kind, subject, reason, author, user, createdAt, expiresAt } = entry;
      line = JSON.stringify({ kind, subject, reason, author, user, createdAt, expiresAt });
      this.#lines.set(entry, line);
    }
    return line;
  }
}
