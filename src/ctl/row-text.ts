/** row-text - rows as export writes them and import reads them: JSON lines or CSV with a heading */
import type { Row__Output } from '../admin/gen/dracd/admin/v1/Row.js';
import { csvLine } from './csv.js';
import { json, rowObject } from './output.js';

export const FORMATS = ['json', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** The columns of CSV, and the keys of a JSON object. */
export const COLUMNS = [
  'address',
  'kind',
  'expiresAt',
  'reporter',
  'reason',
  'user',
  'author',
  'client',
  'createdAt',
] as const;
export type Column = (typeof COLUMNS)[number];

/** The format that a file's name says, if it says one. */
export function formatOf(file: string): Format | undefined {
  if (/\.csv$/i.test(file)) return 'csv';
  return /\.(?:json|jsonl|ndjson)$/i.test(file) ? 'json' : undefined;
}

/** What stands before the rows. */
export const headOf = (format: Format): string => (format === 'csv' ? csvLine(COLUMNS) : '');

export function rowText(row: Row__Output, format: Format): string {
  const object = rowObject(row);
  return format === 'json' ? json(object) : csvLine(COLUMNS.map((column) => object[column] ?? null));
}
