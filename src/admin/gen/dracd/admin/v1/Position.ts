// Original file: proto/dracd/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface Position {
  'epoch'?: (string);
  'number'?: (number | string | Long);
}

export interface Position__Output {
  'epoch': (string);
  'number': (number);
}
