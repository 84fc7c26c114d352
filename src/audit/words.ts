/**
 * words - the answer to "who could relay" in words, as they may be passed on to an abuse desk
 */
import type { Lease } from './evidence.js';
import type { AuditRecord } from './record.js';

export interface Facts {
  readonly address: string;
  readonly at: number;
  readonly now: number;
  readonly verdict: 'permitted' | 'not' | 'unknown';
  readonly records: readonly AuditRecord[];
  /** The lease that decides, when one does. */
  readonly lease: Lease | undefined;
  /** What operators did, of which some may be about it. */
  readonly acts: readonly AuditRecord[];
  readonly onlyTo: string | undefined;
  readonly uses: number;
  /** Whether there are records of the time. */
  readonly isCovered: boolean;
  readonly isRunning: boolean | undefined;
}

const time = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');

const until = (ms: number | undefined): string => (ms === undefined ? 'without an end' : `until ${time(ms)}`);

const FOR = { pin: 'it was pinned', deny: 'it was denied', grant: 'it was granted' } as const;

function byWhom({ at, author, kind, reason, user, until: end, from, what }: AuditRecord): string {
  const name = kind === 'standing' ? what : kind;
  if (name === 'always') return 'the configuration listed the network under grants.always';
  if (name === 'never') return 'the configuration listed it under grants.never';
  const done = FOR[name === 'pin' || name === 'deny' ? name : 'grant'];
  const forWhom = user === undefined ? '' : ` for ${user}`;
  return `${done} by ${author ?? 'an operator'} on ${time(from ?? at)}${forWhom}, ${until(end)}: "${reason ?? ''}"`;
}

/** An act is recorded when all of it is done, a large one some time after its first lease. */
const ACT_TAKES_MS = 60_000;

/** Who revoked what was revoked, if that is known. */
function byOperator(revoked: AuditRecord, acts: readonly AuditRecord[]): string {
  const act = acts.find(
    ({ at, what }) => what === 'revoke' && at >= revoked.at && at <= revoked.at + ACT_TAKES_MS,
  );
  return act === undefined ? '' : ` by ${act.author ?? ''}: "${act.reason ?? ''}"`;
}

function byLease({ endedBy, record }: Lease, acts: readonly AuditRecord[]): string {
  const { client, count = 1, from = record.at, reporter, until: end } = record;
  const times = count === 1 ? `on ${time(from)}` : `${count} times from ${time(from)} to ${time(record.at)}`;
  const from_ = client === undefined ? '' : ` from ${client}`;
  const ended =
    endedBy === undefined
      ? ''
      : endedBy.kind === 'revoke'
        ? `; it was revoked on ${time(endedBy.at)}${byOperator(endedBy, acts)}`
        : `; it ended on ${time(endedBy.at)}`;
  return `the server ${reporter ?? ''} reported a mailbox login${from_} ${times}, for a lease ${until(end)}${ended}`;
}

const OUTCOME: Readonly<Record<string, string>> = {
  stranger: 'who is no reporter',
  unusable: 'for an address that may not be granted',
  full: 'while there was no room for more grants',
  failed: 'while grants could not be stored',
};

function lastWords({ acts, now, records }: Facts): string {
  return records
    .map((record) => {
      const { at, kind, outcome = '', reporter = '', until: end } = record;
      if (kind === 'refusal')
        return ` A report by ${reporter}, ${OUTCOME[outcome] ?? outcome}, was refused on ${time(at)}.`;
      if (kind === 'revoke') return ` Its last lease was revoked on ${time(at)}${byOperator(record, acts)}.`;
      const over = kind === 'expiry' ? at : (end ?? at);
      return ` Its last lease, on the word of ${reporter}, ${over > now ? 'ends' : 'ended'} on ${time(over)}.`;
    })
    .join('');
}

/** What was forgotten before that time is in no record: a deny of the address, for one. */
function forgottenWords({ acts, at }: Facts): string {
  const act = acts.find((one) => one.what === 'forget' && one.at > at);
  return act === undefined
    ? ''
    : ` An address was forgotten on ${time(act.at)}: if it was this one, it may have been denied before.`;
}

export function words(facts: Facts): string {
  const { address, at, isCovered, isRunning, lease, now, onlyTo, records, uses, verdict } = facts;
  const whom = onlyTo === undefined ? address : `somebody in ${onlyTo}, perhaps ${address},`;
  const down = isRunning === false ? ' dracd was not running; maps and mail servers kept what they had.' : '';
  const [first] = records;
  if (verdict === 'permitted') {
    const why = lease === undefined ? (first === undefined ? '' : byWhom(first)) : byLease(lease, facts.acts);
    const through = first?.subject === address ? 'it' : `clients of ${first?.subject ?? ''}`;
    const used = uses === 0 ? '' : ` Look-ups let ${through} through ${uses} times.`;
    return `${whom} could relay on ${time(at)}: ${why}.${used}${forgottenWords(facts)}${down}`;
  }
  if (verdict === 'unknown') {
    const why =
      at > now
        ? 'that time is yet to come'
        : isCovered
          ? 'records of the time are missing'
          : 'no record reaches back to that time';
    return `It cannot be told whether ${address} could relay on ${time(at)}: ${why}.${lastWords(facts)}`;
  }
  if (first !== undefined && (first.kind === 'deny' || first.kind === 'standing'))
    return `${address} could not relay on ${time(at)}: ${byWhom(first)}.`;
  return `${address} could not relay on ${time(at)}: no login from it had been reported, and nothing else let it.${lastWords(facts)}${down}`;
}
