// Original file: proto/dracd/admin/v1/admin.proto


export interface RevokeRequest {
  'within'?: (string);
  'reporter'?: (string);
  'all'?: (boolean);
  'reason'?: (string);
  'selection'?: "within"|"reporter"|"all";
}

export interface RevokeRequest__Output {
  'within'?: (string);
  'reporter'?: (string);
  'all'?: (boolean);
  'reason': (string);
  'selection'?: "within"|"reporter"|"all";
}
