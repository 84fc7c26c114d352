/**
 * formats - every kind of live map, by the name the configuration calls it
 */
import type { LiveMapFormat } from './format.js';
import { lmdb } from './lmdb.js';

export const formats = { lmdb } as const satisfies Record<string, LiveMapFormat>;

/** What `format` may say in the configuration. */
export type FormatName = keyof typeof formats;
