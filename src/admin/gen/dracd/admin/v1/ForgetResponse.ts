// Original file: proto/dracd/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface ForgetResponse {
  'grants'?: (number | string | Long);
  'records'?: (number | string | Long);
}

export interface ForgetResponse__Output {
  'grants': (number);
  'records': (number);
}
