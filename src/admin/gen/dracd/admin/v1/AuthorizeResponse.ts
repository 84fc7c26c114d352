// Original file: proto/dracd/admin/v1/admin.proto

import type { Row as _dracd_admin_v1_Row, Row__Output as _dracd_admin_v1_Row__Output } from '../../../dracd/admin/v1/Row.js';

export interface AuthorizeResponse {
  'row'?: (_dracd_admin_v1_Row | null);
}

export interface AuthorizeResponse__Output {
  'row': (_dracd_admin_v1_Row__Output | null);
}
