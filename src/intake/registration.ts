/**
 * registration - keeps our program in rpcbind's list while we run
 *
 * Promise: both versions are registered on every transport that has a door, or it is said why not. A look
 * every LOOK_EVERY_MS registers again what was lost (rpcbind forgets when it is restarted without -w). An
 * entry that names another port is somebody else's: told once, and not fought over. At the stop our entries
 * are withdrawn.
 *
 * Mode 'auto': without rpcbind the daemon serves clients that know the port, and goes on looking.
 * 'required': the start fails (Fault RPCBIND) when not everything could be registered. 'off': nothing.
 */
import { Fault, reasonOf } from '../core/fault.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import { VERSION_1, VERSION_2 } from '../wire/drac.js';
import type { Entry, NetId, Rpcbind } from './rpcbind.js';

export type RpcbindMode = 'auto' | 'required' | 'off';
export type RegistrationState = 'registered' | 'taken' | 'absent' | 'off';

export interface RegistrationOptions {
  readonly mode: RpcbindMode;
  readonly rpcbind: Pick<Rpcbind, 'ports' | 'set' | 'unset'>;
  /** The transports that have a door now, and their port. */
  readonly doors: () => { readonly netids: readonly NetId[]; readonly port: number };
  /** Called before anything is registered: from then on rpcbind may send us others' calls. */
  readonly announcing: () => void;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Log;
}

/** The longest that stop waits for rpcbind, milliseconds. */
const WITHDRAW_MS = 300;

export class Registration {
  readonly #options: RegistrationOptions;
  #state: RegistrationState;
  /** What we registered: to be withdrawn. */
  #ours: readonly Entry[] = [];
  #looking: Promise<boolean> | undefined;
  #told = false;
  #stopped = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#state = options.mode === 'off' ? 'off' : 'absent';
  }

  get state(): RegistrationState {
    return this.#state;
  }

  /** The first registration; what an earlier run of ours left behind is replaced. Rejects in mode 'required' only. */
  async start(): Promise<void> {
    const { mode } = this.#options;
    if (mode === 'off') return;
    try {
      await this.#clear();
    } catch {
      // The look meets the same error and says so.
    }
    await this.look();
    if (mode === 'required' && this.#state !== 'registered') {
      const cure =
        this.#state === 'taken' ? 'see rpcinfo -s' : 'start rpcbind, or set [rpc] rpcbind = "auto"';
      throw new Fault('RPCBIND', `rpcbind is required and does not know us: ${this.#state}; ${cure}`);
    }
  }

  /**
   * An entry of another user stays, unless we are root, and is found by the look. rpcbind is not asked before what
   * there is: of a server that was killed it tells no port, and still refuses another entry.
   */
  async #clear(): Promise<void> {
    const { log, rpcbind } = this.#options;
    const wanted = this.#wanted();
    const removed = await rpcbind.unset(wanted);
    const found = wanted.filter((_, index) => removed[index]);
    if (found.length > 0)
      log.warn('rpcbind: entries from before were removed', { entries: found.map(nameOf) });
  }

  /** Looks once; answers whether something had to be registered, or rpcbind has come back. Never rejects. One look at a time. */
  look(): Promise<boolean> {
    if (this.#options.mode === 'off' || this.#stopped) return Promise.resolve(false);
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<boolean> {
    try {
      const wasAbsent = this.#state === 'absent';
      return (await this.#restore()) || wasAbsent;
    } catch (error) {
      this.#enter('absent', () => {
        const level = this.#told ? 'warn' : 'info';
        this.#options.log[level]('rpcbind: does not answer; clients must be told the port', {
          error: reasonOf(error),
        });
      });
      return false;
    }
  }

  /** Withdraws what we registered. Never rejects; waits at most WITHDRAW_MS. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#state === 'off') return;
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(WITHDRAW_MS, () => {
        this.#options.log.warn('rpcbind: our registration could not be withdrawn in time');
        resolve();
      });
      void this.#withdrawAll().then(() => {
        timer.stop();
        resolve();
      });
    });
  }

  async #withdrawAll(): Promise<void> {
    // A look under way may still register.
    await this.#looking;
    const ours = this.#ours;
    this.#ours = [];
    try {
      // Also when rpcbind did not answer the last look: it may only have been slow.
      await this.#options.rpcbind.unset(ours);
    } catch (error) {
      // That it is absent has been told.
      if (this.#state === 'absent') return;
      this.#options.log.warn('rpcbind: our registration could not be withdrawn', { error: reasonOf(error) });
    }
  }

  #wanted(): Entry[] {
    const { netids } = this.#options.doors();
    return [VERSION_1, VERSION_2].flatMap((version) => netids.map((netid) => ({ version, netid })));
  }

  async #restore(): Promise<boolean> {
    const { log, rpcbind } = this.#options;
    const { port } = this.#options.doors();
    const wanted = this.#wanted();
    await this.#withdraw(wanted);
    const ports = await rpcbind.ports(wanted);
    const missing = wanted.filter((_, index) => ports[index] === undefined);
    const taken = wanted.filter((_, index) => ports[index] !== undefined && ports[index] !== port);
    // Before they are set: rpcbind may do it and not say so in time.
    this.#ours = wanted.filter((entry) => !taken.includes(entry));
    if (missing.length > 0) this.#options.announcing();
    const accepted = await rpcbind.set(missing, port);
    taken.push(...missing.filter((_, index) => accepted[index] !== true));
    this.#ours = wanted.filter((entry) => !taken.includes(entry));
    if (taken.length > 0) {
      this.#enter('taken', () => {
        log.error('rpcbind: another program is registered in our place; its clients do not reach us', {
          entries: taken.map(nameOf),
          cure: 'stop that program, or remove its entry with rpcinfo -d 900101 1 and 2',
        });
      });
    } else {
      this.#enter('registered', () => {
        log.info('rpcbind: registered', { port });
      });
    }
    return missing.length > 0;
  }

  /** Takes back the entries of transports whose last door is gone. */
  async #withdraw(wanted: readonly Entry[]): Promise<void> {
    const gone = this.#ours.filter(
      (entry) => !wanted.some(({ version, netid }) => entry.version === version && entry.netid === netid),
    );
    await this.#options.rpcbind.unset(gone);
  }

  #enter(state: RegistrationState, tell: () => void): void {
    if (this.#state === state && this.#told) return;
    this.#state = state;
    tell();
    this.#told = true;
  }
}

function nameOf({ version, netid }: Entry): string {
  return `version ${version} ${netid}`;
}
