// Original file: proto/dracd/admin/v1/admin.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.js';

export interface HistoryRequest {
  'address'?: (string);
  'at'?: (_google_protobuf_Timestamp | null);
}

export interface HistoryRequest__Output {
  'address': (string);
  'at': (_google_protobuf_Timestamp__Output | null);
}
