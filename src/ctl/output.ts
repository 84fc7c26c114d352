/**
 * output - what dracctl prints: tables for people, one JSON object a line for programs
 *
 * Text that came from somebody else is escaped. Colours only on a terminal.
 */
import type { Row__Output } from '../admin/gen/dracd/admin/v1/Row.js';
import type { Timestamp__Output } from '../admin/gen/google/protobuf/Timestamp.js';
import { legible } from '../runtime/printable.js';

export interface Output {
  readonly json: boolean;
  readonly colours: boolean;
  /** Whether it is a terminal that can be drawn on. */
  readonly isTerminal: boolean;
  readonly write: (text: string) => void;
  /** Resolves when the reader has taken enough of what was written: what comes fast waits for that. */
  readonly flushed: () => Promise<void>;
  /** Wall clock, epoch milliseconds. */
  readonly now: () => number;
}

const COLOURS = { deny: 31, pin: 32, grant: 0, bold: 1 } as const;
type Colour = keyof typeof COLOURS;

export function coloured({ colours }: Output, colour: Colour, text: string): string {
  return colours && COLOURS[colour] !== 0 ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
}

/** RFC 3339; null for what is not set. */
export function timeText(time: Timestamp__Output | null): string | null {
  return time === null ? null : new Date(time.seconds * 1_000 + time.nanos / 1e6).toISOString();
}

/** How long until then, in the two largest units. */
export function remaining(time: Timestamp__Output | null, now: number): string {
  if (time === null) return 'no end';
  const seconds = Math.max(0, Math.ceil(time.seconds + time.nanos / 1e9 - now / 1_000));
  const units = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'm'],
    [1, 's'],
  ] as const;
  const at = Math.max(
    0,
    units.findIndex(([size]) => seconds >= size),
  );
  const parts = units.slice(seconds === 0 ? 3 : at, at + 2).map(([size, unit], i) => {
    const more = i === 0 ? Math.floor(seconds / size) : Math.floor((seconds % (units[at]?.[0] ?? 1)) / size);
    return `${more}${unit}`;
  });
  return parts.join(' ');
}

export const kindText = (row: Row__Output): 'grant' | 'pin' | 'deny' =>
  row.kind === 'KIND_PIN' ? 'pin' : row.kind === 'KIND_DENY' ? 'deny' : 'grant';

/** A row for programs. */
export function rowObject(row: Row__Output): Readonly<Record<string, string | null>> {
  return {
    address: row.subject,
    kind: kindText(row),
    expiresAt: timeText(row.expiresAt),
    reporter: row.reporter,
    reason: row.reason,
    user: row.user,
    author: row.author,
    client: row.client,
    createdAt: timeText(row.createdAt),
  };
}

const COLUMNS = [
  ['ADDRESS', 20],
  ['KIND', 5],
  ['ENDS IN', 8],
  ['BY', 16],
  ['USER', 10],
] as const;

/** What stands in two columns of a terminal: East Asian letters, and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/gu;
/** What stands over another letter. */
const MARK = /\p{M}/gu;

/** A text with blanks up to a width on a terminal. */
function padded(text: string, width: number): string {
  const count = (what: RegExp): number => text.match(what)?.length ?? 0;
  return text + ' '.repeat(Math.max(0, width - (count(/./gsu) + count(WIDE) - count(MARK))));
}

/** The heading of a table of rows. */
export function heading(output: Output): string {
  const names = COLUMNS.map(([name, width]) => name.padEnd(width)).join('  ');
  return `${coloured(output, 'bold', `${names}  REASON`)}\n`;
}

/** A row for people: as wide as it must be, so that nothing is lost. */
export function rowLine(output: Output, row: Row__Output): string {
  const kind = kindText(row);
  const cells = [
    row.subject,
    kind,
    remaining(row.expiresAt, output.now()),
    row.reporter || row.author,
    row.user,
  ].map((text, i) => padded(legible(text), COLUMNS[i]?.[1] ?? 0));
  const [address = '', , ...rest] = cells;
  const line = [address, coloured(output, kind, kind.padEnd(5)), ...rest, legible(row.reason)].join('  ');
  return `${line.trimEnd()}\n`;
}

/** What a terminal could obey, or show in another order than it stands there. */
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** One object a line. */
export function json(value: unknown): string {
  const text = JSON.stringify(value).replace(
    UNSAFE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${text}\n`;
}
