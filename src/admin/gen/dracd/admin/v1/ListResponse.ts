// Original file: proto/dracd/admin/v1/admin.proto

import type { Row as _dracd_admin_v1_Row, Row__Output as _dracd_admin_v1_Row__Output } from '../../../dracd/admin/v1/Row.js';
import type { Position as _dracd_admin_v1_Position, Position__Output as _dracd_admin_v1_Position__Output } from '../../../dracd/admin/v1/Position.js';

export interface ListResponse {
  'rows'?: (_dracd_admin_v1_Row)[];
  'nextPageToken'?: (string);
  'position'?: (_dracd_admin_v1_Position | null);
}

export interface ListResponse__Output {
  'rows': (_dracd_admin_v1_Row__Output)[];
  'nextPageToken': (string);
  'position': (_dracd_admin_v1_Position__Output | null);
}
