/**
 * formats - every kind of map, by the name the configuration calls it
 */
import type { Container } from './container.js';
import { containers, type ContainerName } from './containers.js';
import { saysDenials } from './dialect.js';
import { entryOf } from './entry.js';
import type { LiveMapFormat } from './format.js';
import { lmdb } from './lmdb.js';
import { Publisher } from './publisher.js';

function published(name: ContainerName): LiveMapFormat {
  const container: Container = containers[name];
  const { suffix, tableType, dialects, shared, keys } = container;
  const table = (file: string): string => `${tableType ?? ''}:${file.slice(0, file.length - suffix.length)}`;
  return {
    suffix,
    table: tableType === undefined ? undefined : table,
    dialects,
    shared,
    keys,
    keysFor: (client, chosen = dialects.slice(0, 1)) =>
      container
        .words({ dialects: chosen, cidrKey: false, termKd: false })
        .keys(entryOf({ client, expiresAt: 0 }))?.length,
    saysDenials: ({ dialects: chosen = dialects.slice(0, 1), value }) =>
      container.denies === true && saysDenials({ dialects: chosen, value }),
    create: (options) => new Publisher(name, options),
  };
}

const snapshots = Object.fromEntries(
  (Object.keys(containers) as ContainerName[]).map((name) => [name, published(name)]),
) as Record<ContainerName, LiveMapFormat>;

export const formats = { lmdb, ...snapshots } as const satisfies Record<string, LiveMapFormat>;

/** What `format` may say in the configuration. */
export type FormatName = keyof typeof formats;
