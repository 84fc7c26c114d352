/**
 * static-rules - the administrator's own rules for tcpserver, as tcprules(1) reads them
 *
 * A line is `address:allow` or `address:deny`, followed by any number of `,VAR="value"`, where any character
 * may stand in the place of the quotation marks. `1.2.3.37-53:` is short for many lines. Blanks at the
 * end of a line, empty lines, those that begin with # and those without a colon are passed over.
 *
 * As tcpserver does, of two rules for the same address the first holds.
 *
 * Errors: Fault CONFIG, naming the line.
 * Limits: MAX_RULES_BYTES of text, MAX_RULES rules when all are written out. Text is Latin-1: bytes stay as they are.
 */
import { Fault } from '../core/fault.js';

export const MAX_RULES_BYTES = 1024 * 1024;
export const MAX_RULES = 100_000;
const MAX_OCTET = 255;
const DENY = 'D\0';

/** By address: what tcpserver is to do, as a tcprules cdb says it. */
export type StaticRules = ReadonlyMap<string, string>;

/** Whether a rule's data says that the connection is to be refused. */
export function denies(data: string): boolean {
  return data.startsWith('D');
}

/** The data of `,VAR="value",...`; undefined when it is not that. */
function variables(text: string): string | undefined {
  let data = '';
  for (let rest = text; rest !== '';) {
    const equals = rest.indexOf('=');
    const quote = rest[equals + 1];
    if (!rest.startsWith(',') || equals < 0 || quote === undefined) return undefined;
    const end = rest.indexOf(quote, equals + 2);
    if (end < 0) return undefined;
    data += `+${rest.slice(1, equals + 1)}${rest.slice(equals + 2, end)}\0`;
    rest = rest.slice(end + 1);
  }
  return data;
}

function dataOf(instructions: string): string | undefined {
  if (instructions.startsWith('deny')) {
    const data = variables(instructions.slice('deny'.length));
    return data === undefined ? undefined : DENY + data;
  }
  return instructions.startsWith('allow') ? variables(instructions.slice('allow'.length)) : undefined;
}

/** `1.2.3.37-53` as the addresses that it is short for; undefined when a bound is no number. */
function writtenOut(address: string): string[] | undefined {
  const dash = address.indexOf('-');
  if (dash < 0 || /[=@]/.test(address)) return [address];
  const left = address.lastIndexOf('.', dash) + 1;
  const dot = address.indexOf('.', dash);
  const right = dot < 0 ? address.length : dot;
  const bounds = [address.slice(left, dash), address.slice(dash + 1, right)];
  if (!bounds.every((bound) => /^\d{1,9}$/.test(bound))) return undefined;
  const [bottom = 0, top = 0] = bounds.map(Number);
  const all: string[] = [];
  for (let octet = bottom; octet <= Math.min(top, MAX_OCTET); octet += 1)
    all.push(`${address.slice(0, left)}${octet}${address.slice(right)}`);
  return all;
}

/** Reads rules; `file` is only named in messages. */
export function parseStaticRules(text: string, file: string): StaticRules {
  const rules = new Map<string, string>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/[ \t]+$/, '');
    const colon = line.indexOf(':');
    if (line.startsWith('#') || colon < 0) continue;
    const data = dataOf(line.slice(colon + 1));
    const addresses = writtenOut(line.slice(0, colon));
    if (data === undefined || addresses === undefined) {
      const form = 'address:allow or address:deny, then ,VAR="value"; see tcprules(1)';
      throw new Fault(
        'CONFIG',
        `${file}:${index + 1}: ${JSON.stringify(line.slice(0, 100))} is no rule: ${form}`,
      );
    }
    for (const address of addresses) if (!rules.has(address)) rules.set(address, data);
    if (rules.size > MAX_RULES)
      throw new Fault('CONFIG', `${file}:${index + 1}: more than ${MAX_RULES} rules`);
  }
  return rules;
}
