/**
 * csv - comma-separated values, as RFC 4180 has them
 *
 * Written with LF line ends, and quotes where a field needs them; read with LF or CRLF. A quoted field may go on over
 * lines.
 *
 * Limits: a record of more than MAX_RECORD characters is wrong.
 */

const MAX_RECORD = 65_536;

/** A record with its line end. */
export function csvLine(fields: readonly (string | null)[]): string {
  const quoted = fields.map((field) => {
    const text = field ?? '';
    return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${quoted.join(',')}\n`;
}

/** One field, from where the last one ended, with what follows it. */
const FIELD = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;

/** Takes lines without their ends, and answers records. */
export class CsvReader {
  #pending: string | undefined;

  /** A record; undefined when it goes on in the next line; or what is wrong with it. */
  take(line: string): readonly string[] | string | undefined {
    const whole = this.#pending === undefined ? line : `${this.#pending}\n${line}`;
    if (whole.length > MAX_RECORD) return this.#wrong(`is longer than ${MAX_RECORD} characters`);
    if (whole.split('"').length % 2 === 0) {
      this.#pending = whole;
      return undefined;
    }
    this.#pending = undefined;
    return (
      fieldsOf(whole.endsWith('\r') ? whole.slice(0, -1) : whole) ?? 'has a quote in the midst of a field'
    );
  }

  /** Whether a quoted field was never closed. */
  get isOpen(): boolean {
    return this.#pending !== undefined;
  }

  #wrong(why: string): string {
    this.#pending = undefined;
    return why;
  }
}

function fieldsOf(record: string): string[] | undefined {
  const fields: string[] = [];
  const field = new RegExp(FIELD);
  for (;;) {
    const match = field.exec(record);
    if (match === null) return undefined;
    const [, quoted, plain = '', after] = match;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (after === '') return fields;
  }
}
