// Original file: proto/dracd/admin/v1/admin.proto

import type { Row as _dracd_admin_v1_Row, Row__Output as _dracd_admin_v1_Row__Output } from '../../../dracd/admin/v1/Row.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.js';

// Original file: proto/dracd/admin/v1/admin.proto

export const _dracd_admin_v1_ExplainResponse_Rule = {
  RULE_UNSPECIFIED: 'RULE_UNSPECIFIED',
  RULE_UNUSABLE: 'RULE_UNUSABLE',
  RULE_HOST: 'RULE_HOST',
  RULE_NEVER: 'RULE_NEVER',
  RULE_DENY: 'RULE_DENY',
  RULE_PIN: 'RULE_PIN',
  RULE_SITE: 'RULE_SITE',
  RULE_GRANT: 'RULE_GRANT',
  RULE_ENDED: 'RULE_ENDED',
  RULE_NONE: 'RULE_NONE',
  RULE_FULL: 'RULE_FULL',
  RULE_DEGRADED: 'RULE_DEGRADED',
} as const;

export type _dracd_admin_v1_ExplainResponse_Rule =
  | 'RULE_UNSPECIFIED'
  | 0
  | 'RULE_UNUSABLE'
  | 1
  | 'RULE_HOST'
  | 2
  | 'RULE_NEVER'
  | 3
  | 'RULE_DENY'
  | 4
  | 'RULE_PIN'
  | 5
  | 'RULE_SITE'
  | 6
  | 'RULE_GRANT'
  | 7
  | 'RULE_ENDED'
  | 8
  | 'RULE_NONE'
  | 9
  | 'RULE_FULL'
  | 10
  | 'RULE_DEGRADED'
  | 11

export type _dracd_admin_v1_ExplainResponse_Rule__Output = typeof _dracd_admin_v1_ExplainResponse_Rule[keyof typeof _dracd_admin_v1_ExplainResponse_Rule]

// Original file: proto/dracd/admin/v1/admin.proto

export const _dracd_admin_v1_ExplainResponse_Verdict = {
  VERDICT_UNSPECIFIED: 'VERDICT_UNSPECIFIED',
  VERDICT_PERMITTED: 'VERDICT_PERMITTED',
  VERDICT_NOT: 'VERDICT_NOT',
  VERDICT_UNKNOWN: 'VERDICT_UNKNOWN',
} as const;

export type _dracd_admin_v1_ExplainResponse_Verdict =
  | 'VERDICT_UNSPECIFIED'
  | 0
  | 'VERDICT_PERMITTED'
  | 1
  | 'VERDICT_NOT'
  | 2
  | 'VERDICT_UNKNOWN'
  | 3

export type _dracd_admin_v1_ExplainResponse_Verdict__Output = typeof _dracd_admin_v1_ExplainResponse_Verdict[keyof typeof _dracd_admin_v1_ExplainResponse_Verdict]

export interface ExplainResponse {
  'address'?: (string);
  'verdict'?: (_dracd_admin_v1_ExplainResponse_Verdict);
  'rule'?: (_dracd_admin_v1_ExplainResponse_Rule);
  'words'?: (string);
  'row'?: (_dracd_admin_v1_Row | null);
  'endedAt'?: (_google_protobuf_Timestamp | null);
}

export interface ExplainResponse__Output {
  'address': (string);
  'verdict': (_dracd_admin_v1_ExplainResponse_Verdict__Output);
  'rule': (_dracd_admin_v1_ExplainResponse_Rule__Output);
  'words': (string);
  'row': (_dracd_admin_v1_Row__Output | null);
  'endedAt': (_google_protobuf_Timestamp__Output | null);
}
