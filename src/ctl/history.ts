/**
 * history - what dracctl says of the past of an address, in the words and lines of `dracd --who`; and forgetting it
 */
import type { AuditRecord__Output } from '../admin/gen/dracd/admin/v1/AuditRecord.js';
import { counted } from '../runtime/counted.js';
import { legible } from '../runtime/printable.js';
import { type Job, type Status, timeOf } from './commands.js';
import { coloured, json, timeText } from './output.js';

/** With which status it ends: a script must not take "cannot be told" for "could not". */
const STATUS = { permitted: 0, not: 1, unknown: 2 } as const satisfies Record<string, Status>;

const isVerdict = (text: string): text is keyof typeof STATUS => text in STATUS;

/** A record as the files have it: what it does not have is left out. */
function recordObject(record: AuditRecord__Output): Readonly<Record<string, string | number>> {
  const { at, author, client, count, expiresAt, firstAt, kind, outcome, reason, reporter, subject } = record;
  const { privacy, user, what } = record;
  const all = {
    at: timeText(at),
    kind: kind.replace('KIND_', '').toLowerCase(),
    what,
    subject,
    client,
    reporter,
    from: timeText(firstAt),
    until: timeText(expiresAt),
    count,
    user,
    author,
    reason,
    outcome,
    privacy: privacy === 'PRIVACY_UNSPECIFIED' ? '' : privacy.replace('PRIVACY_', '').toLowerCase(),
  };
  const there = Object.entries(all).filter(
    (entry): entry is [string, string | number] => entry[1] !== null && entry[1] !== '' && entry[1] !== 0,
  );
  return Object.fromEntries(there);
}

/** `at`: epoch milliseconds; undefined: now. */
export async function history(
  { client, output }: Job,
  question: { readonly address: string; readonly at?: number },
): Promise<Status> {
  const { address, at } = question;
  const answer = await client.history({ address, at: at === undefined ? null : timeOf(at) });
  const said = answer.verdict.replace('VERDICT_', '').toLowerCase();
  const verdict = isVerdict(said) ? said : 'unknown';
  const [records, gaps] = [answer.records.map(recordObject), answer.gaps.map(recordObject)];
  const { onlyTo, uses, words } = answer;
  if (output.json) {
    const who = { address: answer.address, at: timeText(answer.at) };
    output.write(json({ ...who, verdict, words, onlyTo, uses, records, gaps }));
  } else {
    const colour = verdict === 'permitted' ? 'pin' : 'deny';
    output.write(`${coloured(output, colour, legible(words))}\n`);
    output.write([...records, ...gaps].map(json).join(''));
  }
  return STATUS[verdict];
}

export async function forget(
  { client, output }: Job,
  erasure: { readonly address: string; readonly reason: string },
): Promise<Status> {
  const { grants, records } = await client.forget(erasure);
  output.write(
    output.json
      ? json({ grants, records })
      : `${counted(grants, 'grant')} and ${counted(records, 'record')} are gone.\n`,
  );
  return grants + records > 0 ? 0 : 1;
}
