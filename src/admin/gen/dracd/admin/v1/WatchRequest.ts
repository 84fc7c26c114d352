// Original file: proto/dracd/admin/v1/admin.proto

import type { Position as _dracd_admin_v1_Position, Position__Output as _dracd_admin_v1_Position__Output } from '../../../dracd/admin/v1/Position.js';

export interface WatchRequest {
  'after'?: (_dracd_admin_v1_Position | null);
}

export interface WatchRequest__Output {
  'after': (_dracd_admin_v1_Position__Output | null);
}
