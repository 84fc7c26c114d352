/**
 * publisher - keeps a snapshot on the disk: writes it anew when grants change, and when others touch it
 *
 * Promise: a change is in the file within the interval of the time it was made, plus the time that a
 * publication takes; many changes in an interval are one publication. Readers find the old file or the
 * new one, complete. No report waits: a change is taken at once. Nothing holds up the event loop.
 *
 * The first publication is made by open(). A file that was deleted, replaced, written to or given
 * another mode is published anew, loudly, by the next tick. A publication that fails leaves the old file,
 * is told once, and tried again at every tick; what is over then stays in the file for as long.
 * Closing publishes what is still to be published.
 *
 * Limits: grants that the format has no words for are left out, and told of once.
 */
import path from 'node:path';
import { Fault, toFault } from '../core/fault.js';
import type { Denial, MapChange } from '../core/outlets.js';
import type { LeanPermission } from '../core/subject.js';
import type { Timer } from '../runtime/clock.js';
import { Command } from './command.js';
import type { Container } from './container.js';
import { containers, type ContainerName } from './containers.js';
import { saysDenials, type Wording } from './dialect.js';
import type { Freshness, LiveMapOptions, OpenLiveMap } from './format.js';
import { inspectPlace } from './map-file.js';
import { isNeeded } from './postfix-keys.js';
import { PublishThread } from './publish-thread.js';
import type { Written } from './publish-worker.js';
import { RulesFile } from './rules-file.js';
import { SnapshotFile } from './snapshot-file.js';

export const DEFAULT_INTERVAL_MS = 1_000;
/** A publication that takes longer is told of. */
const SLOW_MS = 30_000;

function* needed(denials: Iterable<Denial>): Generator<Denial> {
  for (const one of denials) if (isNeeded(one)) yield one;
}

type State = 'closed' | 'open' | 'closing';

/** A publication under way. */
interface Publishing {
  readonly since: number;
  /** Resolves when it is over, however it ended. */
  readonly over: Promise<void>;
  slow: boolean;
}

export class Publisher implements OpenLiveMap {
  readonly #container: ContainerName;
  readonly #options: LiveMapOptions;
  readonly #file: SnapshotFile;
  readonly #thread: PublishThread;
  readonly #rules: RulesFile | undefined;
  readonly #command: Command | undefined;
  #state: State = 'closed';
  /** The file does not say what the ledger says. */
  #stale = false;
  /** Since when it does not; also while what it lacks is being published. */
  #behindSince: number | undefined;
  #writtenAt = -Infinity;
  #publishing: Publishing | undefined;
  #timer: Timer | undefined;
  /** When the last publication began. */
  #lastAt = -Infinity;
  #degraded: string | undefined;
  #toldUnsaid = false;

  constructor(container: ContainerName, options: LiveMapOptions) {
    this.#container = container;
    this.#options = { ...options, path: path.resolve(options.path) };
    const { clock, log, rules, command = [], commandStdin } = this.#options;
    this.#file = new SnapshotFile(this.#options, log);
    this.#thread = new PublishThread(clock);
    this.#rules = rules === undefined ? undefined : new RulesFile(rules);
    const input = commandStdin === 'list' ? (): number => this.#file.openForReading() : undefined;
    if (command.length > 0)
      this.#command = new Command({ words: command, input, path: this.#options.path, clock, log });
  }

  get degraded(): string | undefined {
    return this.#degraded;
  }

  get untold(): string | undefined {
    return this.#command?.failing;
  }

  get freshness(): Freshness {
    return { behindSince: this.#behindSince, writtenAt: this.#writtenAt };
  }

  async open(): Promise<void> {
    if (this.#state !== 'closed') throw new Error('the map is open already');
    this.#rules?.load();
    inspectPlace(this.#options, this.#options.log);
    this.#degraded = undefined;
    try {
      await this.#publish();
    } catch (thrown) {
      await this.#thread.end();
      throw toFault(thrown, 'MAP');
    }
    this.#state = 'open';
  }

  apply(change: MapChange, done: (fault?: Fault) => void): void {
    if (this.#state !== 'open') {
      done(new Fault('MAP', `map ${this.#options.path} is closed`));
      return;
    }
    const { allow = [], deny = [], put, remove } = change;
    if (put.length + remove.length + deny.length + allow.length > 0) this.#isBehind();
    done();
  }

  renew(done: (fault?: Fault) => void): void {
    if (this.#state !== 'open') {
      done(new Fault('MAP', `map ${this.#options.path} is closed`));
      return;
    }
    this.#isBehind();
    done();
  }

  tick(): void {
    if (this.#state !== 'open') return;
    this.#command?.tick();
    this.#followRules();
    if (this.#publishing !== undefined) this.#watch(this.#publishing);
    else if (this.#degraded !== undefined) this.#begin();
    else {
      const found = this.#file.damage();
      if (found === undefined) return;
      this.#options.log.warn('map: building it anew', { path: this.#options.path, found });
      this.#begin({ loudly: true });
    }
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closing';
    this.#timer?.stop();
    await this.#publishing?.over;
    if (this.#stale) {
      this.#begin();
      await this.#publishing?.over;
    }
    await this.#command?.idle();
    await this.#thread.end();
    this.#state = 'closed';
  }

  #followRules(): void {
    const { log, path: map, rules } = this.#options;
    if (this.#rules?.hasChanged() !== true) return;
    try {
      this.#rules.load();
      log.info('map: rules read anew', { path: map, rules });
      this.#isBehind();
    } catch (thrown) {
      log.error('map: rules kept as they were', { path: map, reason: toFault(thrown, 'CONFIG').message });
    }
  }

  #watch(publishing: Publishing): void {
    const { clock, log, path: map } = this.#options;
    if (publishing.slow || clock.mono() - publishing.since < SLOW_MS) return;
    publishing.slow = true;
    log.error('map: publishing takes long; is its disk at work?', { path: map, seconds: SLOW_MS / 1000 });
  }

  /** Publishes when the interval is over. */
  #schedule(): void {
    if (this.#state !== 'open' || this.#publishing !== undefined || this.#timer !== undefined) return;
    // The next tick tries again.
    if (this.#degraded !== undefined) return;
    const { clock, intervalMs = DEFAULT_INTERVAL_MS } = this.#options;
    this.#timer = clock.after(Math.max(0, this.#lastAt + intervalMs - clock.mono()), () => {
      this.#timer = undefined;
      if (this.#publishing === undefined) this.#begin();
    });
  }

  /** Starts a publication; `loudly` tells of its success. */
  #begin({ loudly = false } = {}): void {
    const since = this.#options.clock.mono();
    this.#timer?.stop();
    this.#timer = undefined;
    const over = this.#publish().then(
      ({ grants, bytes }) => {
        const told = {
          path: this.#options.path,
          entries: grants,
          bytes,
          ms: Math.round(this.#options.clock.mono() - since),
        };
        if (loudly || this.#degraded !== undefined) this.#options.log.info('map: built anew', told);
        else this.#options.log.debug('map: published', told);
        this.#degraded = undefined;
      },
      (thrown: unknown) => {
        this.#fail(toFault(thrown, 'MAP'));
      },
    );
    this.#publishing = {
      since,
      slow: false,
      over: over.then(() => {
        this.#publishing = undefined;
        if (this.#stale) this.#schedule();
      }),
    };
  }

  #fail({ message }: Fault): void {
    if (this.#degraded !== message)
      this.#options.log.error('map: cannot be published, trying again every second', {
        path: this.#options.path,
        reason: message,
      });
    this.#degraded = message;
    this.#isBehind();
  }

  /** The file does not say what the ledger says. */
  #isBehind(): void {
    this.#stale = true;
    this.#behindSince ??= this.#options.clock.mono();
    this.#schedule();
  }

  get #wording(): Wording {
    const { dialects = containers[this.#container].dialects.slice(0, 1), value } = this.#options;
    const { cidrKey = false, termKd = false } = this.#options;
    return { dialects, value, cidrKey, termKd, rules: this.#rules?.text };
  }

  /** Who may relay, and for Postfix alone who may not. */
  #shown(): { readonly grants: Iterable<LeanPermission>; readonly denials?: Iterable<Denial> } {
    const { lean, snapshot, undivided } = this.#options;
    const container: Container = containers[this.#container];
    if (undivided === undefined || container.denies !== true || !saysDenials(this.#wording))
      return { grants: (lean ?? snapshot)() };
    const all = undivided();
    return { denials: needed(all.denials()), grants: all.lean() };
  }

  async #publish(): Promise<Written> {
    this.#lastAt = this.#options.clock.mono();
    this.#stale = false;
    const began = this.#lastAt;
    const { grants, denials } = this.#shown();
    const written = await this.#file.replace((fd) =>
      this.#thread.write({ fd, container: this.#container, wording: this.#wording }, grants, denials),
    );
    this.#isWritten(began);
    this.#tellUnsaid(written);
    this.#command?.run();
    return written;
  }

  /** Of a publication that began then: what came while it was written is not in it. */
  #isWritten(began: number): void {
    this.#writtenAt = this.#options.clock.mono();
    this.#behindSince = this.#stale ? began : undefined;
  }

  #tellUnsaid({ unsaid, examples }: Written): void {
    if (unsaid === 0 || this.#toldUnsaid) return;
    this.#toldUnsaid = true;
    this.#options.log.warn('map: its format has no words for some clients, who are left out', {
      path: this.#options.path,
      clients: unsaid,
      such: examples,
    });
  }
}
