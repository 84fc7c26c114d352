/**
 * containers - every snapshot format, by the name the configuration calls it
 */
import { bdb } from './bdb.js';
import { cdb } from './cdb.js';
import type { Container } from './container.js';
import { list } from './list.js';
import { tcprules } from './tcprules.js';

export const containers = { bdb, cdb, tcprules, list } as const satisfies Record<string, Container>;

export type ContainerName = keyof typeof containers;
