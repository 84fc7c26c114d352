/**
 * export-bench - an exported file in a directory of its own, with a set of grants as the ledger keeps them
 *
 * `grant` and `revoke` change the set and tell the map, as the ledger does; `holds` waits until the file
 * says something, for a snapshot follows in its own time.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { ClientAddress } from '../../src/core/address.js';
import type { Fault } from '../../src/core/fault.js';
import type { Grant } from '../../src/core/grant.js';
import type { LiveMapOptions, OpenLiveMap } from '../../src/exports/format.js';
import { formats, type FormatName } from '../../src/exports/formats.js';
import { systemClock } from '../../src/runtime/clock.js';
import type { LogLevel } from '../../src/runtime/log.js';
import { EXPIRES_AT, grant, recordingLog, type Said } from './live-map.js';
import { mapReaders } from './map-readers.js';
import { newDirectory, until } from './processes.js';

export interface ExportBenchOptions extends Partial<LiveMapOptions> {
  /** Who is granted from the start. */
  readonly clients?: readonly string[];
}

export class ExportBench {
  static readonly #all: ExportBench[] = [];
  readonly format: FormatName;
  readonly directory = newDirectory('export');
  readonly path: string;
  readonly said: Said[];
  /** By client; given to the map as its snapshot. */
  readonly live = new Map<string, Grant>();
  readonly map: OpenLiveMap;

  constructor(format: FormatName, { clients = [], ...options }: ExportBenchOptions = {}) {
    const { log, said } = recordingLog();
    this.format = format;
    this.said = said;
    this.path = options.path ?? path.join(this.directory, `relay${mapReaders[format].suffix}`);
    for (const client of clients) this.live.set(client, grant(client));
    this.map = formats[format].create({
      mode: 0o644,
      clock: systemClock,
      log,
      snapshot: () => this.live.values(),
      ...options,
      path: this.path,
    });
    ExportBench.#all.push(this);
  }

  static async open(format: FormatName, options: ExportBenchOptions = {}): Promise<ExportBench> {
    const bench = new ExportBench(format, options);
    await bench.map.open();
    return bench;
  }

  /** For afterEach. */
  static async closeAll(): Promise<void> {
    for (const bench of ExportBench.#all.splice(0)) {
      await bench.map.close();
      rmSync(bench.directory, { recursive: true, force: true });
    }
  }

  grant(client: string, expiresAt = EXPIRES_AT): Promise<Fault | undefined> {
    const one = grant(client, expiresAt);
    this.live.set(client, one);
    return new Promise((resolve) => {
      this.map.apply({ put: [one], remove: [] }, resolve);
    });
  }

  revoke(client: string): Promise<Fault | undefined> {
    this.live.delete(client);
    return new Promise((resolve) => {
      this.map.apply({ put: [], remove: [client as ClientAddress] }, resolve);
    });
  }

  heard(level: LogLevel, event: string): Said[] {
    return this.said.filter((line) => line.level === level && line.event === event);
  }

  /** How many publications of a snapshot have been told of. */
  get published(): number {
    return this.said.filter(({ event }) => event === 'map: published' || event === 'map: built anew').length;
  }

  lookup(client: string): Promise<string | undefined> {
    return mapReaders[this.format].lookup(this.path, client);
  }

  /** The clients in the file, sorted. */
  async clients(): Promise<string[]> {
    return [...(await mapReaders[this.format].dump(this.path)).keys()].sort();
  }

  /** Waits until the file holds exactly these clients. */
  async holds(...clients: string[]): Promise<void> {
    const wanted = [...clients].sort().join(' ');
    let found = '';
    await until(`the file holds ${wanted}`, 10_000, async () => {
      found = (await this.clients()).join(' ');
      return found === wanted;
    }).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}; it holds ${found}`);
    });
  }

  /** Ticks until something is so. */
  async ticksUntil(what: string, ask: () => boolean): Promise<void> {
    await until(what, 10_000, () => {
      this.map.tick();
      return ask();
    });
  }
}
