// Original file: proto/dracd/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface ReportCount {
  'reporter'?: (string);
  'outcome'?: (string);
  'count'?: (number | string | Long);
}

export interface ReportCount__Output {
  'reporter': (string);
  'outcome': (string);
  'count': (number);
}
