// Original file: proto/dracd/admin/v1/admin.proto


export interface UndenyRequest {
  'subject'?: (string);
  'reason'?: (string);
}

export interface UndenyRequest__Output {
  'subject': (string);
  'reason': (string);
}
