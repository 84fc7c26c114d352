// Original file: proto/dracd/admin/v1/admin.proto


export interface UnpinResponse {
  'removed'?: (boolean);
}

export interface UnpinResponse__Output {
  'removed': (boolean);
}
