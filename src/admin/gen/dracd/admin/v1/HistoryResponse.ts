// Original file: proto/dracd/admin/v1/admin.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.js';
import type { AuditRecord as _dracd_admin_v1_AuditRecord, AuditRecord__Output as _dracd_admin_v1_AuditRecord__Output } from '../../../dracd/admin/v1/AuditRecord.js';
import type { Long } from '@grpc/proto-loader';

// Original file: proto/dracd/admin/v1/admin.proto

export const _dracd_admin_v1_HistoryResponse_Verdict = {
  VERDICT_UNSPECIFIED: 'VERDICT_UNSPECIFIED',
  VERDICT_PERMITTED: 'VERDICT_PERMITTED',
  VERDICT_NOT: 'VERDICT_NOT',
  VERDICT_UNKNOWN: 'VERDICT_UNKNOWN',
} as const;

export type _dracd_admin_v1_HistoryResponse_Verdict =
  | 'VERDICT_UNSPECIFIED'
  | 0
  | 'VERDICT_PERMITTED'
  | 1
  | 'VERDICT_NOT'
  | 2
  | 'VERDICT_UNKNOWN'
  | 3

export type _dracd_admin_v1_HistoryResponse_Verdict__Output = typeof _dracd_admin_v1_HistoryResponse_Verdict[keyof typeof _dracd_admin_v1_HistoryResponse_Verdict]

export interface HistoryResponse {
  'address'?: (string);
  'at'?: (_google_protobuf_Timestamp | null);
  'verdict'?: (_dracd_admin_v1_HistoryResponse_Verdict);
  'words'?: (string);
  'records'?: (_dracd_admin_v1_AuditRecord)[];
  'uses'?: (number | string | Long);
  'onlyTo'?: (string);
  'gaps'?: (_dracd_admin_v1_AuditRecord)[];
}

export interface HistoryResponse__Output {
  'address': (string);
  'at': (_google_protobuf_Timestamp__Output | null);
  'verdict': (_dracd_admin_v1_HistoryResponse_Verdict__Output);
  'words': (string);
  'records': (_dracd_admin_v1_AuditRecord__Output)[];
  'uses': (number);
  'onlyTo': (string);
  'gaps': (_dracd_admin_v1_AuditRecord__Output)[];
}
