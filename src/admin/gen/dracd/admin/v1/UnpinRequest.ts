// Original file: proto/dracd/admin/v1/admin.proto


export interface UnpinRequest {
  'subject'?: (string);
  'reason'?: (string);
}

export interface UnpinRequest__Output {
  'subject': (string);
  'reason': (string);
}
