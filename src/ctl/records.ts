/** records - the lines of a file as records of named fields, in JSON or CSV, each with what is wrong with it */
import { CsvReader } from './csv.js';
import type { Line } from './lines.js';
import { type Column, COLUMNS, type Format } from './row-text.js';

export type Fields = Readonly<Partial<Record<Column, string>>>;

export interface FileRecord {
  /** The line it begins at. */
  readonly line: number;
  readonly fields?: Fields;
  readonly wrong?: string;
}

const isColumn = (name: string): name is Column => (COLUMNS as readonly string[]).includes(name);
const KNOWN = `known are ${COLUMNS.join(', ')}`;

function fieldsOfJson(text: string): Fields | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'is no JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is no JSON object';
  const fields: Partial<Record<Column, string>> = {};
  for (const [name, field] of Object.entries(value)) {
    if (!isColumn(name)) return `has the unknown key ${JSON.stringify(name.slice(0, 64))}; ${KNOWN}`;
    if (field === null) continue;
    if (typeof field !== 'string') return `${name}: must be text`;
    fields[name] = field;
  }
  return fields;
}

async function* jsonRecords(lines: AsyncIterable<Line>): AsyncGenerator<FileRecord, void, void> {
  for await (const { number: line, text, wrong } of lines) {
    if (text === undefined) yield { line, wrong: wrong ?? '' };
    else if (text.trim() !== '') yield recordOf(line, fieldsOfJson(text));
  }
}

const recordOf = (line: number, found: Fields | string): FileRecord =>
  typeof found === 'string' ? { line, wrong: found } : { line, fields: found };

function columnsOf(heading: readonly string[]): readonly Column[] | string {
  const unknown = heading.find((name) => !isColumn(name));
  if (unknown !== undefined)
    return `has the unknown column ${JSON.stringify(unknown.slice(0, 64))}; ${KNOWN}`;
  if (new Set(heading).size < heading.length) return 'names a column twice';
  const columns = heading.filter(isColumn);
  const isEnough = columns.includes('address') && columns.includes('kind');
  return isEnough ? columns : 'the first line must name the columns, at least address and kind';
}

function fieldsOfCsv(columns: readonly Column[], values: readonly string[]): Fields | string {
  if (values.length !== columns.length)
    return `has ${values.length} fields; the heading has ${columns.length}`;
  return Object.fromEntries(columns.map((column, i) => [column, values[i] ?? '']));
}

async function* csvRecords(lines: AsyncIterable<Line>): AsyncGenerator<FileRecord, void, void> {
  const reader = new CsvReader();
  let columns: readonly Column[] | undefined;
  let from = 0;
  for await (const { number, text, wrong } of lines) {
    if (!reader.isOpen) from = number;
    const values = text === undefined ? (wrong ?? '') : reader.take(text);
    if (values === undefined || (text === '' && from === number)) continue;
    if (typeof values === 'string') yield { line: from, wrong: values };
    else if (columns !== undefined) yield recordOf(from, fieldsOfCsv(columns, values));
    else {
      const found = columnsOf(values);
      // Without columns nothing that follows can be understood.
      if (typeof found === 'string') return yield { line: from, wrong: found };
      columns = found;
    }
  }
  if (reader.isOpen) yield { line: from, wrong: 'has a quote that is never closed' };
}

export function recordsOf(
  lines: AsyncIterable<Line>,
  format: Format,
): AsyncGenerator<FileRecord, void, void> {
  return format === 'csv' ? csvRecords(lines) : jsonRecords(lines);
}
