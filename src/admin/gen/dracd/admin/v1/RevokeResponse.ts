// Original file: proto/dracd/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface RevokeResponse {
  'revoked'?: (number | string | Long);
}

export interface RevokeResponse__Output {
  'revoked': (number);
}
