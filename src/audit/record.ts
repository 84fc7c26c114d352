/**
 * record - one thing that happened, as a line of JSON
 *
 *   {"at":"2026-11-25T14:03:22.117Z","kind":"grant","subject":"192.0.2.7","reporter":"192.0.2.1","until":"..."}
 *
 * `subject` is what may relay or not, an address or network; `client` who was reported or asked, where that is not the
 * subject. `from` is when the first happened of the `count` things that one record stands for, the last at `at`, but for
 * a lease that was found after the start, which runs since `from`. Lines are ASCII: other characters are
 * escaped, so that what a peer chose can neither break a line nor a terminal.
 *
 * Reading is total: what is no record is undefined.
 */

export const KINDS = [
  'grant',
  'renewal',
  'refusal',
  'use',
  'revoke',
  'expiry',
  'pin',
  'unpin',
  'deny',
  'undeny',
  'act',
  'head',
  'standing',
  'start',
  'stop',
  'gap',
] as const;
export type RecordKind = (typeof KINDS)[number];

/** How addresses are written. */
export const PRIVACY_MODES = ['full', 'truncated', 'hashed'] as const;
export type PrivacyMode = (typeof PRIVACY_MODES)[number];

/** Times are wall clock, epoch milliseconds. */
export interface AuditRecord {
  readonly at: number;
  readonly kind: RecordKind;
  readonly subject?: string | undefined;
  readonly client?: string | undefined;
  readonly reporter?: string | undefined;
  readonly user?: string | undefined;
  readonly author?: string | undefined;
  readonly reason?: string | undefined;
  /** Of an act what was done, of a use which rule permitted, of an end or what stands which kind of thing. */
  readonly what?: string | undefined;
  readonly outcome?: string | undefined;
  readonly from?: number | undefined;
  readonly until?: number | undefined;
  readonly count?: number | undefined;
  /** Left out when it is full. */
  readonly privacy?: PrivacyMode | undefined;
}

/** The keys that hold free text. */
const FREE = ['user', 'author', 'reason', 'outcome'] as const;
const SUBJECT_KEY = '"subject":"';

function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Times as text; one that was asked for last is there already, and within one second only the milliseconds are made anew. */
class Stamps {
  #last = NaN;
  #stamp = '';
  #second = NaN;
  #text = '';

  of(ms: number): string {
    if (ms === this.#last) return this.#stamp;
    this.#last = ms;
    const whole = Math.round(ms);
    const second = Math.floor(whole / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(second * 1_000).toISOString().slice(0, -4);
    }
    this.#stamp = `${this.#text}${String(whole - second * 1_000).padStart(3, '0')}Z`;
    return this.#stamp;
  }
}

/** A lease in its own words: what nearly all records are. */
export type LeaseRecord = Pick<AuditRecord, 'at' | 'privacy'> &
  Readonly<Record<'kind' | 'subject' | 'reporter', string>> & { readonly until: number };

const privacyPart = (privacy: PrivacyMode | undefined): string =>
  privacy === undefined || privacy === 'full' ? '' : `,"privacy":"${privacy}"`;

/** Makes lines of records; one for each writer, because it remembers what the last one had. */
export class LineMaker {
  readonly #at = new Stamps();
  readonly #until = new Stamps();
  #begun = { at: NaN, kind: '', text: '' };
  #ended = { reporter: '', until: NaN, text: '' };

  /** As line, of a record that has nothing else. Those of one group differ in their subjects alone. */
  lease({ at, kind, privacy, reporter, subject, until }: LeaseRecord): string {
    if (this.#begun.at !== at || this.#begun.kind !== kind)
      this.#begun = { at, kind, text: `{"at":"${this.#at.of(at)}","kind":"${kind}","subject":"` };
    if (this.#ended.until !== until || this.#ended.reporter !== reporter) {
      const text = `","reporter":"${reporter}","until":"${this.#until.of(until)}"${privacyPart(privacy)}}\n`;
      this.#ended = { reporter, until, text };
    }
    return this.#begun.text + subject + this.#ended.text;
  }

  line(record: AuditRecord): string {
    const { client, count, from, kind, reporter, subject, until, what } = record;
    let line = `{"at":"${this.#at.of(record.at)}","kind":"${kind}"`;
    if (what !== undefined) line += `,"what":"${what}"`;
    if (subject !== undefined) line += `,"subject":"${subject}"`;
    if (client !== undefined) line += `,"client":"${client}"`;
    if (reporter !== undefined) line += `,"reporter":"${reporter}"`;
    if (from !== undefined) line += `,"from":"${this.#at.of(from)}"`;
    if (until !== undefined) line += `,"until":"${this.#until.of(until)}"`;
    if (count !== undefined) line += `,"count":${count}`;
    for (const key of FREE) if (record[key] !== undefined) line += `,"${key}":${quote(record[key])}`;
    return `${line}${privacyPart(record.privacy)}}\n`;
  }
}

/** The subject that a line names, without reading the rest of it; undefined when it names none. */
export function subjectIn(line: string): string | undefined {
  const at = line.indexOf(SUBJECT_KEY);
  if (at < 0) return undefined;
  const from = at + SUBJECT_KEY.length;
  return line.slice(from, line.indexOf('"', from));
}

const isKind = (value: unknown): value is RecordKind => KINDS.some((kind) => kind === value);
const isMode = (value: unknown): value is PrivacyMode => PRIVACY_MODES.some((mode) => mode === value);

/** The longest text that a record's key is believed to have. */
const MAX_TEXT = 16_384;

/** The record that a line is; undefined when it is none. */
export function recordIn(line: string): AuditRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const read = value as Record<string, unknown>;
  const text = (key: string): string | undefined => {
    const one = read[key];
    return typeof one === 'string' && one.length <= MAX_TEXT ? one : undefined;
  };
  const time = (key: string): number | undefined => {
    const ms = Date.parse(text(key) ?? '');
    return Number.isNaN(ms) ? undefined : ms;
  };
  const at = time('at');
  const { count, kind, privacy } = read;
  if (at === undefined || !isKind(kind)) return undefined;
  return {
    at,
    kind,
    subject: text('subject'),
    client: text('client'),
    reporter: text('reporter'),
    user: text('user'),
    author: text('author'),
    reason: text('reason'),
    what: text('what'),
    outcome: text('outcome'),
    from: time('from'),
    until: time('until'),
    count: typeof count === 'number' ? count : undefined,
    privacy: isMode(privacy) ? privacy : undefined,
  };
}
