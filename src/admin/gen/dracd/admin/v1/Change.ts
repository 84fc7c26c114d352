// Original file: proto/dracd/admin/v1/admin.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.js';
import type { Row as _dracd_admin_v1_Row, Row__Output as _dracd_admin_v1_Row__Output } from '../../../dracd/admin/v1/Row.js';
import type { Long } from '@grpc/proto-loader';

// Original file: proto/dracd/admin/v1/admin.proto

export const _dracd_admin_v1_Change_Kind = {
  KIND_UNSPECIFIED: 'KIND_UNSPECIFIED',
  KIND_GRANTED: 'KIND_GRANTED',
  KIND_RENEWED: 'KIND_RENEWED',
  KIND_REVOKED: 'KIND_REVOKED',
  KIND_EXPIRED: 'KIND_EXPIRED',
  KIND_PINNED: 'KIND_PINNED',
  KIND_UNPINNED: 'KIND_UNPINNED',
  KIND_DENIED: 'KIND_DENIED',
  KIND_UNDENIED: 'KIND_UNDENIED',
} as const;

export type _dracd_admin_v1_Change_Kind =
  | 'KIND_UNSPECIFIED'
  | 0
  | 'KIND_GRANTED'
  | 1
  | 'KIND_RENEWED'
  | 2
  | 'KIND_REVOKED'
  | 3
  | 'KIND_EXPIRED'
  | 4
  | 'KIND_PINNED'
  | 5
  | 'KIND_UNPINNED'
  | 6
  | 'KIND_DENIED'
  | 7
  | 'KIND_UNDENIED'
  | 8

export type _dracd_admin_v1_Change_Kind__Output = typeof _dracd_admin_v1_Change_Kind[keyof typeof _dracd_admin_v1_Change_Kind]

export interface Change {
  'number'?: (number | string | Long);
  'kind'?: (_dracd_admin_v1_Change_Kind);
  'at'?: (_google_protobuf_Timestamp | null);
  'row'?: (_dracd_admin_v1_Row | null);
  'author'?: (string);
  'reason'?: (string);
}

export interface Change__Output {
  'number': (number);
  'kind': (_dracd_admin_v1_Change_Kind__Output);
  'at': (_google_protobuf_Timestamp__Output | null);
  'row': (_dracd_admin_v1_Row__Output | null);
  'author': (string);
  'reason': (string);
}
