/**
 * explain - why a client may relay or may not, in words for a help desk
 *
 * Says what the ledger says at this moment, never anything of its own.
 */
import type { Explanation, Row } from './admin/operations.js';
import { rowOfEntry, rowOfLease } from './changes.js';
import type { ClientAddress } from './core/address.js';
import type { Judgement } from './core/decision.js';
import type { Leases } from './core/leases.js';
import { isNetwork } from './core/subject.js';
import { counted } from './runtime/counted.js';

export interface ExplainOptions {
  readonly decide: (client: ClientAddress) => Judgement;
  readonly leases: Pick<Leases, 'at'>;
  readonly clock: { wall(): number };
  readonly lifetimeMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A length of time in the one or two words that people use. */
export function spoken(ms: number): string {
  if (ms >= 2 * DAY_MS) return counted(Math.floor(ms / DAY_MS), 'day');
  if (ms >= 2 * HOUR_MS) return counted(Math.floor(ms / HOUR_MS), 'hour');
  if (ms >= MINUTE_MS) return counted(Math.floor(ms / MINUTE_MS), 'minute');
  return counted(Math.max(0, Math.floor(ms / 1_000)), 'second');
}

const inSeconds = (time: number): string => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');

/** `192.0.2.7`, or `192.0.2.7 (as part of 192.0.2.0/24)`. */
function named(client: ClientAddress, row: Row): string {
  return row.subject === client ? client : `${client} (as part of ${row.subject})`;
}

function until(row: Row, now: number): string {
  const { expiresAt } = row;
  if (expiresAt === undefined) return 'until that is taken back';
  return `until ${inSeconds(expiresAt)}, for ${spoken(expiresAt - now)} more`;
}

function onWord({ author, createdAt, reason, user }: Row): string {
  const since = createdAt === undefined ? '' : ` on ${inSeconds(createdAt)}`;
  const whom = user === undefined ? '' : ` for ${user}`;
  return `by ${author ?? 'an operator'}${since}${whom}: "${reason ?? ''}"`;
}

export function explain(client: ClientAddress, options: ExplainOptions): Explanation {
  const { clock, decide, leases } = options;
  const judged = decide(client);
  const { entry, place, rule, subject, verdict } = judged;
  const row =
    entry !== undefined ? rowOfEntry(entry) : place === undefined ? undefined : rowOfLease(leases.at(place));
  const endedAt = verdict.verdict === 'not' ? verdict.endedAt : undefined;
  const site: Row | undefined =
    rule === 'site' && subject !== undefined ? { kind: 'pin', subject, expiresAt: undefined } : undefined;
  return {
    verdict: verdict.verdict,
    rule,
    words: wordsFor(client, {
      rule,
      row: row ?? site,
      endedAt,
      now: clock.wall(),
      lifetimeMs: options.lifetimeMs,
    }),
    row,
    endedAt,
  };
}

interface Facts {
  readonly rule: Judgement['rule'];
  readonly row: Row | undefined;
  readonly endedAt: number | undefined;
  readonly now: number;
  readonly lifetimeMs: number;
}

function wordsFor(client: ClientAddress, facts: Facts): string {
  const { endedAt, lifetimeMs, now, row, rule } = facts;
  const login = `A mailbox login from it would let it relay for ${spoken(lifetimeMs)}.`;
  switch (rule) {
    case 'unusable':
      return `${client} may not relay: no client can have this address (loopback, multicast, link-local, reserved, or an IPv6 address that carries such a one). Check the address that was asked about.`;
    case 'never':
      return `${client} may not relay: the configuration lists it, or the IPv4 address that it carries, under grants.never. Only a change of the configuration and a restart can alter that.`;
    case 'full':
      return `It cannot be told whether ${client} may relay: there is no room for more grants, so a login may have gone unheard. Mail servers put it off. Raise grants.max, or find the reporter that floods.`;
    case 'degraded':
      return `It cannot be told whether ${client} may relay: grants cannot be stored at present, so a login may have gone unheard. Mail servers put it off. See the log, and the disk of the journal.`;
    case 'host':
      return `${client} may not relay: it is one of this host's own addresses or a reporter's, which are never granted on a report. List it under grants.always, or pin it, if it should.`;
    case 'ended':
      return `${client} may not relay: its lease ended ${spoken(now - (endedAt ?? now))} ago, at ${inSeconds(endedAt ?? now)}. ${login}`;
    case 'none':
      return `${client} may not relay: no login from it has been reported lately, and nothing else lets it. ${login}`;
    default:
      return row === undefined ? '' : wordsOfRow(client, row, { rule, now });
  }
}

function wordsOfRow(client: ClientAddress, row: Row, { rule, now }: Pick<Facts, 'rule' | 'now'>): string {
  const who = named(client, row);
  switch (rule) {
    case 'deny':
      return `${who} may not relay: it was denied ${onWord(row)}. That holds ${until(row, now)}, and no login changes it. Remove the deny to let it relay again.`;
    case 'pin':
      return `${who} may relay: it was pinned ${onWord(row)}. That holds ${until(row, now)}.`;
    case 'site':
      return `${who} may relay: the configuration lists the network under grants.always.`;
    default:
      break;
  }
  if (row.author !== undefined)
    return `${who} may relay: it was granted ${onWord(row)}. That holds ${until(row, now)}.`;
  const from = isNetwork(row.subject) && row.client !== undefined ? ` from ${row.client}` : '';
  return `${who} may relay: the server ${row.reporter ?? ''} reported a mailbox login${from}. That holds ${until(row, now)}; another login lengthens it.`;
}
