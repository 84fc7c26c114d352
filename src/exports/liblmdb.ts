/**
 * liblmdb - the machine's own LMDB library, as far as a map needs it
 *
 * Calls liblmdb.so.0, the library that this machine's Postfix reads its lmdb: maps with, so that both
 * always agree on the file's format. Functions and structures as in lmdb.h (0.9): MDB_val is
 * {size_t mv_size; void *mv_data}; MDB_envinfo's third word is the number of the last page, its fourth that of the last
 * transaction; MDB_stat begins with a page's size.
 *
 * A mistake here corrupts memory, hence: every byte that C reads or writes lies in one arena that lives
 * as long as the module and never moves (an ArrayBuffer of its own: a small typed array might lie on
 * the moving heap); lengths are checked before each call; an environment knows what it may be asked and
 * throws when it is asked anything else. Calls that can fail in operation answer an LMDB status.
 *
 * Errors: Fault LIBRARY (naming the Debian package), Fault MAP from open.
 * Limits: 64-bit machines; one thread; keys and values of at most 511 ASCII characters, without NUL.
 */
import koffi from 'koffi';
import { getSystemErrorName } from 'node:util';
import { Fault, reasonOf } from '../core/fault.js';
import { cureOf } from './cure.js';

const FILE = 'liblmdb.so.0';

/** What calls answer (lmdb.h); positive values are errno. */
export const STATUS = { OK: 0, NOT_FOUND: -30798, MAP_FULL: -30792 } as const;

const NOSUBDIR = 0x4000;
const NOSYNC = 0x1_0000;
const APPEND = 0x2_0000;
const NOLOCK = 0x40_0000;
/** Locking is the caller's, durability too: the file is rebuilt whenever it is in doubt. */
const ENVIRONMENT_FLAGS = NOSUBDIR | NOSYNC | NOLOCK;

const MAX_TEXT = 511;
const WORD = 8;

const ARENA_BYTES = 4096;
const KEY = 0;
const VALUE = 16;
const OUT = 32;
const INFO = 64;
const STAT = 128;
const KEY_BYTES = 1024;
const VALUE_BYTES = 2048;

const arena = new ArrayBuffer(ARENA_BYTES);
const bytes = new Uint8Array(arena);
const words = new BigUint64Array(arena);
const ints = new Uint32Array(arena);
/** Sizes as words: converting one on every put would cost as much as the rest of it. */
const sizes = Array.from({ length: MAX_TEXT + 2 }, (_, size) => BigInt(size));

type Address = number;
export type Status = number;

/** A C function: its arguments in their order, and what it answers. */
type Call<Arguments extends readonly unknown[], Result = Status> = (...args: Arguments) => Result;

interface Library {
  /** Where the arena begins, and its key and value as words. */
  readonly at: Address;
  readonly keyAt: bigint;
  readonly valueAt: bigint;
  readonly envCreate: Call<[env: Address]>;
  readonly envSetMapsize: Call<[env: Address, size: number]>;
  readonly envOpen: Call<[env: Address, path: string, flags: number, mode: number]>;
  readonly envInfo: Call<[env: Address, info: Address]>;
  readonly envStat: Call<[env: Address, stat: Address]>;
  readonly envClose: Call<[env: Address], void>;
  readonly txnBegin: Call<[env: Address, parent: Address, flags: number, txn: Address]>;
  readonly txnCommit: Call<[txn: Address]>;
  readonly txnAbort: Call<[txn: Address], void>;
  readonly dbiOpen: Call<[txn: Address, name: Address, flags: number, dbi: Address]>;
  readonly put: Call<[txn: Address, dbi: number, key: Address, value: Address, flags: number]>;
  readonly del: Call<[txn: Address, dbi: number, key: Address, value: Address]>;
  readonly strerror: Call<[status: Status], string>;
}

let loaded: Library | undefined;

function load(file: string): Library {
  if (koffi.sizeof('size_t') !== WORD) throw new Fault('LIBRARY', 'lmdb maps need a 64-bit machine');
  const base = Number(koffi.address(bytes));
  // Pointers travel as plain numbers; those of user space are exact.
  if (!Number.isSafeInteger(base + ARENA_BYTES))
    throw new Fault('LIBRARY', 'lmdb maps: unusable memory layout');
  const library = koffi.load(file);
  const P = 'uintptr_t';
  return {
    at: base,
    keyAt: BigInt(base + KEY_BYTES),
    valueAt: BigInt(base + VALUE_BYTES),
    envCreate: library.func('mdb_env_create', 'int', [P]),
    envSetMapsize: library.func('mdb_env_set_mapsize', 'int', [P, 'size_t']),
    envOpen: library.func('mdb_env_open', 'int', [P, 'str', 'uint', 'uint']),
    envInfo: library.func('mdb_env_info', 'int', [P, P]),
    envStat: library.func('mdb_env_stat', 'int', [P, P]),
    envClose: library.func('mdb_env_close', 'void', [P]),
    txnBegin: library.func('mdb_txn_begin', 'int', [P, P, 'uint', P]),
    txnCommit: library.func('mdb_txn_commit', 'int', [P]),
    txnAbort: library.func('mdb_txn_abort', 'void', [P]),
    dbiOpen: library.func('mdb_dbi_open', 'int', [P, P, 'uint', P]),
    put: library.func('mdb_put', 'int', [P, 'uint', P, P, 'uint']),
    del: library.func('mdb_del', 'int', [P, 'uint', P, P]),
    strerror: library.func('mdb_strerror', 'str', ['int']),
  };
}

/** Loads the library, once. Throws Fault LIBRARY when it is not there. `file` is what the dynamic linker is asked for. */
export function loadLibrary(file = FILE): Library {
  if (file === FILE && loaded !== undefined) return loaded;
  try {
    const library = load(file);
    if (file === FILE) loaded = library;
    return library;
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    const cure =
      'install the Debian package liblmdb0 (postfix-lmdb depends on it), or say exports = [] if nothing reads such a map';
    throw new Fault('LIBRARY', `lmdb maps need ${file}: ${cure}: ${reasonOf(thrown)}`, thrown);
  }
}

function explain(library: Library, status: Status): string {
  // The library's own statuses are negative, the system's are errno.
  return library.strerror(status) + (status > 0 ? cureOf(getSystemErrorName(-status)) : '');
}

/** Writes text and its closing NUL at an offset of the arena; answers how many bytes that is. */
function store(text: string, offset: number): number {
  const { length } = text;
  if (length > MAX_TEXT) throw new RangeError(`longer than ${MAX_TEXT} characters`);
  for (let i = 0; i < length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 0 || code > 0x7f) throw new RangeError('not ASCII without NUL');
    bytes[offset + i] = code;
  }
  bytes[offset + length] = 0;
  return length + 1;
}

/** An open data file, with at most one write transaction at a time on its unnamed database. */
export class Environment {
  readonly #library: Library;
  #env: Address;
  #txn: Address = 0;
  #dbi = 0;
  #mapBytes: number;

  private constructor(library: Library, env: Address, mapBytes: number) {
    this.#library = library;
    this.#env = env;
    this.#mapBytes = mapBytes;
  }

  /**
   * Opens a data file that exists; an empty one becomes an empty map. `mapBytes`: how far it may grow for
   * now. `name`: what a Fault calls the file.
   */
  static open(path: string, mapBytes: number, name = path): Environment {
    const library = loadLibrary();
    words[OUT / WORD] = 0n;
    const created = library.envCreate(library.at + OUT);
    const env = Number(words[OUT / WORD]);
    const environment = new Environment(library, env, mapBytes);
    const check = (status: Status): void => {
      if (status === STATUS.OK) return;
      // LMDB asks for a close after a failed open too.
      if (created === STATUS.OK) environment.close();
      throw new Fault('MAP', `${name} cannot be opened as an lmdb map: ${explain(library, status)}`);
    };
    check(created);
    check(library.envSetMapsize(env, mapBytes));
    check(library.envOpen(env, path, ENVIRONMENT_FLAGS, 0o600));
    check(environment.begin());
    check(library.dbiOpen(environment.#txn, 0, 0, library.at + OUT));
    environment.#dbi = ints[OUT / 4] ?? 0;
    check(environment.commit());
    return environment;
  }

  /** The number of the last transaction in the file, whoever made it. Reads the mapping: the file must not be short. */
  get lastTransaction(): number {
    this.#library.envInfo(this.#opened(), this.#library.at + INFO);
    return Number(words[INFO / WORD + 3]);
  }

  /** How long the file is with all its pages, those at its end included that were given back before they were written. */
  get fileBytes(): number {
    const env = this.#opened();
    this.#library.envInfo(env, this.#library.at + INFO);
    this.#library.envStat(env, this.#library.at + STAT);
    return (Number(words[INFO / WORD + 2]) + 1) * (ints[STAT / 4] ?? 0);
  }

  get isOpen(): boolean {
    return this.#env !== 0;
  }

  get mapBytes(): number {
    return this.#mapBytes;
  }

  /** In words, what a status means and what to do about it. */
  explain(status: Status): string {
    return explain(this.#library, status);
  }

  begin(): Status {
    const env = this.#opened();
    if (this.#txn !== 0) throw new Error('a transaction is under way');
    words[OUT / WORD] = 0n;
    const status = this.#library.txnBegin(env, 0, 0, this.#library.at + OUT);
    if (status === STATUS.OK) this.#txn = Number(words[OUT / WORD]);
    return status;
  }

  /** Sets a key. `append`: the caller knows that it is greater than every key there. */
  put(key: string, value: string, append = false): Status {
    const txn = this.#begun();
    const at = this.#library.at;
    words[KEY / WORD] = sizes[store(key, KEY_BYTES)] as bigint;
    words[KEY / WORD + 1] = this.#library.keyAt;
    words[VALUE / WORD] = sizes[store(value, VALUE_BYTES)] as bigint;
    words[VALUE / WORD + 1] = this.#library.valueAt;
    return this.#library.put(txn, this.#dbi, at + KEY, at + VALUE, append ? APPEND : 0);
  }

  /** Takes a key away; NOT_FOUND when it is not there. */
  remove(key: string): Status {
    const txn = this.#begun();
    const at = this.#library.at;
    words[KEY / WORD] = sizes[store(key, KEY_BYTES)] as bigint;
    words[KEY / WORD + 1] = this.#library.keyAt;
    return this.#library.del(txn, this.#dbi, at + KEY, 0);
  }

  /** Ends the transaction, whether it succeeds or not. */
  commit(): Status {
    const txn = this.#begun();
    this.#txn = 0;
    return this.#library.txnCommit(txn);
  }

  abort(): void {
    const txn = this.#begun();
    this.#txn = 0;
    this.#library.txnAbort(txn);
  }

  /** Lets the file grow to twice as much; between transactions only. When that fails the mapping is gone: it is closed. */
  grow(): Status {
    const env = this.#opened();
    if (this.#txn !== 0) throw new Error('a transaction is under way');
    const status = this.#library.envSetMapsize(env, this.#mapBytes * 2);
    if (status === STATUS.OK) this.#mapBytes *= 2;
    else this.close();
    return status;
  }

  /** Gives everything back; closing twice is harmless. */
  close(): void {
    if (this.#env === 0) return;
    if (this.#txn !== 0) this.abort();
    this.#library.envClose(this.#env);
    this.#env = 0;
  }

  #opened(): Address {
    if (this.#env === 0) throw new Error('the environment is closed');
    return this.#env;
  }

  #begun(): Address {
    if (this.#txn === 0) throw new Error('no transaction is under way');
    return this.#txn;
  }
}
