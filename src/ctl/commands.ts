/** commands - what dracctl does with an open connection; each answers its exit status */
import type { AdminClient } from '../admin/client.js';
import type { Row__Output } from '../admin/gen/dracd/admin/v1/Row.js';
import type { Stat__Output } from '../admin/gen/dracd/admin/v1/Stat.js';
import { counted } from '../runtime/counted.js';
import { legible } from '../runtime/printable.js';
import { CtlError, EXIT } from './exit.js';
import { coloured, heading, json, type Output, rowLine, rowObject, timeText } from './output.js';

/** 0: done; 1: the answer is no; 2: there is none. */
export type Status = 0 | 1 | 2;

export interface Job {
  readonly client: AdminClient;
  readonly output: Output;
}

export interface ListOptions {
  readonly within?: string;
  readonly reporter?: string;
  readonly user?: string;
  readonly kind?: 'grant' | 'pin' | 'deny';
  /** Milliseconds. */
  readonly endsWithin?: number;
  readonly limit?: number;
}

export interface WishOptions {
  readonly reason: string;
  readonly user?: string;
  /** Milliseconds. */
  readonly for?: number;
}

const kindNames = { grant: 'KIND_GRANT', pin: 'KIND_PIN', deny: 'KIND_DENY' } as const;

/** As the request has it. */
export const kindNumber = (kind: ListOptions['kind']): Row__Output['kind'] =>
  kind === undefined ? 'KIND_UNSPECIFIED' : kindNames[kind];

export const timeOf = (ms: number): { seconds: number; nanos: number } => {
  const seconds = Math.floor(ms / 1_000);
  return { seconds, nanos: Math.floor((ms - seconds * 1_000) * 1e6) };
};

function sayRow({ output }: Job, row: Row__Output | null): void {
  if (row === null) return;
  output.write(output.json ? json(rowObject(row)) : heading(output) + rowLine(output, row));
}

export async function list({ client, output }: Job, options: ListOptions): Promise<Status> {
  const { within, reporter, user, kind, endsWithin, limit } = options;
  // Of an address, the networks around it matter as much.
  const isNetwork = within?.includes('/') === true;
  const messages = client.list({
    ...(isNetwork ? { within } : { covering: within }),
    reporter,
    user,
    kind: kindNumber(kind),
    endsBefore: endsWithin === undefined ? null : timeOf(output.now() + endsWithin),
    pageSize: limit,
  });
  // A list that is refused has no heading.
  let head = output.json ? '' : heading(output);
  let shown = 0;
  let hasMore = false;
  for await (const { nextPageToken, rows } of messages) {
    output.write(head);
    head = '';
    output.write(rows.map((row) => (output.json ? json(rowObject(row)) : rowLine(output, row))).join(''));
    await output.flushed();
    shown += rows.length;
    hasMore = nextPageToken !== '';
  }
  if (hasMore)
    process.stderr.write(`dracctl: these are the first ${counted(shown, 'row')}, and there are more\n`);
  return 0;
}

export async function explain({ client, output }: Job, address: string): Promise<Status> {
  if (address.includes('/'))
    throw new CtlError(
      EXIT.usage,
      `ADDRESS: "${address}" is a network, and explain tells of one address`,
      `dracctl list ${address}`,
    );
  const answer = await client.explain({ address });
  const verdict = answer.verdict.replace('VERDICT_', '').toLowerCase();
  const rule = answer.rule.replace('RULE_', '').toLowerCase();
  if (output.json) {
    const row = answer.row === null ? null : rowObject(answer.row);
    const { words } = answer;
    output.write(
      json({ address: answer.address, verdict, rule, words, row, endedAt: timeText(answer.endedAt) }),
    );
  } else {
    const colour = verdict === 'permitted' ? 'pin' : 'deny';
    output.write(`${coloured(output, colour, legible(answer.words))}\n`);
    if (answer.row !== null) output.write(heading(output) + rowLine(output, answer.row));
    const ended = timeText(answer.endedAt);
    if (ended !== null) output.write(`Its last lease ended at ${ended}.\n`);
  }
  return verdict === 'permitted' ? 0 : 1;
}

type Verb = 'authorize' | 'pin' | 'deny';

export async function wish(
  job: Job,
  verb: Verb,
  request: { subject: string } & WishOptions,
): Promise<Status> {
  const { subject, reason, user, for: lifetime } = request;
  const message = { subject, reason, user, lifetime: lifetime === undefined ? null : timeOf(lifetime) };
  sayRow(job, (await job.client[verb](message)).row);
  return 0;
}

export interface Removal {
  readonly subject: string;
  readonly reason: string;
}

export async function remove(
  { client, output }: Job,
  verb: 'unpin' | 'undeny',
  removal: Removal,
): Promise<Status> {
  const { removed } = await client[verb](removal);
  const what = verb === 'unpin' ? 'pin' : 'deny';
  output.write(
    output.json ? json({ removed }) : removed ? `The ${what} is gone.\n` : `There was no such ${what}.\n`,
  );
  return removed ? 0 : 1;
}

export type Which = { readonly within: string } | { readonly reporter: string } | { readonly all: true };

/** Says so when pins, or grants of networks around it, let it relay on. */
async function warnOfOthers(client: AdminClient, subject: string): Promise<void> {
  const found: Row__Output[] = [];
  for await (const { rows } of client.list({ covering: subject })) found.push(...rows);
  if (found.some(({ kind }) => kind === 'KIND_DENY')) return;
  for (const { kind, subject: around } of found) {
    const why = `${around} is ${kind === 'KIND_PIN' ? 'pinned' : 'granted'}`;
    process.stderr.write(`dracctl: ${subject} may still relay: ${why}\n`);
    process.stderr.write(`  cure: dracctl deny ${subject} --reason REASON\n`);
  }
}

export async function revoke({ client, output }: Job, which: Which, reason: string): Promise<Status> {
  const { revoked } = await client.revoke({ ...which, reason });
  output.write(output.json ? json({ revoked }) : `${revoked} revoked.\n`);
  if ('within' in which) await warnOfOthers(client, which.within);
  return revoked > 0 ? 0 : 1;
}

function statValue({ value, number, text, flag }: Stat__Output): number | string | boolean {
  return (value === 'number' ? number : value === 'text' ? text : flag) ?? '';
}

export async function stats({ client, output }: Job): Promise<Status> {
  const found = (await client.stats()).stats;
  if (output.json) output.write(json(Object.fromEntries(found.map((stat) => [stat.name, statValue(stat)]))));
  else {
    const width = Math.max(0, ...found.map(({ name }) => name.length));
    for (const stat of found)
      output.write(`${stat.name.padEnd(width)}  ${legible(String(statValue(stat)))}\n`);
  }
  return 0;
}

export async function reload({ client, output }: Job): Promise<Status> {
  const { changed, needsRestart } = await client.reload();
  if (output.json) output.write(json({ changed, needsRestart }));
  else {
    output.write(changed.length === 0 ? 'Nothing has changed.\n' : `Changed: ${changed.join(', ')}\n`);
    if (needsRestart.length > 0) output.write(`Needs a restart: ${needsRestart.join(', ')}\n`);
  }
  return 0;
}

export async function rotate({ client, output }: Job): Promise<Status> {
  await client.rotate();
  output.write(output.json ? json({ rotated: true }) : 'The journal has a new segment.\n');
  return 0;
}

export async function shutdown({ client, output }: Job): Promise<Status> {
  await client.shutdown();
  output.write(output.json ? json({ stopping: true }) : 'dracd is being stopped.\n');
  return 0;
}
