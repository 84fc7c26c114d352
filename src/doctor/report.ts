/**
 * report - findings as text for people, or as one JSON object a line
 *
 * Text from files and programs is escaped. Colours only where they were asked for.
 */
import { counted } from '../runtime/counted.js';
import { bad, type Finding, SEVERITIES, type Severity } from './finding.js';

export interface ReportStyle {
  readonly json: boolean;
  readonly colours: boolean;
}

/** A finding, and the check that it is of. */
export interface Told extends Finding {
  readonly check: string;
}

const COLOURS: Readonly<Record<Severity, number>> = { ok: 32, note: 36, warning: 33, error: 31 };
const WIDTH = Math.max(...SEVERITIES.map((severity) => severity.length));
const CHECK_WIDTH = 11;
const INDENT = ' '.repeat(WIDTH + CHECK_WIDTH + 4);
/** A value longer than this, characters, is not read by anybody. */
const MAX_TEXT = 1_000;

/** Printable characters of one line. */
function clean(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
  return cut.replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function whereText({ file, key, value }: Finding): string {
  const subject = [file, key].filter((part) => part !== undefined).join(': ');
  return value === undefined ? subject : subject === '' ? value : `${subject} = ${value}`;
}

function human(told: Told, colours: boolean): string {
  const { severity, check, what, cure = '' } = told;
  const name = severity.padEnd(WIDTH);
  const shown = colours ? `\u001b[${COLOURS[severity]}m${name}\u001b[0m` : name;
  const where = whereText(told);
  const lines = [`${shown}  ${check.padEnd(CHECK_WIDTH)}  ${clean(what)}`];
  if (where !== '') lines.push(`${INDENT}${clean(where)}`);
  if (cure !== '') lines.push(`${INDENT}cure: ${clean(cure)}`);
  return `${lines.join('\n')}\n`;
}

/** One finding, ready to be written. */
export function findingText(told: Told, { json, colours }: ReportStyle): string {
  if (!json) return human(told, colours);
  const { check, severity, what, file = null, key = null, value = null, cure = null } = told;
  return `${JSON.stringify({ check, severity, what, file, key, value, cure: cure === '' ? null : cure })}\n`;
}

/** The line below the table; programs count for themselves. */
export function summaryText(severities: readonly Severity[], { json }: ReportStyle): string {
  if (json) return '';
  const count = (severity: Severity): number => severities.filter((one) => one === severity).length;
  const parts = (['error', 'warning', 'note'] as const).map((severity) => {
    return counted(count(severity), severity);
  });
  return `\n${parts.join(', ')}\n`;
}

/** A configuration that cannot be used, a finding for each mistake. */
export function configFindings(message: string): Told[] {
  return message.split('\n').map((line) => ({
    check: 'config',
    ...bad('error', line, {
      cure: 'correct it (dracd --check-config says the same); nothing else was examined',
    }),
  }));
}
