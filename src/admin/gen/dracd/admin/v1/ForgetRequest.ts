// Original file: proto/dracd/admin/v1/admin.proto


export interface ForgetRequest {
  'address'?: (string);
  'reason'?: (string);
}

export interface ForgetRequest__Output {
  'address': (string);
  'reason': (string);
}
