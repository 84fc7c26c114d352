// Original file: proto/dracd/admin/v1/admin.proto


export interface ReloadResponse {
  'changed'?: (string)[];
  'needsRestart'?: (string)[];
}

export interface ReloadResponse__Output {
  'changed': (string)[];
  'needsRestart': (string)[];
}
