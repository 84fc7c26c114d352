// Original file: proto/dracd/admin/v1/admin.proto

import type { Kind as _dracd_admin_v1_Kind, Kind__Output as _dracd_admin_v1_Kind__Output } from '../../../dracd/admin/v1/Kind.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.js';

export interface ListRequest {
  'within'?: (string);
  'reporter'?: (string);
  'user'?: (string);
  'kind'?: (_dracd_admin_v1_Kind);
  'endsBefore'?: (_google_protobuf_Timestamp | null);
  'pageSize'?: (number);
  'pageToken'?: (string);
  'covering'?: (string);
}

export interface ListRequest__Output {
  'within': (string);
  'reporter': (string);
  'user': (string);
  'kind': (_dracd_admin_v1_Kind__Output);
  'endsBefore': (_google_protobuf_Timestamp__Output | null);
  'pageSize': (number);
  'pageToken': (string);
  'covering': (string);
}
