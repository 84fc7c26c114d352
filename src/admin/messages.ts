/** messages - what Operations answers, as admin.proto's messages */
import type { AuditRecord as RecordMessage } from './gen/dracd/admin/v1/AuditRecord.js';
import type { Change as ChangeMessage } from './gen/dracd/admin/v1/Change.js';
import type { ExplainResponse } from './gen/dracd/admin/v1/ExplainResponse.js';
import type { HistoryResponse } from './gen/dracd/admin/v1/HistoryResponse.js';
import type { Row as RowMessage } from './gen/dracd/admin/v1/Row.js';
import type { Stat } from './gen/dracd/admin/v1/Stat.js';
import type { StatsResponse } from './gen/dracd/admin/v1/StatsResponse.js';
import type { Timestamp } from './gen/google/protobuf/Timestamp.js';
import type {
  Change,
  ChangeKind,
  Explanation,
  History,
  Kind,
  PastRecord,
  ReportCount,
  Row,
  Stats,
} from './operations.js';

const kindNames = {
  grant: 'KIND_GRANT',
  pin: 'KIND_PIN',
  deny: 'KIND_DENY',
} as const satisfies Record<Kind, RowMessage['kind']>;

const changeNames = {
  granted: 'KIND_GRANTED',
  renewed: 'KIND_RENEWED',
  revoked: 'KIND_REVOKED',
  expired: 'KIND_EXPIRED',
  pinned: 'KIND_PINNED',
  unpinned: 'KIND_UNPINNED',
  denied: 'KIND_DENIED',
  undenied: 'KIND_UNDENIED',
} as const satisfies Record<ChangeKind, ChangeMessage['kind']>;

const verdictNames = {
  permitted: 'VERDICT_PERMITTED',
  not: 'VERDICT_NOT',
  unknown: 'VERDICT_UNKNOWN',
} as const satisfies Record<Explanation['verdict'], ExplainResponse['verdict']>;

const recordNames = {
  grant: 'KIND_GRANT',
  renewal: 'KIND_RENEWAL',
  refusal: 'KIND_REFUSAL',
  use: 'KIND_USE',
  revoke: 'KIND_REVOKE',
  expiry: 'KIND_EXPIRY',
  pin: 'KIND_PIN',
  unpin: 'KIND_UNPIN',
  deny: 'KIND_DENY',
  undeny: 'KIND_UNDENY',
  act: 'KIND_ACT',
  head: 'KIND_HEAD',
  standing: 'KIND_STANDING',
  start: 'KIND_START',
  stop: 'KIND_STOP',
  gap: 'KIND_GAP',
} as const satisfies Record<PastRecord['kind'], RecordMessage['kind']>;

const privacyNames = {
  full: 'PRIVACY_UNSPECIFIED',
  truncated: 'PRIVACY_TRUNCATED',
  hashed: 'PRIVACY_HASHED',
} as const satisfies Record<NonNullable<PastRecord['privacy']>, RecordMessage['privacy']>;

const ruleNames = {
  unusable: 'RULE_UNUSABLE',
  host: 'RULE_HOST',
  never: 'RULE_NEVER',
  deny: 'RULE_DENY',
  pin: 'RULE_PIN',
  site: 'RULE_SITE',
  grant: 'RULE_GRANT',
  ended: 'RULE_ENDED',
  none: 'RULE_NONE',
  full: 'RULE_FULL',
  degraded: 'RULE_DEGRADED',
} as const satisfies Record<Explanation['rule'], ExplainResponse['rule']>;

function timestamp(ms: number): Timestamp;
function timestamp(ms: number | undefined): Timestamp | null;
function timestamp(ms: number | undefined): Timestamp | null {
  if (ms === undefined) return null;
  const seconds = Math.floor(ms / 1_000);
  return { seconds, nanos: Math.floor((ms - seconds * 1_000) * 1e6) };
}

export function rowMessage(row: Row): RowMessage {
  return {
    kind: kindNames[row.kind],
    subject: row.subject,
    client: row.client ?? '',
    expiresAt: timestamp(row.expiresAt),
    reporter: row.reporter ?? '',
    author: row.author ?? '',
    reason: row.reason ?? '',
    user: row.user ?? '',
    createdAt: timestamp(row.createdAt),
  };
}

export function changeMessage(change: Change): ChangeMessage {
  return {
    number: change.position,
    kind: changeNames[change.kind],
    at: timestamp(change.at),
    row: rowMessage(change.row),
    author: change.author ?? '',
    reason: change.reason ?? '',
  };
}

export function explainMessage(address: string, explanation: Explanation): ExplainResponse {
  const { verdict, rule, words, row, endedAt } = explanation;
  return {
    address,
    verdict: verdictNames[verdict],
    rule: ruleNames[rule],
    words,
    row: row === undefined ? null : rowMessage(row),
    endedAt: timestamp(endedAt),
  };
}

function recordMessage(record: PastRecord): RecordMessage {
  const { at, count, from, kind, privacy = 'full', until, ...texts } = record;
  return {
    ...texts,
    at: timestamp(at),
    kind: recordNames[kind],
    firstAt: timestamp(from),
    expiresAt: timestamp(until),
    count: count ?? 0,
    privacy: privacyNames[privacy],
  };
}

export function historyMessage(
  { address, at }: { readonly address: string; readonly at: number },
  { gaps, onlyTo, records, uses, verdict, words }: History,
): HistoryResponse {
  return {
    address,
    at: timestamp(at),
    verdict: verdictNames[verdict],
    words,
    records: records.map(recordMessage),
    uses,
    onlyTo: onlyTo ?? '',
    gaps: gaps.map(recordMessage),
  };
}

function statMessage(name: string, value: number | string | boolean): Stat {
  if (typeof value === 'number') return { name, number: value };
  return typeof value === 'string' ? { name, text: value } : { name, flag: value };
}

export function statsMessage(stats: Stats, reports: readonly ReportCount[]): StatsResponse {
  return {
    stats: Object.entries(stats).map(([name, value]) => statMessage(name, value)),
    reports: [...reports],
  };
}
