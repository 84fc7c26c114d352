// Original file: proto/dracd/admin/v1/admin.proto

import type { Kind as _dracd_admin_v1_Kind, Kind__Output as _dracd_admin_v1_Kind__Output } from '../../../dracd/admin/v1/Kind.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.js';

export interface Row {
  'kind'?: (_dracd_admin_v1_Kind);
  'subject'?: (string);
  'client'?: (string);
  'expiresAt'?: (_google_protobuf_Timestamp | null);
  'reporter'?: (string);
  'author'?: (string);
  'reason'?: (string);
  'user'?: (string);
  'createdAt'?: (_google_protobuf_Timestamp | null);
}

export interface Row__Output {
  'kind': (_dracd_admin_v1_Kind__Output);
  'subject': (string);
  'client': (string);
  'expiresAt': (_google_protobuf_Timestamp__Output | null);
  'reporter': (string);
  'author': (string);
  'reason': (string);
  'user': (string);
  'createdAt': (_google_protobuf_Timestamp__Output | null);
}
