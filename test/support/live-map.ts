/**
 * live-map - a live map in a directory of its own, with what a test asks of it, and processes that lock it
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { ClientAddress } from '../../src/core/address.js';
import type { Fault } from '../../src/core/fault.js';
import type { Grant } from '../../src/core/grant.js';
import type { Permission, Subject } from '../../src/core/subject.js';
import type { Denial, MapChange } from '../../src/core/outlets.js';
import type { LiveMapOptions, OpenLiveMap, Undivided } from '../../src/exports/format.js';
import { systemClock } from '../../src/runtime/clock.js';
import type { Log, LogLevel } from '../../src/runtime/log.js';
import { childEnvironment, newDirectory, until } from './processes.js';

export const EXPIRES_AT = 1_790_000_000_001;
/** What stands in the map for EXPIRES_AT: never a second too early. */
export const VALUE = '1790000001';

export function grant(client: string, expiresAt = EXPIRES_AT): Grant {
  return { client: client as ClientAddress, expiresAt, reporter: '127.0.0.1' as ClientAddress };
}

/** n different clients, 10.0.0.0 upwards, in an order that is not the map's. */
export function grants(n: number): Grant[] {
  return Array.from({ length: n }, (_, i) => grant(`10.${i & 255}.${(i >> 8) & 255}.${i >> 16}`));
}

export interface Said {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A log that keeps what it is told. */
export function recordingLog(): { log: Log; said: Said[] } {
  const said: Said[] = [];
  const say =
    (level: LogLevel) =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      said.push({ level, event, fields });
    };
  return { said, log: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') } };
}

const LOCKS = {
  /** What Postfix's readers take. */
  shared: 'fcntl.lockf(f, fcntl.LOCK_SH | fcntl.LOCK_NB)',
  /** What `postmap -i` takes. */
  exclusive: 'fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)',
  /** Another kind, which does not exclude those. */
  flock: 'fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)',
};

/** Another process that takes a lock on a file, if it can, and keeps it until it is released. */
export class LockHolder {
  static readonly #all = new Set<LockHolder>();
  readonly locked: boolean;
  readonly process: ChildProcess;

  private constructor(process: ChildProcess, locked: boolean) {
    this.process = process;
    this.locked = locked;
  }

  static async take(file: string, kind: keyof typeof LOCKS): Promise<LockHolder> {
    const program = `
import fcntl, sys
f = open(sys.argv[1], 'rb+')
try:
    ${LOCKS[kind]}
    print('locked', flush=True)
except BlockingIOError:
    print('refused', flush=True)
sys.stdin.read()`;
    const child = spawn('python3', ['-c', program, file], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: childEnvironment(),
    });
    const gone = once(child, 'exit').then(() => [Buffer.from('it ended')]);
    const [said] = (await Promise.race([once(child.stdout, 'data'), gone])) as [Buffer];
    if (!/^(?:locked|refused)/.test(said.toString()))
      throw new Error(`no lock on ${file}: ${said.toString()}`);
    const holder = new LockHolder(child, said.toString().startsWith('locked'));
    LockHolder.#all.add(holder);
    return holder;
  }

  async release(): Promise<void> {
    if (!LockHolder.#all.delete(this)) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
  }

  /** For the end of a test, however it ended. */
  static async releaseAll(): Promise<void> {
    for (const holder of LockHolder.#all) await holder.release();
  }
}

/** One map under test. The snapshot is `live`, which a test may change. */
export class MapBench {
  readonly directory = newDirectory('map');
  readonly path = path.join(this.directory, 'relay.lmdb');
  readonly said: Said[];
  readonly live: Permission[];
  /** Who of them may not relay. */
  readonly denied = new Map<Subject, Denial>();
  readonly map: OpenLiveMap;

  constructor(
    create: (options: LiveMapOptions) => OpenLiveMap,
    options: Partial<LiveMapOptions> & { readonly live?: readonly Permission[] } = {},
  ) {
    const { log, said } = recordingLog();
    this.said = said;
    this.live = [...(options.live ?? [])];
    // A copy: what is kept while a build steps through it must not make it skip others.
    const snapshot = options.snapshot ?? ((): Iterable<Permission> => [...this.live]);
    const undivided = (): Undivided => ({
      denials: () => [...this.denied.values()],
      permissions: snapshot,
      lean: snapshot,
    });
    const all = { path: this.path, mode: 0o644, clock: systemClock, log, snapshot, undivided };
    this.map = create({ ...all, ...options });
  }

  /** Keeps the change as the ledger does before it tells the map. Resolves with the Fault, or with nothing when it was made. */
  apply(change: Partial<MapChange>): Promise<Fault | undefined> {
    const whole = { put: [], remove: [], ...change };
    this.#keep(whole);
    return new Promise((resolve) => {
      this.map.apply(whole, resolve);
    });
  }

  #keep({ allow = [], deny = [], put, remove }: MapChange): void {
    for (const one of deny) this.denied.set(one.client, one);
    for (const { client } of allow) this.denied.delete(client);
    const gone = new Set(remove);
    if (gone.size > 0) {
      const left = this.live.filter(({ client }) => !gone.has(client));
      this.live.length = 0;
      for (const one of left) this.live.push(one);
    }
    for (const one of put) this.live.push(one);
  }

  put(...clients: string[]): Promise<Fault | undefined> {
    return this.apply({ put: clients.map((client) => grant(client)) });
  }

  remove(...clients: string[]): Promise<Fault | undefined> {
    return this.apply({ remove: clients as ClientAddress[] });
  }

  heard(level: LogLevel, event: string): Said[] {
    return this.said.filter((line) => line.level === level && line.event === event);
  }

  /** One tick, and the build that it starts, if any. */
  async tickAndSettle(): Promise<void> {
    this.map.tick();
    await this.apply({});
  }

  /** Waits until the map has been built anew n times in all. */
  async built(n: number): Promise<void> {
    await until(
      `the map is built anew ${n} times`,
      5_000,
      () => this.heard('info', 'map: built anew').length >= n,
    );
  }
}
