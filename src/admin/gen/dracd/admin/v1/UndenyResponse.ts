// Original file: proto/dracd/admin/v1/admin.proto


export interface UndenyResponse {
  'removed'?: (boolean);
}

export interface UndenyResponse__Output {
  'removed': (boolean);
}
