// Original file: proto/dracd/admin/v1/admin.proto


export interface ExplainRequest {
  'address'?: (string);
}

export interface ExplainRequest__Output {
  'address': (string);
}
