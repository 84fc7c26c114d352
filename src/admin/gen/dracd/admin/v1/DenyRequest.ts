// Original file: proto/dracd/admin/v1/admin.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../../google/protobuf/Duration.js';

export interface DenyRequest {
  'subject'?: (string);
  'lifetime'?: (_google_protobuf_Duration | null);
  'user'?: (string);
  'reason'?: (string);
  'validateOnly'?: (boolean);
}

export interface DenyRequest__Output {
  'subject': (string);
  'lifetime': (_google_protobuf_Duration__Output | null);
  'user': (string);
  'reason': (string);
  'validateOnly': (boolean);
}
