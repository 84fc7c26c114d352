// Original file: proto/dracd/admin/v1/admin.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.js';
import type { Long } from '@grpc/proto-loader';

// Original file: proto/dracd/admin/v1/admin.proto

export const _dracd_admin_v1_AuditRecord_Kind = {
  KIND_UNSPECIFIED: 'KIND_UNSPECIFIED',
  KIND_GRANT: 'KIND_GRANT',
  KIND_RENEWAL: 'KIND_RENEWAL',
  KIND_REFUSAL: 'KIND_REFUSAL',
  KIND_USE: 'KIND_USE',
  KIND_REVOKE: 'KIND_REVOKE',
  KIND_EXPIRY: 'KIND_EXPIRY',
  KIND_PIN: 'KIND_PIN',
  KIND_UNPIN: 'KIND_UNPIN',
  KIND_DENY: 'KIND_DENY',
  KIND_UNDENY: 'KIND_UNDENY',
  KIND_ACT: 'KIND_ACT',
  KIND_HEAD: 'KIND_HEAD',
  KIND_STANDING: 'KIND_STANDING',
  KIND_START: 'KIND_START',
  KIND_STOP: 'KIND_STOP',
  KIND_GAP: 'KIND_GAP',
} as const;

export type _dracd_admin_v1_AuditRecord_Kind =
  | 'KIND_UNSPECIFIED'
  | 0
  | 'KIND_GRANT'
  | 1
  | 'KIND_RENEWAL'
  | 2
  | 'KIND_REFUSAL'
  | 3
  | 'KIND_USE'
  | 4
  | 'KIND_REVOKE'
  | 5
  | 'KIND_EXPIRY'
  | 6
  | 'KIND_PIN'
  | 7
  | 'KIND_UNPIN'
  | 8
  | 'KIND_DENY'
  | 9
  | 'KIND_UNDENY'
  | 10
  | 'KIND_ACT'
  | 11
  | 'KIND_HEAD'
  | 12
  | 'KIND_STANDING'
  | 13
  | 'KIND_START'
  | 14
  | 'KIND_STOP'
  | 15
  | 'KIND_GAP'
  | 16

export type _dracd_admin_v1_AuditRecord_Kind__Output = typeof _dracd_admin_v1_AuditRecord_Kind[keyof typeof _dracd_admin_v1_AuditRecord_Kind]

// Original file: proto/dracd/admin/v1/admin.proto

export const _dracd_admin_v1_AuditRecord_Privacy = {
  PRIVACY_UNSPECIFIED: 'PRIVACY_UNSPECIFIED',
  PRIVACY_TRUNCATED: 'PRIVACY_TRUNCATED',
  PRIVACY_HASHED: 'PRIVACY_HASHED',
} as const;

export type _dracd_admin_v1_AuditRecord_Privacy =
  | 'PRIVACY_UNSPECIFIED'
  | 0
  | 'PRIVACY_TRUNCATED'
  | 1
  | 'PRIVACY_HASHED'
  | 2

export type _dracd_admin_v1_AuditRecord_Privacy__Output = typeof _dracd_admin_v1_AuditRecord_Privacy[keyof typeof _dracd_admin_v1_AuditRecord_Privacy]

export interface AuditRecord {
  'at'?: (_google_protobuf_Timestamp | null);
  'kind'?: (_dracd_admin_v1_AuditRecord_Kind);
  'what'?: (string);
  'subject'?: (string);
  'client'?: (string);
  'reporter'?: (string);
  'firstAt'?: (_google_protobuf_Timestamp | null);
  'expiresAt'?: (_google_protobuf_Timestamp | null);
  'count'?: (number | string | Long);
  'user'?: (string);
  'author'?: (string);
  'reason'?: (string);
  'outcome'?: (string);
  'privacy'?: (_dracd_admin_v1_AuditRecord_Privacy);
}

export interface AuditRecord__Output {
  'at': (_google_protobuf_Timestamp__Output | null);
  'kind': (_dracd_admin_v1_AuditRecord_Kind__Output);
  'what': (string);
  'subject': (string);
  'client': (string);
  'reporter': (string);
  'firstAt': (_google_protobuf_Timestamp__Output | null);
  'expiresAt': (_google_protobuf_Timestamp__Output | null);
  'count': (number);
  'user': (string);
  'author': (string);
  'reason': (string);
  'outcome': (string);
  'privacy': (_dracd_admin_v1_AuditRecord_Privacy__Output);
}
